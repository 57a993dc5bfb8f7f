//! The store's own state: who holds which lock, and what a save does.

use std::task::{Poll, Waker};

use grantflow_core::{Change, Key, Record, StoreError, StoreErrorKind};

use super::{ATTEMPT, Holder, LEASE, PATIENCE, is_tombstone};
use crate::chronicle::What;
use crate::scenario::{Fault, StoreKind};
use crate::server::{Grant, access_of};
use crate::world::{Due, MILLI, Micros, SECOND, State, Who};

/// Which guard saves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saving {
    pub(super) slot: usize,
    pub(super) guard: u64,
    pub(super) seen: u64,
    pub(super) for_login: bool,
    /// The generation that this guard knows of.
    pub(super) generation: Option<u64>,
    /// A bug: that is all that is compared.
    pub(super) generations_only: bool,
}

impl State {
    fn slot_of(&self, key: &Key) -> Option<usize> {
        self.depot.slots.iter().position(|slot| slot.key == *key)
    }

    pub(super) fn read(&mut self, who: Who, key: &Key) -> Result<Option<Record>, StoreError> {
        match self.slot_of(key) {
            Some(slot) => {
                let mishaps = self.scenario.mishaps;
                if self.has(Fault::ReadFails) && self.dice.chance(mishaps) {
                    self.note(who, What::StoreFails(StoreErrorKind::Unavailable));
                    return Err(StoreError::new(StoreErrorKind::Unavailable));
                }
                Ok(self.stored(who, slot))
            }
            None => Ok(None),
        }
    }

    fn stored(&mut self, who: Who, slot: usize) -> Option<Record> {
        let record = self.depot.slots[slot].record.clone();
        let what = What::Stored {
            generation: record.as_ref().map(Record::generation),
            ended: record.as_ref().is_some_and(is_tombstone),
        };
        self.note(who, what);
        record
    }

    pub(super) fn try_lock(
        &mut self,
        who: Who,
        key: &Key,
        until: Micros,
        waker: &Waker,
    ) -> Poll<Result<(usize, u64), StoreError>> {
        let Some(slot) = self.slot_of(key) else {
            return Poll::Ready(Err(StoreError::new(StoreErrorKind::Unsupported("hold this key"))));
        };
        if self.depot.slots[slot].holder.is_none() {
            self.depot.guards += 1;
            let guard = self.depot.guards;
            if self.scenario.store != StoreKind::CompareAndSwap {
                self.hold(who, slot, guard);
            }
            return Poll::Ready(Ok((slot, guard)));
        }
        if self.now >= until {
            self.note(
                who,
                What::StoreFails(StoreErrorKind::LockTimeout { holder: None }),
            );
            let holder = self.depot.slots[slot]
                .holder
                .map(|holder| holder.who.process as u32);
            return Poll::Ready(Err(StoreError::new(StoreErrorKind::LockTimeout { holder })));
        }
        self.depot.slots[slot].waiters.push(waker.clone());
        self.at(until, Due::Wake(waker.clone()));
        Poll::Pending
    }

    fn hold(&mut self, who: Who, slot: usize, guard: u64) {
        self.depot.slots[slot].holder = Some(Holder {
            who,
            guard,
            since: self.now,
            stood_still: self.processes[who.process].stood_still,
            open: true,
            asks: 0,
        });
    }

    /// How long it takes to read under the lock. Where there is none, what is read is also what says whether to wait.
    pub(super) fn latency_under_lock(&mut self) -> Micros {
        match self.scenario.store {
            StoreKind::CompareAndSwap => 0,
            _ => self.dice.below(3) * MILLI,
        }
    }

    /// What is found under the lock, once the write is prepared.
    pub(super) fn found(&mut self, who: Who, slot: usize) -> Result<(Option<Record>, u64), StoreError> {
        let mishaps = self.scenario.mishaps;
        if self.has(Fault::LockFails) && self.dice.chance(mishaps) {
            let kind = self.dice.pick(&[StoreErrorKind::Full, StoreErrorKind::ReadOnly]);
            self.note(who, What::StoreFails(kind));
            return Err(StoreError::new(kind));
        }
        Ok((self.stored(who, slot), self.depot.slots[slot].version))
    }

    pub(super) fn unlock(&mut self, slot: usize, guard: u64, forgets_hung_writes: bool) {
        if !forgets_hung_writes && self.outlives(slot, guard) {
            return;
        }
        self.check_hold(slot, guard);
        let noted = self.scenario.store == StoreKind::CompareAndSwap;
        let slot = &mut self.depot.slots[slot];
        if let Some(holder) = slot.holder.as_mut().filter(|holder| holder.guard == guard) {
            holder.open = false;
            // Nothing tells the others that a noted attempt has come to nothing: they wait until it must have.
            if !noted {
                slot.free();
            }
        }
    }

    /// Whoever waits for a lock gives up after 75 s: nobody who lives may hold one for longer, but to store what could not be stored.
    fn check_hold(&mut self, slot: usize, guard: u64) {
        let holder = self.depot.slots[slot].holder;
        let Some(holder) = holder.filter(|holder| holder.guard == guard) else {
            return;
        };
        let process = &self.processes[holder.who.process];
        // A pause that had begun when the lock was taken counts from then on.
        let before = process.still_until.min(self.now).saturating_sub(holder.since);
        let still = (process.stood_still - holder.stood_still).max(before);
        let held = (self.now - holder.since).saturating_sub(still);
        let excused =
            self.scenario
                .faults
                .has_any(&[Fault::SaveFails, Fault::WriteHangs, Fault::RuntimeDrop]);
        if held > PATIENCE && !excused {
            self.violated("I4", format!("holds the lock for {} s", held / SECOND));
        }
    }

    /// What a kernel does when a process ends; a lease only ends with its time.
    pub(crate) fn free_locks_of(&mut self, who: Who) {
        match self.scenario.store {
            StoreKind::KernelLock | StoreKind::Keyring => {
                self.end_hung_writes(who);
                for slot in &mut self.depot.slots {
                    if slot.holder.is_some_and(|holder| holder.who == who) {
                        slot.free();
                    }
                }
            }
            StoreKind::Lease => self.end_leases_later(who),
            StoreKind::CompareAndSwap => {}
        }
    }

    pub(crate) fn end_leases_later(&mut self, who: Who) {
        for at in 0..self.depot.slots.len() {
            if let Some(holder) = self.depot.slots[at].holder.filter(|holder| holder.who == who) {
                let guard = holder.guard;
                self.at(self.now + LEASE, Due::LeaseEnds { slot: at, guard });
            }
        }
    }

    pub(crate) fn lease_ends(&mut self, slot: usize, guard: u64) {
        if let Some(holder) = self.depot.slots[slot]
            .holder
            .filter(|holder| holder.guard == guard)
        {
            let noted = self.scenario.store == StoreKind::CompareAndSwap;
            if noted && self.now < holder.since + ATTEMPT {
                // It was noted anew.
                return;
            }
            if self.is_alive(holder.who) && holder.open {
                self.note(holder.who, What::LeaseLost);
                self.ledger.lease_lost = true;
            }
            self.depot.slots[slot].free();
        }
    }

    pub(crate) fn lose_leases(&mut self, who: Who) {
        if self.scenario.store == StoreKind::Lease {
            for slot in 0..self.depot.slots.len() {
                if let Some(holder) = self.depot.slots[slot].holder.filter(|holder| holder.who == who) {
                    self.lease_ends(slot, holder.guard);
                }
            }
        }
    }

    /// Whether what its process has to store is for this guard to store: where there is no lock, another of the same process
    /// may be the one.
    pub(super) fn may_refresh(&self, slot: usize, guard: u64) -> bool {
        let holder = self.depot.slots[slot].holder;
        self.scenario.store != StoreKind::CompareAndSwap || holder.is_some_and(|holder| holder.guard == guard)
    }

    /// Whether this process holds the lock of the slot.
    pub(crate) fn holds(&self, who: Who, slot: usize) -> bool {
        self.depot.slots[slot]
            .holder
            .is_some_and(|holder| holder.who == who)
    }

    /// Stores the change, or fails; gives what is stored then.
    pub(super) fn save(
        &mut self,
        who: Who,
        by: &mut Saving,
        change: Change,
    ) -> Result<Option<Record>, StoreError> {
        let refuse = |state: &mut Self, kind| {
            state.note(who, What::StoreFails(kind));
            Err(StoreError::new(kind))
        };
        let record = match change {
            Change::Put(record) | Change::Replace { record, .. } => Some(*record),
            _ => None,
        };
        let slot = &self.depot.slots[by.slot];
        if record.as_ref().is_some_and(|record| *record.key() != slot.key) {
            self.violated("I7", "saves the record of another key".to_owned());
            return refuse(self, StoreErrorKind::NotLocked);
        }
        let stored = slot.record.as_ref().map(Record::generation);
        let changed = if by.generations_only {
            stored != by.generation
        } else {
            slot.version != by.seen
        };
        if changed && self.scenario.store.compares() {
            return refuse(self, StoreErrorKind::Conflict);
        }
        if record
            .as_ref()
            .is_some_and(|record| Some(record.generation()) < stored)
        {
            return refuse(self, StoreErrorKind::Conflict);
        }
        let mine = slot.holder.is_some_and(|holder| holder.guard == by.guard);
        if !mine && self.scenario.store != StoreKind::CompareAndSwap && !self.ledger.lease_lost {
            self.violated("I3", "saves without the lock".to_owned());
        }
        let failing = self.depot.fails.filter(|(_, until)| self.now < *until);
        if let Some((kind, _)) = failing {
            // The error of an `fsync` may come when all is done.
            if kind != StoreErrorKind::Io || self.dice.chance(500) {
                return refuse(self, kind);
            }
            // Whose save may have been done is asked about it before the next one compares.
            self.apply(who, by, record, false);
            self.doubts(who, by);
            by.seen = self.depot.slots[by.slot].version;
            return refuse(self, kind);
        }
        let stored = self.apply(who, by, record, true);
        by.seen = self.depot.slots[by.slot].version;
        Ok(stored)
    }

    pub(super) fn apply(
        &mut self,
        who: Who,
        by: &Saving,
        record: Option<Record>,
        confirmed: bool,
    ) -> Option<Record> {
        let stored = match record {
            None => {
                self.note(who, What::Deletes);
                None
            }
            Some(record) => {
                let Some(grant) = access_of(record.token().access_token.expose()) else {
                    self.violated("I2", "saves a token that no server has issued".to_owned());
                    return None;
                };
                self.check_save(by.slot, by.for_login, &record, grant);
                self.note_save(who, &record, grant);
                self.server.saved(grant, confirmed);
                Some(written_and_read(&record))
            }
        };
        let now = self.now;
        let slot = &mut self.depot.slots[by.slot];
        slot.record.clone_from(&stored);
        slot.version += 1;
        slot.since = now;
        if self.scenario.store == StoreKind::CompareAndSwap {
            self.note_attempt(who, by, stored.as_ref());
        }
        stored
    }

    /// Whoever was told that it failed goes on as if nobody else could refresh: where there is no lock, that is so no more.
    fn doubts(&mut self, who: Who, by: &Saving) {
        let noted = self.depot.slots[by.slot].holder.is_some();
        if self.scenario.store == StoreKind::CompareAndSwap && !noted {
            self.note(who, What::LeaseLost);
            self.ledger.lease_lost = true;
        }
    }

    /// Where there is no lock, a noted attempt stands for one until the next write, or until it must be over.
    fn note_attempt(&mut self, who: Who, by: &Saving, stored: Option<&Record>) {
        if stored.is_some_and(|record| record.refresh_state().is_in_doubt()) {
            self.hold(who, by.slot, by.guard);
            let (slot, guard) = (by.slot, by.guard);
            self.at(self.now + ATTEMPT, Due::LeaseEnds { slot, guard });
        } else {
            self.depot.slots[by.slot].free();
        }
    }

    fn note_save(&mut self, who: Who, record: &Record, grant: Grant) {
        let refresh = record.refresh_state();
        let what = if is_tombstone(record) {
            What::Tombstone
        } else {
            What::Saves {
                generation: record.generation(),
                grant,
                journal: refresh.attempt_started_at.is_some(),
                retry_at: refresh.retry_at.is_some(),
            }
        };
        self.note(who, what);
    }
}

/// The record as another process reads it.
fn written_and_read(record: &Record) -> Record {
    Record::from_json(record.expose_json().expose()).expect("a record reads back as it was written")
}
