//! An application over either transport, so that a scenario is written once.

use std::sync::Barrier;

use grantflow_core::{
    AccessToken, Client, Credentials, Error, Key, Record, Request, Response, Step, blocking,
};
use grantflow_suites::app::{App, AsyncApp};
use grantflow_suites::browser::Browser;
use grantflow_suites::clock::Clock;

/// [`App`] or [`AsyncApp`]. Of the first everything is done when a method returns, so that its futures never wait.
pub(crate) trait Program: Sized {
    type Handle: Handle;

    async fn discover(issuer: &str, id: &str, with: impl Fn(Client) -> Client) -> Result<Self, Error>;
    async fn run<T: Send>(&self, step: Step<T>) -> Result<T, Error>;
    async fn log_in(&self, browser: &mut Browser) -> Result<Self::Handle, Error>;
    fn client(&self) -> &Client;
    fn clock(&self) -> &Clock;
    /// What the next run of the program has: a handle of its own over a store of its own.
    fn next_run(&self, key: Key) -> Self::Handle;
    /// Both handles are asked for a token before either has one.
    async fn at_once(one: &Self::Handle, other: &Self::Handle) -> [Result<AccessToken, Error>; 2];
}

/// The credentials of either.
pub(crate) trait Handle {
    async fn access_token(&self) -> Result<AccessToken, Error>;
    async fn refresh(&self) -> Result<AccessToken, Error>;
    async fn authorized(&self, request: Request) -> Result<Response, Error>;
    async fn record(&self) -> Result<Record, Error>;
    async fn revoke(&self) -> Result<(), Error>;
}

impl Program for App {
    type Handle = blocking::Credentials;

    async fn discover(issuer: &str, id: &str, with: impl Fn(Client) -> Client) -> Result<Self, Error> {
        Self::discover(issuer, id, with)
    }

    async fn run<T: Send>(&self, step: Step<T>) -> Result<T, Error> {
        self.run(step)
    }

    async fn log_in(&self, browser: &mut Browser) -> Result<Self::Handle, Error> {
        self.log_in(browser)
    }

    fn client(&self) -> &Client {
        self.client()
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn next_run(&self, key: Key) -> Self::Handle {
        self.handle(&key)
    }

    async fn at_once(one: &Self::Handle, other: &Self::Handle) -> [Result<AccessToken, Error>; 2] {
        let start = Barrier::new(2);
        let ask = |credentials: &Self::Handle| {
            start.wait();
            credentials.access_token()
        };
        std::thread::scope(|scope| {
            let first = scope.spawn(|| ask(one));
            let second = ask(other);
            [first.join().expect("it does not panic"), second]
        })
    }
}

impl Program for AsyncApp {
    type Handle = Credentials;

    async fn discover(issuer: &str, id: &str, with: impl Fn(Client) -> Client) -> Result<Self, Error> {
        Self::discover(issuer, id, with).await
    }

    async fn run<T: Send>(&self, step: Step<T>) -> Result<T, Error> {
        self.run(step).await
    }

    async fn log_in(&self, browser: &mut Browser) -> Result<Self::Handle, Error> {
        self.log_in(browser).await
    }

    fn client(&self) -> &Client {
        self.client()
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn next_run(&self, key: Key) -> Self::Handle {
        self.handle(&key)
    }

    async fn at_once(one: &Self::Handle, other: &Self::Handle) -> [Result<AccessToken, Error>; 2] {
        let (one, other) = tokio::join!(one.access_token(), other.access_token());
        [one, other]
    }
}

impl Handle for blocking::Credentials {
    async fn access_token(&self) -> Result<AccessToken, Error> {
        self.access_token()
    }

    async fn refresh(&self) -> Result<AccessToken, Error> {
        self.refresh()
    }

    async fn authorized(&self, request: Request) -> Result<Response, Error> {
        self.authorized(request)
    }

    async fn record(&self) -> Result<Record, Error> {
        self.record()
    }

    async fn revoke(&self) -> Result<(), Error> {
        self.revoke()
    }
}

impl Handle for Credentials {
    async fn access_token(&self) -> Result<AccessToken, Error> {
        self.access_token().await
    }

    async fn refresh(&self) -> Result<AccessToken, Error> {
        self.refresh().await
    }

    async fn authorized(&self, request: Request) -> Result<Response, Error> {
        self.authorized(request).await
    }

    async fn record(&self) -> Result<Record, Error> {
        self.record().await
    }

    async fn revoke(&self) -> Result<(), Error> {
        self.revoke().await
    }
}
