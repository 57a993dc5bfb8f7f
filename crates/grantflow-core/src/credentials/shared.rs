//! What the async and the blocking handle share: the published token, the flight, and the decisions between them.

use std::sync::Arc;

use http::Uri;

use super::budget::Budget;
use super::flight::{End, Flight, Flights, Leader, Seat};
use super::inbox::Inbox;
use super::published::{Grant, Moment, Need, Obtained, Published};
use super::sync::Cell;
use crate::flow::{Access, AccessTokenFlow, LOCK_PATIENCE, Unless, allowed};
use crate::{Error, Key, NotAuthorized, Now, Origin, Record, Secret, Token};

/// The state of a handle and all its clones.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) cell: Cell<Published>,
    flights: Flights<Obtained>,
    /// Where a flight is handed over while its record's lock is kept.
    pub(super) inbox: Inbox,
    /// In the air as long as a granted token is stored nowhere.
    pub(super) keeping: Flights<()>,
    pub(super) budget: Budget,
}

/// How many ends of others' flights a caller sees before it takes one as it is.
const MOST_ENDS: usize = 8;

/// What a caller does next.
pub(super) enum Turn {
    /// Takes this.
    Take(Arc<Published>),
    /// Waits for the end of this flight.
    Wait(Arc<Flight<Obtained>>),
    /// Refreshes, for all.
    Fly(Leader<Obtained>),
}

impl Shared {
    /// Decides: a token that will do, a flight to wait for, or the duty to fly.
    pub(super) fn turn(&self, need: &Need, now: impl Fn() -> Now) -> Turn {
        if let Some(published) = self.find(|published| need.is_met_by(published, now())) {
            return Turn::Take(published);
        }
        match self.flights.join() {
            Seat::Passenger(flight) => match self.find(|published| need.is_bridged_by(published, now())) {
                Some(published) => Turn::Take(published),
                None => Turn::Wait(flight),
            },
            // Somebody may have landed between the look and the join.
            Seat::Leader(leader) => match self.find(|published| need.is_met_by(published, now())) {
                Some(published) => {
                    leader.land(Ok(Arc::clone(&published)));
                    Turn::Take(published)
                }
                None => Turn::Fly(leader),
            },
        }
    }

    /// What is published by now, if that is newer and serves as well.
    pub(super) fn newest(&self, need: &Need, landed: Arc<Published>) -> Arc<Published> {
        let newer = self.find(|published| published.is_newer_than(&landed) && need.is_served_by(published));
        newer.unwrap_or(landed)
    }

    fn find(&self, will_do: impl FnOnce(&Published) -> bool) -> Option<Arc<Published>> {
        self.cell.load_full().filter(|published| will_do(published))
    }

    /// What the end of somebody else's flight means for a caller; `None`: look again, and fly if nobody else does.
    pub(super) fn landed(
        &self,
        need: &Need,
        end: End<Obtained>,
        ends_seen: usize,
        now: Now,
    ) -> Option<Obtained> {
        match end {
            End::Landed(Ok(published)) if need.is_served_by(&published) || ends_seen > MOST_ENDS => {
                Some(Ok(published))
            }
            // The flight may have been for more than this caller needs.
            End::Landed(Err(error)) => Some(
                self.find(|published| need.is_bridged_by(published, now))
                    .ok_or(error),
            ),
            End::Landed(Ok(_)) | End::Abandoned => None,
        }
    }

    /// What the leader can use of a record that was read without the lock; else the flow that gets the token under it.
    pub(super) fn plan(
        &self,
        need: &Need,
        key: &Key,
        read: Option<Record>,
        moment: Moment,
    ) -> Result<Plan, Error> {
        let ended = self.ended(moment.now);
        let usable = |record: &Record| {
            let has_ended = ended
                .as_ref()
                .is_some_and(|ended| ended.eq_ct(&record.token().access_token));
            record.refresh.revoked_at.is_none() && !has_ended
        };
        if let Some(record) = read.filter(usable) {
            let published = Arc::new(Published::new(Grant::Stored(Arc::new(record)), moment, false)?);
            let newer = self
                .cell
                .load()
                .as_ref()
                .is_none_or(|old| published.is_newer_than(old));
            if newer && !published.is_expired(moment.now) {
                // Others use it from now on, while this one perhaps refreshes it early.
                self.cell.store(Some(Arc::clone(&published)));
            }
            // An older token than the one that was refused is of no more use than that one.
            let is_old = !newer && self.find(|cell| !cell.is_same_grant(&published)).is_some();
            let forced = matches!(need, Need::NotThis(_) | Need::After(_));
            if need.is_met_by(&published, moment.now) && !(forced && is_old) {
                return Ok(Plan::Use(published));
            }
        }
        Ok(Plan::Run(Box::new(self.flow(need, key, moment.now))))
    }

    /// The flow that gets what is needed, as the published token has it.
    pub(super) fn flow(&self, need: &Need, key: &Key, now: Now) -> AccessTokenFlow {
        let bridge = self.find(|published| need.is_bridged_by(published, now));
        // With a token that still lives nobody waits: whoever holds the lock is refreshing it.
        let patience = if bridge.is_some() {
            std::time::Duration::ZERO
        } else {
            LOCK_PATIENCE
        };
        let unless = match (need, &bridge) {
            (Need::NotThis(refused), _) => Unless::Is(refused.clone()),
            (Need::After(generation), _) => Unless::Generation(*generation),
            (Need::Valid, Some(published)) => Unless::Stale(published.grant.generation()),
            (Need::Valid, None) => self.ended(now).map_or(Unless::Expired, Unless::Is),
        };
        let flow = AccessTokenFlow::new(key.clone(), unless).patience(patience);
        match (need, &*self.cell.load()) {
            (Need::NotThis(_), Some(known)) => flow.not_older_than(known.grant.generation()),
            _ => flow,
        }
    }

    /// The published token, if it has ended by the clock that nobody sets, though the wall clock may give it more life.
    fn ended(&self, now: Now) -> Option<Secret> {
        self.find(|published| published.is_expired(now))
            .map(|published| published.grant.token().access_token.clone())
    }

    /// Publishes what the flow gave. If it failed while a token still lives, that one goes on; a token that needs the user does
    /// not come back.
    pub(super) fn publish(&self, need: &Need, result: Result<Access, Error>, moment: Moment) -> Obtained {
        match result {
            Ok(access) => {
                let after_401 = access.refreshed && matches!(need, Need::NotThis(_));
                let published = Published::new(Grant::Stored(Arc::new(access.record)), moment, after_401)?;
                let published = published
                    .unsaved(access.unsaved)
                    .not_before(access.not_before, moment);
                let published = Arc::new(published);
                self.cell.store(Some(Arc::clone(&published)));
                Ok(published)
            }
            Err(Error::NotAuthorized(why @ (NotAuthorized::Revoked | NotAuthorized::NothingStored))) => {
                self.cell.store(None);
                Err(why.into())
            }
            Err(error) => match self.find(|published| need.is_bridged_by(published, moment.now)) {
                Some(published) => {
                    let postponed = Arc::new(published.postponed(moment, error.retry_at()));
                    self.cell.store(Some(Arc::clone(&postponed)));
                    Ok(postponed)
                }
                None => Err(error),
            },
        }
    }

    /// The token of this generation is stored at last.
    pub(super) fn saved(&self, generation: u64) {
        if let Some(published) = self.find(|published| published.grant.generation() == generation) {
            self.cell
                .store(Some(Arc::new(published.as_ref().clone().unsaved(None))));
        }
    }

    /// Publishes a token that is in no store.
    pub(super) fn publish_bare(&self, token: Token, moment: Moment) -> Obtained {
        if token.is_over(moment.now.wall) {
            return Err(NotAuthorized::NoRefreshToken.into());
        }
        let published = Arc::new(Published::new(Grant::Bare(Arc::new(token)), moment, false)?);
        self.cell.store(Some(Arc::clone(&published)));
        Ok(published)
    }

    /// What to do about an API that refused a token: the one to try next, or nothing, which gives the 401 back.
    pub(super) fn after_401(&self, refused: &Secret, now: Now) -> After401 {
        match self.cell.load_full() {
            Some(published) if !published.is_token(refused) && !published.is_expired(now) => {
                After401::Use(published)
            }
            // Refreshed for a 401 already, and refused again: the API does not want this user, whatever the token.
            Some(published) if published.is_won_in_vain(now) => After401::GiveBack,
            _ => After401::Refresh(Need::NotThis(refused.clone())),
        }
    }

    /// Whether a refresh is under way or a token on its way into the store.
    pub(super) fn is_busy(&self) -> bool {
        self.flights.in_the_air().is_some() || self.keeping.in_the_air().is_some()
    }

    /// Waits until nothing is under way.
    pub(super) async fn settled(&self) {
        loop {
            if let Some(flight) = self.flights.in_the_air() {
                flight.landing().await;
            } else if let Some(keeping) = self.keeping.in_the_air() {
                keeping.landing().await;
            } else {
                return;
            }
        }
    }
}

/// How a leader gets the token.
pub(super) enum Plan {
    Use(Arc<Published>),
    Run(Box<AccessTokenFlow>),
}

/// What to do about a 401.
pub(super) enum After401 {
    Use(Arc<Published>),
    Refresh(Need),
    GiveBack,
}

/// Whether a token may go to `uri`: by the origins of the handle, or those of its record.
pub(super) fn allows(of_handle: &[Origin], of_record: &[Origin], uri: &Uri) -> Result<(), Error> {
    allowed(of_handle, uri).or_else(|_| allowed(of_record, uri))
}
