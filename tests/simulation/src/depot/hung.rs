//! Writes into a password manager that get no answer in time.
//!
//! ```text
//! save ─▶ hangs ─▶ 30 s: TimedOut ─▶ nothing more is written by this guard ─▶ lands: stored ─▶ the lock is free, if given back
//!                                      └ its process dies: the call dies with it, and nothing is stored
//! ```

use grantflow_core::{Change, Record, StoreError, StoreErrorKind};

use super::TIME_LIMIT;
use super::locks::Saving;
use crate::chronicle::What;
use crate::scenario::{Fault, StoreKind};
use crate::world::{Due, Micros, SECOND, State, Who};

/// A write that nobody waits for any more.
#[derive(Clone, Debug)]
pub(super) struct Hung {
    who: Who,
    by: Saving,
    record: Option<Record>,
    /// Whether its guard has given the lock back.
    given_back: bool,
}

impl State {
    /// Whether this save gets no answer in time, and after how long its caller is told so.
    pub(super) fn hangs(&mut self, who: Who, by: &Saving, change: &Change) -> Option<Micros> {
        if self.scenario.store != StoreKind::Keyring {
            return None;
        }
        if let Some(hung) = &self.depot.slots[by.slot].hung {
            // Nothing is written beside it.
            return (hung.by.guard == by.guard).then_some(0);
        }
        let mishaps = self.scenario.mishaps;
        if !self.has(Fault::WriteHangs) || !self.dice.chance(mishaps) {
            return None;
        }
        self.note(who, What::WriteHangs);
        self.depot.slots[by.slot].hung = Some(Hung {
            who,
            by: *by,
            record: match change {
                Change::Put(record) | Change::Replace { record, .. } => Some((**record).clone()),
                _ => None,
            },
            given_back: false,
        });
        let lands = self.now + TIME_LIMIT + self.dice.below(100) * SECOND;
        self.at(lands, Due::Lands(by.slot));
        Some(TIME_LIMIT)
    }

    pub(super) fn timed_out(&mut self, who: Who) -> Result<Option<Record>, StoreError> {
        self.note(who, What::StoreFails(StoreErrorKind::TimedOut));
        Err(StoreError::new(StoreErrorKind::TimedOut))
    }

    /// The write is done after all.
    pub(crate) fn lands(&mut self, slot: usize) {
        let Some(hung) = self.depot.slots[slot].hung.take() else {
            return;
        };
        self.note(hung.who, What::Lands);
        self.apply(hung.who, &hung.by, hung.record, false);
        if hung.given_back {
            self.unlock(slot, hung.by.guard, false);
        }
    }

    /// Whether the lock stays, since a write of its guard may still be done.
    pub(super) fn outlives(&mut self, slot: usize, guard: u64) -> bool {
        match &mut self.depot.slots[slot].hung {
            Some(hung) if hung.by.guard == guard => {
                hung.given_back = true;
                true
            }
            _ => false,
        }
    }

    /// A call ends with its process.
    pub(super) fn end_hung_writes(&mut self, who: Who) {
        for slot in &mut self.depot.slots {
            slot.hung = slot.hung.take().filter(|hung| hung.who != who);
        }
    }
}
