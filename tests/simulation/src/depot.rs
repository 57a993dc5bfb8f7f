//! The modelled store: the promises of `AsyncStore`, kept by a kernel's lock or by a lease with a save that compares.
//!
//! A save is wholly done or not at all, whenever its process dies. What is stored is what was written: a record passes
//! through its written form on every save.

use std::fmt;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use grantflow_core::{AsyncLocked, AsyncStore, Change, Key, Protection, Record, StoreError, StoreErrorKind};

use crate::chronicle::{Effect, Side, What};
use crate::scenario::{Fault, StoreKind};
use crate::server::{Grant, access_of};
use crate::world::{Cause, Due, MILLI, Micros, SECOND, State, Who, World};

/// How long a lease lasts without a sign of life of its holder.
pub(crate) const LEASE: Micros = 30 * SECOND;
/// The longest that a flow may want to wait for a lock.
const PATIENCE: Micros = 75 * SECOND;

/// All records.
#[derive(Debug, Default)]
pub(crate) struct Depot {
    pub(crate) slots: Vec<Slot>,
    /// Saves fail like this, until then.
    pub(crate) fails: Option<(StoreErrorKind, Micros)>,
    guards: u64,
}

/// The place of one record.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) key: Key,
    pub(crate) record: Option<Record>,
    /// When that was stored.
    pub(crate) since: Micros,
    pub(crate) holder: Option<Holder>,
    waiters: Vec<Waker>,
}

/// Who holds a lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder {
    pub(crate) who: Who,
    guard: u64,
}

impl Slot {
    pub(crate) fn new(key: Key, record: Record) -> Self {
        Self {
            key,
            record: Some(record),
            since: 0,
            holder: None,
            waiters: Vec::new(),
        }
    }

    /// Whether a tombstone is stored.
    pub(crate) fn is_ended(&self) -> bool {
        self.record.as_ref().is_some_and(is_tombstone)
    }

    fn free(&mut self) {
        self.holder = None;
        self.waiters.drain(..).for_each(Waker::wake);
    }
}

fn is_tombstone(record: &Record) -> bool {
    record.refresh_state().revoked_at.is_some()
}

/// The store as one life of a process sees it.
#[derive(Clone)]
pub(crate) struct SimStore {
    pub(crate) world: Arc<World>,
    pub(crate) who: Who,
}

impl fmt::Debug for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimStore").finish_non_exhaustive()
    }
}

impl SimStore {
    async fn point(&self, effect: Effect, side: Side) {
        self.world.point(self.who, effect, side).await;
    }

    async fn take_lock(
        &self,
        key: &Key,
        patience: Duration,
        for_login: bool,
    ) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        self.point(Effect::Lock, Side::Before).await;
        let patience = u64::try_from(patience.as_micros()).unwrap_or(u64::MAX);
        let (world, who) = (&self.world, self.who);
        let mut deadline = None;
        let taken = world.wait_for(|state, waker| {
            let until = *deadline.get_or_insert_with(|| {
                if patience > PATIENCE {
                    state.violated("I4", format!("waits {} s for a lock", patience / SECOND));
                }
                state.now + patience
            });
            state.try_lock(who, key, until, waker)
        });
        let (slot, guard) = taken.await?;
        // From here on the lock is given back whatever happens.
        let mut locked = SimLocked {
            store: self.clone(),
            slot,
            guard,
            for_login,
            seen: None,
            record: None,
            open: true,
        };
        let latency = world.state().dice.below(3) * MILLI;
        world.sleep(latency).await;
        let found = world.state().found(who, slot);
        match found {
            Ok(record) => {
                locked.seen = record.as_ref().map(Record::generation);
                locked.record = record;
            }
            Err(error) => {
                locked.give_back();
                return Err(error);
            }
        }
        self.point(Effect::Lock, Side::After).await;
        Ok(Box::new(locked))
    }
}

#[async_trait]
impl AsyncStore for SimStore {
    async fn read(&self, key: Key) -> Result<Option<Record>, StoreError> {
        self.point(Effect::Read, Side::Before).await;
        let latency = self.world.state().dice.below(3) * MILLI;
        self.world.sleep(latency).await;
        let read = self.world.state().read(self.who, &key);
        self.point(Effect::Read, Side::After).await;
        read
    }

    async fn lock(&self, key: Key, patience: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        self.take_lock(&key, patience, false).await
    }

    async fn lock_for_login(
        &self,
        key: Key,
        patience: Duration,
    ) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        self.take_lock(&key, patience, true).await
    }

    async fn keys(&self) -> Result<Vec<Key>, StoreError> {
        let state = self.world.state();
        let stored = state.depot.slots.iter().filter(|slot| slot.record.is_some());
        Ok(stored.map(|slot| slot.key.clone()).collect())
    }

    fn protection(&self) -> Protection {
        Protection::Memory
    }
}

/// A record under its lock.
struct SimLocked {
    store: SimStore,
    slot: usize,
    guard: u64,
    for_login: bool,
    /// The generation that is stored, as far as this guard knows.
    seen: Option<u64>,
    record: Option<Record>,
    open: bool,
}

impl SimLocked {
    fn give_back(&mut self) {
        self.open = false;
        let mut state = self.store.world.state();
        state.check_unlock(self.store.who, self.slot);
        state.unlock(self.slot, self.guard);
    }
}

#[async_trait]
impl AsyncLocked for SimLocked {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    async fn save(&mut self, change: Change) -> Result<(), StoreError> {
        let store = self.store.clone();
        store.point(Effect::Save, Side::Before).await;
        let latency = store.world.state().dice.below(20) * MILLI;
        store.world.sleep(latency).await;
        let saved = store.world.state().save(
            store.who,
            Saving {
                slot: self.slot,
                guard: self.guard,
                seen: self.seen,
                for_login: self.for_login,
            },
            change,
        );
        if let Ok(record) = &saved {
            self.seen = record.as_ref().map(Record::generation);
            self.record.clone_from(record);
        }
        store.point(Effect::Save, Side::After).await;
        saved.map(drop)
    }

    async fn unlock(mut self: Box<Self>) {
        let store = self.store.clone();
        store.point(Effect::Unlock, Side::Before).await;
        self.give_back();
        store.point(Effect::Unlock, Side::After).await;
    }
}

impl Drop for SimLocked {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let who = self.store.who;
        let mut state = self.store.world.state();
        // Where the process died, the kernel has given the lock back already.
        if state.is_alive(who) {
            state.note(who, What::LetsGo);
            let cause = state.dropping.unwrap_or(Cause::Cancel);
            state.break_windows_of(who, Some(self.slot), cause);
            state.unlock(self.slot, self.guard);
        }
    }
}

/// Which guard saves.
struct Saving {
    slot: usize,
    guard: u64,
    seen: Option<u64>,
    for_login: bool,
}

impl State {
    fn slot_of(&self, key: &Key) -> Option<usize> {
        self.depot.slots.iter().position(|slot| slot.key == *key)
    }

    fn read(&mut self, who: Who, key: &Key) -> Result<Option<Record>, StoreError> {
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

    fn try_lock(
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
            self.depot.slots[slot].holder = Some(Holder { who, guard });
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

    /// What is found under the lock, once the write is prepared.
    fn found(&mut self, who: Who, slot: usize) -> Result<Option<Record>, StoreError> {
        let mishaps = self.scenario.mishaps;
        if self.has(Fault::LockFails) && self.dice.chance(mishaps) {
            let kind = self.dice.pick(&[StoreErrorKind::Full, StoreErrorKind::ReadOnly]);
            self.note(who, What::StoreFails(kind));
            return Err(StoreError::new(kind));
        }
        Ok(self.stored(who, slot))
    }

    fn unlock(&mut self, slot: usize, guard: u64) {
        let slot = &mut self.depot.slots[slot];
        if slot.holder.is_some_and(|holder| holder.guard == guard) {
            slot.free();
        }
    }

    /// What a kernel does when a process ends; a lease only ends with its time.
    pub(crate) fn free_locks_of(&mut self, who: Who) {
        match self.scenario.store {
            StoreKind::KernelLock => {
                for slot in &mut self.depot.slots {
                    if slot.holder.is_some_and(|holder| holder.who == who) {
                        slot.free();
                    }
                }
            }
            StoreKind::Lease => self.end_leases_later(who),
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
            if self.is_alive(holder.who) {
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

    /// Whether this process holds the lock of the slot.
    pub(crate) fn holds(&self, who: Who, slot: usize) -> bool {
        self.depot.slots[slot]
            .holder
            .is_some_and(|holder| holder.who == who)
    }

    /// Stores the change, or fails; gives what is stored then.
    fn save(&mut self, who: Who, by: Saving, change: Change) -> Result<Option<Record>, StoreError> {
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
        if self.scenario.store == StoreKind::Lease && stored != by.seen {
            return refuse(self, StoreErrorKind::Conflict);
        }
        if record
            .as_ref()
            .is_some_and(|record| Some(record.generation()) < stored)
        {
            return refuse(self, StoreErrorKind::Conflict);
        }
        if slot.holder.is_none_or(|holder| holder.guard != by.guard) && !self.ledger.lease_lost {
            self.violated("I3", "saves without the lock".to_owned());
        }
        let failing = self.depot.fails.filter(|(_, until)| self.now < *until);
        if let Some((kind, _)) = failing {
            // The error of an `fsync` may come when all is done.
            if kind != StoreErrorKind::Io || self.dice.chance(500) {
                return refuse(self, kind);
            }
            self.apply(who, &by, record);
            return refuse(self, kind);
        }
        Ok(self.apply(who, &by, record))
    }

    fn apply(&mut self, who: Who, by: &Saving, record: Option<Record>) -> Option<Record> {
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
                self.server.saved(grant);
                Some(written_and_read(&record))
            }
        };
        let now = self.now;
        let slot = &mut self.depot.slots[by.slot];
        slot.record.clone_from(&stored);
        slot.since = now;
        stored
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
