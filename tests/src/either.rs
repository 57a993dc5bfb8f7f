//! One test for both transports: the same flow, performed by ureq and blocking, then by reqwest and async.

use grantflow_core::{
    AccessToken, AsyncStore as _, Client, Cx, Error, Key, Next, Record, Request, Response, Step, Store as _,
    Token, TransportError,
};
use grantflow_reqwest::ReqwestTransport;
use grantflow_ureq::UreqTransport;

use crate::app::{App, AsyncApp, NOWHERE, SCOPES};
use crate::browser::Browser;
use crate::clock::Clock;
use crate::login;

/// An application on one of the transports.
#[derive(Debug)]
#[non_exhaustive]
pub enum Either {
    /// On ureq.
    Blocking(App),
    /// On reqwest, with a runtime of its own.
    Async(AsyncApp, tokio::runtime::Runtime),
}

impl Either {
    /// The application `id` on each of both, as [`App::discover`] makes it.
    ///
    /// # Errors
    ///
    /// [`Error`] of the discovery.
    ///
    /// # Panics
    ///
    /// If no runtime can be started.
    pub fn both(issuer: &str, id: &str, with: impl Fn(Client) -> Client) -> Result<[Self; 2], Error> {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
        let on_reqwest = runtime.block_on(AsyncApp::discover(issuer, id, &with))?;
        Ok([
            Self::Blocking(App::discover(issuer, id, &with)?),
            Self::Async(on_reqwest, runtime),
        ])
    }

    /// An application that knows no server yet, on each of both.
    ///
    /// # Errors
    ///
    /// [`Error`] of the transports.
    ///
    /// # Panics
    ///
    /// If no runtime can be started.
    pub fn both_without_client() -> Result<[Self; 2], Error> {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
        Ok([
            Self::Blocking(App::without_client(UreqTransport::new()?)),
            Self::Async(AsyncApp::without_client(ReqwestTransport::new()?), runtime),
        ])
    }

    /// Its client.
    ///
    /// # Panics
    ///
    /// If it has none.
    #[must_use]
    pub fn client(&self) -> &Client {
        match self {
            Self::Blocking(app) => app.client(),
            Self::Async(app, _) => app.client(),
        }
    }

    /// As [`App::run`].
    ///
    /// # Errors
    ///
    /// The [`Error`] that ended the flow.
    pub fn run<T: Send>(&self, step: Step<T>) -> Result<T, Error> {
        match self {
            Self::Blocking(app) => app.run(step),
            Self::Async(app, runtime) => runtime.block_on(app.run(step)),
        }
    }

    /// Logs a user in, as [`App::log_in`] does; gives what was kept.
    ///
    /// # Errors
    ///
    /// The [`Error`] that ended the login.
    pub fn log_in(&self, browser: &mut Browser) -> Result<Record, Error> {
        let (url, pending) = self.run(login::start(self.client(), NOWHERE, SCOPES))?;
        let redirect = browser.authorize(&url);
        self.run(login::finish(self.client(), pending, &redirect))
    }

    /// What its store has under a key.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn read(&self, key: &Key) -> Result<Option<Record>, Error> {
        Ok(match self {
            Self::Blocking(app) => app.store().read(key)?,
            Self::Async(app, runtime) => runtime.block_on(app.store().read(key.clone()))?,
        })
    }

    /// Sends a request with what its store has under a key, as a handle does.
    ///
    /// # Errors
    ///
    /// [`Error`] of the handle.
    pub fn authorized(&self, key: &Key, request: Request) -> Result<Response, Error> {
        match self {
            Self::Blocking(app) => app.handle(key).authorized(request),
            Self::Async(app, runtime) => runtime.block_on(app.handle(key).authorized(request)),
        }
    }

    /// The access token under a key, refreshed first if it has to be.
    ///
    /// # Errors
    ///
    /// [`Error`] of the handle.
    pub fn access_token(&self, key: &Key) -> Result<AccessToken, Error> {
        match self {
            Self::Blocking(app) => app.handle(key).access_token(),
            Self::Async(app, runtime) => runtime.block_on(app.handle(key).access_token()),
        }
    }

    /// Sends a request as it is, whatever the answer.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`].
    pub fn send(&self, request: Request) -> Result<Response, Error> {
        let reply = |reply: Result<Response, TransportError>, _: &mut Cx<'_>| Ok(Step::Done(reply?));
        self.run(Step::Send(request, Next::new(reply)))
    }

    /// Sends a request with this token on it, whatever the answer.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`].
    ///
    /// # Panics
    ///
    /// If the token fits in no header.
    pub fn send_with(&self, token: &Token, mut request: Request) -> Result<Response, Error> {
        let header = token.header().expect("the token fits in a header");
        request.headers_mut().insert("authorization", header);
        self.send(request)
    }

    /// What it takes for the time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        match self {
            Self::Blocking(app) => &app.clock,
            Self::Async(app, _) => &app.clock,
        }
    }
}
