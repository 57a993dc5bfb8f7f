//! A token that was granted and cannot be stored: the lock is kept, and storing it is tried until it succeeds.
//!
//! ```text
//! save failed ─▶ land (the callers have their token) ─▶ pause ─▶ save ─┬─ stored ─▶ unlock
//!                                                       ▲  │           │
//!                                                       │  └ a caller needs more: refresh under the kept lock
//!                                                       └──────────────┘
//! ```
//!
//! Giving the lock back would let the next process send the spent refresh token, which ends the grant at a server that watches
//! for reuse. The lock goes with the process; what is lost then could not be kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::asynchronous::Credentials;
use super::flight::Leader;
use super::flying::{FlightHost, Held};
use super::inbox::Duty;
use super::observer::Event;
use super::published::{Grant, Obtained, Published};
use crate::driver::perform;
use crate::error::StoreErrorKind;
use crate::{AsyncLocked, Change, Record, StoreError};

/// How soon a caller that needs more is noticed.
const SLICE: Duration = Duration::from_millis(250);

/// The longest pause between two tries to store the token.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How often a caller that flies itself tries, since it waits for its own answer.
const TRIES_OF_A_CALLER: u32 = 3;

impl Credentials {
    /// Lands the flight with the token that could not be stored, then goes on trying to store it.
    ///
    /// `owned`: whether a task of its own does it; a caller that flies itself gives up after a few tries.
    pub(super) async fn keep<'h>(
        &self,
        published: Arc<Published>,
        leader: Leader<Obtained>,
        lock: Box<dyn AsyncLocked + 'h>,
        host: &'h FlightHost<'_>,
        owned: &AtomicBool,
    ) {
        let (Grant::Stored(record), Some(why)) = (&published.grant, &published.unsaved) else {
            lock.unlock().await;
            return leader.land(Ok(published));
        };
        let (mut record, mut why) = ((**record).clone(), why.clone());
        // The inbox is open before a caller wakes who may need more.
        let inbox = self.shared.inbox.open();
        let keeping = self.shared.keeping.begin();
        leader.land(Ok(published));
        let mut held = Some(lock);
        let (mut pause, mut waited, mut tries) = (SLICE, Duration::ZERO, 0_u32);
        let mut served = true;
        while let Some(lock) = &mut held {
            self.transport.sleep(SLICE).await;
            waited = waited.saturating_add(SLICE);
            if is_stored(&record, &**lock) || is_gone(&**lock) {
                break;
            }
            if let Some(duty) = inbox.take() {
                served = self.serve(duty, &mut record, why.clone(), host, &mut held).await;
                continue;
            }
            if waited < pause {
                continue;
            }
            match lock.save(Change::Put(Box::new(record.clone()))).await {
                Ok(()) => break,
                // A lease that was lost: what is stored now is another's, and the flow that finds it decides.
                Err(error) if error.kind() == StoreErrorKind::Conflict => break,
                Err(error) => {
                    self.tell(Event::SaveFailed { kind: error.kind() });
                    why = error;
                    (waited, pause, tries) = (Duration::ZERO, (pause * 2).min(LONGEST_PAUSE), tries + 1);
                    if tries >= TRIES_OF_A_CALLER && !owned.load(Ordering::Relaxed) {
                        break;
                    }
                }
            }
        }
        let stored = match held {
            // Given back with all stored; or it was lost to another, and could not be had again.
            None => served,
            Some(lock) => {
                let stored = is_stored(&record, &*lock);
                lock.unlock().await;
                stored
            }
        };
        if stored {
            self.shared.saved(record.generation());
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

    /// Gets what a caller needs under the lock that is kept, from the newest record, and says whether it could. It is stored on the
    /// way, if the store takes it.
    async fn serve<'h>(
        &self,
        (need, leader): Duty,
        record: &mut Record,
        why: StoreError,
        host: &'h FlightHost<'_>,
        held: &mut Held<'h>,
    ) -> bool {
        let flow = self.shared.flow(&need, record.key(), self.transport.now());
        let step = self.equipped(flow).holding(record.clone(), why);
        let result = perform(step, host, held).await;
        match &result {
            Ok(access) => *record = access.record.clone(),
            // What could not be written down is kept in mind.
            Err(error) => record.fails(error),
        }
        let served = result.is_ok();
        leader.land(self.publish(&need, result));
        served
    }
}

/// Whether the record was deleted or revoked, as is found where the lock was lost and had to be taken again: it does not come back.
fn is_gone(lock: &dyn AsyncLocked) -> bool {
    lock.record()
        .is_none_or(|stored| stored.refresh.revoked_at.is_some())
}

/// Whether what stands in the store is this record or a later one.
fn is_stored(record: &Record, lock: &dyn AsyncLocked) -> bool {
    lock.record()
        .is_some_and(|stored| stored.generation() >= record.generation())
}
