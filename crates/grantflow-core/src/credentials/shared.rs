//! What the async and the blocking handle share: the published token, the flight, and the decisions between them.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::{HeaderValue, Uri};

use super::flight::{End, Flight, Flights, Leader, Seat};
use super::published::{Grant, Moment, Need, Obtained, Published};
use crate::flow::{Access, AccessTokenFlow, LOCK_PATIENCE, Unless, allowed};
use crate::{Error, Key, NotAuthorized, Now, Origin, Record, Secret, Step, Token};

/// The state of a handle and all its clones.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) cell: ArcSwapOption<Published>,
    flights: Flights<Obtained>,
}

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

    fn find(&self, will_do: impl FnOnce(&Published) -> bool) -> Option<Arc<Published>> {
        self.cell.load_full().filter(|published| will_do(published))
    }

    /// What the end of somebody else's flight means for a caller; `None`: look again. The second end is taken as it is, so
    /// that a server that answers the same token for ever is not asked for ever.
    pub(super) fn landed(need: &Need, end: End<Obtained>, ends_seen: usize) -> Option<Obtained> {
        match end {
            End::Landed(Ok(published)) if need.is_served_by(&published) || ends_seen > 1 => {
                Some(Ok(published))
            }
            End::Landed(Err(error)) => Some(Err(error)),
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
        // The stored token, ended by the clock that nobody sets, though the wall clock gives it more life.
        let ended = self
            .find(|published| published.is_expired(moment.now))
            .map(|published| published.grant.generation());
        let usable =
            |record: &Record| record.refresh.revoked_at.is_none() && Some(record.generation()) != ended;
        if let Some(record) = read.filter(usable) {
            let published = Arc::new(Published::new(Grant::Stored(Box::new(record)), moment, false)?);
            let newer = self
                .cell
                .load()
                .as_ref()
                .is_none_or(|old| published.is_newer_than(old));
            if newer && !published.is_expired(moment.now) {
                // Others use it from now on, while this one perhaps refreshes it early.
                self.cell.store(Some(Arc::clone(&published)));
            }
            if need.is_met_by(&published, moment.now) {
                return Ok(Plan::Use(published));
            }
        }
        let bridge = self.find(|published| need.is_bridged_by(published, moment.now));
        // With a token that still lives nobody waits: whoever holds the lock is refreshing it.
        let patience = if bridge.is_some() {
            std::time::Duration::ZERO
        } else {
            LOCK_PATIENCE
        };
        let unless = match (need, &bridge) {
            (Need::NotThis(refused), _) => Unless::Is(refused.clone()),
            (Need::After(generation), _) => Unless::Generation(*generation),
            (Need::Valid, Some(published)) => Unless::Generation(published.grant.generation()),
            (Need::Valid, None) => ended.map_or(Unless::Expired, Unless::Generation),
        };
        let flow = AccessTokenFlow::new(key.clone(), unless).patience(patience);
        Ok(Plan::Run(Box::new(flow.flow())))
    }

    /// Publishes what the flow gave. If it failed while a token still lives, that one goes on; a token that needs the user does
    /// not come back.
    pub(super) fn publish(&self, need: &Need, result: Result<Access, Error>, moment: Moment) -> Obtained {
        match result {
            Ok(access) => {
                let after_401 = access.refreshed && matches!(need, Need::NotThis(_));
                let published = Published::new(Grant::Stored(Box::new(access.record)), moment, after_401)?;
                let published = Arc::new(published.unsaved(access.unsaved));
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

    /// Publishes a token that is in no store.
    pub(super) fn publish_bare(&self, token: Token, moment: Moment) -> Obtained {
        if token.is_expired(moment.now.wall) {
            return Err(NotAuthorized::NoRefreshToken.into());
        }
        let published = Arc::new(Published::new(Grant::Bare(token), moment, false)?);
        self.cell.store(Some(Arc::clone(&published)));
        Ok(published)
    }

    /// What to do about an API that refused `header`: the token to try next, or nothing, which gives the 401 back.
    pub(super) fn after_401(&self, header: &HeaderValue, now: Now) -> After401 {
        let Some(refused) = header
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .map(|(_, token)| Secret::new(token))
        else {
            return After401::GiveBack;
        };
        match self.cell.load_full() {
            Some(published) if !published.is_token(&refused) && !published.is_expired(now) => {
                After401::Use(published.header.clone())
            }
            // Refreshed for a 401 already, and refused again: the API does not want this user, whatever the token.
            Some(published) if published.after_401 && published.is_fresh(now) => After401::GiveBack,
            _ => After401::Refresh(Need::NotThis(refused)),
        }
    }

    /// The flight in the air, if there is one.
    pub(super) fn in_the_air(&self) -> Option<Arc<Flight<Obtained>>> {
        self.flights.in_the_air()
    }
}

/// How a leader gets the token.
pub(super) enum Plan {
    Use(Arc<Published>),
    Run(Box<Step<Access>>),
}

/// What to do about a 401.
pub(super) enum After401 {
    Use(HeaderValue),
    Refresh(Need),
    GiveBack,
}

/// Whether a token may go to `uri`: by the origins of the handle, or those of its record.
pub(super) fn allows(of_handle: &[Origin], of_record: &[Origin], uri: &Uri) -> Result<(), Error> {
    allowed(of_handle, uri).or_else(|_| allowed(of_record, uri))
}
