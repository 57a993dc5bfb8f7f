//! The two drivers: [`run`] for blocking hosts and [`drive`] for async ones, alike but for `.await`.
//!
//! A driver performs steps until the flow is done. If the flow ends in an error with a lock held, the driver gives the lock
//! back first: the blocking guard by dropping it, the async one by awaiting its `unlock`, since a drop cannot wait.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::{StoreError, StoreErrorKind, TransportError};
use crate::step::{Cancelled, LoadError, SignError, Signature, SigningRequest, Source};
use crate::store::{AsyncLocked, Locked};
use crate::{CertificateThumbprint, Cx, EntropyError, Error, Key, Now, Request, Response, Step};

/// What a blocking driver needs of the world. Only the clock, entropy and `send` are required; everything else is refused
/// until a host can do it.
pub trait Host {
    /// What the clocks say.
    fn now(&self) -> Now;

    /// Fills `bytes` with random ones.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the source failed.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;

    /// The client certificate that connections show to servers that ask for one (RFC 8705). By default none; a host that wraps another
    /// hands its answer on, or what is bound to the certificate is not sent.
    fn certificate(&self) -> Option<CertificateThumbprint> {
        None
    }

    /// Sends the request once, following no redirect.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if no whole reply came.
    fn send(&self, request: Request) -> Result<Response, TransportError>;

    /// Lets the time pass.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] if the caller gave up.
    fn wait(&self, _pause: Duration) -> Result<(), Cancelled> {
        Err(Cancelled)
    }

    /// Reads a file or the output of a program.
    ///
    /// # Errors
    ///
    /// [`LoadError`]; [`LoadError::Refused`] unless the host loads.
    fn load(&self, _source: Source) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::Refused)
    }

    /// Signs with a key that lives elsewhere.
    ///
    /// # Errors
    ///
    /// [`SignError`]; [`SignError::Refused`] unless the host has a signer.
    fn sign(&self, _request: SigningRequest) -> Result<Signature, SignError> {
        Err(SignError::Refused)
    }

    /// Locks a record.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; a host without a store says so.
    fn lock(&self, _key: &Key, _patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported(
            "keep records: this host has no store",
        )))
    }

    /// Locks for the record of a new login; see [`Store::lock_for_login`](crate::Store::lock_for_login).
    ///
    /// # Errors
    ///
    /// [`StoreError`]; a host without a store says so.
    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        self.lock(key, patience)
    }
}

/// What an async driver needs of the world; see [`Host`].
#[async_trait]
pub trait AsyncHost: Sync {
    /// What the clocks say.
    fn now(&self) -> Now;

    /// Fills `bytes` with random ones.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the source failed.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;

    /// The client certificate that connections show to servers that ask for one (RFC 8705). By default none; a host that wraps another
    /// hands its answer on, or what is bound to the certificate is not sent.
    fn certificate(&self) -> Option<CertificateThumbprint> {
        None
    }

    /// Sends the request once, following no redirect.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if no whole reply came.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;

    /// Lets the time pass.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] if the caller gave up.
    async fn wait(&self, _pause: Duration) -> Result<(), Cancelled> {
        Err(Cancelled)
    }

    /// Reads a file or the output of a program.
    ///
    /// # Errors
    ///
    /// [`LoadError`]; [`LoadError::Refused`] unless the host loads.
    async fn load(&self, _source: Source) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::Refused)
    }

    /// Signs with a key that lives elsewhere.
    ///
    /// # Errors
    ///
    /// [`SignError`]; [`SignError::Refused`] unless the host has a signer.
    async fn sign(&self, _request: SigningRequest) -> Result<Signature, SignError> {
        Err(SignError::Refused)
    }

    /// Locks a record.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; a host without a store says so.
    async fn lock(&self, _key: Key, _patience: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported(
            "keep records: this host has no store",
        )))
    }

    /// Locks for the record of a new login; see [`Store::lock_for_login`](crate::Store::lock_for_login).
    ///
    /// # Errors
    ///
    /// [`StoreError`]; a host without a store says so.
    async fn lock_for_login(
        &self,
        key: Key,
        patience: Duration,
    ) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        self.lock(key, patience).await
    }
}

/// Runs a flow to its end on the caller's thread.
///
/// # Errors
///
/// The [`Error`] that ended the flow.
pub fn run<T, H: Host + ?Sized>(mut step: Step<T>, host: &H) -> Result<T, Error> {
    let mut held: Option<Box<dyn Locked + '_>> = None;
    let mut fill = |bytes: &mut [u8]| host.fill(bytes);
    let shown = host.certificate();
    loop {
        let for_login = matches!(step, Step::LockForLogin(..));
        step = match step {
            Step::Begin(next) => {
                next.resume((), &mut Cx::new(host.now(), &mut fill).with_certificate(shown))?
            }
            Step::Send(request, next) => {
                let reply = host.send(request);
                next.resume(reply, &mut Cx::new(host.now(), &mut fill).with_certificate(shown))?
            }
            Step::Wait(pause, next) => {
                let waited = host.wait(pause);
                next.resume(
                    waited,
                    &mut Cx::new(host.now(), &mut fill).with_certificate(shown),
                )?
            }
            Step::Load(source, next) => {
                let bytes = host.load(source);
                next.resume(bytes, &mut Cx::new(host.now(), &mut fill).with_certificate(shown))?
            }
            Step::Sign(request, next) => {
                let signature = host.sign(request);
                next.resume(
                    signature,
                    &mut Cx::new(host.now(), &mut fill).with_certificate(shown),
                )?
            }
            Step::Lock(key, patience, next) | Step::LockForLogin(key, patience, next) => {
                // Never two locks at once: that is how deadlocks are made.
                drop(held.take());
                let locked = match for_login {
                    true => host.lock_for_login(&key, patience),
                    false => host.lock(&key, patience),
                };
                let record = locked.map(|lock| held.insert(lock).record().cloned());
                next.resume(
                    record,
                    &mut Cx::new(host.now(), &mut fill).with_certificate(shown),
                )?
            }
            Step::Save(change, next) => {
                let saved = held
                    .as_mut()
                    .ok_or_else(not_locked)
                    .and_then(|lock| lock.save(change));
                next.resume(saved, &mut Cx::new(host.now(), &mut fill).with_certificate(shown))?
            }
            Step::Unlock(next) => {
                drop(held.take());
                next.resume((), &mut Cx::new(host.now(), &mut fill).with_certificate(shown))?
            }
            Step::Done(value) => return Ok(value),
        }
    }
}

/// Drives a flow to its end; the future is [`Send`], and no lock is left held when it ends.
///
/// # Errors
///
/// The [`Error`] that ended the flow.
pub async fn drive<T: Send, H: AsyncHost + ?Sized>(step: Step<T>, host: &H) -> Result<T, Error> {
    let mut held: Option<Box<dyn AsyncLocked + '_>> = None;
    let end = perform(step, host, &mut held).await;
    if let Some(lock) = held {
        lock.unlock().await;
    }
    end
}

/// Performs a flow; a lock that it leaves behind stays in `held`.
///
/// Boxed here: a future that each caller has a copy of is compiled for each module of callers.
pub(crate) fn perform<'a, 'h: 'a, T: Send + 'a, H: AsyncHost + ?Sized>(
    step: Step<T>,
    host: &'h H,
    held: &'a mut Option<Box<dyn AsyncLocked + 'h>>,
) -> Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>> {
    Box::pin(steps(step, host, held))
}

async fn steps<'h, T: Send, H: AsyncHost + ?Sized>(
    mut step: Step<T>,
    host: &'h H,
    held: &mut Option<Box<dyn AsyncLocked + 'h>>,
) -> Result<T, Error> {
    let mut fill = |bytes: &mut [u8]| host.fill(bytes);
    let shown = host.certificate();
    loop {
        let for_login = matches!(step, Step::LockForLogin(..));
        step = match step {
            Step::Begin(next) => {
                next.resume((), &mut Cx::new(host.now(), &mut fill).with_certificate(shown))?
            }
            Step::Send(request, next) => {
                let reply = host.send(request).await;
                next.resume(reply, &mut Cx::new(host.now(), &mut fill).with_certificate(shown))?
            }
            Step::Wait(pause, next) => {
                let waited = host.wait(pause).await;
                next.resume(
                    waited,
                    &mut Cx::new(host.now(), &mut fill).with_certificate(shown),
                )?
            }
            Step::Load(source, next) => {
                let bytes = host.load(source).await;
                next.resume(bytes, &mut Cx::new(host.now(), &mut fill).with_certificate(shown))?
            }
            Step::Sign(request, next) => {
                let signature = host.sign(request).await;
                next.resume(
                    signature,
                    &mut Cx::new(host.now(), &mut fill).with_certificate(shown),
                )?
            }
            Step::Lock(key, patience, next) | Step::LockForLogin(key, patience, next) => {
                unlock(held).await;
                let locked = match for_login {
                    true => host.lock_for_login(key, patience),
                    false => host.lock(key, patience),
                };
                let record = locked.await.map(|lock| held.insert(lock).record().cloned());
                next.resume(
                    record,
                    &mut Cx::new(host.now(), &mut fill).with_certificate(shown),
                )?
            }
            Step::Save(change, next) => {
                let saved = match held {
                    Some(lock) => lock.save(change).await,
                    None => Err(not_locked()),
                };
                next.resume(saved, &mut Cx::new(host.now(), &mut fill).with_certificate(shown))?
            }
            Step::Unlock(next) => {
                unlock(held).await;
                next.resume((), &mut Cx::new(host.now(), &mut fill).with_certificate(shown))?
            }
            Step::Done(value) => return Ok(value),
        }
    }
}

async fn unlock(held: &mut Option<Box<dyn AsyncLocked + '_>>) {
    if let Some(lock) = held.take() {
        lock.unlock().await;
    }
}

fn not_locked() -> StoreError {
    StoreError::new(StoreErrorKind::NotLocked)
}
