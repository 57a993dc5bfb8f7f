//! One test for both transports: the same flow, performed by ureq and blocking, then by reqwest and async.

use grantflow_core::{
    AsyncStore as _, Client, Cx, Error, Key, Next, Record, Request, Response, Step, Store as _, Token,
    TransportError,
};

use crate::app::{App, AsyncApp};
use crate::clock::Clock;

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

    /// Its client.
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
        let reply = |reply: Result<Response, TransportError>, _: &mut Cx<'_>| Ok(Step::Done(reply?));
        self.run(Step::Send(request, Next::new(reply)))
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
