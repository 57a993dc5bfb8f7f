//! [`Credentials`] for async programs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode, Uri, header};

use super::flight::{End, Leader};
use super::published::{Moment, Need, Obtained};
use super::shared::{After401, Plan, Shared, Turn, allows};
use super::{AccessToken, Source, either};
use crate::transport::Task;
use crate::{
    AsyncStore, AsyncTransport, AsyncTransportHost, Error, Key, NotAuthorized, Origin, Record, Request,
    Response, Scopes, Token, drive, flow,
};

/// A live grant: it gives `Authorization` headers, refreshes, persists and revokes. Clones share everything.
///
/// Any number of tasks may ask at once: one of them refreshes, under the record's lock, and the others wait for it or go on
/// with the token while it lives. A refresh runs in a task of its own, so that a caller that is dropped loses nothing.
#[derive(Clone)]
pub struct Credentials {
    transport: Arc<dyn AsyncTransport>,
    source: Arc<Source<dyn AsyncStore>>,
    origins: Arc<[Origin]>,
    shared: Arc<Shared>,
}

impl Credentials {
    /// The grant stored under `key`. Nothing is read yet.
    pub fn new(key: Key, store: impl AsyncStore + 'static, transport: impl AsyncTransport + 'static) -> Self {
        Self::from_source(
            Source::Stored {
                key,
                store: Arc::new(store),
            },
            transport,
        )
    }

    /// A token from elsewhere, which cannot be refreshed: when it ends, the error [needs the user](Error::needs_user).
    pub fn from_access_token(token: Token, transport: impl AsyncTransport + 'static) -> Self {
        Self::from_source(Source::Bare(token), transport)
    }

    fn from_source(source: Source<dyn AsyncStore>, transport: impl AsyncTransport + 'static) -> Self {
        Self {
            transport: Arc::new(transport),
            source: Arc::new(source),
            origins: Arc::new([]),
            shared: Arc::new(Shared::default()),
        }
    }

    /// Allows these origins besides those of the record.
    #[must_use]
    pub fn allow_origins(mut self, origins: impl IntoIterator<Item = Origin>) -> Self {
        self.origins = self.origins.iter().cloned().chain(origins).collect();
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

    /// The `Authorization` header, refreshed first if it has to be.
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
    /// # Errors
    ///
    /// As [`header`](Self::header).
    pub async fn refresh(&self) -> Result<AccessToken, Error> {
        let generation = match &*self.source {
            Source::Bare(_) => return Err(NotAuthorized::NoRefreshToken.into()),
            Source::Stored { .. } => self.record().await?.generation(),
        };
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
            Source::Stored { key, store } => {
                self.shared.cell.store(None);
                let host = AsyncTransportHost::new(&*self.transport).with_store(&**store);
                let ended = drive(flow::revoke(key.clone()), &host).await;
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
            Source::Stored { key, store } => Ok(store
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
            Source::Stored { .. } => self.record().await?.scopes().covers(&scopes),
        })
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
            return allows(&self.origins, published.grant.origins(), uri);
        }
        match &*self.source {
            Source::Bare(_) => allows(&self.origins, &[], uri),
            Source::Stored { .. } => allows(&self.origins, self.record().await?.origins(), uri),
        }
    }

    /// What to send instead of `refused` after an API answered 401: one refresh for any number of callers. `None` where
    /// refreshing again is of no use: the 401 is then the caller's.
    ///
    /// # Errors
    ///
    /// Why no other token can be had.
    pub async fn after_401(&self, refused: &HeaderValue) -> Result<Option<HeaderValue>, Error> {
        match self.shared.after_401(refused, self.transport.now()) {
            After401::Use(header) => Ok(Some(header)),
            After401::GiveBack => Ok(None),
            After401::Refresh(need) => {
                let published = self.obtain(&need).await?;
                Ok(need.is_served_by(&published).then(|| published.header.clone()))
            }
        }
    }

    /// Sends a request with the token on it; a 401 costs one refresh and one replay, a second 401 is the caller's.
    ///
    /// # Errors
    ///
    /// [`Error::OriginNotAllowed`] before anything is sent; else as [`header`](Self::header), or the transport's.
    pub async fn authorized(&self, mut request: Request) -> Result<Response, Error> {
        self.allows(request.uri()).await?;
        let token = self.header().await?;
        request.headers_mut().insert(header::AUTHORIZATION, token.clone());
        let reply = self.transport.send(request.clone()).await?;
        if reply.status() != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        let Some(token) = self.after_401(&token).await? else {
            return Ok(reply);
        };
        request.headers_mut().insert(header::AUTHORIZATION, token);
        Ok(self.transport.send(request).await?)
    }

    /// Waits for a refresh in the air to be stored, at most so long; whether nothing is in the air any more.
    pub async fn settle(&self, at_most: Duration) -> bool {
        let Some(flight) = self.shared.in_the_air() else {
            return true;
        };
        either(flight.landing(), self.transport.sleep(at_most)).await
    }

    async fn obtain(&self, need: &Need) -> Obtained {
        let mut ends_seen = 0;
        let mut task_was_lost = false;
        loop {
            let flight = match self.shared.turn(need, || self.transport.now()) {
                Turn::Take(published) => return Ok(published),
                Turn::Wait(flight) => flight,
                Turn::Fly(leader) => {
                    let flight = leader.flight();
                    let (owned, owned_need) = (self.clone(), need.clone());
                    let task = Box::pin(async move { owned.fly(&owned_need, leader).await });
                    // Where no runtime takes it, or one has lost it, the caller flies itself. If the caller is dropped then,
                    // whoever waits takes over.
                    let left = if task_was_lost {
                        Some(task as Task)
                    } else {
                        self.transport.spawn(task).err()
                    };
                    if let Some(task) = left {
                        task.await;
                    }
                    match flight.landing().await {
                        End::Landed(result) => return result,
                        End::Abandoned => {
                            task_was_lost = true;
                            continue;
                        }
                    }
                }
            };
            ends_seen += 1;
            let end = flight.landing().await;
            task_was_lost |= matches!(end, End::Abandoned);
            if let Some(result) = Shared::landed(need, end, ends_seen) {
                return result;
            }
        }
    }

    async fn fly(&self, need: &Need, leader: Leader<Obtained>) {
        let result = self.land(need).await;
        leader.land(result);
    }

    async fn land(&self, need: &Need) -> Obtained {
        match &*self.source {
            Source::Bare(token) => match need {
                Need::Valid => self.shared.publish_bare(token.clone(), self.moment()?),
                Need::NotThis(_) | Need::After(_) => Err(NotAuthorized::NoRefreshToken.into()),
            },
            Source::Stored { key, store } => {
                let read = store.read(key.clone()).await.map_err(Error::from);
                let planned = read.and_then(|read| self.shared.plan(need, key, read, self.moment()?));
                let result = match planned {
                    Ok(Plan::Use(published)) => return Ok(published),
                    Ok(Plan::Run(step)) => {
                        let host = AsyncTransportHost::new(&*self.transport).with_store(&**store);
                        drive(*step, &host).await
                    }
                    Err(error) => Err(error),
                };
                self.shared.publish(need, result, self.moment()?)
            }
        }
    }

    fn moment(&self) -> Result<Moment, Error> {
        let mut jitter = [0];
        self.transport.fill(&mut jitter)?;
        Ok(Moment {
            now: self.transport.now(),
            ticks: self.transport.ticks(),
            jitter: jitter[0],
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
