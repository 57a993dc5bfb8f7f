//! How requests leave: the traits that adapters implement.
//!
//! An author writes `send` and, with the feature `native`, nothing else: the system clock, OS entropy and threads are then the
//! default bodies of the other methods. Without that feature the core touches no world, and an author brings it all.
//!
//! A transport follows no redirect, caps a body at [`MAX_BODY`], bounds every request in time ([`CONNECT_TIMEOUT`],
//! [`REQUEST_TIMEOUT`], [`TimeLimit`]), never sends a POST twice, and translates errors truthfully: the public suite `transport_conformance!`.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::TransportError;
use crate::{
    CertificateThumbprint, EntropyError, LoadError, Now, Request, Response, SignError, Signature,
    SigningRequest, Source,
};

/// The largest body that is read: 1 MiB.
pub const MAX_BODY: usize = 1024 * 1024;

/// How long a connection may take to come up, by default.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a request may take as a whole, by default.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection to a metadata server may take: it is on this machine's link, or nowhere.
pub const METADATA_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a request may take as a whole, where a flow allows it less than its transport does: an extension of the request.
///
/// A transport that does not know it keeps its own limit.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use grantflow_core::transport::{REQUEST_TIMEOUT, TimeLimit};
/// use grantflow_core::{Body, Request};
///
/// let mut request = Request::new(Body::empty());
/// request.extensions_mut().insert(TimeLimit(Duration::from_secs(3)));
/// assert_eq!(TimeLimit::of(&request, REQUEST_TIMEOUT), Duration::from_secs(3));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a time, and flows have to build it")]
pub struct TimeLimit(pub Duration);

impl TimeLimit {
    /// What the request allows of the usual time.
    #[must_use]
    pub fn of(request: &Request, usual: Duration) -> Duration {
        let limit = request.extensions().get::<Self>();
        limit.map_or(usual, |limit| limit.0.min(usual))
    }
}

/// Work for a thread of its own.
pub type Job = Box<dyn FnOnce() + Send>;

/// Work for a task of its own.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Clocks that are cheap to read: milliseconds may be missing, and the first need not count suspend.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "two clocks, and a transport has to build it"
)]
pub struct Ticks {
    /// Nanoseconds of a clock that nobody sets.
    pub monotonic: u64,
    /// Nanoseconds of the wall clock since 1970.
    pub wall: i64,
}

/// Sends requests for blocking programs.
pub trait Transport: Send + Sync {
    /// Sends the request once, following no redirect.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if no whole reply came.
    fn send(&self, request: Request) -> Result<Response, TransportError>;

    /// The client certificate that connections show to servers that ask for one ([RFC 8705]); by default none. A transport that wraps
    /// another hands its answer on, or what is bound to the certificate is not sent.
    ///
    /// [RFC 8705]: https://www.rfc-editor.org/rfc/rfc8705
    fn certificate(&self) -> Option<CertificateThumbprint> {
        None
    }

    /// Sleeps on the caller's thread.
    #[cfg(not(feature = "native"))]
    fn sleep(&self, pause: Duration);
    /// Sleeps on the caller's thread.
    #[cfg(feature = "native")]
    fn sleep(&self, pause: Duration) {
        crate::native::sleep(pause);
    }

    /// Signs with a key that lives elsewhere. By default refused: what can ask a service or a module for it wraps a transport,
    /// sends as that does, and signs.
    ///
    /// # Errors
    ///
    /// [`SignError`]; [`SignError::Refused`] by default.
    fn sign(&self, _request: SigningRequest) -> Result<Signature, SignError> {
        Err(SignError::Refused)
    }

    /// Reads a file that a flow names. By default refused: what may read the disk for flows wraps a transport, as
    /// `grantflow::WithFiles` does, and nobody gets that without asking.
    ///
    /// # Errors
    ///
    /// [`LoadError`]; [`LoadError::Refused`] by default.
    fn load(&self, _source: Source) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::Refused)
    }

    /// Runs the job on a thread of its own.
    ///
    /// # Errors
    ///
    /// The job itself, if no thread can be had.
    #[cfg(not(feature = "native"))]
    fn spawn(&self, job: Job) -> Result<(), Job>;
    /// Runs the job on a thread of its own.
    ///
    /// # Errors
    ///
    /// The job itself, if no thread can be had.
    #[cfg(feature = "native")]
    fn spawn(&self, job: Job) -> Result<(), Job> {
        crate::native::spawn(job)
    }

    /// What the clocks say.
    #[cfg(not(feature = "native"))]
    fn now(&self) -> Now;
    /// What the clocks say.
    #[cfg(feature = "native")]
    fn now(&self) -> Now {
        crate::native::now()
    }

    /// The cheap clocks of the hot path.
    #[cfg(not(feature = "native"))]
    fn ticks(&self) -> Ticks;
    /// The cheap clocks of the hot path.
    #[cfg(feature = "native")]
    fn ticks(&self) -> Ticks {
        crate::native::ticks()
    }

    /// Fills `bytes` with random ones.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the source failed.
    #[cfg(not(feature = "native"))]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
    /// Fills `bytes` with random ones.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the source failed.
    #[cfg(feature = "native")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        crate::native::fill(bytes)
    }
}

/// Sends requests for async programs.
#[async_trait]
pub trait AsyncTransport: Send + Sync {
    /// Sends the request once, following no redirect.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if no whole reply came.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;

    /// The client certificate that connections show to servers that ask for one ([RFC 8705]); by default none. A transport that wraps
    /// another hands its answer on, or what is bound to the certificate is not sent.
    ///
    /// [RFC 8705]: https://www.rfc-editor.org/rfc/rfc8705
    fn certificate(&self) -> Option<CertificateThumbprint> {
        None
    }

    /// Lets the time pass.
    #[cfg(not(feature = "native"))]
    async fn sleep(&self, pause: Duration);
    /// Lets the time pass; by default on a thread, so that it works on every runtime.
    #[cfg(feature = "native")]
    async fn sleep(&self, pause: Duration) {
        crate::native::sleep_async(pause).await;
    }

    /// Signs with a key that lives elsewhere. By default refused: what can ask a service or a module for it wraps a transport,
    /// sends as that does, and signs.
    ///
    /// # Errors
    ///
    /// [`SignError`]; [`SignError::Refused`] by default.
    async fn sign(&self, _request: SigningRequest) -> Result<Signature, SignError> {
        Err(SignError::Refused)
    }

    /// Reads a file that a flow names. By default refused: what may read the disk for flows wraps a transport, as
    /// `grantflow::WithFiles` does, and nobody gets that without asking.
    ///
    /// # Errors
    ///
    /// [`LoadError`]; [`LoadError::Refused`] by default.
    async fn load(&self, _source: Source) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::Refused)
    }

    /// Runs the task to its end, whoever drops what. By default refused: the caller then drives it itself.
    ///
    /// # Errors
    ///
    /// The task itself, if no runtime takes it.
    fn spawn(&self, task: Task) -> Result<(), Task> {
        Err(task)
    }

    /// What the clocks say.
    #[cfg(not(feature = "native"))]
    fn now(&self) -> Now;
    /// What the clocks say.
    #[cfg(feature = "native")]
    fn now(&self) -> Now {
        crate::native::now()
    }

    /// The cheap clocks of the hot path.
    #[cfg(not(feature = "native"))]
    fn ticks(&self) -> Ticks;
    /// The cheap clocks of the hot path.
    #[cfg(feature = "native")]
    fn ticks(&self) -> Ticks {
        crate::native::ticks()
    }

    /// Fills `bytes` with random ones.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the source failed.
    #[cfg(not(feature = "native"))]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
    /// Fills `bytes` with random ones.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the source failed.
    #[cfg(feature = "native")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        crate::native::fill(bytes)
    }
}
