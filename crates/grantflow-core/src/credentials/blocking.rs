//! [`Credentials`] for blocking programs: the async handle, with its futures driven by the caller's thread.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Uri};

use super::observer::Observer;
use super::parked::{Parked, block_on, block_on_at_most};
use super::{AccessToken, KeepFresh};
use crate::flow::RetryPolicy;
use crate::{Error, Key, Origin, Record, Request, Response, Scopes, Store, Token, Transport};

/// How long a handle that is dropped waits for a refresh in the air: longer than one request may take.
const DROP_PATIENCE: Duration = Duration::from_secs(35);

/// A live grant: it gives `Authorization` headers, refreshes, persists and revokes. Clones share everything.
///
/// Any number of threads may ask at once: one refresh runs, under the record's lock and on a thread of its own, and they wait
/// for it or go on with the token while it lives.
///
/// Dropping the first handle, or the last one, waits up to 35 s for a refresh in the air, so that a `main` that returns in the
/// middle of it loses nothing; [`settle`](Self::settle) does so on request.
#[derive(Clone)]
pub struct Credentials {
    transport: Arc<dyn Transport>,
    handle: super::Credentials,
    _settles: SettleOnDrop,
}

impl Credentials {
    /// The grant stored under `key`. Nothing is read yet.
    pub fn new(key: Key, store: impl Store + 'static, transport: impl Transport + 'static) -> Self {
        let transport: Arc<dyn Transport> = Arc::new(transport);
        let store: Arc<dyn Store> = Arc::new(store);
        let parked = Arc::new(Parked(Arc::clone(&transport)));
        Self::of(
            super::Credentials::stored(key, Arc::new(Parked(store)), parked),
            transport,
        )
    }

    /// A token from elsewhere, which cannot be refreshed: when it ends, the error [needs the user](Error::needs_user).
    pub fn from_access_token(token: Token, transport: impl Transport + 'static) -> Self {
        let transport: Arc<dyn Transport> = Arc::new(transport);
        let parked = Arc::new(Parked(Arc::clone(&transport)));
        Self::of(super::Credentials::bare(token, parked), transport)
    }

    fn of(handle: super::Credentials, transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            _settles: SettleOnDrop {
                handle: handle.clone(),
                handles: Arc::new(()),
                is_first: true,
            },
            handle,
        }
    }

    /// Allows these origins besides those of the record.
    #[must_use]
    pub fn allow_origins(mut self, origins: impl IntoIterator<Item = Origin>) -> Self {
        self.handle = self.handle.allow_origins(origins);
        self
    }

    /// Tries a refresh again like this.
    #[must_use]
    pub fn with_retries(mut self, policy: RetryPolicy) -> Self {
        self.handle = self.handle.with_retries(policy);
        self
    }

    /// Tells this observer what happens to the token through this handle and its later clones.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer + 'static) -> Self {
        self.handle = self.handle.with_observer(observer);
        self
    }

    /// The `Authorization` header while the token is fresh: no lock, no allocation, no I/O.
    #[must_use]
    #[inline]
    pub fn cached_header(&self) -> Option<HeaderValue> {
        self.with_cached_header(HeaderValue::clone)
    }

    /// Lends the `Authorization` header while the token is fresh: not even a reference is counted.
    #[inline]
    pub fn with_cached_header<R>(&self, use_it: impl FnOnce(&HeaderValue) -> R) -> Option<R> {
        let published = self.handle.shared.cell.load();
        let published = published.as_deref()?;
        published
            .is_hot(self.transport.ticks())
            .then(|| use_it(&published.header))
    }

    /// The `Authorization` header, refreshed first if it has to be.
    ///
    /// # Errors
    ///
    /// Why no valid token can be had; [`Error::needs_user`] where only a new login helps.
    pub fn header(&self) -> Result<HeaderValue, Error> {
        match self.cached_header() {
            Some(header) => Ok(header),
            None => block_on(self.handle.header()),
        }
    }

    /// The access token and how long it lives on, refreshed first if it has to be.
    ///
    /// # Errors
    ///
    /// As [`header`](Self::header).
    pub fn access_token(&self) -> Result<AccessToken, Error> {
        block_on(self.handle.access_token())
    }

    /// Gets a new access token whatever the clock says; one that another process got meanwhile will do.
    ///
    /// # Errors
    ///
    /// As [`header`](Self::header).
    pub fn refresh(&self) -> Result<AccessToken, Error> {
        block_on(self.handle.refresh())
    }

    /// Ends the grant at the server and in the store ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).
    ///
    /// # Errors
    ///
    /// If the server cannot be asked, the record stays as a tombstone: nobody uses it, and another `revoke` finishes.
    pub fn revoke(&self) -> Result<(), Error> {
        block_on(self.handle.revoke())
    }

    /// The stored record as it is now, without waiting for its lock.
    ///
    /// # Errors
    ///
    /// The store's, or [`NotAuthorized::NothingStored`](crate::NotAuthorized::NothingStored).
    pub fn record(&self) -> Result<Record, Error> {
        block_on(self.handle.record())
    }

    /// Whether the grant covers these scopes; always so for none.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record), and [`Error::InvalidInput`] for what is no scope.
    pub fn has_scopes(&self, scopes: impl TryInto<Scopes, Error: Into<Error>>) -> Result<bool, Error> {
        block_on(self.handle.has_scopes(scopes))
    }

    /// The origins that the token may be sent to: those of the handle, and those of the record.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record), unless the handle has origins of its own.
    pub fn origins(&self) -> Result<Vec<Origin>, Error> {
        block_on(self.handle.origins())
    }

    /// Whether the token may be sent to `uri`.
    ///
    /// # Errors
    ///
    /// [`Error::OriginNotAllowed`] if not; the store's, if the record has to be read first.
    pub fn allows(&self, uri: &Uri) -> Result<(), Error> {
        block_on(self.handle.allows(uri))
    }

    /// What to send instead of `refused` after an API answered 401: one refresh for any number of callers. `None` where
    /// refreshing again is of no use: the 401 is then the caller's.
    ///
    /// # Errors
    ///
    /// Why no other token can be had.
    pub fn after_401(&self, refused: &HeaderValue) -> Result<Option<HeaderValue>, Error> {
        block_on(self.handle.after_401(refused))
    }

    /// Sends a request with the token on it; a 401 costs one refresh and one replay, a second 401 is the caller's.
    ///
    /// # Errors
    ///
    /// [`Error::OriginNotAllowed`] before anything is sent; else as [`header`](Self::header), or the transport's.
    pub fn authorized(&self, request: Request) -> Result<Response, Error> {
        block_on(self.handle.authorized(request))
    }

    /// Waits for a refresh in the air to be stored, at most so long; whether nothing is in the air any more.
    pub fn settle(&self, at_most: Duration) -> bool {
        !self.handle.shared.is_busy() || block_on_at_most(self.handle.shared.settled(), at_most).is_some()
    }

    /// Keeps the token fresh without callers: a thread of its own refreshes it when it gets stale, until the returned value is
    /// dropped or a login is needed.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] where no thread can be had.
    pub fn keep_fresh(&self) -> Result<KeepFresh, Error> {
        self.handle.keep_fresh()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

/// Waits for a refresh in the air when the first handle goes, which is the one that `main` has, or the last.
struct SettleOnDrop {
    handle: super::Credentials,
    handles: Arc<()>,
    is_first: bool,
}

impl Clone for SettleOnDrop {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            handles: Arc::clone(&self.handles),
            is_first: false,
        }
    }
}

impl Drop for SettleOnDrop {
    fn drop(&mut self) {
        let is_last = Arc::strong_count(&self.handles) == 1;
        if (self.is_first || is_last) && self.handle.shared.is_busy() {
            // Whether it ended in time or not, there is no more to be done here.
            let _ended = block_on_at_most(self.handle.shared.settled(), DROP_PATIENCE);
        }
    }
}
