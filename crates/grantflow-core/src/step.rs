//! The heart of the core: a flow is a value that says what it wants and holds the only continuation that can take the answer.
//!
//! ```text
//!          ┌──────────── resume(reply, cx) ◀────────────┐
//!          ▼                                            │
//! Step::{Begin, Send, Wait, Load, Sign, Lock, Save, Unlock} ──▶ host performs it
//!          │
//!          └──▶ Step::Done(value)
//! ```
//!
//! OAuth is half-duplex: at any moment a flow waits for exactly one thing. A reply of the wrong type does not compile,
//! and a continuation is used up by its reply, so that nothing can be answered twice.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{StoreError, TransportError};
use crate::{Cx, Error, Key, Record, Request, Response};

/// What a flow wants next.
#[must_use = "a step does nothing until a host performs it"]
#[expect(
    clippy::exhaustive_enums,
    reason = "a driver has to perform every step; a new one is a breaking change on purpose"
)]
#[derive(Debug)]
pub enum Step<T> {
    /// Hand over the clocks and entropy: a flow that needs them to make its first request begins with it.
    Begin(Next<(), T>),
    /// Send the request once, following no redirect.
    Send(Request, Next<Result<Response, TransportError>, T>),
    /// Let this much time pass.
    Wait(Duration, Next<Result<(), Cancelled>, T>),
    /// Read a file or the output of a program; hosts refuse by default.
    Load(Source, Next<Result<Vec<u8>, LoadError>, T>),
    /// Sign with a key that lives elsewhere on this machine.
    Sign(SigningRequest, Next<Result<Signature, SignError>, T>),
    /// Take the exclusive lock of a record, waiting at most so long, read it under the lock and prepare its write.
    Lock(Key, Duration, Next<Result<Option<Record>, StoreError>, T>),
    /// Take the lock for the record of a new login: it differs from `Lock` only where what is stored cannot be read.
    LockForLogin(Key, Duration, Next<Result<Option<Record>, StoreError>, T>),
    /// Make a change durable; the lock is still held.
    Save(Change, Next<Result<(), StoreError>, T>),
    /// Give the lock back.
    Unlock(Next<(), T>),
    /// The end of the flow.
    Done(T),
}

/// The continuation of a step: it takes the reply and gives the next step.
pub struct Next<R, T>(Box<dyn Expect<R, T> + Send>);

/// One state of a flow, named for what it expects.
pub trait Expect<R, T> {
    /// Takes the reply.
    ///
    /// # Errors
    ///
    /// An [`Error`] ends the flow; the driver gives back a lock that is held.
    fn resume(self: Box<Self>, reply: R, cx: &mut Cx<'_>) -> Result<Step<T>, Error>;
}

impl<R, T, F> Expect<R, T> for F
where
    F: FnOnce(R, &mut Cx<'_>) -> Result<Step<T>, Error>,
{
    fn resume(self: Box<Self>, reply: R, cx: &mut Cx<'_>) -> Result<Step<T>, Error> {
        self(reply, cx)
    }
}

impl<R, T> Next<R, T> {
    /// From the state that expects the reply; a closure will do for a short one.
    pub fn new(state: impl Expect<R, T> + Send + 'static) -> Self {
        Self(Box::new(state))
    }

    /// Hands over the reply.
    ///
    /// # Errors
    ///
    /// An [`Error`] ends the flow.
    pub fn resume(self, reply: R, cx: &mut Cx<'_>) -> Result<Step<T>, Error> {
        self.0.resume(reply, cx)
    }
}

impl<R, T> fmt::Debug for Next<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}

impl<T: Send + 'static> Step<T> {
    /// A flow that begins by looking at the clocks or drawing random bytes.
    pub fn begin(first: impl FnOnce(&mut Cx<'_>) -> Result<Self, Error> + Send + 'static) -> Self {
        Self::Begin(Next::new(move |(), cx: &mut Cx<'_>| first(cx)))
    }

    /// Goes on with `then` once this flow is done.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_core::{Cx, Error, Now, Step};
    ///
    /// let flow = Step::Done(20).and_then(|n, _| Ok(Step::Done(n + 1)));
    /// let Step::Begin(next) = flow else { unreachable!() };
    /// let mut no_entropy = |_: &mut [u8]| Ok(());
    /// assert!(matches!(next.resume((), &mut Cx::new(Now::default(), &mut no_entropy))?, Step::Done(21)));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn and_then<U: Send + 'static>(
        self,
        then: impl FnOnce(T, &mut Cx<'_>) -> Result<Step<U>, Error> + Send + 'static,
    ) -> Step<U> {
        self.then(move |end, cx| then(end?, cx))
    }

    /// Goes on with `then` once this flow has ended, in a value or in an error.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_core::{Cx, Error, Now, Step};
    ///
    /// let fails: Step<u8> = Step::begin(|_| Err(Error::Cancelled));
    /// let flow = fails.then(|end, _| Ok(Step::Done(end.unwrap_or(7))));
    /// let Step::Begin(next) = flow else { unreachable!() };
    /// let mut no_entropy = |_: &mut [u8]| Ok(());
    /// assert!(matches!(next.resume((), &mut Cx::new(Now::default(), &mut no_entropy))?, Step::Done(7)));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn then<U: Send + 'static>(
        self,
        then: impl FnOnce(Result<T, Error>, &mut Cx<'_>) -> Result<Step<U>, Error> + Send + 'static,
    ) -> Step<U> {
        self.then_boxed(Box::new(then))
    }

    /// One for all that may come then: what follows is compiled for each kind of step.
    fn then_boxed<U: Send + 'static>(self, then: Then<T, U>) -> Step<U> {
        match self {
            Self::Begin(next) => Step::Begin(next.then(then)),
            Self::Send(request, next) => Step::Send(request, next.then(then)),
            Self::Wait(pause, next) => Step::Wait(pause, next.then(then)),
            Self::Load(source, next) => Step::Load(source, next.then(then)),
            Self::Sign(request, next) => Step::Sign(request, next.then(then)),
            Self::Lock(key, patience, next) => Step::Lock(key, patience, next.then(then)),
            Self::LockForLogin(key, patience, next) => Step::LockForLogin(key, patience, next.then(then)),
            Self::Save(change, next) => Step::Save(change, next.then(then)),
            Self::Unlock(next) => Step::Unlock(next.then(then)),
            Self::Done(value) => Step::begin(move |cx| then(Ok(value), cx)),
        }
    }
}

/// What comes after a flow has ended.
type Then<T, U> = Box<dyn FnOnce(Result<T, Error>, &mut Cx<'_>) -> Result<Step<U>, Error> + Send>;

impl<R: 'static, T: Send + 'static> Next<R, T> {
    fn then<U: Send + 'static>(self, then: Then<T, U>) -> Next<R, U> {
        Next::new(move |reply: R, cx: &mut Cx<'_>| match self.resume(reply, cx) {
            Ok(step) => Ok(step.then_boxed(then)),
            Err(error) => then(Err(error), cx),
        })
    }
}

/// What to do with the locked record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// Store this record in place of the one under its key.
    Put(Box<Record>),
    /// Store this record and forget the one under the other key, as one change where the store has one place only. Whoever holds the lock
    /// of the other is waited for, or gets a conflict: what was forgotten is not written back.
    Replace {
        /// The record to store.
        record: Box<Record>,
        /// The key to forget.
        forget: Box<Key>,
    },
    /// Forget the record.
    Delete,
}

/// Where bytes that a flow needs come from.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Source {
    /// A file.
    File(PathBuf),
}

/// Why bytes could not be loaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LoadError {
    /// This host loads nothing.
    Refused,
    /// There is no such file.
    NotFound,
    /// It cannot be read.
    Unreadable,
    /// It is larger than this host reads.
    TooLarge,
}

/// As the rest of a sentence.
impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "this host loads no files",
            Self::NotFound => "there is no such file",
            Self::Unreadable => "the file cannot be read",
            Self::TooLarge => "the file is too large",
        })
    }
}

/// What to sign, and with which key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SigningRequest {
    /// The algorithm by its JWA name (RFC 7518 section 3.1).
    pub algorithm: String,
    /// The key, in the words of the signer.
    pub key_id: String,
    /// The bytes to sign.
    pub message: Vec<u8>,
}

impl SigningRequest {
    /// Asks for `message` signed with `algorithm` by the key of this name.
    pub fn new(algorithm: impl Into<String>, key_id: impl Into<String>, message: impl Into<Vec<u8>>) -> Self {
        Self {
            algorithm: algorithm.into(),
            key_id: key_id.into(),
            message: message.into(),
        }
    }
}

/// The bytes of a signature, in the form that JWS has (RFC 7518 section 3): for ECDSA the two numbers one after the other, not DER.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "the bytes are all there is to it")]
pub struct Signature(pub Vec<u8>);

/// Prints no byte: what is signed here is a credential.
impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignError {
    /// This host has no signer.
    Refused,
    /// The signer failed.
    Failed,
}

/// The wait was given up: the caller stopped the flow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "hosts have to build it, and there is nothing to add"
)]
pub struct Cancelled;
