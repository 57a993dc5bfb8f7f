//! The modelled store: the promises of `AsyncStore`, kept by a kernel's lock, by one beside a password manager, by a lease with a
//! save that compares, or by that save alone.
//!
//! A save compares all that is stored with what its guard has found: a number that every write counts stands for it. The
//! generation would not do, since the note of an attempt keeps it.
//!
//! A save is wholly done or not at all, whenever its process dies. What is stored is what was written: a record passes
//! through its written form on every save.

mod hung;
mod locks;

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use async_trait::async_trait;
use grantflow_core::{AsyncLocked, AsyncStore, Change, Key, Protection, Record, StoreError, StoreErrorKind};

use crate::chronicle::{Effect, Side, What};
use crate::world::{Cause, MILLI, Micros, SECOND, Who, World};
use hung::Hung;
use locks::Saving;

/// How long a lease lasts without a sign of life of its holder.
pub(crate) const LEASE: Micros = 30 * SECOND;
/// How long a noted attempt stands for a lock where there is none: longer than any may take, shorter than others wait.
pub(crate) const ATTEMPT: Micros = 65 * SECOND;
/// How long a call of a password manager is waited for.
const TIME_LIMIT: Micros = 30 * SECOND;
/// No save takes as long, unless it hangs.
pub(crate) const LONGEST_SAVE: Micros = 20 * MILLI;
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
    /// How often it was written.
    version: u64,
    /// When that was stored.
    pub(crate) since: Micros,
    pub(crate) holder: Option<Holder>,
    /// A write that hangs.
    hung: Option<Hung>,
    waiters: Vec<Waker>,
}

/// Who holds a lock, or has noted an attempt where there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder {
    pub(crate) who: Who,
    guard: u64,
    since: Micros,
    stood_still: Micros,
    /// Whether its guard is there and believes in it.
    open: bool,
    /// Refreshes that were asked for since the lock was taken, or since the last one was granted.
    pub(crate) asks: u32,
}

impl Slot {
    pub(crate) fn new(key: Key, record: Option<Record>) -> Self {
        Self {
            key,
            record,
            version: 0,
            since: 0,
            holder: None,
            hung: None,
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
    /// A bug: generations are compared, and nothing else.
    pub(crate) compares_generations: bool,
    /// A bug: a lock is given back though a write may still be done.
    pub(crate) forgets_hung_writes: bool,
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
            seen: 0,
            record: None,
            open: true,
        };
        let latency = world.state().latency_under_lock();
        world.sleep(latency).await;
        let found = world.state().found(who, slot);
        match found {
            Ok((record, version)) => {
                locked.seen = version;
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
    /// The version that is stored, as far as this guard knows.
    seen: u64,
    record: Option<Record>,
    open: bool,
}

impl SimLocked {
    fn give_back(&mut self) {
        self.open = false;
        let mut state = self.store.world.state();
        if state.may_refresh(self.slot, self.guard) {
            state.check_unlock(self.store.who, self.slot);
        }
        state.unlock(self.slot, self.guard, self.store.forgets_hung_writes);
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
        let latency = store.world.state().dice.below(LONGEST_SAVE / MILLI) * MILLI;
        store.world.sleep(latency).await;
        let mut by = Saving {
            slot: self.slot,
            guard: self.guard,
            seen: self.seen,
            for_login: self.for_login,
            generation: self.record.as_ref().map(Record::generation),
            generations_only: store.compares_generations,
        };
        let hangs = store.world.state().hangs(store.who, &by, &change);
        let saved = if let Some(until_answered) = hangs {
            store.world.sleep(until_answered).await;
            store.world.state().timed_out(store.who)
        } else {
            store.world.state().save(store.who, &mut by, change)
        };
        self.seen = by.seen;
        if let Ok(record) = &saved {
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
            if state.may_refresh(self.slot, self.guard) {
                state.break_windows_of(who, Some(self.slot), cause);
            }
            state.unlock(self.slot, self.guard, self.store.forgets_hung_writes);
        }
    }
}
