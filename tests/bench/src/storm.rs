//! A hundred callers at once, and a token endpoint that takes 50 ms: how many requests, and when the last caller has its token.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use grantflow_core::{
    Client, Credentials, Endpoint, Key, Provenance, Record, Scopes, Secret, StoreExt, Timestamp, Token,
    blocking,
};
use grantflow_reqwest::ReqwestTransport;
use grantflow_store::{MemoryStore, OnThread};
use grantflow_ureq::UreqTransport;

use crate::server::Server;

/// How many ask at once.
pub const CALLERS: usize = 100;
/// How long the token endpoint takes.
pub const TAKES: Duration = Duration::from_millis(50);

/// What one storm did.
pub struct Storm {
    pub requests: usize,
    /// From the start to the last caller's token.
    pub last: Duration,
    /// From the endpoint's last answer to the last caller's token.
    pub after_reply: Duration,
}

impl Storm {
    /// What `server` and the callers saw, the callers having begun at `start` and ended at `end`.
    pub fn of(server: &Server, before: usize, start: Instant, end: Instant) -> Self {
        let answered = server.answered().unwrap_or(start);
        Self {
            requests: server.requests() - before,
            last: end - start,
            after_reply: end.saturating_duration_since(answered),
        }
    }
}

/// The endpoint of a storm: each token is another one, and lives as many seconds as its number says.
pub fn endpoint(lives: impl Fn(usize) -> u32 + Send + Sync + 'static) -> Server {
    Server::start(TAKES, move |number| {
        let lives = lives(number);
        format!(
            r#"{{"access_token":"AT{number}","token_type":"Bearer","expires_in":{lives},"refresh_token":"RT{number}"}}"#
        )
    })
}

/// Threads on ureq; first cold, then after the token has ended.
///
/// # Panics
///
/// If a caller gets no token.
pub fn threads() -> [Storm; 2] {
    let server = endpoint(|_| 1);
    let (key, store) = expired(&server);
    let transport = UreqTransport::builder().no_proxy().build().expect("a transport");
    let credentials = blocking::Credentials::new(key, store, transport);
    twice(|| by_threads(&server, || drop(credentials.header().expect("a token"))))
}

/// A storm of threads.
///
/// # Panics
///
/// If one of them panics.
pub fn by_threads(server: &Server, call: impl Fn() + Sync) -> Storm {
    let before = server.requests();
    let ready = Barrier::new(CALLERS + 1);
    let (start, end) = std::thread::scope(|scope| {
        let caller = || {
            ready.wait();
            call();
            Instant::now()
        };
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(caller)).collect();
        ready.wait();
        let start = Instant::now();
        let ends = callers.into_iter().map(|caller| caller.join().expect("no panic"));
        (start, ends.max().unwrap_or(start))
    });
    Storm::of(server, before, start, end)
}

/// Tasks on reqwest; first cold, then after the token has ended.
///
/// # Panics
///
/// If a caller gets no token.
pub fn tasks() -> [Storm; 2] {
    let server = endpoint(|_| 1);
    let (key, store) = expired(&server);
    let transport = ReqwestTransport::builder()
        .no_proxy()
        .build()
        .expect("a transport");
    let credentials = Credentials::new(key, OnThread::new(store), transport);
    let runtime = runtime();
    twice(|| {
        runtime.block_on(by_tasks(&server, || {
            let credentials = credentials.clone();
            async move { drop(credentials.header().await.expect("a token")) }
        }))
    })
}

/// A storm of tasks.
///
/// # Panics
///
/// If one of them panics.
pub async fn by_tasks<F>(server: &Server, call: impl Fn() -> F) -> Storm
where
    F: Future<Output = ()> + Send + 'static,
{
    let before = server.requests();
    let ready = Arc::new(tokio::sync::Barrier::new(CALLERS + 1));
    let caller = || {
        let (ready, call) = (Arc::clone(&ready), call());
        tokio::spawn(async move {
            ready.wait().await;
            call.await;
            Instant::now()
        })
    };
    let callers: Vec<_> = (0..CALLERS).map(|_| caller()).collect();
    ready.wait().await;
    let start = Instant::now();
    let mut end = start;
    for caller in callers {
        end = end.max(caller.await.expect("no panic"));
    }
    Storm::of(server, before, start, end)
}

/// A runtime with a worker for each processor.
///
/// # Panics
///
/// If there are no threads.
pub fn runtime() -> tokio::runtime::Runtime {
    let builder = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    builder.expect("threads")
}

/// Cold, and again once the token of one second has ended.
pub fn twice(mut storm: impl FnMut() -> Storm) -> [Storm; 2] {
    let cold = storm();
    // sleep: the token has to end by the clock.
    std::thread::sleep(Duration::from_millis(1200));
    [cold, storm()]
}

fn expired(server: &Server) -> (Key, MemoryStore) {
    let endpoint = Endpoint::allow_http_for_loopback(server.url()).expect("an address");
    let client = Client::new("client", endpoint);
    let key = Key::new(&client, Scopes::none());
    let mut token = Token::bearer("AT0", Timestamp::from_unix_seconds(0));
    token.expires_at = Some(Timestamp::from_unix_seconds(3600));
    token.refresh_token = Some(Secret::new("RT0"));
    let provenance = Provenance::new("bench", Timestamp::default());
    let store = MemoryStore::new();
    let record = Record::new(key.clone(), client, token, provenance);
    store.put(record, Duration::ZERO).expect("room in memory");
    (key, store)
}
