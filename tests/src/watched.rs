//! A transport that shows what a flow sends and gets, as `Debug` prints it, and lets no time pass in waiting.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use grantflow_core::transport::{Task, Ticks};
use grantflow_core::{
    AsyncTransport, CertificateThumbprint, EntropyError, Now, Request, Response, Transport, TransportError,
};

use crate::canary::Surfaces;

/// What was seen so far; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Surfaces>>);

impl Seen {
    /// Adds to it.
    pub fn with<T>(&self, add: impl FnOnce(&mut Surfaces) -> T) -> T {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes what an error prints, and gives back what was none.
    pub fn check<T, E: std::error::Error + 'static>(&self, place: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.with(|seen| seen.error(place, &error));
                None
            }
        }
    }

    fn exchange(&self, result: &Result<Response, TransportError>) {
        self.with(|seen| match result {
            Ok(reply) => seen.debug("a reply", reply),
            Err(error) => seen.error("a failed request", error),
        });
    }
}

/// A transport and who watches it.
#[derive(Clone, Debug)]
pub struct Watched<T> {
    transport: T,
    seen: Seen,
}

impl<T> Watched<T> {
    /// Watches a transport.
    pub fn new(transport: T, seen: &Seen) -> Self {
        let seen = seen.clone();
        Self { transport, seen }
    }
}

impl<T: Transport> Transport for Watched<T> {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.seen.with(|seen| seen.debug("a request", &request));
        let result = self.transport.send(request);
        self.seen.exchange(&result);
        result
    }

    fn sleep(&self, _: Duration) {}

    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.transport.certificate()
    }

    fn now(&self) -> Now {
        self.transport.now()
    }

    fn ticks(&self) -> Ticks {
        self.transport.ticks()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.transport.fill(bytes)
    }
}

#[async_trait]
impl<T: AsyncTransport> AsyncTransport for Watched<T> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.seen.with(|seen| seen.debug("a request", &request));
        let result = self.transport.send(request).await;
        self.seen.exchange(&result);
        result
    }

    async fn sleep(&self, _: Duration) {}

    fn spawn(&self, task: Task) -> Result<(), Task> {
        self.transport.spawn(task)
    }

    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.transport.certificate()
    }

    fn now(&self) -> Now {
        self.transport.now()
    }

    fn ticks(&self) -> Ticks {
        self.transport.ticks()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.transport.fill(bytes)
    }
}
