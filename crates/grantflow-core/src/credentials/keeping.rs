//! A token that was granted and cannot be stored: the lock is kept, and storing it is tried until it succeeds.
//!
//! ```text
//! save failed ─▶ land (the callers have their answer) ─▶ pause ─▶ save ─┬─ stored, or something as new is ─▶ unlock
//!                                                        ▲  │           │
//!                                                        │  │           ├─ fails
//!                                                        │  │           └─ the lock was lost ─▶ lock
//!                                                        │  └ a caller needs more: refresh under the kept lock
//!                                                        └──────────────┘
//! ```
//!
//! Giving the lock back would let the next process send the spent refresh token, which ends the grant at a server that watches
//! for reuse. The lock goes with the process; what is lost then could not be kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::asynchronous::Credentials;
use super::flight::Leader;
use super::flying::{FlightHost, Held};
use super::inbox::Duty;
use super::observer::Event;
use super::published::Obtained;
use super::step_aside;
use crate::driver::perform;
use crate::error::StoreErrorKind;
use crate::flow::Access;
use crate::{AsyncHost as _, AsyncLocked, Change, Error, Record, StoreError};

/// How soon a caller that needs more is noticed.
const SLICE: Duration = Duration::from_millis(250);

/// The longest pause between two tries to store the token.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How often a caller that flies itself tries, since it waits for its own answer.
const TRIES_OF_A_CALLER: u32 = 3;

/// What was granted and is stored nowhere, and why.
pub(super) struct Unsaved {
    record: Record,
    why: StoreError,
}

impl Unsaved {
    /// The end of a flow for its callers, and what it leaves to be stored.
    pub(super) fn of(end: Result<Access, Error>) -> (Result<Access, Error>, Option<Self>) {
        let access = match end {
            Ok(access) => access,
            Err(error) => return (Err(error), None),
        };
        let unsaved = access.unsaved.clone().map(|why| Self {
            record: access.record.clone(),
            why,
        });
        match access.refused {
            Some(error) => (Err(error), unsaved),
            None => (Ok(access), unsaved),
        }
    }

    pub(super) fn why(&self) -> &StoreError {
        &self.why
    }
}

impl Credentials {
    /// Lands the flight with what the callers get, then goes on trying to store what could not be stored.
    ///
    /// `held`: the lock, if it was not lost. `owned`: whether a task of its own does it; a caller that flies itself gives up after a
    /// few tries.
    pub(super) async fn keep<'h>(
        &self,
        mut unsaved: Unsaved,
        (obtained, leader): (Obtained, Leader<Obtained>),
        mut held: Held<'h>,
        host: &'h FlightHost<'_>,
        owned: &AtomicBool,
    ) {
        // The inbox is open before a caller wakes who may need more.
        let inbox = self.shared.inbox.open();
        let keeping = self.shared.keeping.begin();
        leader.land(obtained);
        step_aside().await;
        // The first token of a source replaces nothing; where a lock was lost, something was.
        let was_stored = held.as_ref().is_none_or(|lock| lock.record().is_some());
        let (mut pause, mut waited, mut tries) = (SLICE, Duration::ZERO, 0_u32);
        let stored = loop {
            self.transport.sleep(SLICE).await;
            waited = waited.saturating_add(SLICE);
            if let Some(lock) = &held
                && (is_stored(&unsaved.record, &**lock) || is_gone(&**lock, was_stored))
            {
                break is_the_stored(&unsaved.record, &**lock);
            }
            if let Some(duty) = inbox.take() {
                match self.serve(duty, &mut unsaved, host, &mut held).await {
                    true => break true,
                    false => continue,
                }
            }
            if waited < pause {
                continue;
            }
            let error = match store((&unsaved.record, was_stored), host, &mut held).await {
                Ok(stored) => break stored,
                Err(error) => error,
            };
            self.tell(Event::SaveFailed { kind: error.kind() });
            tries += 1;
            // Whoever has the lock now finds a refresh token that is spent: no time is to be lost before it is ours again.
            if error.kind() != StoreErrorKind::Conflict {
                (waited, pause) = (Duration::ZERO, (pause * 2).min(LONGEST_PAUSE));
            }
            unsaved.why = error;
            if tries >= TRIES_OF_A_CALLER && !owned.load(Ordering::Relaxed) {
                break false;
            }
        };
        if let Some(lock) = held {
            lock.unlock().await;
        }
        if stored {
            self.shared.saved(unsaved.record.generation());
            self.tell(Event::Saved);
        }
        let left = inbox.close();
        if let Some(keeping) = keeping {
            keeping.land(());
        }
        for (need, leader) in left {
            self.fly(need, leader, owned).await;
        }
    }

    /// Gets what a caller needs under the lock that is kept, from the newest record, and says whether all is stored then. It is stored on
    /// the way, if the store takes it.
    async fn serve<'h>(
        &self,
        (need, leader): Duty,
        unsaved: &mut Unsaved,
        host: &'h FlightHost<'_>,
        held: &mut Held<'h>,
    ) -> bool {
        let flow = self
            .shared
            .flow(&need, unsaved.record.key(), self.transport.now());
        let flow = self.equipped(flow);
        let (record, why) = (unsaved.record.clone(), unsaved.why.clone());
        let step = match held {
            Some(_) => flow.holding(record, why),
            None => flow.regaining(record, why),
        };
        let (result, left) = Unsaved::of(perform(step, host, held).await);
        let is_more = left.is_some();
        let all_stored = match (&result, left) {
            (_, Some(newest)) => {
                *unsaved = newest;
                false
            }
            (Ok(access), None) => {
                unsaved.record = access.record.clone();
                true
            }
            // What could not be written down is kept in mind.
            (Err(error), None) => {
                unsaved.record.fails(error);
                false
            }
        };
        leader.land(self.publish(&need, result, is_more.then_some(&*unsaved)));
        all_stored
    }
}

/// Stores the record under the lock, which is taken anew if it was lost, and says whether it is stored: it is not where something as new was,
/// or the record was deleted or revoked meanwhile.
async fn store<'h>(
    (record, was_stored): (&Record, bool),
    host: &'h FlightHost<'_>,
    held: &mut Held<'h>,
) -> Result<bool, StoreError> {
    let lock = match held {
        Some(lock) => lock,
        None => held.insert(host.lock(record.key().clone(), LONGEST_PAUSE).await?),
    };
    if is_stored(record, &**lock) || is_gone(&**lock, was_stored) {
        return Ok(is_the_stored(record, &**lock));
    }
    let saved = lock.save(Change::Put(Box::new(record.clone()))).await;
    let is_lost = |error: &StoreError| error.kind() == StoreErrorKind::Conflict;
    if saved.as_ref().is_err_and(is_lost)
        && let Some(lost) = held.take()
    {
        lost.unlock().await;
    }
    saved.map(|()| true)
}

/// Whether the record was deleted or revoked, as is found where the lock was lost and had to be taken again: it does not come back.
fn is_gone(lock: &dyn AsyncLocked, was_stored: bool) -> bool {
    match lock.record() {
        Some(stored) => stored.refresh.revoked_at.is_some(),
        None => was_stored,
    }
}

/// Whether it is this very record that stands in the store, and not one of somebody else's that is as new.
fn is_the_stored(record: &Record, lock: &dyn AsyncLocked) -> bool {
    lock.record().is_some_and(|stored| {
        stored.generation() == record.generation()
            && stored.token().access_token.eq_ct(&record.token().access_token)
    })
}

/// Whether what stands in the store is this record or a later one.
fn is_stored(record: &Record, lock: &dyn AsyncLocked) -> bool {
    lock.record()
        .is_some_and(|stored| stored.generation() >= record.generation())
}
