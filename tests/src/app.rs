//! An application as its author would put it together: a client, one file, a transport; on a clock that a test can move.

use std::path::PathBuf;
use std::time::Duration;

use grantflow_core::{
    AsyncTransportHost, Body, Client, Credentials, Error, Key, Record, Request, Response, Secret,
    ServerMetadata, Step, TransportHost, blocking, drive, run,
};
use grantflow_reqwest::ReqwestTransport;
use grantflow_store::{FileStore, OnThread};
use grantflow_ureq::UreqTransport;

use crate::browser::Browser;
use crate::clock::{Clock, OnClock};
use crate::login;

/// The redirect address of applications whose test plays the browser itself: nobody listens there.
pub const NOWHERE: &str = "http://127.0.0.1:49151/cb";

/// What an installed application asks for.
pub const SCOPES: &str = "openid email offline_access";

/// A blocking application.
#[derive(Debug)]
pub struct App {
    client: Option<Client>,
    file: PathBuf,
    transport: OnClock<UreqTransport>,
    /// What this application takes for the time.
    pub clock: Clock,
    _dir: tempfile::TempDir,
}

impl App {
    /// The application `id`, which discovers its server by name; `with` adds what it was registered with.
    ///
    /// # Errors
    ///
    /// [`Error`] of the discovery.
    ///
    /// # Panics
    ///
    /// If there is no place for temporary files.
    pub fn discover(issuer: &str, id: &str, with: impl Fn(Client) -> Client) -> Result<Self, Error> {
        Self::discover_over(UreqTransport::new()?, issuer, |server| with(server.client(id)))
    }

    /// The same over a transport of its own, with the client that `made` makes of what the server says.
    ///
    /// # Errors
    ///
    /// [`Error`] of the discovery.
    ///
    /// # Panics
    ///
    /// If there is no place for temporary files.
    pub fn discover_over(
        transport: UreqTransport,
        issuer: &str,
        made: impl FnOnce(&ServerMetadata) -> Client,
    ) -> Result<Self, Error> {
        let app = Self::without_client(transport);
        let server = app.run(login::metadata(issuer)?)?;
        let client = made(&server).with_origins([server.issuer().origin()]);
        Ok(Self {
            client: Some(client),
            ..app
        })
    }

    /// One that knows no server yet.
    ///
    /// # Panics
    ///
    /// If there is no place for temporary files.
    #[must_use]
    pub fn without_client(transport: UreqTransport) -> Self {
        let clock = Clock::default();
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        Self {
            client: None,
            file: dir.path().join("credentials.json"),
            transport: clock.on(transport),
            clock,
            _dir: dir,
        }
    }

    /// Its client.
    ///
    /// # Panics
    ///
    /// If it has none.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("it knows its server")
    }

    /// Its file.
    #[must_use]
    pub fn store(&self) -> FileStore {
        FileStore::new(&self.file)
    }

    /// Runs a flow on its transport and its file.
    ///
    /// # Errors
    ///
    /// The [`Error`] that ended the flow.
    pub fn run<T>(&self, step: Step<T>) -> Result<T, Error> {
        let store = self.store();
        run(step, &TransportHost::new(&self.transport).with_store(&store))
    }

    /// Logs a user in whose browser never reaches the application: the test carries the redirect over.
    ///
    /// # Errors
    ///
    /// The [`Error`] that ended the login.
    pub fn log_in(&self, browser: &mut Browser) -> Result<blocking::Credentials, Error> {
        let (url, pending) = self.run(login::start(self.client(), NOWHERE, SCOPES))?;
        let redirect = browser.authorize(&url);
        self.run(login::finish(self.client(), pending, &redirect))?;
        self.credentials()
    }

    /// What it has stored, as the next run of the application finds it.
    ///
    /// # Errors
    ///
    /// None: the scopes are ones.
    pub fn credentials(&self) -> Result<blocking::Credentials, Error> {
        Ok(self.handle(&self.key()?))
    }

    /// What it has stored under a key.
    #[must_use]
    pub fn handle(&self, key: &Key) -> blocking::Credentials {
        blocking::Credentials::new(key.clone(), self.store(), self.transport.clone())
    }

    /// The key of its record.
    ///
    /// # Errors
    ///
    /// None: the scopes are ones.
    pub fn key(&self) -> Result<Key, Error> {
        login::key(self.client(), SCOPES)
    }
}

/// An async application.
#[derive(Debug)]
pub struct AsyncApp {
    client: Option<Client>,
    file: PathBuf,
    transport: OnClock<ReqwestTransport>,
    /// What this application takes for the time.
    pub clock: Clock,
    _dir: tempfile::TempDir,
}

impl AsyncApp {
    /// As [`App::discover`].
    ///
    /// # Errors
    ///
    /// [`Error`] of the discovery.
    ///
    /// # Panics
    ///
    /// If there is no place for temporary files.
    pub async fn discover(issuer: &str, id: &str, with: impl Fn(Client) -> Client) -> Result<Self, Error> {
        Self::discover_over(ReqwestTransport::new()?, issuer, |server| with(server.client(id))).await
    }

    /// As [`App::discover_over`].
    ///
    /// # Errors
    ///
    /// [`Error`] of the discovery.
    ///
    /// # Panics
    ///
    /// If there is no place for temporary files.
    pub async fn discover_over(
        transport: ReqwestTransport,
        issuer: &str,
        made: impl FnOnce(&ServerMetadata) -> Client,
    ) -> Result<Self, Error> {
        let app = Self::without_client(transport);
        let server = app.run(login::metadata(issuer)?).await?;
        let client = made(&server).with_origins([server.issuer().origin()]);
        Ok(Self {
            client: Some(client),
            ..app
        })
    }

    /// As [`App::without_client`].
    ///
    /// # Panics
    ///
    /// If there is no place for temporary files.
    #[must_use]
    pub fn without_client(transport: ReqwestTransport) -> Self {
        let clock = Clock::default();
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        Self {
            client: None,
            file: dir.path().join("credentials.json"),
            transport: clock.on(transport),
            clock,
            _dir: dir,
        }
    }

    /// Its client.
    ///
    /// # Panics
    ///
    /// If it has none.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("it knows its server")
    }

    /// Its file.
    #[must_use]
    pub fn store(&self) -> OnThread<FileStore> {
        OnThread::new(FileStore::new(&self.file))
    }

    /// As [`App::run`].
    ///
    /// # Errors
    ///
    /// The [`Error`] that ended the flow.
    pub async fn run<T: Send>(&self, step: Step<T>) -> Result<T, Error> {
        let store = self.store();
        drive(step, &AsyncTransportHost::new(&self.transport).with_store(&store)).await
    }

    /// As [`App::log_in`].
    ///
    /// # Errors
    ///
    /// The [`Error`] that ended the login.
    pub async fn log_in(&self, browser: &mut Browser) -> Result<Credentials, Error> {
        let (url, pending) = self.run(login::start(self.client(), NOWHERE, SCOPES)).await?;
        let redirect = browser.authorize(&url);
        self.run(login::finish(self.client(), pending, &redirect)).await?;
        self.credentials()
    }

    /// As [`App::credentials`].
    ///
    /// # Errors
    ///
    /// None: the scopes are ones.
    pub fn credentials(&self) -> Result<Credentials, Error> {
        Ok(self.handle(&login::key(self.client(), SCOPES)?))
    }

    /// What it has stored under a key.
    #[must_use]
    pub fn handle(&self, key: &Key) -> Credentials {
        Credentials::new(key.clone(), self.store(), self.transport.clone())
    }
}

/// A GET without a body.
///
/// # Panics
///
/// If `url` is no address.
#[must_use]
pub fn get(url: &str) -> Request {
    let request = http::Request::get(url).body(Body::empty());
    request.expect("the address is one")
}

/// The member of a reply in JSON; null if there is none.
#[must_use]
pub fn member(reply: &Response, name: &str) -> serde_json::Value {
    let json: serde_json::Value = serde_json::from_slice(reply.body().as_bytes()).unwrap_or_default();
    json[name].clone()
}

/// The refresh token of a record.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn refresh_token(record: &Record) -> Secret {
    let token = record.token().refresh_token.clone();
    token.expect("the server gave a refresh token")
}

/// Longer than any access token here lives.
pub const LATER: Duration = Duration::from_secs(2 * 3600);
