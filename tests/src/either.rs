//! One test for both transports: the same flow, performed by ureq and blocking, then by reqwest and async.

use grantflow_core::{Client, Error, Step};

use crate::app::{App, AsyncApp};

/// An application on one of the transports.
#[derive(Debug)]
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
}
