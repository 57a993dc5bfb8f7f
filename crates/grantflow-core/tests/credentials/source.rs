//! Handles whose tokens come from a source that can be asked again: a client for itself.

use std::future::{Future as _, poll_fn};
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use grantflow_core::flow::{ClientCredentials, TokenSource};
use grantflow_core::transport::{Job, Ticks};
use grantflow_core::{
    AsyncTransport, AsyncTransportHost, Client, Credentials, Cx, EntropyError, Error, Key, LoadError, Next,
    NotAuthorized, Now, Request, Response, Scopes, SignError, Signature, SigningRequest, Source, Step,
    Store as _, StoreErrorKind, Token, Transport, TransportError, TransportHost, blocking, drive, run,
};
use grantflow_store::{MemoryStore, OnThread};

use crate::world::{Narrow, World, block_on, client, request};

fn source() -> ClientCredentials {
    ClientCredentials::new(client(), "a").unwrap()
}

fn shown(header: &http::HeaderValue) -> &str {
    header.to_str().unwrap()
}

#[test]
fn no_source_has_the_key_of_a_users_login_to_the_same_client() {
    let of_a_user = Key::new(&client(), Scopes::parse("a").unwrap());
    assert_ne!(source().key(), &of_a_user);
    assert_eq!(source().key().subject(), client().id());
}

#[test]
fn a_source_gives_a_token_without_a_login_and_without_a_store() {
    let world = World::default();
    let credentials = blocking::Credentials::from_source(source(), world.clone());
    assert!(credentials.cached_header().is_none());
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT2");
    assert_eq!(shown(&credentials.cached_header().unwrap()), "Bearer AT2");
    assert_eq!(world.refreshes(), 1);

    world.passes(Duration::from_secs(3600));
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT3");
    let handle = Credentials::from_source(source(), world.clone());
    assert_eq!(shown(&block_on(handle.header()).unwrap()), "Bearer AT4");
    // Renewed whatever the clock says, and before anything was asked for.
    assert_eq!(credentials.refresh().unwrap().token.expose(), "AT5");
    let cold = blocking::Credentials::from_source(source(), world.clone());
    assert_eq!(cold.refresh().unwrap().token.expose(), "AT6");
}

#[test]
fn r10_a_hundred_threads_ask_a_source_once() {
    let world = World::default();
    let credentials = blocking::Credentials::from_source(source(), world.clone());
    world.holds(true);
    let threads: Vec<_> = (0..100)
        .map(|_| {
            let credentials = credentials.clone();
            thread::spawn(move || shown(&credentials.header().unwrap()).to_owned())
        })
        .collect();
    world.wait_for_refreshes(1);
    world.holds(false);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), "Bearer AT2");
    }
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn a_stored_token_of_a_source_serves_the_next_process() {
    let world = World::default();
    let store = MemoryStore::new();
    let one = blocking::Credentials::from_source_stored(source(), store.clone(), world.clone());
    assert_eq!(shown(&one.header().unwrap()), "Bearer AT2");
    assert_eq!(store.keys().unwrap(), [source().key().clone()]);
    let next = Credentials::from_source_stored(source(), OnThread::new(store.clone()), world.clone());
    assert_eq!(shown(&block_on(next.header()).unwrap()), "Bearer AT2");
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn r04_the_first_token_of_a_source_is_stored_as_soon_as_it_can_be() {
    let world = World::default();
    world.keeps_tasks();
    world.time_flies();
    let store = Narrow::new(MemoryStore::new());
    let credentials = Credentials::from_source_stored(source(), OnThread::new(store.clone()), world.clone());
    let mut access = Box::pin(credentials.access_token());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(access.as_mut().poll(&mut cx).is_pending());
    let mut task = world.tasks().pop().unwrap();
    let access = block_on(poll_fn(|cx| {
        // It keeps the lock, and goes on trying.
        assert!(task.as_mut().poll(cx).is_pending());
        access.as_mut().poll(cx)
    }));
    assert_eq!(access.unwrap().unsaved.unwrap().kind(), StoreErrorKind::Full);
    for _ in 0..100 {
        assert!(task.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(store.keys().unwrap(), []);
    store.full.store(false, Ordering::SeqCst);
    block_on(task);
    assert_eq!(store.keys().unwrap(), [source().key().clone()]);
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn an_api_that_refuses_a_token_of_a_source_gets_a_new_one() {
    let world = World::default();
    let credentials = blocking::Credentials::from_source(source(), world.clone());
    let other = blocking::Credentials::from_source(source(), world.clone());
    assert_eq!(credentials.authorized(request()).unwrap().status(), 200);
    other.header().unwrap();
    // The other one's token has replaced it at the server.
    assert_eq!(credentials.authorized(request()).unwrap().status(), 200);
    assert_eq!((world.refreshes(), world.apis()), (3, 3));
}

#[test]
fn a_token_of_a_source_goes_to_the_origins_of_its_client_only() {
    let world = World::default();
    let credentials = blocking::Credentials::from_source(source(), world.clone());
    let elsewhere = http::Request::get("https://elsewhere.example/me")
        .body(grantflow_core::Body::empty())
        .unwrap();
    let refused = credentials.authorized(elsewhere).unwrap_err();
    assert!(matches!(refused, Error::OriginNotAllowed(_)));
    assert_eq!((world.refreshes(), world.apis()), (0, 0));
    assert_eq!(credentials.origins().unwrap(), client().origins());
    assert!(credentials.has_scopes("a").unwrap());
    assert!(!credentials.has_scopes("b").unwrap());
}

#[test]
fn r17_a_source_that_is_down_takes_no_token_away_that_lives() {
    let world = World::default();
    let credentials = blocking::Credentials::from_source(source(), world.clone());
    credentials.header().unwrap();
    world.is_down(true);
    world.passes(Duration::from_secs(3500));
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT2");
    world.passes(Duration::from_secs(101));
    assert!(credentials.header().unwrap_err().is_transient());
    world.is_down(false);
    assert!(credentials.header().is_ok());
}

#[test]
fn a_revoked_token_of_a_source_is_forgotten_and_another_may_be_asked_for() {
    let world = World::default();
    let credentials = blocking::Credentials::from_source(source(), world.clone());
    credentials.header().unwrap();
    credentials.revoke().unwrap();
    assert!(credentials.cached_header().is_none());
    assert!(matches!(
        credentials.record().unwrap_err(),
        Error::NotAuthorized(NotAuthorized::NothingStored)
    ));
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT3");
}

/// A source that has something signed first.
#[derive(Debug)]
struct Signed(ClientCredentials);

impl TokenSource for Signed {
    fn token(&self) -> Step<Token> {
        let then = self.0.clone();
        let request = SigningRequest::new("RS256", "k", "message");
        let next = move |signature: Result<Signature, SignError>, _: &mut Cx<'_>| {
            assert_eq!(signature.map_err(Error::NotSigned)?.0, b"RS256 k message");
            Ok(then.token())
        };
        Step::Sign(request, Next::new(next))
    }

    fn key(&self) -> &Key {
        self.0.key()
    }

    fn client(&self) -> &Client {
        self.0.client()
    }

    fn name(&self) -> &str {
        "signed"
    }
}

/// A world with a key.
struct WithKey(World);

fn signature(request: &SigningRequest) -> Result<Signature, SignError> {
    let words = [
        request.algorithm.as_bytes(),
        request.key_id.as_bytes(),
        &request.message,
    ];
    Ok(Signature(words.join(&b' ')))
}

impl Transport for WithKey {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        Transport::send(&self.0, request)
    }
    fn sleep(&self, pause: Duration) {
        Transport::sleep(&self.0, pause);
    }
    fn spawn(&self, job: Job) -> Result<(), Job> {
        Transport::spawn(&self.0, job)
    }
    fn sign(&self, request: SigningRequest) -> Result<Signature, SignError> {
        signature(&request)
    }
    fn load(&self, source: Source) -> Result<Vec<u8>, LoadError> {
        assert_eq!(source, Source::File("/run/token".into()));
        Ok(b"subject".to_vec())
    }
    fn now(&self) -> Now {
        Transport::now(&self.0)
    }
    fn ticks(&self) -> Ticks {
        Transport::ticks(&self.0)
    }
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        Transport::fill(&self.0, bytes)
    }
}

#[async_trait]
impl AsyncTransport for WithKey {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        AsyncTransport::send(&self.0, request).await
    }
    async fn sleep(&self, pause: Duration) {
        AsyncTransport::sleep(&self.0, pause).await;
    }
    async fn sign(&self, request: SigningRequest) -> Result<Signature, SignError> {
        signature(&request)
    }
    async fn load(&self, source: Source) -> Result<Vec<u8>, LoadError> {
        Transport::load(self, source)
    }
    fn now(&self) -> Now {
        AsyncTransport::now(&self.0)
    }
    fn ticks(&self) -> Ticks {
        AsyncTransport::ticks(&self.0)
    }
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        AsyncTransport::fill(&self.0, bytes)
    }
}

#[test]
fn a_source_whose_key_lives_elsewhere_is_signed_for_by_the_transport() {
    let world = World::default();
    let credentials = blocking::Credentials::from_source(Signed(source()), WithKey(world.clone()));
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT2");
    let handle = Credentials::from_source(Signed(source()), WithKey(world.clone()));
    assert_eq!(shown(&block_on(handle.header()).unwrap()), "Bearer AT3");

    let transport = WithKey(world.clone());
    let host = TransportHost::new(&transport);
    assert_eq!(
        run(Signed(source()).token(), &host)
            .unwrap()
            .access_token
            .expose(),
        "AT4"
    );

    // Without a key nothing is asked of the server.
    let credentials = blocking::Credentials::from_source(Signed(source()), world.clone());
    let handle = Credentials::from_source(Signed(source()), world.clone());
    for error in [
        credentials.header().unwrap_err(),
        block_on(handle.header()).unwrap_err(),
    ] {
        assert!(matches!(error, Error::NotSigned(SignError::Refused)), "{error}");
    }
    assert_eq!(world.refreshes(), 3);
}

/// A source that reads a file first.
#[derive(Debug)]
struct Loaded(ClientCredentials);

impl TokenSource for Loaded {
    fn token(&self) -> Step<Token> {
        let then = self.0.clone();
        let next = move |file: Result<Vec<u8>, LoadError>, _: &mut Cx<'_>| match file {
            Ok(file) if file == b"subject" => Ok(then.token()),
            _ => Err(Error::Unsupported("read the file")),
        };
        Step::Load(Source::File("/run/token".into()), Next::new(next))
    }

    fn key(&self) -> &Key {
        self.0.key()
    }

    fn client(&self) -> &Client {
        self.0.client()
    }

    fn name(&self) -> &str {
        "loaded"
    }
}

#[test]
fn a_source_with_a_file_reads_it_through_the_transport_and_only_if_that_reads_files() {
    let world = World::default();
    let credentials = blocking::Credentials::from_source(Loaded(source()), WithKey(world.clone()));
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT2");
    let handle = Credentials::from_source(Loaded(source()), WithKey(world.clone()));
    assert_eq!(shown(&block_on(handle.header()).unwrap()), "Bearer AT3");
    let transport = WithKey(world.clone());
    let host = TransportHost::new(&transport);
    assert!(run(Loaded(source()).token(), &host).is_ok());
    let host = AsyncTransportHost::new(&transport);
    assert!(block_on(drive(Loaded(source()).token(), &host)).is_ok());

    let credentials = blocking::Credentials::from_source(Loaded(source()), world.clone());
    let handle = Credentials::from_source(Loaded(source()), world.clone());
    for error in [
        credentials.header().unwrap_err(),
        block_on(handle.header()).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Unsupported("read the file")), "{error}");
    }
    assert_eq!(world.refreshes(), 4);
}
