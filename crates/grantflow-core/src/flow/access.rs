//! A stored grant becomes an access token, refreshed under the record's lock when it has to be.
//!
//! ```text
//! Lock ─▶ ExpectRecord ─┬─ serves ──────────────────────────────▶ Unlock ─▶ Done
//!                       ├─ nothing stored, refused, revoked ────▶ error: a login is needed
//!                       ├─ to be left alone for too long ───────▶ error: when to come back
//!                       ├─ its source can be asked again ─▶ acquire ─▶ saved ─▶ Unlock ─▶ Done
//!                       └─ else ─▶ refresh ─▶ saved ────────────▶ Unlock ─▶ Done
//! ```
//!
//! Nothing is ever refreshed without the lock: whoever comes second finds the first one's token and adopts it. The refresh token
//! that is sent is always the stored one, never one that a handle remembers.

use std::sync::Arc;
use std::time::Duration;

use super::acquire::Acquire;
use super::refresh::{Refresh, save};
use super::retry::{RetryPolicy, time_until};
use super::source::TokenSource;
use crate::client::NO_CONSTRAINT;
use crate::error::{NotAuthorized, StoreError};
use crate::{Client, Cx, Error, Expect, IdTokenCheck, Key, Next, Record, Secret, Step, Timestamp, TokenType};

/// How long to wait for another holder of the lock: longer than a refresh with all its tries may take.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(75);

/// The stored access token will do, unless …
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Unless {
    /// … it has ended.
    Expired,
    /// … its record is of this generation or an older one. The token still lives, so the refresh is early: it is left out where
    /// it could cost something, and not tried twice.
    Stale(u64),
    /// … it is this one, which an API has just refused.
    Is(Secret),
    /// … its record is of this generation or an older one: refreshed whatever the clock says, but not with a refresh token that may be
    /// spent while the access token lives ([`Error::RetryLater`](crate::Error::RetryLater)).
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
    /// Why the new token could not be stored, though it is good. The refresh token that is stored is then spent, and the new one is in
    /// `record` alone. The flow has not given the lock back, but [`run`](crate::run) and [`drive`](crate::drive) do when they return,
    /// and the next process finds the spent one. So let the flow go on with [`store_again`](Self::store_again);
    /// [`Credentials`](crate::Credentials) hand the token out at once, and keep the lock until it is stored.
    pub unsaved: Option<StoreError>,
    /// An early refresh is of no use before this time: the server asked for patience, or an earlier one was lost on its way.
    pub not_before: Option<Timestamp>,
    /// Why what was granted is not to be handed out, though its refresh token is good and stored nowhere: only for those who keep the lock.
    pub(crate) refused: Option<Error>,
}

/// The flow of [`access_token`], with options.
#[derive(Clone, Debug)]
pub struct AccessTokenFlow {
    key: Key,
    pub(super) unless: Unless,
    patience: Duration,
    pub(super) policy: RetryPolicy,
    /// The generation of a newer record than the stored one may be: it was granted and could not be stored.
    known: u64,
    /// Where a new token comes from, if not from a refresh token.
    source: Option<Arc<dyn TokenSource>>,
    /// The program's own client: what no record can hold.
    client: Option<Client>,
    /// How often the record may yet turn out to be another's, though it was locked.
    conflicts_left: u32,
}

impl AccessTokenFlow {
    /// The token under `key`, unless it will not do.
    #[must_use]
    pub fn new(key: Key, unless: Unless) -> Self {
        Self {
            key,
            unless,
            patience: LOCK_PATIENCE,
            policy: RetryPolicy::default(),
            known: 0,
            source: None,
            client: None,
            conflicts_left: 3,
        }
    }

    /// Waits at most so long for another holder of the lock.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Tries again like this.
    #[must_use]
    pub fn retries(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Asks this source for a new token, and not the server with a refresh token. Then nothing has to be stored before.
    #[must_use]
    pub fn from_source(self, source: Arc<dyn TokenSource>) -> Self {
        Self {
            source: Some(source),
            ..self
        }
    }

    /// Refreshes as this client of the program's: its [authentication](Client::authentication) is used, which may need a key that is
    /// in no record, and its [check of ID tokens](Client::with_id_token_check). It has to be the record's client, at the record's server.
    #[must_use]
    pub fn as_client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// The client that refreshes this record.
    pub(super) fn client_of(&self, record: &Record) -> Result<Client, Error> {
        let client = match &self.client {
            Some(ours) => ours.on_behalf_of(record.client())?,
            None => record.client().clone(),
        };
        let client = client.bound_by(record.token_key())?;
        // Without a proof the server would refuse a refresh token that is bound, and for all who share the record.
        let is_bound = record.token_key().is_some() || record.token().token_type == TokenType::Dpop;
        if is_bound && client.token_constraint().is_none() {
            return Err(NO_CONSTRAINT.into());
        }
        Ok(client)
    }

    /// The check of the ID tokens that come with a refresh.
    pub(super) fn id_token_check(&self) -> Option<Arc<dyn IdTokenCheck>> {
        self.client.as_ref()?.shared_id_token_check()
    }

    /// A stored token does not serve if its record is of a lower generation: the one that it came before was refused.
    pub(crate) fn not_older_than(mut self, generation: u64) -> Self {
        self.known = generation;
        self
    }

    /// The first step.
    pub fn flow(self) -> Step<Access> {
        self.ending().and_then(|access, _| Ok(access.judged()))
    }

    /// The first step for one who keeps the lock, and goes on storing, as long as the end says that something is unsaved.
    pub(crate) fn ending(self) -> Step<Access> {
        let (key, patience) = (self.key.clone(), self.patience);
        let state = ExpectRecord {
            flow: self,
            newer: None,
            unsaved: None,
        };
        Step::Lock(key, patience, Next::new(state))
    }

    /// The first step for one who holds the lock, with the newest record, which could not be stored.
    pub(crate) fn holding(self, record: Record, unsaved: StoreError) -> Step<Access> {
        let state = Box::new(ExpectRecord {
            flow: self,
            newer: None,
            unsaved: Some(unsaved),
        });
        Step::begin(move |cx| state.resume(Ok(Some(record)), cx))
    }

    /// The first step for one who has lost the lock, with a record that could not be stored: it is not given up for an older one.
    pub(crate) fn regaining(self, record: Record, unsaved: StoreError) -> Step<Access> {
        let (key, patience) = (self.key.clone(), self.patience);
        let state = ExpectRecord {
            flow: self,
            newer: Some(record),
            unsaved: Some(unsaved),
        };
        Step::Lock(key, patience, Next::new(state))
    }

    /// Locks again and looks again: somebody else has changed the record before our request left.
    pub(super) fn look_again(
        mut self,
        (record, unsaved): (Record, Option<StoreError>),
        conflict: StoreError,
    ) -> Result<Step<Access>, Error> {
        self.conflicts_left = self.conflicts_left.checked_sub(1).ok_or(conflict)?;
        Ok(match unsaved {
            Some(why) => self.regaining(record, why),
            None => self.ending(),
        })
    }

    /// Locks again, to store what was granted: somebody else has changed the record though the lock was ours, as happens
    /// where the lock is a lease that can be lost.
    pub(super) fn save_again(self, granted: Record, conflict: StoreError) -> Step<Access> {
        let then: GoneOn = Box::new(|flow, granted, given_up| match given_up {
            Some(conflict) => Ok(Step::Done(Access {
                record: granted,
                refreshed: true,
                unsaved: Some(conflict),
                not_before: None,
                refused: None,
            })),
            None => Ok(save(granted, flow)),
        });
        self.overtaken(granted, conflict, then)
    }

    /// The same, to go on with what was granted unless something as new is stored: then that is the end. Without another try, or another
    /// lock, the reason comes along, and the lock does not. Whoever was not ready to wait before the request is now: there is something
    /// to lose.
    pub(super) fn overtaken(mut self, granted: Record, conflict: StoreError, then: GoneOn) -> Step<Access> {
        let Some(left) = self.conflicts_left.checked_sub(1) else {
            return Step::begin(move |_| then(self, granted, Some(conflict)));
        };
        self.conflicts_left = left;
        let key = self.key.clone();
        let next = move |stored: Result<Option<Record>, StoreError>, cx: &mut Cx<'_>| {
            let stored = match stored {
                Ok(stored) => stored.ok_or(NotAuthorized::NothingStored)?,
                // What was granted is not lost with a store that cannot be had just now.
                Err(error) => return then(self, granted, Some(error)),
            };
            if stored.refresh.revoked_at.is_some() {
                return Err(NotAuthorized::Revoked.into());
            }
            if stored.generation() < granted.generation() {
                return then(self, granted, None);
            }
            let now = cx.wall();
            if !stored.token().is_over(now) {
                return Ok(end(stored, None, None));
            }
            // What came in between has ended while this was on its way. Tokens of a source live side by side, so that this one is as good.
            if self.source.is_some() && !granted.token().is_over(now) {
                return then(self, stored.refreshed(granted.token().clone()), None);
            }
            Box::new(ExpectRecord {
                flow: self,
                newer: None,
                unsaved: None,
            })
            .resume(Ok(Some(stored)), cx)
        };
        Step::Lock(key, LOCK_PATIENCE, Next::new(next))
    }
}

/// How a flow goes on that was [overtaken](AccessTokenFlow::overtaken). One type for all: what leads there is compiled for each.
pub(super) type GoneOn =
    Box<dyn FnOnce(AccessTokenFlow, Record, Option<StoreError>) -> Result<Step<Access>, Error> + Send>;

/// Gives the access token stored under `key`, refreshed first if it has to be.
///
/// The flow ends in [`Error::NotAuthorized`] where only a new login helps. A request that is known to have changed nothing is
/// tried again, as the [`RetryPolicy`] has it. One that left and got no answer may have spent the refresh token: while the
/// access token lives, it is used; then, or at once where the provider has a grace period, the same request is made once more.
/// Nothing is left to lose by it: if the token was spent, the one that replaced it is lost already. An access token that an API has
/// refused is of no use, however long it lives.
pub fn access_token(key: Key, unless: Unless) -> Step<Access> {
    AccessTokenFlow::new(key, unless).flow()
}

impl Unless {
    fn serves(&self, record: &Record, now: Timestamp) -> bool {
        let token = record.token();
        !token.is_over(now)
            && match self {
                Self::Expired => !token.is_from_the_future(now),
                Self::Is(refused) => !token.access_token.eq_ct(refused),
                Self::Stale(known) | Self::Generation(known) => record.generation() > *known,
            }
    }
}

struct ExpectRecord {
    flow: AccessTokenFlow,
    /// What was granted and could not be stored: newer than what is found, perhaps.
    newer: Option<Record>,
    unsaved: Option<StoreError>,
}

impl Expect<Result<Option<Record>, StoreError>, Access> for ExpectRecord {
    fn resume(
        self: Box<Self>,
        reply: Result<Option<Record>, StoreError>,
        cx: &mut Cx<'_>,
    ) -> Result<Step<Access>, Error> {
        let Self {
            mut flow,
            newer,
            mut unsaved,
        } = *self;
        let source = flow.source.clone();
        let mut record = match (reply?, &source) {
            (Some(record), _) => record,
            (None, Some(source)) => return Acquire::new(flow, Arc::clone(source), None, cx).begin(cx),
            (None, None) => return Err(NotAuthorized::NothingStored.into()),
        };
        if record.refresh.revoked_at.is_some() {
            return Err(NotAuthorized::Revoked.into());
        }
        if let Some(newer) = newer {
            if newer.generation() > record.generation() {
                record = newer;
            } else {
                unsaved = None;
            }
        }
        let now = cx.wall();
        if record.generation() >= flow.known && flow.unless.serves(&record, now) {
            return Ok(end(record, unsaved, None));
        }
        if source.is_none() && record.token().refresh_token.is_none() {
            return Err(NotAuthorized::NoRefreshToken.into());
        }
        if source.is_none() && record.refresh.refused.is_some() {
            return Err(NotAuthorized::Refused.into());
        }
        let until = time_until(record.refresh.retry_at, now);
        let is_in_doubt = record.refresh.is_in_doubt() && !record.tolerates_reuse();
        match flow.unless {
            _ if record.token().is_over(now) => {}
            Unless::Stale(_) => {
                let not_before = if is_in_doubt {
                    record.token().ends_at()
                } else {
                    (!until.is_zero()).then(|| now.plus(until))
                };
                if not_before.is_some() {
                    return Ok(end(record, unsaved, not_before));
                }
                flow.policy.tries = 1;
            }
            // The token is good, and whoever wants another one may lose it by asking.
            Unless::Generation(_) if is_in_doubt => {
                if let Some(end) = record.token().ends_at() {
                    return Err(Error::RetryLater(end));
                }
            }
            Unless::Generation(_) | Unless::Expired | Unless::Is(_) => {}
        }
        if until > flow.policy.begin_within {
            return Err(Error::RetryLater(now.plus(until)));
        }
        match source {
            Some(source) => Acquire::new(flow, source, Some(record), cx).after(until, cx),
            None => Refresh::new(flow, record, unsaved, cx).after(until, cx),
        }
    }
}

/// The end of the flow with a record that was found, not fetched.
fn end(record: Record, unsaved: Option<StoreError>, not_before: Option<Timestamp>) -> Step<Access> {
    unlock(Access {
        record,
        refreshed: false,
        unsaved,
        not_before,
        refused: None,
    })
}

/// Gives the lock back, unless the next process would then find a spent refresh token.
pub(super) fn unlock(access: Access) -> Step<Access> {
    if access.unsaved.is_some() {
        return Step::Done(access);
    }
    Step::Unlock(Next::new(move |(), _: &mut Cx<'_>| Ok(Step::Done(access))))
}
