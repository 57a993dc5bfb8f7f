//! A host that plays a script and logs each effect, the same for both drivers.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;

use crate::error::{StoreError, StoreErrorKind, TransportErrorKind};
use crate::step::Cancelled;
use crate::{
    AsyncHost, AsyncLocked, Body, CertificateThumbprint, Change, Client, Endpoint, EntropyError, Error, Host,
    Issuer, Key, Locked, Now, Origin, Provenance, Record, Request, Response, Scopes, Secret, Step, Timestamp,
    Token, TransportError, drive, run,
};

pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

/// How a save ends.
enum Saving {
    Well,
    Fails(StoreErrorKind),
    /// The lock was lost, and this is what somebody else stored.
    Overtaken(Option<Box<Record>>),
}

/// What the script holds and what has happened.
#[derive(Default)]
pub(crate) struct Scripted {
    replies: Mutex<VecDeque<Result<Response, TransportError>>>,
    saves: Mutex<VecDeque<Saving>>,
    stored: Mutex<Option<Record>>,
    locks: Mutex<VecDeque<Option<StoreErrorKind>>>,
    passed: Mutex<Duration>,
    /// How long each reply takes.
    takes: Mutex<Duration>,
    log: Mutex<Vec<String>>,
    sent: Mutex<Vec<Request>>,
    certificate: Option<CertificateThumbprint>,
    cannot_wait: bool,
}

fn of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic holds a lock of the script")
}

impl Scripted {
    /// Shows this certificate to servers.
    pub(crate) fn shows(mut self, certificate: CertificateThumbprint) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Is a host without a `wait` of its own.
    pub(crate) fn cannot_wait(mut self) -> Self {
        self.cannot_wait = true;
        self
    }

    pub(crate) fn stores(self, record: Record) -> Self {
        *of(&self.stored) = Some(record);
        self
    }

    pub(crate) fn replies(self, status: u16, json: &str) -> Self {
        let reply = http::Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(Body::from(json))
            .expect("a status of the test");
        of(&self.replies).push_back(Ok(reply));
        self
    }

    /// The page that some servers have for every address.
    pub(crate) fn replies_page(self) -> Self {
        let reply = http::Response::builder()
            .header("content-type", "text/html")
            .body(Body::from("<html>"))
            .expect("a status of the test");
        of(&self.replies).push_back(Ok(reply));
        self
    }

    /// A refusal that asks to be left alone.
    pub(crate) fn replies_later(self, status: u16, retry_after: &str) -> Self {
        let reply = http::Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .header("retry-after", retry_after)
            .body(Body::from(r#"{"error":"temporarily_unavailable"}"#))
            .expect("a status of the test");
        of(&self.replies).push_back(Ok(reply));
        self
    }

    pub(crate) fn loses_the_reply(self) -> Self {
        of(&self.replies).push_back(Err(TransportError::new(TransportErrorKind::Timeout)));
        self
    }

    /// Each reply takes this long; none where nothing is said.
    pub(crate) fn takes(self, time: Duration) -> Self {
        *of(&self.takes) = time;
        self
    }

    pub(crate) fn cannot_connect(self) -> Self {
        of(&self.replies).push_back(Err(
            TransportError::new(TransportErrorKind::Connect).before_sending()
        ));
        self
    }

    pub(crate) fn fails_to_save(self, kind: StoreErrorKind) -> Self {
        of(&self.saves).push_back(Saving::Fails(kind));
        self
    }

    pub(crate) fn saves(self) -> Self {
        of(&self.saves).push_back(Saving::Well);
        self
    }

    pub(crate) fn overtaken_by(self, record: Record) -> Self {
        of(&self.saves).push_back(Saving::Overtaken(Some(Box::new(record))));
        self
    }

    pub(crate) fn deleted_meanwhile(self) -> Self {
        of(&self.saves).push_back(Saving::Overtaken(None));
        self
    }

    pub(crate) fn fails_to_lock(self, kind: StoreErrorKind) -> Self {
        of(&self.locks).push_back(Some(kind));
        self
    }

    pub(crate) fn locks(self) -> Self {
        of(&self.locks).push_back(None);
        self
    }

    pub(crate) fn stored(&self) -> Option<Record> {
        of(&self.stored).clone()
    }

    pub(crate) fn log(&self) -> Vec<String> {
        of(&self.log).clone()
    }

    /// The bodies that were sent, as text.
    pub(crate) fn bodies(&self) -> Vec<String> {
        of(&self.sent)
            .iter()
            .map(|sent| String::from_utf8_lossy(sent.body().as_bytes()).into_owned())
            .collect()
    }

    /// The `Authorization` headers that were sent.
    pub(crate) fn authorizations(&self) -> Vec<String> {
        let header = |sent: &Request| {
            sent.headers()
                .get("authorization")
                .map(|value| value.to_str().map(str::to_owned))
        };
        of(&self.sent)
            .iter()
            .filter_map(header)
            .map(|text| text.expect("ASCII"))
            .collect()
    }

    /// Waits pass the time, and replies that take some.
    fn clocks(&self) -> Now {
        let passed = *of(&self.passed);
        Now {
            wall: NOW.plus(passed),
            boot: Duration::from_secs(1000).saturating_add(passed),
        }
    }

    fn waits(&self, pause: Duration) -> Result<(), Cancelled> {
        self.note(format!("wait {} ms", pause.as_millis()));
        if self.cannot_wait {
            return Err(Cancelled);
        }
        *of(&self.passed) += pause;
        Ok(())
    }

    fn note(&self, what: impl Into<String>) {
        of(&self.log).push(what.into());
    }

    fn reply(&self, request: Request) -> Result<Response, TransportError> {
        self.note(format!("send {} {}", request.method(), request.uri().path()));
        of(&self.sent).push(request);
        *of(&self.passed) += *of(&self.takes);
        of(&self.replies)
            .pop_front()
            .expect("the script has a reply for every request")
    }

    fn save(&self, change: Change, held: &mut Option<Record>) -> Result<(), StoreError> {
        self.note(match &change {
            Change::Put(record) if record.refresh.revoked_at.is_some() => "save tombstone".to_owned(),
            Change::Put(record) if record.refresh.refused.is_some() => "save refused".to_owned(),
            Change::Put(record) if record.refresh.retry_at.is_some() => "save retry-at".to_owned(),
            Change::Put(record) if record.refresh.is_in_doubt() => "journal".to_owned(),
            Change::Put(record) => format!("save {}", record.generation()),
            Change::Replace { record, .. } => format!("replace {}", record.generation()),
            Change::Delete => "delete".to_owned(),
        });
        match of(&self.saves).pop_front() {
            None | Some(Saving::Well) => {}
            Some(Saving::Fails(kind)) => return Err(StoreError::new(kind)),
            Some(Saving::Overtaken(stored)) => {
                *of(&self.stored) = stored.map(|record| *record);
                return Err(StoreError::new(StoreErrorKind::Conflict));
            }
        }
        *held = match change {
            Change::Put(record) | Change::Replace { record, .. } => Some(*record),
            Change::Delete => None,
        };
        of(&self.stored).clone_from(held);
        Ok(())
    }

    fn take(&self, patience: Duration) -> Result<ScriptedLock<'_>, StoreError> {
        self.note(if patience.is_zero() { "try lock" } else { "lock" });
        match of(&self.locks).pop_front().flatten() {
            Some(kind) => Err(StoreError::new(kind)),
            None => Ok(ScriptedLock {
                host: self,
                record: self.stored(),
            }),
        }
    }
}

struct ScriptedLock<'a> {
    host: &'a Scripted,
    record: Option<Record>,
}

impl Drop for ScriptedLock<'_> {
    fn drop(&mut self) {
        self.host.note("unlock");
    }
}

impl Locked for ScriptedLock<'_> {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }
    fn save(&mut self, change: Change) -> Result<(), StoreError> {
        self.host.save(change, &mut self.record)
    }
}

#[async_trait]
impl AsyncLocked for ScriptedLock<'_> {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }
    async fn save(&mut self, change: Change) -> Result<(), StoreError> {
        self.host.save(change, &mut self.record)
    }
    async fn unlock(self: Box<Self>) {}
}

fn seven(bytes: &mut [u8]) -> Result<(), EntropyError> {
    bytes.fill(7);
    Ok(())
}

impl Host for Scripted {
    fn now(&self) -> Now {
        self.clocks()
    }
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        seven(bytes)
    }
    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.certificate
    }
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.reply(request)
    }
    fn wait(&self, pause: Duration) -> Result<(), Cancelled> {
        self.waits(pause)
    }
    fn lock(&self, _: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        Ok(Box::new(self.take(patience)?))
    }
}

#[async_trait]
impl AsyncHost for Scripted {
    fn now(&self) -> Now {
        self.clocks()
    }
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        seven(bytes)
    }
    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.certificate
    }
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.reply(request)
    }
    async fn wait(&self, pause: Duration) -> Result<(), Cancelled> {
        self.waits(pause)
    }
    async fn lock(&self, _: Key, patience: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        Ok(Box::new(self.take(patience)?))
    }
}

/// Plays the flow through both drivers on fresh copies of the script; the effects must be the same.
pub(crate) fn both<T: Send>(
    script: impl Fn() -> Scripted,
    flow: impl Fn() -> Step<T>,
) -> (Result<T, Error>, Scripted) {
    let (blocking, asynchronous) = (script(), script());
    let first = run(flow(), &blocking);
    let second = at_once(send(drive(flow(), &asynchronous)));
    assert_eq!(first.is_ok(), second.is_ok(), "the drivers differ");
    assert_eq!(blocking.log(), asynchronous.log(), "the drivers differ");
    assert_eq!(blocking.bodies(), asynchronous.bodies(), "the drivers differ");
    (first, blocking)
}

/// The async driver's future has to be `Send`.
fn send<F: Future + Send>(future: F) -> F {
    future
}

/// Polls a future that never has to wait.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a scripted host never waits"),
    }
}

pub(crate) fn client() -> Client {
    let endpoint =
        |path: &str| Endpoint::new(format!("https://as.example{path}")).expect("an address of the test");
    Client::new("cid", endpoint("/token"))
        .with_issuer(Issuer::new("https://as.example").expect("an address of the test"))
        .with_revocation_endpoint(endpoint("/revoke"))
        .with_origins([Origin::new("https://api.example").expect("an address of the test")])
}

pub(crate) fn key() -> Key {
    Key::new(&client(), Scopes::parse("a b").expect("scopes of the test"))
}

/// A record whose access token `AT1` was granted an hour ago and ends `seconds` from now, with the refresh token `RT1`.
pub(crate) fn ends_in(seconds: i64) -> Record {
    let mut token = Token::bearer("AT1", NOW.minus(Duration::from_secs(3600)));
    token.expires_at = Some(Timestamp::from_unix_seconds(NOW.unix_seconds() + seconds));
    token.refresh_token = Some(Secret::new("RT1"));
    Record::new(key(), client(), token, Provenance::new("authorization_code", NOW))
}

pub(crate) const GRANTED: &str =
    r#"{"access_token":"AT2","token_type":"Bearer","expires_in":3600,"refresh_token":"RT2"}"#;
