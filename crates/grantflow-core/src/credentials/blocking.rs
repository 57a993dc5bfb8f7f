//! [`Credentials`] for blocking programs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode, Uri, header};

use super::published::{Moment, Need, Obtained};
use super::shared::{After401, Plan, Shared, Turn, allows};
use super::{AccessToken, Source};
use crate::{
    Error, Key, NotAuthorized, Origin, Record, Request, Response, Scopes, Store, Token, Transport,
    TransportHost, flow, run,
};

/// A live grant: it gives `Authorization` headers, refreshes, persists and revokes. Clones share everything.
///
/// Any number of threads may ask at once: one of them refreshes, under the record's lock, and the others wait for it or go on
/// with the token while it lives.
#[derive(Clone)]
pub struct Credentials {
    transport: Arc<dyn Transport>,
    source: Arc<Source<dyn Store>>,
    origins: Arc<[Origin]>,
    shared: Arc<Shared>,
}

impl Credentials {
    /// The grant stored under `key`. Nothing is read yet.
    pub fn new(key: Key, store: impl Store + 'static, transport: impl Transport + 'static) -> Self {
        Self::from_source(
            Source::Stored {
                key,
                store: Arc::new(store),
            },
            transport,
        )
    }

    /// A token from elsewhere, which cannot be refreshed: when it ends, the error [needs the user](Error::needs_user).
    pub fn from_access_token(token: Token, transport: impl Transport + 'static) -> Self {
        Self::from_source(Source::Bare(token), transport)
    }

    fn from_source(source: Source<dyn Store>, transport: impl Transport + 'static) -> Self {
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
    pub fn header(&self) -> Result<HeaderValue, Error> {
        match self.cached_header() {
            Some(header) => Ok(header),
            None => Ok(self.obtain(&Need::Valid)?.header.clone()),
        }
    }

    /// The access token and how long it lives on, refreshed first if it has to be.
    ///
    /// # Errors
    ///
    /// As [`header`](Self::header).
    pub fn access_token(&self) -> Result<AccessToken, Error> {
        Ok(AccessToken::of(
            self.obtain(&Need::Valid)?.as_ref(),
            self.transport.now(),
        ))
    }

    /// Gets a new access token whatever the clock says; one that another process got meanwhile will do.
    ///
    /// # Errors
    ///
    /// As [`header`](Self::header).
    pub fn refresh(&self) -> Result<AccessToken, Error> {
        let generation = match &*self.source {
            Source::Bare(_) => return Err(NotAuthorized::NoRefreshToken.into()),
            Source::Stored { .. } => self.record()?.generation(),
        };
        Ok(AccessToken::of(
            self.obtain(&Need::After(generation))?.as_ref(),
            self.transport.now(),
        ))
    }

    /// Ends the grant at the server and in the store ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).
    ///
    /// # Errors
    ///
    /// If the server cannot be asked, the record stays as a tombstone: nobody uses it, and another `revoke` finishes.
    pub fn revoke(&self) -> Result<(), Error> {
        match &*self.source {
            Source::Bare(_) => Err(Error::Unsupported("revoke a token that no record belongs to")),
            Source::Stored { key, store } => {
                self.shared.cell.store(None);
                let ended = run(
                    flow::revoke(key.clone()),
                    &TransportHost::new(&*self.transport).with_store(&**store),
                );
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
    pub fn record(&self) -> Result<Record, Error> {
        match &*self.source {
            Source::Bare(_) => Err(NotAuthorized::NothingStored.into()),
            Source::Stored { key, store } => Ok(store.read(key)?.ok_or(NotAuthorized::NothingStored)?),
        }
    }

    /// Whether the grant covers these scopes; always so for none.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record), and [`Error::InvalidInput`] for what is no scope.
    pub fn has_scopes(&self, scopes: impl TryInto<Scopes, Error: Into<Error>>) -> Result<bool, Error> {
        let scopes = scopes.try_into().map_err(Into::into)?;
        Ok(match &*self.source {
            Source::Bare(token) => {
                token
                    .scopes
                    .as_ref()
                    .is_some_and(|granted| granted.covers(&scopes))
                    || scopes.is_empty()
            }
            Source::Stored { .. } => self.record()?.scopes().covers(&scopes),
        })
    }

    /// The origins that the token may be sent to: those of the handle, and those of the record.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record), unless the handle has origins of its own.
    pub fn origins(&self) -> Result<Vec<Origin>, Error> {
        let of_record = match &*self.source {
            Source::Bare(_) => Vec::new(),
            Source::Stored { .. } => match self.record() {
                Ok(record) => record.origins().to_vec(),
                Err(_) if !self.origins.is_empty() => Vec::new(),
                Err(error) => return Err(error),
            },
        };
        Ok(self.origins.iter().cloned().chain(of_record).collect())
    }

    /// Whether the token may be sent to `uri`.
    ///
    /// # Errors
    ///
    /// [`Error::OriginNotAllowed`] if not; the store's, if the record has to be read first.
    pub fn allows(&self, uri: &Uri) -> Result<(), Error> {
        if allows(&self.origins, &[], uri).is_ok() {
            return Ok(());
        }
        if let Some(published) = &*self.shared.cell.load() {
            return allows(&self.origins, published.grant.origins(), uri);
        }
        match &*self.source {
            Source::Bare(_) => allows(&self.origins, &[], uri),
            Source::Stored { .. } => allows(&self.origins, self.record()?.origins(), uri),
        }
    }

    /// What to send instead of `refused` after an API answered 401: one refresh for any number of callers. `None` where
    /// refreshing again is of no use: the 401 is then the caller's.
    ///
    /// # Errors
    ///
    /// Why no other token can be had.
    pub fn after_401(&self, refused: &HeaderValue) -> Result<Option<HeaderValue>, Error> {
        match self.shared.after_401(refused, self.transport.now()) {
            After401::Use(header) => Ok(Some(header)),
            After401::GiveBack => Ok(None),
            After401::Refresh(need) => {
                let published = self.obtain(&need)?;
                Ok(need.is_served_by(&published).then(|| published.header.clone()))
            }
        }
    }

    /// Sends a request with the token on it; a 401 costs one refresh and one replay, a second 401 is the caller's.
    ///
    /// # Errors
    ///
    /// [`Error::OriginNotAllowed`] before anything is sent; else as [`header`](Self::header), or the transport's.
    pub fn authorized(&self, mut request: Request) -> Result<Response, Error> {
        self.allows(request.uri())?;
        let token = self.header()?;
        request.headers_mut().insert(header::AUTHORIZATION, token.clone());
        let reply = self.transport.send(request.clone())?;
        if reply.status() != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        let Some(token) = self.after_401(&token)? else {
            return Ok(reply);
        };
        request.headers_mut().insert(header::AUTHORIZATION, token);
        Ok(self.transport.send(request)?)
    }

    /// Waits for a refresh in the air to be stored, at most so long; whether nothing is in the air any more.
    pub fn settle(&self, at_most: Duration) -> bool {
        self.shared
            .in_the_air()
            .is_none_or(|flight| flight.wait_at_most(at_most))
    }

    fn obtain(&self, need: &Need) -> Obtained {
        let mut ends_seen = 0;
        loop {
            match self.shared.turn(need, || self.transport.now()) {
                Turn::Take(published) => return Ok(published),
                Turn::Wait(flight) => {
                    ends_seen += 1;
                    if let Some(result) = Shared::landed(need, flight.wait(), ends_seen) {
                        return result;
                    }
                }
                Turn::Fly(leader) => {
                    let result = self.fly(need);
                    leader.land(result.clone());
                    return result;
                }
            }
        }
    }

    fn fly(&self, need: &Need) -> Obtained {
        match &*self.source {
            Source::Bare(token) => match need {
                Need::Valid => self.shared.publish_bare(token.clone(), self.moment()?),
                Need::NotThis(_) | Need::After(_) => Err(NotAuthorized::NoRefreshToken.into()),
            },
            Source::Stored { key, store } => {
                let planned = store.read(key).map_err(Error::from);
                let planned = planned.and_then(|read| self.shared.plan(need, key, read, self.moment()?));
                let result = match planned {
                    Ok(Plan::Use(published)) => return Ok(published),
                    Ok(Plan::Run(step)) => {
                        run(*step, &TransportHost::new(&*self.transport).with_store(&**store))
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
