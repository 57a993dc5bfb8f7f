//! A token that is in memory and fresh, as an `Authorization` header.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use grantflow_core::{
    AsyncTransport, Client, Credentials, Endpoint, Key, Provenance, Record, Request, Response, Scopes,
    Secret, StoreExt, Timestamp, Token, Transport, TransportError, TransportErrorKind, blocking, native,
};
use grantflow_store::{MemoryStore, OnThread};
use http::HeaderValue;
use rustix::time::{ClockId, Timespec, clock_gettime};

use super::{Bar, Case, Group};
use crate::clock::Clock;

pub(super) fn group() -> Group {
    let limit = Arc::new(limit());
    let ours = Arc::new(ours());
    let blocking = Arc::new(ours_blocking());
    let (limit_2, ours_2, ours_3) = (Arc::clone(&limit), Arc::clone(&ours), Arc::clone(&ours));
    let (blocking_2, blocking_3) = (Arc::clone(&blocking), Arc::clone(&blocking));
    let group = Group {
        name: "cached-token",
        title: "A cached token of 218 characters as a header",
        cases: vec![
            Case::new("limit: clone", move |n| {
                (0..n).for_each(|_| drop(black_box(limit.clone_header())))
            }),
            Case::new("ours: cached_header", move |n| {
                (0..n).for_each(|_| drop(black_box(ours.cached_header())));
            }),
            Case::new("ours: blocking cached_header", move |n| {
                (0..n).for_each(|_| drop(black_box(blocking.cached_header())));
            }),
            Case::new("limit: borrow", move |n| {
                (0..n).for_each(|_| _ = black_box(limit_2.with_header(HeaderValue::len)));
            }),
            Case::new("ours: with_cached_header", move |n| {
                (0..n).for_each(|_| _ = black_box(ours_2.with_cached_header(HeaderValue::len)));
            }),
            Case::new("ours: blocking with_cached_header", move |n| {
                (0..n).for_each(|_| _ = black_box(blocking_2.with_cached_header(HeaderValue::len)));
            }),
            Case::new("ours: header().await", move |n| {
                (0..n).for_each(|_| drop(black_box(ready(ours_3.header()))));
            }),
            Case::new("ours: blocking header()", move |n| {
                (0..n).for_each(|_| drop(black_box(blocking_3.header())));
            }),
        ],
        bars: [
            ("ours: cached_header", "limit: clone"),
            ("ours: blocking cached_header", "limit: clone"),
            ("ours: with_cached_header", "limit: borrow"),
            ("ours: blocking with_cached_header", "limit: borrow"),
        ]
        .map(|(case, limit)| Bar {
            case,
            limit,
            times: 1.2,
            allocations: Some(0.0),
            instructions: Some(200.0),
        })
        .into(),
        clock: Clock::Thread,
    };
    #[cfg(feature = "peers")]
    let group = Group {
        cases: group
            .cases
            .into_iter()
            .chain(crate::peers::cached_token())
            .collect(),
        ..group
    };
    group
}

/// The least that does the work: one atomic load, both coarse clocks, two compares.
struct Limit(ArcSwapOption<Cell>);

struct Cell {
    header: HeaderValue,
    monotonic: u64,
    wall: i64,
}

impl Limit {
    #[inline]
    fn with_header<R>(&self, use_it: impl FnOnce(&HeaderValue) -> R) -> Option<R> {
        let cell = self.0.load();
        let cell = cell.as_deref()?;
        let (monotonic, wall) = clocks();
        (monotonic < cell.monotonic && wall < cell.wall).then(|| use_it(&cell.header))
    }

    #[inline]
    fn clone_header(&self) -> Option<HeaderValue> {
        self.with_header(HeaderValue::clone)
    }
}

#[inline]
fn clocks() -> (u64, i64) {
    let nanos = |time: Timespec| time.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec);
    let monotonic = nanos(clock_gettime(ClockId::MonotonicCoarse));
    let wall = nanos(clock_gettime(ClockId::RealtimeCoarse));
    (monotonic.cast_unsigned(), wall)
}

fn limit() -> Limit {
    let header = HeaderValue::from_str(&format!("Bearer {}", token())).expect("visible characters");
    // The first clone makes the buffer a shared one.
    let header = header.clone();
    let (monotonic, wall) = clocks();
    Limit(ArcSwapOption::from_pointee(Cell {
        header,
        monotonic: monotonic + 3_600_000_000_000,
        wall: wall + 3_600_000_000_000,
    }))
}

/// An access token as long as those of Google.
fn token() -> String {
    format!("ya29.{}", "a0AfB_byC".repeat(24))
        .chars()
        .take(218)
        .collect()
}

fn ours() -> Credentials {
    let (key, store) = stored();
    let credentials = Credentials::new(key, OnThread::new(store), Unplugged);
    block_on(credentials.header()).expect("a fresh token");
    credentials
}

fn ours_blocking() -> blocking::Credentials {
    let (key, store) = stored();
    let credentials = blocking::Credentials::new(key, store, Unplugged);
    credentials.header().expect("a fresh token");
    credentials
}

fn stored() -> (Key, MemoryStore) {
    let endpoint = Endpoint::new("https://server.example/token").expect("an address");
    let client = Client::new("client", endpoint);
    let key = Key::new(&client, Scopes::parse("a b").expect("scopes"));
    let now = native::now().wall;
    let mut token = Token::bearer(token(), now);
    token.expires_at = Some(now.plus(Duration::from_secs(3600)));
    token.refresh_token = Some(Secret::new("refresh"));
    let provenance = Provenance::new("bench", Timestamp::default());
    let store = MemoryStore::new();
    let record = Record::new(key.clone(), client, token, provenance);
    store.put(record, Duration::ZERO).expect("room in memory");
    (key, store)
}

/// A transport with the system's clocks and no network.
struct Unplugged;

impl Transport for Unplugged {
    fn send(&self, _: Request) -> Result<Response, TransportError> {
        Err(TransportError::new(TransportErrorKind::Connect))
    }
}

#[async_trait]
impl AsyncTransport for Unplugged {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        Err(TransportError::new(TransportErrorKind::Connect))
    }
}

/// The value of a future that does not wait.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a fresh token needs no waiting"),
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}
