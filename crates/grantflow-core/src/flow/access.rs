//! A stored grant becomes an access token, refreshed under the record's lock when it has to be
//! ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
//!
//! ```text
//! Lock ─▶ ExpectRecord ─┬─ serves ───────────────────────────────────▶ Unlock ─▶ Done
//!                       └─ Send(refresh) ─▶ ExpectToken ─┬─ granted ─▶ Save ─▶ Unlock ─▶ Done
//!                              ▲                │        ├─ refused ─▶ Save(remember it) ─▶ error
//!                              └── ambiguous ───┘        └─ failed ──▶ error
//! ```
//!
//! Nothing is ever refreshed without the lock: whoever comes second finds the first one's token and adopts it. The refresh token
//! that is sent is always the stored one, never one that a handle remembers.

use std::time::Duration;

use crate::error::{NotAuthorized, StoreError};
use crate::step::Change;
use crate::{
    Cx, Error, Expect, Key, Next, Outcome, Record, Response, Secret, Step, Timestamp, TokenRequest,
    TransportError,
};

/// How long to wait for another holder of the lock: longer than a refresh with its second try may take.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(75);

/// The stored access token will do, unless …
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Unless {
    /// … it has ended.
    Expired,
    /// … it is this one, which an API has just refused.
    Is(Secret),
    /// … its record is of this generation or an older one: refreshed whatever the clock says.
    Generation(u64),
}

/// An access token, ready to use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Access {
    /// The record it is from.
    pub record: Record,
    /// Whether this call refreshed it; else it was stored like that.
    pub refreshed: bool,
    /// Why the new token could not be stored, though it is good.
    pub unsaved: Option<StoreError>,
}

/// The flow of [`access_token`], with options.
#[derive(Clone, Debug)]
pub struct AccessTokenFlow {
    key: Key,
    unless: Unless,
    patience: Duration,
}

impl AccessTokenFlow {
    /// The token under `key`, unless it will not do.
    #[must_use]
    pub fn new(key: Key, unless: Unless) -> Self {
        Self {
            key,
            unless,
            patience: LOCK_PATIENCE,
        }
    }

    /// Waits at most so long for another holder of the lock.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The first step.
    pub fn flow(self) -> Step<Access> {
        Step::Lock(
            self.key,
            self.patience,
            Next::new(ExpectRecord { unless: self.unless }),
        )
    }
}

/// Gives the access token stored under `key`, refreshed first if it has to be.
///
/// The flow ends in [`Error::NotAuthorized`] where only a new login helps.
pub fn access_token(key: Key, unless: Unless) -> Step<Access> {
    AccessTokenFlow::new(key, unless).flow()
}

impl Unless {
    fn serves(&self, record: &Record, now: Timestamp) -> bool {
        let token = record.token();
        !token.is_expired(now)
            && match self {
                Self::Expired => !token.is_from_the_future(now),
                Self::Is(refused) => !token.access_token.eq_ct(refused),
                Self::Generation(known) => record.generation() > *known,
            }
    }
}

struct ExpectRecord {
    unless: Unless,
}

impl Expect<Result<Option<Record>, StoreError>, Access> for ExpectRecord {
    fn resume(
        self: Box<Self>,
        reply: Result<Option<Record>, StoreError>,
        cx: &mut Cx<'_>,
    ) -> Result<Step<Access>, Error> {
        let record = reply?.ok_or(NotAuthorized::NothingStored)?;
        if record.refresh.revoked_at.is_some() {
            return Err(NotAuthorized::Revoked.into());
        }
        if self.unless.serves(&record, cx.wall()) {
            return Ok(unlock(Access {
                record,
                refreshed: false,
                unsaved: None,
            }));
        }
        match (&record.token().refresh_token, &record.refresh.refused) {
            (Some(_), None) => refresh(Box::new(record), self.unless, Try::First, cx),
            (Some(_), Some(_)) => Err(NotAuthorized::Refused.into()),
            (None, _) => Err(NotAuthorized::NoRefreshToken.into()),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Try {
    First,
    /// After a reply that never came. Whether the server acted on the first try is unknown; if it did, the token is spent, and
    /// asking again costs nothing that is not lost already.
    Again,
}

fn refresh(record: Box<Record>, unless: Unless, try_: Try, cx: &mut Cx<'_>) -> Result<Step<Access>, Error> {
    let Some(refresh_token) = record.token().refresh_token.clone() else {
        return Err(NotAuthorized::NoRefreshToken.into());
    };
    let mut request = TokenRequest::refresh(record.client(), refresh_token);
    if !record.key().resource().is_empty() {
        request = request.resource(record.key().resource());
    }
    let http = request.to_http(cx)?;
    Ok(Step::Send(
        http,
        Next::new(ExpectToken {
            record,
            unless,
            request,
            try_,
            asked_at: cx.wall(),
        }),
    ))
}

struct ExpectToken {
    record: Box<Record>,
    unless: Unless,
    request: TokenRequest,
    try_: Try,
    asked_at: Timestamp,
}

impl Expect<Result<Response, TransportError>, Access> for ExpectToken {
    fn resume(
        self: Box<Self>,
        reply: Result<Response, TransportError>,
        cx: &mut Cx<'_>,
    ) -> Result<Step<Access>, Error> {
        let now = cx.wall();
        match reply
            .map_err(Error::from)
            .and_then(|reply| self.request.parse(&reply, cx))
        {
            Ok(token) => {
                // The lifetime counts from when the server may have granted it, not from when the reply was read.
                let record = self.record.refreshed(token.asked_at(self.asked_at));
                let next = Next::new(ExpectSaved {
                    record: record.clone(),
                });
                Ok(Step::Save(Change::Put(Box::new(record)), next))
            }
            Err(error) if error.needs_user() => Ok(remember_refusal(*self.record, error)),
            Err(error) if error.outcome() == Outcome::Ambiguous && self.may_ask_again(now) => {
                refresh(self.record, self.unless, Try::Again, cx)
            }
            Err(error) => Err(error),
        }
    }
}

impl ExpectToken {
    /// Once, and only where nothing is left to lose: the provider tolerates it, or the access token is of no use any more.
    fn may_ask_again(&self, now: Timestamp) -> bool {
        let grace = self.record.client().quirks().refresh_grace().is_some();
        let useless = self.record.token().is_expired(now) || matches!(self.unless, Unless::Is(_));
        self.try_ == Try::First && (grace || useless)
    }
}

/// Stores that the server refused, so that nobody asks again with the same token; then ends in the refusal.
fn remember_refusal(mut record: Record, error: Error) -> Step<Access> {
    record.refresh.refused = Some(match &error {
        Error::Server(refusal) => refusal.code().to_string(),
        _ => error.to_string(),
    });
    // A store that fails here costs one more refusal later, nothing else: the refusal is the answer either way.
    let next = Next::new(move |_: Result<(), StoreError>, _: &mut Cx<'_>| Err(error));
    Step::Save(Change::Put(Box::new(record)), next)
}

struct ExpectSaved {
    record: Record,
}

impl Expect<Result<(), StoreError>, Access> for ExpectSaved {
    fn resume(self: Box<Self>, saved: Result<(), StoreError>, _: &mut Cx<'_>) -> Result<Step<Access>, Error> {
        Ok(unlock(Access {
            record: self.record,
            refreshed: true,
            unsaved: saved.err(),
        }))
    }
}

fn unlock(access: Access) -> Step<Access> {
    Step::Unlock(Next::new(move |(), _: &mut Cx<'_>| Ok(Step::Done(access))))
}
