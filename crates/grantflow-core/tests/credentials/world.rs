//! A world for one test: clocks that are set by hand, and a token endpoint that rotates, counts, and can be held.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher as _;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use grantflow_core::transport::{Job, Task, Ticks};
use grantflow_core::{
    AsyncTransport, Body, Change, Client, Endpoint, EntropyError, Key, Locked, Now, Origin, Protection,
    Provenance, Record, Request, Response, Scopes, Secret, Store, StoreError, StoreErrorKind, StoreExt,
    Timestamp, Token, Transport, TransportError, TransportErrorKind,
};
use grantflow_store::MemoryStore;

/// Never reached by a test that passes: one that waits for ever is to fail.
const PATIENCE: Duration = Duration::from_secs(60);

/// When every test begins.
pub(crate) const START: i64 = 1_800_000_000;

#[derive(Clone, Default)]
pub(crate) struct World(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Milliseconds since the start, of each clock.
    wall: AtomicI64,
    boot: AtomicU64,
    server: Mutex<Server>,
    changed: Condvar,
    tasks: Mutex<Option<Vec<Task>>>,
    /// Whether an async sleep passes the time at once; else it never ends.
    flies: AtomicBool,
    /// Whether a job gets a thread; else it is refused.
    threads: AtomicBool,
    /// How many jobs got one.
    jobs: AtomicU64,
    /// Whether the next request panics.
    panics: AtomicBool,
    /// Whether what is random is so; else it is always the same.
    dice: AtomicBool,
}

struct Server {
    refreshes: usize,
    replays: usize,
    apis: usize,
    lifetime: i64,
    current: String,
    held: bool,
    down: bool,
    always_401: bool,
    /// How an API says that a token has ended, if not by 401.
    refusal: Option<u16>,
    refuses: bool,
    id_tokens: bool,
    waiting: Vec<Waker>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            refreshes: 0,
            replays: 0,
            apis: 0,
            lifetime: 3600,
            current: "RT1".to_owned(),
            held: false,
            down: false,
            always_401: false,
            refusal: None,
            refuses: false,
            id_tokens: false,
            waiting: Vec::new(),
        }
    }
}

impl World {
    /// Moves both clocks.
    pub(crate) fn passes(&self, time: Duration) {
        self.wall_jumps(i64::try_from(time.as_millis()).unwrap());
        self.0
            .boot
            .fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as a person or a time server would.
    pub(crate) fn wall_jumps(&self, millis: i64) {
        self.0.wall.fetch_add(millis, Ordering::SeqCst);
    }

    /// How much time has passed.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.boot.load(Ordering::SeqCst))
    }

    fn server<R>(&self, f: impl FnOnce(&mut Server) -> R) -> R {
        let mut server = self.0.server.lock().unwrap();
        let result = f(&mut server);
        for waker in server.waiting.drain(..) {
            waker.wake();
        }
        drop(server);
        self.0.changed.notify_all();
        result
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.server(|server| server.refreshes)
    }

    pub(crate) fn replays(&self) -> usize {
        self.server(|server| server.replays)
    }

    pub(crate) fn apis(&self) -> usize {
        self.server(|server| server.apis)
    }

    pub(crate) fn grants_for(&self, seconds: i64) {
        self.server(|server| server.lifetime = seconds);
    }

    /// The token endpoint takes requests and does not answer until it is let go.
    pub(crate) fn holds(&self, held: bool) {
        self.server(|server| server.held = held);
    }

    pub(crate) fn is_down(&self, down: bool) {
        self.server(|server| server.down = down);
    }

    pub(crate) fn refuses(&self) {
        self.server(|server| server.refuses = true);
    }

    /// A refresh brings an ID token, too.
    pub(crate) fn gives_id_tokens(&self) {
        self.server(|server| server.id_tokens = true);
    }

    pub(crate) fn refuses_by(&self, status: u16) {
        self.server(|server| server.refusal = Some(status));
    }

    pub(crate) fn always_401(&self) {
        self.server(|server| server.always_401 = true);
    }

    /// Blocks until the token endpoint has seen so many refreshes.
    pub(crate) fn wait_for_refreshes(&self, count: usize) {
        let server = self.0.server.lock().unwrap();
        drop(
            self.0
                .changed
                .wait_while(server, |server| server.refreshes < count)
                .unwrap(),
        );
    }

    /// From now on spawned tasks are kept here, to be run or dropped by the test.
    pub(crate) fn keeps_tasks(&self) {
        *self.0.tasks.lock().unwrap() = Some(Vec::new());
    }

    /// From now on a task that sleeps passes the time with its next poll.
    pub(crate) fn time_flies(&self) {
        self.0.flies.store(true, Ordering::SeqCst);
    }

    /// From now on a job gets a thread of its own.
    pub(crate) fn has_threads(&self) {
        self.0.threads.store(true, Ordering::SeqCst);
    }

    /// How many jobs got a thread of their own.
    pub(crate) fn jobs(&self) -> u64 {
        self.0.jobs.load(Ordering::SeqCst)
    }

    /// The next request of a blocking transport panics.
    pub(crate) fn panics_once(&self) {
        self.0.panics.store(true, Ordering::SeqCst);
    }

    /// From now on what is random comes from the system.
    pub(crate) fn rolls_dice(&self) {
        self.0.dice.store(true, Ordering::SeqCst);
    }

    pub(crate) fn tasks(&self) -> Vec<Task> {
        self.0
            .tasks
            .lock()
            .unwrap()
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    fn begin(&self, request: &Request) -> Result<Answer, TransportError> {
        let path = request.uri().path();
        if path == "/revoke" {
            return Ok(Answer::Now(reply(200, "{}".to_owned())));
        }
        if path != "/token" {
            return Ok(Answer::Now(self.api(request)));
        }
        let form = String::from_utf8(request.body().as_bytes().to_vec()).unwrap();
        self.server(|server| {
            server.refreshes += 1;
            if server.down {
                return Err(TransportError::new(TransportErrorKind::Connect).before_sending());
            }
            if server.refuses {
                return Ok(Answer::Held(reply(400, r#"{"error":"invalid_grant"}"#.to_owned())));
            }
            if form.starts_with("grant_type=client_credentials&") {
                let number = server.refreshes + 1;
                server.current = format!("RT{number}");
                return Ok(Answer::Held(reply(
                    200,
                    format!(
                        r#"{{"access_token":"AT{number}","token_type":"Bearer","expires_in":{}}}"#,
                        server.lifetime
                    ),
                )));
            }
            if !form.contains(&format!("refresh_token={}&", server.current)) {
                server.replays += 1;
                return Ok(Answer::Held(reply(400, r#"{"error":"invalid_grant"}"#.to_owned())));
            }
            let number = server.refreshes + 1;
            server.current = format!("RT{number}");
            let id_token = if server.id_tokens { r#","id_token":"ID""# } else { "" };
            Ok(Answer::Held(reply(
                200,
                format!(
                    r#"{{"access_token":"AT{number}","token_type":"Bearer","expires_in":{},"refresh_token":"RT{number}"{id_token}}}"#,
                    server.lifetime
                ),
            )))
        })
    }

    fn api(&self, request: &Request) -> Response {
        let header = |name: &str| Some(request.headers().get(name)?.to_str().unwrap().to_owned());
        // Whoever has a header of its own gets the token there and nowhere else.
        let (token, scheme) = match header("x-api-token") {
            Some(token) => (token, ""),
            None => (header("authorization").unwrap(), "Bearer "),
        };
        assert!(!scheme.is_empty() || header("authorization").is_none());
        self.server(|server| {
            server.apis += 1;
            let good = token == format!("{scheme}A{}", server.current.strip_prefix('R').unwrap());
            let refusal = server.refusal.unwrap_or(401);
            reply(
                if good && !server.always_401 { 200 } else { refusal },
                "{}".to_owned(),
            )
        })
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for byte in bytes {
            *byte = match self.0.dice.load(Ordering::SeqCst) {
                // The standard library's only way to what the system has.
                true => RandomState::new().hash_one(()).to_le_bytes()[0],
                false => 128,
            };
        }
        Ok(())
    }

    fn read(&self) -> Now {
        let wall = Timestamp::from_unix_millis(START * 1000 + self.0.wall.load(Ordering::SeqCst));
        Now {
            wall,
            boot: Duration::from_millis(1_000_000 + self.0.boot.load(Ordering::SeqCst)),
        }
    }

    fn tick(&self) -> Ticks {
        let now = self.read();
        Ticks {
            monotonic: u64::try_from(now.boot.as_nanos()).unwrap(),
            wall: now.wall.unix_millis() * 1_000_000,
        }
    }
}

enum Answer {
    Now(Response),
    Held(Response),
}

fn reply(status: u16, json: String) -> Response {
    let reply = http::Response::builder()
        .status(status)
        .header("content-type", "application/json");
    reply.body(Body::from(json)).unwrap()
}

impl Transport for World {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        if self.0.panics.swap(false, Ordering::SeqCst) {
            // As a panic, but without a word on standard error.
            std::panic::resume_unwind(Box::new("transport"));
        }
        match self.begin(&request)? {
            Answer::Now(reply) => Ok(reply),
            Answer::Held(reply) => {
                let server = self.0.server.lock().unwrap();
                drop(self.0.changed.wait_while(server, |server| server.held).unwrap());
                Ok(reply)
            }
        }
    }
    fn sleep(&self, pause: Duration) {
        self.passes(pause);
    }
    fn spawn(&self, job: Job) -> Result<(), Job> {
        if !self.0.threads.load(Ordering::SeqCst) {
            return Err(job);
        }
        self.0.jobs.fetch_add(1, Ordering::SeqCst);
        std::thread::spawn(job);
        Ok(())
    }
    fn now(&self) -> Now {
        self.read()
    }
    fn ticks(&self) -> Ticks {
        self.tick()
    }
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.random(bytes)
    }
}

#[async_trait]
impl AsyncTransport for World {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        match self.begin(&request)? {
            Answer::Now(reply) => Ok(reply),
            Answer::Held(reply) => {
                std::future::poll_fn(|cx| {
                    let mut server = self.0.server.lock().unwrap();
                    if server.held {
                        server.waiting.push(cx.waker().clone());
                        return Poll::Pending;
                    }
                    Poll::Ready(())
                })
                .await;
                Ok(reply)
            }
        }
    }
    async fn sleep(&self, pause: Duration) {
        let mut slept = false;
        std::future::poll_fn(|cx| {
            if !self.0.flies.load(Ordering::SeqCst) {
                return Poll::Pending;
            }
            if std::mem::replace(&mut slept, true) {
                return Poll::Ready(());
            }
            self.passes(pause);
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
    fn spawn(&self, task: Task) -> Result<(), Task> {
        match &mut *self.0.tasks.lock().unwrap() {
            Some(tasks) => {
                tasks.push(task);
                Ok(())
            }
            None => Err(task),
        }
    }
    fn now(&self) -> Now {
        self.read()
    }
    fn ticks(&self) -> Ticks {
        self.tick()
    }
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.random(bytes)
    }
}

pub(crate) fn client() -> Client {
    let endpoint = |path: &str| Endpoint::new(format!("https://as.example{path}")).unwrap();
    Client::new("cid", endpoint("/token"))
        .with_revocation_endpoint(endpoint("/revoke"))
        .with_origins([Origin::new("https://api.example").unwrap()])
}

pub(crate) fn key() -> Key {
    Key::new(&client(), Scopes::parse("a").unwrap())
}

/// A store with a token `AT1` that ends so many seconds after the start and was granted an hour before its end.
pub(crate) fn store(ends_in: i64) -> MemoryStore {
    let mut token = Token::bearer("AT1", Timestamp::from_unix_seconds(START + ends_in - 3600));
    token.expires_at = Some(Timestamp::from_unix_seconds(START + ends_in));
    token.refresh_token = Some(Secret::new("RT1"));
    let provenance = Provenance::new("test", Timestamp::from_unix_seconds(START));
    let store = MemoryStore::new();
    store
        .put(Record::new(key(), client(), token, provenance), Duration::ZERO)
        .unwrap();
    store
}

/// A store that has room for the journal and, while it is full, not for a token.
#[derive(Clone, Debug)]
pub(crate) struct Narrow {
    pub(crate) inner: MemoryStore,
    pub(crate) full: Arc<AtomicBool>,
}

impl Narrow {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        Self {
            inner,
            full: Arc::new(AtomicBool::new(true)),
        }
    }
}

struct NarrowLock<'a> {
    inner: Box<dyn Locked + 'a>,
    full: &'a AtomicBool,
}

impl Store for Narrow {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.inner.read(key)
    }
    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        Ok(Box::new(NarrowLock {
            inner: self.inner.lock(key, patience)?,
            full: &self.full,
        }))
    }
    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        self.inner.keys()
    }
    fn protection(&self) -> Protection {
        self.inner.protection()
    }
}

impl Locked for NarrowLock<'_> {
    fn record(&self) -> Option<&Record> {
        self.inner.record()
    }
    fn save(&mut self, change: Change) -> Result<(), StoreError> {
        let same = match (&change, self.inner.record()) {
            (Change::Put(new), Some(old)) => new.generation() == old.generation(),
            _ => false,
        };
        if self.full.load(Ordering::SeqCst) && !same {
            return Err(StoreError::new(StoreErrorKind::Full));
        }
        self.inner.save(change)
    }
}

pub(crate) fn request() -> Request {
    http::Request::get("https://api.example/me")
        .body(Body::empty())
        .unwrap()
}

/// Runs a future on this thread, waking it when it asks.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Parker(Mutex<bool>, Condvar);
    impl Wake for Parker {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() = true;
            self.1.notify_one();
        }
    }
    let parker = Arc::new(Parker(Mutex::new(false), Condvar::new()));
    let waker = Waker::from(Arc::clone(&parker));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        let woken = parker.0.lock().unwrap();
        let (mut woken, waited) = parker
            .1
            .wait_timeout_while(woken, PATIENCE, |woken| !*woken)
            .unwrap();
        assert!(!waited.timed_out(), "nobody wakes it");
        *woken = false;
    }
}
