//! [`Credentials`] for async programs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri, header};

use super::background::{self, KeepFresh};
use super::observer::{Event, Observed, Observer};
use super::published::{Need, Published};
use super::shared::{After401, Shared, allows};
use super::unstored::Unstored;
use super::{AccessToken, ApiCall, Heard, Source, either};
use crate::flow::{self, AccessTokenFlow, RetryPolicy, TokenSource};
use crate::{
    AsyncStore, AsyncTransport, AsyncTransportHost, Client, Error, Key, NotAuthorized, Origin, Record,
    Request, Response, Scopes, Secret, Token, drive,
};

/// A live grant: it gives `Authorization` headers, refreshes, persists and revokes. Clones share everything.
///
/// Any number of tasks may ask at once: one of them refreshes, under the record's lock, and the others wait for it or go on
/// with the token while it lives. A refresh runs in a task of its own, so that a caller that is dropped loses nothing.
#[derive(Clone)]
pub struct Credentials {
    pub(super) transport: Arc<dyn AsyncTransport>,
    pub(super) source: Arc<Source>,
    pub(super) shared: Arc<Shared>,
    origins: Arc<[Origin]>,
    policy: RetryPolicy,
    pub(super) client: Option<Client>,
    observed: Observed,
}

impl Credentials {
    /// The grant stored under `key`. Nothing is read yet.
    pub fn new(key: Key, store: impl AsyncStore + 'static, transport: impl AsyncTransport + 'static) -> Self {
        Self::stored(key, Arc::new(store), Arc::new(transport))
    }

    /// A token from elsewhere, which cannot be refreshed: when it ends, the error [needs the user](Error::needs_user).
    pub fn from_access_token(token: Token, transport: impl AsyncTransport + 'static) -> Self {
        Self::bare(token, Arc::new(transport))
    }

    /// Tokens of a source that can be asked again and again, kept in memory: a service account, a client for itself. No login is
    /// needed, and nothing has to be stored before.
    pub fn from_source(source: impl TokenSource + 'static, transport: impl AsyncTransport + 'static) -> Self {
        let store = Arc::new(Unstored::default());
        Self::renewed(Arc::new(source), store, Arc::new(transport))
    }

    /// The same, with its tokens kept in a store, under the key of the source: other processes use them too.
    pub fn from_source_stored(
        source: impl TokenSource + 'static,
        store: impl AsyncStore + 'static,
        transport: impl AsyncTransport + 'static,
    ) -> Self {
        Self::renewed(Arc::new(source), Arc::new(store), Arc::new(transport))
    }

    pub(super) fn stored(key: Key, store: Arc<dyn AsyncStore>, transport: Arc<dyn AsyncTransport>) -> Self {
        let source = Source::Stored {
            key,
            store,
            renewed_by: None,
        };
        Self::of(source, transport)
    }

    pub(super) fn bare(token: Token, transport: Arc<dyn AsyncTransport>) -> Self {
        Self::of(Source::Bare(token), transport)
    }

    pub(super) fn renewed(
        source: Arc<dyn TokenSource>,
        store: Arc<dyn AsyncStore>,
        transport: Arc<dyn AsyncTransport>,
    ) -> Self {
        let source = Source::Stored {
            key: source.key().clone(),
            store,
            renewed_by: Some(source),
        };
        Self::of(source, transport)
    }

    fn of(source: Source, transport: Arc<dyn AsyncTransport>) -> Self {
        Self {
            transport,
            source: Arc::new(source),
            shared: Arc::new(Shared::default()),
            origins: Arc::new([]),
            policy: RetryPolicy::default(),
            client: None,
            observed: Observed::default(),
        }
    }

    /// Allows these origins besides those of the record.
    #[must_use]
    pub fn allow_origins(mut self, origins: impl IntoIterator<Item = Origin>) -> Self {
        self.origins = self.origins.iter().cloned().chain(origins).collect();
        self
    }

    /// Refreshes and revokes as this client of the program's, and adds its [API headers](Self::api_headers). It is needed where a
    /// record cannot hold what proves the client, such as the key of `private_key_jwt`, and where the client has a
    /// [check of ID tokens](Client::with_id_token_check): a token that this
    /// handle's refresh brings with an ID token of somebody else is then never handed out. What another program has stored is taken as
    /// it stands: give all that share a store the same check.
    ///
    /// The client has to be the record's, with its id, issuer and token endpoint, or a refresh ends in
    /// [`Error::InvalidInput`](crate::Error::InvalidInput). This handle shares nothing with the one that it is made of.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.client = Some(client);
        // What the other has in the air or in its hand was not checked.
        self.shared = Arc::new(Shared::default());
        self
    }

    /// Tries a refresh again like this.
    #[must_use]
    pub fn with_retries(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Tells this observer what happens to the token through this handle and its later clones.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observed = Observed(Some(Arc::new(observer)));
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
        let published = self.shared.cell.load();
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
    pub async fn header(&self) -> Result<HeaderValue, Error> {
        match self.cached_header() {
            Some(header) => Ok(header),
            None => Ok(self.obtain(&Need::Valid).await?.header.clone()),
        }
    }

    /// The access token and how long it lives on, refreshed first if it has to be.
    ///
    /// # Errors
    ///
    /// As [`header`](Self::header).
    pub async fn access_token(&self) -> Result<AccessToken, Error> {
        let published = self.obtain(&Need::Valid).await?;
        Ok(AccessToken::of(&published, self.transport.now()))
    }

    /// Gets a new access token whatever the clock says; one that another process got meanwhile will do.
    ///
    /// While the token lives, no refresh token is sent that may be spent since a reply was lost: the error says when
    /// ([`retry_at`](Error::retry_at)), unless the provider has a grace period.
    ///
    /// # Errors
    ///
    /// As [`header`](Self::header).
    pub async fn refresh(&self) -> Result<AccessToken, Error> {
        let generation = match &*self.source {
            Source::Bare(_) => return Err(NotAuthorized::NoRefreshToken.into()),
            Source::Stored { renewed_by: None, .. } => self.record().await?.generation(),
            Source::Stored { key, store, .. } => {
                let record = store.read(key.clone()).await?;
                record.map_or(0, |record| record.generation())
            }
        };
        // One in hand that could not be stored is none that was asked for now, either.
        let generation = generation.max(self.generation().unwrap_or(0));
        let published = self.obtain(&Need::After(generation)).await?;
        Ok(AccessToken::of(&published, self.transport.now()))
    }

    /// Ends the grant at the server and in the store ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).
    ///
    /// # Errors
    ///
    /// If the server cannot be asked, the record stays as a tombstone: nobody uses it, and another `revoke` finishes.
    pub async fn revoke(&self) -> Result<(), Error> {
        match &*self.source {
            Source::Bare(_) => Err(Error::Unsupported("revoke a token that no record belongs to")),
            Source::Stored { key, store, .. } => {
                self.shared.cell.store(None);
                let host = AsyncTransportHost::new(&*self.transport).with_store(&**store);
                let ended = drive(flow::revoke_as(key.clone(), self.client.clone()), &host).await;
                // A refresh that was in the air has published meanwhile.
                self.shared.cell.store(None);
                ended
            }
        }
    }

    /// The stored record as it is now, without waiting for its lock.
    ///
    /// # Errors
    ///
    /// The store's, or [`NotAuthorized::NothingStored`].
    pub async fn record(&self) -> Result<Record, Error> {
        match &*self.source {
            Source::Bare(_) => Err(NotAuthorized::NothingStored.into()),
            Source::Stored { key, store, .. } => Ok(store
                .read(key.clone())
                .await?
                .ok_or(NotAuthorized::NothingStored)?),
        }
    }

    /// Whether the grant covers these scopes; always so for none.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record), and [`Error::InvalidInput`] for what is no scope.
    pub async fn has_scopes(&self, scopes: impl TryInto<Scopes, Error: Into<Error>>) -> Result<bool, Error> {
        let scopes = scopes.try_into().map_err(Into::into)?;
        Ok(match &*self.source {
            Source::Bare(token) => {
                token
                    .scopes
                    .as_ref()
                    .is_some_and(|granted| granted.covers(&scopes))
                    || scopes.is_empty()
            }
            Source::Stored {
                key,
                store,
                renewed_by: Some(_),
            } => match store.read(key.clone()).await? {
                Some(record) => record.scopes().covers(&scopes),
                // Asked for, and not granted otherwise yet.
                None => key.scopes().covers(&scopes),
            },
            Source::Stored { .. } => self.record().await?.scopes().covers(&scopes),
        })
    }

    /// The origins that the token may be sent to: those of the handle, and those of the record.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record), unless the handle has origins of its own.
    pub async fn origins(&self) -> Result<Vec<Origin>, Error> {
        let of_record = match &*self.source {
            Source::Bare(_) => Vec::new(),
            Source::Stored {
                renewed_by: Some(source),
                ..
            } => source.client().origins().to_vec(),
            Source::Stored { .. } => match self.record().await {
                Ok(record) => record.origins().to_vec(),
                Err(_) if !self.origins.is_empty() => Vec::new(),
                Err(error) => return Err(error),
            },
        };
        Ok(self.origins.iter().cloned().chain(of_record).collect())
    }

    /// What a request to an allowed origin carries beside the `Authorization` header, such as the version of the API or the project
    /// that it is counted to: those of the program's [client](crate::Client::with_api_header), which is the source's or the one of
    /// [`with_client`](Self::with_client); no record has any. A header that the request has already is its own.
    #[must_use]
    pub fn api_headers(&self) -> &[(HeaderName, HeaderValue)] {
        self.program_client().map_or(&[], crate::Client::api_headers)
    }

    /// Whether the token may be sent to `uri`.
    ///
    /// # Errors
    ///
    /// [`Error::OriginNotAllowed`] if not; the store's, if the record has to be read first.
    pub async fn allows(&self, uri: &Uri) -> Result<(), Error> {
        if allows(&self.origins, &[], uri).is_ok() {
            return Ok(());
        }
        if let Some(published) = self.shared.cell.load_full() {
            return self.allowed_by(&published, uri);
        }
        match &*self.source {
            Source::Bare(_) => allows(&self.origins, &[], uri),
            Source::Stored {
                renewed_by: Some(source),
                ..
            } => allows(&self.origins, source.client().origins(), uri),
            Source::Stored { .. } => allows(&self.origins, self.record().await?.origins(), uri),
        }
    }

    /// Whether this token may be sent to `uri`.
    pub(super) fn allowed_by(&self, published: &Published, uri: &Uri) -> Result<(), Error> {
        allows(&self.origins, published.grant.origins(), uri)
    }

    /// The header that [`header`](Self::header) gives the value of: `Authorization`, unless the provider has another for the token
    /// ([`Quirks::token_header`](crate::Quirks::token_header)). A request with another must follow no redirects: HTTP clients drop
    /// `Authorization` on their way to another host, and that one they do not know.
    #[must_use]
    pub fn header_name(&self) -> HeaderName {
        let published = self.shared.cell.load();
        let name = published.as_deref().map(|published| published.name.clone());
        name.unwrap_or(header::AUTHORIZATION)
    }

    /// Begins a call of an API through another HTTP client than the transport of this handle: with the token, refreshed first if it has to
    /// be.
    ///
    /// # Errors
    ///
    /// [`Error::OriginNotAllowed`] if the token may not be sent to `uri`; else as [`header`](Self::header), and
    /// [`Error::InvalidInput`] if the token is bound and the handle has no constraint to prove it with.
    pub async fn api_call(&self, method: &Method, uri: &Uri) -> Result<ApiCall, Error> {
        self.allows(uri).await?;
        let published = match self.shared.cell.load_full() {
            Some(published) if published.is_hot(self.transport.ticks()) => published,
            _ => self.obtain(&Need::Valid).await?,
        };
        ApiCall::new(self.clone(), (method, uri), published)
    }

    /// What to send instead of `refused` after an API answered 401: one refresh for any number of callers. `None` where
    /// refreshing again is of no use: the 401 is then the caller's. [`api_call`](Self::api_call) does all that belongs to a 401.
    ///
    /// # Errors
    ///
    /// Why no other token can be had.
    pub async fn after_401(&self, refused: &HeaderValue) -> Result<Option<HeaderValue>, Error> {
        let Ok(refused) = refused.to_str() else {
            return Ok(None);
        };
        let refused = Secret::new(refused.split_once(' ').map_or(refused, |(_, token)| token));
        let other = self.instead_of(&refused).await?;
        Ok(other.map(|published| published.header.clone()))
    }

    pub(super) async fn instead_of(&self, refused: &Secret) -> Result<Option<Arc<Published>>, Error> {
        match self.shared.after_401(refused, self.transport.now()) {
            After401::Use(published) => Ok(Some(published)),
            After401::GiveBack => Ok(None),
            After401::Refresh(need) => {
                let published = self.obtain(&need).await?;
                Ok(need.is_served_by(&published).then_some(published))
            }
        }
    }

    /// Sends a request with the token on it; a 401 costs one refresh and one replay, a second 401 is the caller's, and so is one that
    /// asks for another login of the user (RFC 9470 section 3).
    ///
    /// # Errors
    ///
    /// [`Error::OriginNotAllowed`] before anything is sent; else as [`header`](Self::header), or the transport's.
    pub async fn authorized(&self, request: Request) -> Result<Response, Error> {
        let call = self.api_call(request.method(), request.uri()).await?;
        let mut call = call.over_certificate(self.transport.certificate());
        loop {
            let mut with_token = request.clone();
            call.put_on(with_token.headers_mut())?;
            let reply = self.transport.send(with_token).await?;
            match call.heard(reply.status(), reply.headers()) {
                Heard::Done => return Ok(reply),
                Heard::Again => {}
                Heard::Refused if call.renew().await? => {}
                Heard::Refused => return Ok(reply),
            }
        }
    }

    /// Waits for a refresh in the air to be stored, at most so long; whether nothing is in the air any more.
    ///
    /// An async program calls it before its runtime ends: a refresh that is cut off may cost the grant.
    pub async fn settle(&self, at_most: Duration) -> bool {
        !self.shared.is_busy() || either(self.shared.settled(), self.transport.sleep(at_most)).await
    }

    /// Keeps the token fresh without callers: a task of its own refreshes it when it gets stale, until the returned value is
    /// dropped or a login is needed. Nothing depends on it: where its runtime dies, callers refresh as ever.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] where the transport has no place for a task.
    pub fn keep_fresh(&self) -> Result<KeepFresh, Error> {
        let alive = Arc::new(());
        let task = background::keep_fresh(self.clone(), Arc::downgrade(&alive));
        match self.transport.spawn(Box::pin(task)) {
            Ok(()) => Ok(KeepFresh::new(alive)),
            Err(_) => Err(Error::Unsupported("run a task of its own")),
        }
    }

    pub(super) fn tell(&self, event: Event) {
        if let Source::Stored { key, .. } = &*self.source {
            self.observed.tell(key, event);
        }
    }

    /// The flow as this handle has it: its source, and its policy as far as the budget goes.
    pub(super) fn equipped(&self, flow: AccessTokenFlow) -> AccessTokenFlow {
        let more = self.shared.budget.begin();
        let flow = flow.retries(RetryPolicy {
            tries: self.policy.tries.min(more.saturating_add(1)),
            ..self.policy
        });
        let flow = match &self.client {
            Some(client) => flow.as_client(client.clone()),
            None => flow,
        };
        match &*self.source {
            Source::Stored {
                renewed_by: Some(source),
                ..
            } => flow.from_source(Arc::clone(source)),
            Source::Stored { .. } | Source::Bare(_) => flow,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
