//! Every order of the threads of a handle, up to a number of preemptions, tried by loom: nobody waits for ever, nobody refreshes
//! twice, whoever goes away.
//!
//! The handle, the flight and the inbox are those of the product, on loom's locks; the world answers at once.

#![expect(
    clippy::print_stdout,
    reason = "the number of orders that were tried is part of the proof"
)]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use loom::future::block_on;
use loom::thread;

use crate::transport::{Task, Ticks};
use crate::{
    AsyncLocked, AsyncStore, AsyncTransport, Body, Change, Client, Credentials, Endpoint, EntropyError, Key,
    Now, Protection, Provenance, Record, Request, Response, Scopes, StoreError, StoreErrorKind, Timestamp,
    Token, TransportError,
};

/// What a runtime does with a task.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Runtime {
    /// None takes it: the caller flies itself.
    None,
    /// A thread of its own.
    Thread,
    /// The first task is lost before it has begun; the others are refused.
    LosesTheFirst,
}

/// What a model counts and sets; none of it is shared in a way that loom has to know.
struct World {
    runtime: Runtime,
    stored: Mutex<Record>,
    locked: AtomicBool,
    spawned: AtomicU32,
    refreshes: AtomicU32,
    /// So many saves of a new token fail.
    saves_fail: AtomicU32,
}

/// The world as a transport and a store.
#[derive(Clone)]
struct Host(Arc<World>);

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Host")
    }
}

/// Words.
const STACK: usize = 1 << 17;
const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

impl Host {
    fn new(runtime: Runtime, saves_fail: u32) -> Self {
        let endpoint = Endpoint::new("https://server.example.com/token").expect("https");
        let client = Client::new("model", endpoint);
        let ended = NOW.minus(Duration::from_secs(7200));
        let mut token = Token::bearer("a0", ended);
        token.refresh_token = Some("r0".into());
        token.expires_at = Some(ended.plus(Duration::from_secs(3600)));
        let key = Key::new(&client, Scopes::default());
        let record = Record::new(key, client, token, Provenance::new("model", ended));
        Self(Arc::new(World {
            runtime,
            stored: Mutex::new(record),
            locked: AtomicBool::new(false),
            spawned: AtomicU32::new(0),
            refreshes: AtomicU32::new(0),
            saves_fail: AtomicU32::new(saves_fail),
        }))
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(self.stored().key().clone(), self.clone(), self.clone())
    }

    fn stored(&self) -> Record {
        self.0
            .stored
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn refreshes(&self) -> u32 {
        self.0.refreshes.load(Ordering::Relaxed)
    }
}

/// Lets other threads go on, and the future be dropped in the middle.
async fn pending_once() {
    let mut polled = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
impl AsyncTransport for Host {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        pending_once().await;
        let number = self.0.refreshes.fetch_add(1, Ordering::Relaxed) + 1;
        let body = format!(
            r#"{{"access_token":"a{number}","token_type":"Bearer","refresh_token":"r{number}","expires_in":3600}}"#
        );
        let mut reply = Response::new(Body::from(body));
        let json = http::HeaderValue::from_static("application/json");
        reply.headers_mut().insert(http::header::CONTENT_TYPE, json);
        Ok(reply)
    }

    async fn sleep(&self, _: Duration) {
        thread::yield_now();
    }

    fn spawn(&self, task: Task) -> Result<(), Task> {
        let first = self.0.spawned.fetch_add(1, Ordering::Relaxed) == 0;
        match self.0.runtime {
            Runtime::Thread => {
                spawn(move || block_on(task));
                Ok(())
            }
            Runtime::LosesTheFirst if first => {
                drop(task);
                Ok(())
            }
            Runtime::None | Runtime::LosesTheFirst => Err(task),
        }
    }

    fn now(&self) -> Now {
        Now {
            wall: NOW,
            boot: Duration::from_secs(1000),
        }
    }

    fn ticks(&self) -> Ticks {
        Ticks {
            monotonic: 1_000_000_000_000,
            wall: NOW.unix_millis() * 1_000_000,
        }
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.fill(7);
        Ok(())
    }
}

#[async_trait]
impl AsyncStore for Host {
    async fn read(&self, _: Key) -> Result<Option<Record>, StoreError> {
        Ok(Some(self.stored()))
    }

    async fn lock(&self, _: Key, _: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        assert!(
            !self.0.locked.swap(true, Ordering::Relaxed),
            "one flight at a time"
        );
        let record = self.stored();
        Ok(Box::new(Guard { host: self, record }))
    }

    async fn keys(&self) -> Result<Vec<Key>, StoreError> {
        Ok(vec![self.stored().key().clone()])
    }

    fn protection(&self) -> Protection {
        Protection::Memory
    }
}

struct Guard<'a> {
    host: &'a Host,
    record: Record,
}

#[async_trait]
impl AsyncLocked for Guard<'_> {
    fn record(&self) -> Option<&Record> {
        Some(&self.record)
    }

    async fn save(&mut self, change: Change) -> Result<(), StoreError> {
        let Change::Put(record) = change else {
            return Err(StoreError::new(StoreErrorKind::Unsupported("make this change")));
        };
        let world = &self.host.0;
        let less = |left: u32| left.checked_sub(1);
        let new = record.generation() > self.record.generation();
        if new
            && world
                .saves_fail
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
                .is_ok()
        {
            return Err(StoreError::new(StoreErrorKind::Full));
        }
        self.record = *record;
        *world.stored.lock().unwrap_or_else(PoisonError::into_inner) = self.record.clone();
        Ok(())
    }

    async fn unlock(self: Box<Self>) {}
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.host.0.locked.store(false, Ordering::Relaxed);
    }
}

/// A thread of loom with a stack that is large enough for a whole handle.
fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    let builder = thread::Builder::new().stack_size(STACK);
    builder.spawn(run).expect("loom has threads enough")
}

/// Tries every order, and says how many there were.
fn explore(name: &str, model: impl Fn() + Sync + Send + 'static) {
    let orders = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&orders);
    let model = Arc::new(model);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let model = Arc::clone(&model);
        spawn(move || model()).join().expect("no panic");
    });
    let orders = orders.load(Ordering::Relaxed);
    let bound = builder.preemption_bound.unwrap_or(0);
    println!("loom: {name}: {orders} orders, at most {bound} preemptions each");
    assert!(orders > 10, "{name} has only {orders} orders");
}

fn header(credentials: &Credentials) -> String {
    let header = block_on(credentials.header()).expect("a token");
    header.to_str().expect("visible").to_owned()
}

#[test]
fn r10_three_callers_of_an_ended_token_refresh_once() {
    explore("three callers", || {
        let host = Host::new(Runtime::None, 0);
        let credentials = host.credentials();
        let others: Vec<_> = (0..2)
            .map(|_| credentials.clone())
            .map(|credentials| spawn(move || header(&credentials)))
            .collect();
        assert_eq!(header(&credentials), "Bearer a1");
        for other in others {
            assert_eq!(other.join().expect("no panic"), "Bearer a1");
        }
        assert_eq!(host.refreshes(), 1);
        assert!(block_on(credentials.settle(Duration::ZERO)));
    });
}

#[test]
fn a_flight_in_a_thread_of_its_own_lands_for_all() {
    explore("two callers and a task", || {
        let host = Host::new(Runtime::Thread, 0);
        let credentials = host.credentials();
        let other = credentials.clone();
        let other = spawn(move || header(&other));
        assert_eq!(header(&credentials), "Bearer a1");
        assert_eq!(other.join().expect("no panic"), "Bearer a1");
        assert_eq!(host.refreshes(), 1);
    });
}

#[test]
fn r38_a_lost_task_is_made_good_by_whoever_waits() {
    explore("a lost task", || {
        let host = Host::new(Runtime::LosesTheFirst, 0);
        let credentials = host.credentials();
        let other = credentials.clone();
        let other = spawn(move || header(&other));
        assert_eq!(header(&credentials), "Bearer a1");
        assert_eq!(other.join().expect("no panic"), "Bearer a1");
        assert_eq!(host.refreshes(), 1);
    });
}

#[test]
fn a_caller_that_flies_itself_and_is_dropped_leaves_the_flight_to_another() {
    explore("a dropped caller", || {
        let host = Host::new(Runtime::None, 0);
        let credentials = host.credentials();
        let other = credentials.clone();
        let other = spawn(move || {
            let mut call = pin!(other.header());
            // Whatever it has begun by now, it ends here.
            let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending() || polled.is_ready());
        });
        assert!(header(&credentials).starts_with("Bearer a"));
        other.join().expect("no panic");
        assert!(!host.0.locked.load(Ordering::Relaxed));
    });
}

#[test]
fn r04_a_token_that_could_not_be_stored_is_stored_while_others_ask_for_more() {
    explore("a kept lock", || {
        let host = Host::new(Runtime::Thread, 1);
        let credentials = host.credentials();
        let first = block_on(credentials.header()).expect("a token");
        assert_eq!(first, "Bearer a1");
        // The task keeps the lock until it has stored a1; an API that refuses a1 hands it this flight, or begins another.
        let newer = block_on(credentials.after_401(&first)).expect("a token");
        assert_eq!(newer.expect("another than the refused one"), "Bearer a2");
        assert_eq!(host.refreshes(), 2);
        block_on(credentials.shared.settled());
        let stored = host.stored();
        assert_eq!(stored.generation(), 3);
        assert!(!host.0.locked.load(Ordering::Relaxed));
    });
}
