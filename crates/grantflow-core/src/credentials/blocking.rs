//! [`Credentials`] for blocking programs: the async handle, with its futures driven by the caller's thread.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use super::observer::Observer;
use super::parked::{Parked, block_on, block_on_at_most};
use super::unstored::Unstored;
use super::{AccessToken, Heard, KeepFresh};
use crate::flow::{RetryPolicy, TokenSource};
use crate::{
    AsyncStore, CertificateThumbprint, Client, Error, Key, Origin, Record, Request, Response, Scopes, Store,
    Token, Transport,
};

/// How long a handle that is dropped waits for a refresh in the air: longer than one request may take.
const DROP_PATIENCE: Duration = Duration::from_secs(35);

/// A live grant: it gives `Authorization` headers, refreshes, persists and revokes. Clones share everything.
///
/// Any number of threads may ask at once: one of them refreshes, under the record's lock, and the others wait for it or go on with the
/// token while it lives. A token that was granted and cannot be stored is given out, and a thread of its own goes on to store it.
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

    /// Tokens of a source that can be asked again and again, kept in memory: a service account, a client for itself. No login is
    /// needed, and nothing has to be stored before.
    pub fn from_source(source: impl TokenSource + 'static, transport: impl Transport + 'static) -> Self {
        Self::renewed(
            Arc::new(source),
            Arc::new(Unstored::default()),
            Arc::new(transport),
        )
    }

    /// The same, with its tokens kept in a store, under the key of the source: other processes use them too.
    pub fn from_source_stored(
        source: impl TokenSource + 'static,
        store: impl Store + 'static,
        transport: impl Transport + 'static,
    ) -> Self {
        let store: Arc<dyn Store> = Arc::new(store);
        Self::renewed(Arc::new(source), Arc::new(Parked(store)), Arc::new(transport))
    }

    fn renewed(
        source: Arc<dyn TokenSource>,
        store: Arc<dyn AsyncStore>,
        transport: Arc<dyn Transport>,
    ) -> Self {
        let parked = Arc::new(Parked(Arc::clone(&transport)));
        Self::of(super::Credentials::renewed(source, store, parked), transport)
    }

    fn of(handle: super::Credentials, transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            _settles: SettleOnDrop {
                handle: handle.clone(),
                handles: Arc::new(()),
                is_first: true,
                patience: DROP_PATIENCE,
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

    /// Refreshes and revokes as this client of the program's, as
    /// [the async handle](super::Credentials::with_client) does.
    #[must_use]
    pub fn with_client(self, client: Client) -> Self {
        let (handle, transport) = (self.handle.clone(), Arc::clone(&self.transport));
        Self::of(handle.with_client(client), transport)
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

    /// The `Authorization` header, refreshed first if it has to be. With a token that is bound to a key it is not enough: each request needs
    /// a proof of its own ([`api_call`](Self::api_call)).
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
    /// While the token lives, no refresh token is sent that may be spent since a reply was lost: the error says when
    /// ([`retry_at`](Error::retry_at)), unless the provider has a grace period.
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

    /// What a request to an allowed origin carries beside the `Authorization` header, such as the version of the API or the project
    /// that it is counted to: those of the program's [client](crate::Client::with_api_header), which is the source's or the one of
    /// [`with_client`](Self::with_client); no record has any. A header that the request has already is its own.
    #[must_use]
    pub fn api_headers(&self) -> &[(HeaderName, HeaderValue)] {
        self.handle.api_headers()
    }

    /// Whether the token may be sent to `uri`.
    ///
    /// # Errors
    ///
    /// [`Error::OriginNotAllowed`] if not; the store's, if the record has to be read first.
    pub fn allows(&self, uri: &Uri) -> Result<(), Error> {
        block_on(self.handle.allows(uri))
    }

    /// The header that [`header`](Self::header) gives the value of: `Authorization`, unless the provider has another for the token
    /// ([`Quirks::token_header`](crate::Quirks::token_header)). A request with another must follow no redirects: HTTP clients drop
    /// `Authorization` on their way to another host, and that one they do not know.
    #[must_use]
    pub fn header_name(&self) -> HeaderName {
        self.handle.header_name()
    }

    /// Begins a call of an API through another HTTP client than the transport of this handle: with the token, refreshed first if it has to
    /// be.
    ///
    /// # Errors
    ///
    /// [`Error::OriginNotAllowed`] if the token may not be sent to `uri`; else as [`header`](Self::header), and
    /// [`Error::InvalidInput`] if the token is bound and the handle has no constraint to prove it with.
    pub fn api_call(&self, method: &Method, uri: &Uri) -> Result<ApiCall, Error> {
        block_on(self.handle.api_call(method, uri)).map(ApiCall)
    }

    /// What to send instead of `refused` after an API answered 401: one refresh for any number of callers. `None` where
    /// refreshing again is of no use: the 401 is then the caller's. [`api_call`](Self::api_call) does all that belongs to a 401.
    ///
    /// # Errors
    ///
    /// Why no other token can be had.
    pub fn after_401(&self, refused: &HeaderValue) -> Result<Option<HeaderValue>, Error> {
        block_on(self.handle.after_401(refused))
    }

    /// Sends a request with the token on it; a 401 costs one refresh and one replay, a second 401 is the caller's, and so is one that
    /// asks for another login of the user (RFC 9470 section 3).
    ///
    /// # Errors
    ///
    /// [`Error::OriginNotAllowed`] before anything is sent; else as [`header`](Self::header), or the transport's.
    pub fn authorized(&self, request: Request) -> Result<Response, Error> {
        block_on(self.handle.authorized(request))
    }

    /// Waits for a refresh in the air to be stored, at most so long; whether nothing is in the air any more.
    pub fn settle(&self, at_most: Duration) -> bool {
        self.handle.settles(at_most)
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

/// One call of an API: [`ApiCall`](super::ApiCall), as blocking programs have it.
///
/// # Example
///
/// ```
/// use grantflow_core::blocking::Credentials;
/// use grantflow_core::{Error, Heard, Request, Response};
///
/// fn call(
///     credentials: &Credentials,
///     request: Request,
///     send: impl Fn(Request) -> Result<Response, Error>, // your HTTP client
/// ) -> Result<Response, Error> {
///     let mut call = credentials.api_call(request.method(), request.uri())?;
///     loop {
///         let mut with_token = request.clone();
///         call.put_on(with_token.headers_mut())?;
///         let reply = send(with_token)?;
///         match call.heard(reply.status(), reply.headers()) {
///             Heard::Done => return Ok(reply),
///             Heard::Again => {}
///             Heard::Refused if call.renew()? => {}
///             Heard::Refused => return Ok(reply),
///         }
///     }
/// }
/// ```
#[derive(Debug)]
#[must_use = "it says what goes on a request"]
pub struct ApiCall(super::ApiCall);

impl ApiCall {
    /// Says which client certificate connections show; none, where nothing is said. A token that is bound to a certificate (RFC 8705)
    /// goes over no others.
    pub fn over_certificate(self, shown: Option<CertificateThumbprint>) -> Self {
        Self(self.0.over_certificate(shown))
    }

    /// The header that the token is the value of: `Authorization`, unless the provider has another for it
    /// ([`Quirks::token_header`](crate::Quirks::token_header)). A request with another must follow no redirects: HTTP clients drop
    /// `Authorization` on their way to another host, and that one they do not know.
    #[must_use]
    pub fn header_name(&self) -> &HeaderName {
        self.0.header_name()
    }

    /// Whether each request needs a proof of its own, since the token is bound to a key (RFC 9449).
    #[must_use]
    pub fn needs_proof(&self) -> bool {
        self.0.needs_proof()
    }

    /// Puts the token on the request, and all that belongs to it, as [`ApiCall::put_on`](super::ApiCall::put_on) does.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn put_on(&self, headers: &mut HeaderMap) -> Result<(), Error> {
        self.0.put_on(headers)
    }

    /// What this reply means, as [`ApiCall::heard`](super::ApiCall::heard) says.
    pub fn heard(&mut self, status: StatusCode, headers: &HeaderMap) -> Heard {
        self.0.heard(status, headers)
    }

    /// Gets another token in place of the one that was [refused](Heard::Refused), for any number of calls by one refresh. `false`
    /// where refreshing again is of no use: the reply is then the caller's.
    ///
    /// # Errors
    ///
    /// Why no other token can be had, or may be sent: as [`Credentials::api_call`].
    pub fn renew(&mut self) -> Result<bool, Error> {
        block_on(self.0.renew())
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
    patience: Duration,
}

impl Clone for SettleOnDrop {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            handles: Arc::clone(&self.handles),
            is_first: false,
            patience: self.patience,
        }
    }
}

impl Drop for SettleOnDrop {
    fn drop(&mut self) {
        let is_last = Arc::strong_count(&self.handles) == 1;
        if self.is_first || is_last {
            // Whether it ended in time or not, there is no more to be done here.
            let _ended = self.handle.settles(self.patience);
        }
    }
}

impl super::Credentials {
    /// Blocks until nothing is in the air, as long as this at most by the transport's clock; whether all has ended.
    fn settles(&self, at_most: Duration) -> bool {
        if !self.shared.is_busy() {
            return true;
        }
        let ticks = || Duration::from_nanos(self.transport.ticks().monotonic);
        let began = ticks();
        let elapsed = || ticks().saturating_sub(began);
        block_on_at_most(self.shared.settled(), at_most, elapsed).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::published::Need;
    use super::super::shared::Turn;
    use super::*;
    use crate::error::{StoreErrorKind, TransportErrorKind};
    use crate::flow::scripted;
    use crate::transport::{Job, Ticks};
    use crate::{EntropyError, Locked, Now, Protection, StoreError, TransportError};

    /// It has threads that never run.
    #[derive(Clone, Default)]
    struct Stuck(Arc<Mutex<Vec<Job>>>);

    impl fmt::Debug for Stuck {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Stuck")
        }
    }

    impl Transport for Stuck {
        fn send(&self, _: Request) -> Result<Response, TransportError> {
            Err(TransportError::new(TransportErrorKind::Other))
        }
        fn sleep(&self, _: Duration) {}
        fn spawn(&self, job: Job) -> Result<(), Job> {
            if let Ok(mut jobs) = self.0.lock() {
                jobs.push(job);
            }
            Ok(())
        }
        fn now(&self) -> Now {
            Now::default()
        }
        fn ticks(&self) -> Ticks {
            Ticks::default()
        }
        fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
            Ok(())
        }
    }

    impl Store for Stuck {
        fn read(&self, _: &Key) -> Result<Option<Record>, StoreError> {
            Err(StoreError::new(StoreErrorKind::Unavailable))
        }
        fn lock(&self, _: &Key, _: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
            Err(StoreError::new(StoreErrorKind::Unavailable))
        }
        fn keys(&self) -> Result<Vec<Key>, StoreError> {
            Ok(Vec::new())
        }
        fn protection(&self) -> Protection {
            Protection::Memory
        }
    }

    /// One refresh after the other: what is waited for is over each time, and the time that is left gets less.
    #[test]
    fn r38_what_begins_while_a_handle_is_dropped_gives_it_no_more_time() {
        let polls = std::cell::Cell::new(0_u64);
        let busy = std::future::poll_fn(|cx| {
            polls.set(polls.get() + 1);
            assert!(polls.get() < 1000, "it would go on for ever");
            cx.waker().wake_by_ref();
            std::task::Poll::<()>::Pending
        });
        let elapsed = || Duration::from_secs(polls.get());
        assert!(block_on_at_most(busy, DROP_PATIENCE, elapsed).is_none());
        assert_eq!(polls.get(), 36);
    }

    /// It would hang here if it went on waiting.
    #[test]
    fn r38_a_handle_that_is_dropped_gives_up_a_refresh_that_never_ends() {
        let stuck = Stuck::default();
        let mut credentials = Credentials::new(scripted::key(), stuck.clone(), stuck);
        assert_eq!(credentials._settles.patience, Duration::from_secs(35));
        credentials._settles.patience = Duration::from_millis(1);
        let shared = Arc::clone(&credentials.handle.shared);
        let flying = shared.turn(&Need::Valid, Now::default);
        assert!(matches!(flying, Turn::Fly(_)));
        drop(credentials);
        assert!(shared.is_busy());
    }

    #[test]
    fn who_keeps_a_token_fresh_is_a_thread_from_the_first_look_on() {
        let stuck = Stuck::default();
        let credentials = Credentials::new(scripted::key(), stuck.clone(), stuck.clone());
        let _fresh = credentials.keep_fresh();
        assert!(!credentials.handle.shared.is_busy());
        assert_eq!(stuck.0.lock().map(|jobs| jobs.len()).ok(), Some(1));
    }
}
