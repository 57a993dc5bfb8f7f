//! Each promise can be broken: for each a store that does, and is caught.

use std::collections::HashMap;
use std::panic::catch_unwind;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{samples, store as promises};
use crate::error::StoreErrorKind as Kind;
use crate::{AsyncLocked, AsyncStore, Change, Key, Locked, Protection, Record, Store, StoreError, Token};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    None,
    InventsRecords,
    LeavesARecordBehind,
    ForgetsUnknownMembers,
    ForgetsExtras,
    SavesNothing,
    GuardKeepsTheOldRecord,
    UnlocksAfterSave,
    EndsWithADeletion,
    ReadsUnderTheLock,
    GrantsEveryLock,
    TimesOutAsIo,
    LetsTwoWrite,
    DeletesOnDrop,
    KeepsTheLockOnDrop,
    KeepsTheLockOnPanic,
    KeepsDeleted,
    SharesAccounts,
    DeletesAnyKey,
    TakesAnyRecord,
    KeepsForgotten,
    ForgetsWhatIsLocked,
    DropsTombstones,
    ListsNothing,
    ListsLocks,
    OrdersScopes,
    CutsLargeRecords,
    GoesBack,
    RefusesEqualGenerations,
    LoginSeesNothing,
    LoginLocksNothing,
    // Of the async form only:
    LeaksADroppedGuard,
    LeaksADroppedLock,
    TearsADroppedSave,
    UnlocksLater,
}

#[derive(Debug)]
struct Faulty {
    fault: Fault,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    records: HashMap<String, Record>,
    locked: Vec<String>,
    met: bool,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            state: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is held")
    }

    fn name(&self, key: &Key) -> String {
        match self.fault {
            Fault::SharesAccounts => key.clone().with_account("").digest(),
            Fault::OrdersScopes => key.digest() + &key.scopes().to_string(),
            _ => key.digest(),
        }
    }

    fn found(&self, key: &Key) -> Option<Record> {
        let found = self.state().records.get(&self.name(key)).cloned();
        let found = found.filter(|record| {
            self.fault != Fault::DropsTombstones || record.refresh_state().revoked_at.is_none()
        });
        match self.fault {
            Fault::InventsRecords => found.or_else(|| Some(samples::record(key.account()))),
            _ => found,
        }
    }

    fn changed(&self, record: Record) -> Record {
        let without = |name: &str| {
            let mut members: serde_json::Value = serde_json::from_str(&samples::json(&record)).expect("JSON");
            members.as_object_mut().expect("an object").remove(name);
            if let Some(token) = members["token"].as_object_mut() {
                token.remove(name);
            }
            Record::from_json(&members.to_string()).expect("a record still")
        };
        match self.fault {
            Fault::ForgetsUnknownMembers => without("of_a_later_version"),
            Fault::ForgetsExtras => without("extras"),
            Fault::CutsLargeRecords if samples::json(&record).len() > 64 * 1024 => {
                let mut token = Token::bearer("cut", record.token().issued_at);
                token.refresh_token.clone_from(&record.token().refresh_token);
                record.refreshed(token)
            }
            _ => record,
        }
    }

    /// A broken store is not waited for.
    fn end(&self, patience: Duration) -> Instant {
        let most = if self.fault == Fault::None {
            promises::PATIENCE
        } else {
            Duration::from_millis(20)
        };
        Instant::now() + patience.min(most)
    }

    fn unlock(&self, name: &str) {
        self.state().locked.retain(|locked| locked != name);
        self.freed.notify_all();
    }

    fn locked(&self, key: &Key, patience: Duration) -> Result<Guard<'_>, StoreError> {
        let end = self.end(patience);
        let name = self.name(key);
        let mut state = self.state();
        let grants = matches!(self.fault, Fault::GrantsEveryLock | Fault::LetsTwoWrite);
        while state.locked.contains(&name) && !grants {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let timeout = Kind::LockTimeout { holder: None };
                let io = self.fault == Fault::TimesOutAsIo;
                return Err(StoreError::new(if io { Kind::Io } else { timeout }));
            }
            state = self.freed.wait_timeout(state, left).expect("no panic").0;
        }
        state.locked.push(name.clone());
        self.freed.notify_all();
        // A test must not depend on who comes when: the first waits for a second, and then both hold the lock.
        if self.fault == Fault::LetsTwoWrite && thread::current().name().is_none() {
            let alone = |state: &mut State| !state.met && state.locked.len() < 2;
            let two = self.freed.wait_timeout_while(state, promises::PATIENCE, alone);
            state = two.expect("no panic").0;
            state.met = true;
        }
        if self.fault == Fault::LeavesARecordBehind {
            let left = samples::record(key.account());
            state.records.entry(name.clone()).or_insert(left);
        }
        drop(state);
        Ok(Guard {
            store: self,
            key: key.clone(),
            name,
            record: self.found(key),
            deleted: false,
        })
    }
}

impl Store for Faulty {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        if self.fault == Fault::ReadsUnderTheLock && self.state().locked.contains(&self.name(key)) {
            return Err(StoreError::new(Kind::LockTimeout { holder: None }));
        }
        Ok(self.found(key))
    }

    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        Ok(Box::new(self.locked(key, patience)?))
    }

    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        let mut guard = self.locked(key, patience)?;
        match self.fault {
            Fault::LoginSeesNothing => guard.record = None,
            Fault::LoginLocksNothing => self.unlock(&guard.name),
            _ => {}
        }
        Ok(Box::new(guard))
    }

    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        let state = self.state();
        let keys = state.records.values().map(|record| record.key().clone());
        Ok(match self.fault {
            Fault::ListsNothing => Vec::new(),
            Fault::ListsLocks => keys
                .chain(state.locked.iter().map(|_| samples::key("bob")))
                .collect(),
            _ => keys.collect(),
        })
    }

    fn protection(&self) -> Protection {
        Protection::Memory
    }
}

struct Guard<'s> {
    store: &'s Faulty,
    key: Key,
    name: String,
    record: Option<Record>,
    deleted: bool,
}

impl Guard<'_> {
    fn put(&mut self, record: Record) -> Result<(), StoreError> {
        let fault = self.store.fault;
        if record.key() != &self.key && fault != Fault::TakesAnyRecord {
            return Err(StoreError::new(Kind::NotLocked));
        }
        let stored = self.record.as_ref().map_or(0, Record::generation);
        let older = record.generation() < stored && fault != Fault::GoesBack;
        if older || (fault == Fault::RefusesEqualGenerations && record.generation() == stored) {
            return Err(StoreError::new(Kind::Conflict));
        }
        if fault == Fault::EndsWithADeletion && self.deleted {
            return Err(StoreError::new(Kind::Io));
        }
        let record = self.store.changed(record);
        if fault != Fault::SavesNothing {
            let name = self.store.name(record.key());
            self.store.state().records.insert(name, record.clone());
        }
        if fault != Fault::GuardKeepsTheOldRecord {
            self.record = Some(record);
        }
        if fault == Fault::UnlocksAfterSave {
            self.store.unlock(&self.name);
        }
        Ok(())
    }
}

impl Locked for Guard<'_> {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    fn save(&mut self, change: Change) -> Result<(), StoreError> {
        let fault = self.store.fault;
        match change {
            Change::Put(record) => self.put(*record),
            Change::Replace { record, .. } if fault == Fault::KeepsForgotten => self.put(*record),
            Change::Replace { record, forget } if fault == Fault::ForgetsWhatIsLocked => {
                self.store.state().records.remove(&self.store.name(&forget));
                self.put(*record)
            }
            Change::Replace { record, forget } => {
                self.put(*record)?;
                let other = self.store.locked(&forget, promises::PATIENCE)?;
                self.store.state().records.remove(&other.name);
                Ok(())
            }
            Change::Delete => {
                let mut state = self.store.state();
                match fault {
                    Fault::KeepsDeleted => {}
                    Fault::DeletesAnyKey => state.records.clear(),
                    _ => drop(state.records.remove(&self.name)),
                }
                self.record = None;
                self.deleted = true;
                Ok(())
            }
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        match self.store.fault {
            Fault::DeletesOnDrop => drop(self.store.state().records.remove(&self.name)),
            Fault::KeepsTheLockOnDrop => return,
            Fault::KeepsTheLockOnPanic if thread::panicking() => return,
            _ => {}
        }
        self.store.unlock(&self.name);
    }
}

#[derive(Debug)]
struct FaultyAsync(Faulty);

struct AsyncGuard<'s>(Option<Guard<'s>>);

async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[async_trait]
impl AsyncStore for FaultyAsync {
    async fn read(&self, key: Key) -> Result<Option<Record>, StoreError> {
        self.0.read(&key)
    }

    async fn lock(&self, key: Key, patience: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        let end = self.0.end(patience);
        let guard = loop {
            match self.0.locked(&key, Duration::ZERO) {
                Ok(guard) => break guard,
                Err(error) if Instant::now() >= end => return Err(error),
                Err(_) => pause().await,
            }
        };
        if self.0.fault == Fault::LeaksADroppedLock {
            let guard = std::mem::ManuallyDrop::new(guard);
            pause().await;
            return Ok(Box::new(AsyncGuard(Some(std::mem::ManuallyDrop::into_inner(
                guard,
            )))));
        }
        Ok(Box::new(AsyncGuard(Some(guard))))
    }

    async fn keys(&self) -> Result<Vec<Key>, StoreError> {
        self.0.keys()
    }

    fn protection(&self) -> Protection {
        Protection::Memory
    }
}

#[async_trait]
impl AsyncLocked for AsyncGuard<'_> {
    fn record(&self) -> Option<&Record> {
        self.0.as_ref()?.record()
    }

    async fn save(&mut self, change: Change) -> Result<(), StoreError> {
        let guard = self.0.as_mut().expect("there until it is unlocked");
        if guard.store.fault == Fault::TearsADroppedSave {
            guard.save(Change::Delete)?;
            pause().await;
        }
        guard.save(change)
    }

    async fn unlock(mut self: Box<Self>) {
        if let Some(guard) = self.0.take()
            && guard.store.fault == Fault::UnlocksLater
        {
            std::mem::forget(guard);
        }
    }
}

impl Drop for AsyncGuard<'_> {
    fn drop(&mut self) {
        if let Some(guard) = self.0.take()
            && guard.store.fault == Fault::LeaksADroppedGuard
        {
            std::mem::forget(guard);
        }
    }
}

crate::conformance!(a_store_without_faults, || Faulty::new(Fault::None));
crate::async_conformance!(an_async_store_without_faults, || FaultyAsync(Faulty::new(
    Fault::None
)));

/// A promise is kept without the fault and broken with it.
macro_rules! caught {
    ($($promise:ident: $($fault:ident)+;)+) => {
        $(
            #[test]
            fn $promise() {
                $(
                    let broken = catch_unwind(|| promises::$promise(|| Faulty::new(Fault::$fault)));
                    assert!(broken.is_err(), "a store that {:?} passes", Fault::$fault);
                )+
            }
        )+
    };
}

mod a_store_is_caught_that_breaks {
    use super::*;

    caught! {
        an_absent_record_is_none: InventsRecords LeavesARecordBehind;
        a_record_reads_back_whole: ForgetsUnknownMembers ForgetsExtras SavesNothing;
        a_save_is_seen_by_all: SavesNothing GuardKeepsTheOldRecord ReadsUnderTheLock;
        a_save_keeps_the_lock: UnlocksAfterSave;
        after_a_deletion_the_same_lock_saves_again: EndsWithADeletion;
        a_read_does_not_wait_for_the_lock: ReadsUnderTheLock;
        a_held_lock_times_out: GrantsEveryLock TimesOutAsIo;
        a_waiter_gets_the_lock: KeepsTheLockOnDrop;
        writers_exclude_each_other: LetsTwoWrite SavesNothing;
        a_dropped_guard_changes_nothing: DeletesOnDrop KeepsTheLockOnDrop;
        a_panic_gives_the_lock_back: KeepsTheLockOnPanic;
        a_deleted_record_is_gone: KeepsDeleted;
        two_keys_never_share: SharesAccounts DeletesAnyKey;
        a_record_of_another_key_is_refused: TakesAnyRecord;
        a_record_replaces_another: KeepsForgotten;
        a_replaced_record_is_not_written_back: ForgetsWhatIsLocked;
        a_tombstone_is_kept: DropsTombstones;
        keys_lists_what_is_stored: ListsNothing ListsLocks;
        the_order_of_scopes_does_not_count: OrdersScopes;
        a_large_record_is_kept: CutsLargeRecords;
        a_record_never_goes_back: GoesBack RefusesEqualGenerations;
        a_lock_for_a_login_is_a_lock: LoginSeesNothing LoginLocksNothing;
    }
}

mod an_async_store_is_caught_that_breaks {
    use super::*;

    macro_rules! caught {
        ($($promise:ident: $fault:ident;)+) => {
            $(
                #[test]
                fn $promise() {
                    let make = || FaultyAsync(Faulty::new(Fault::$fault));
                    let broken = catch_unwind(|| crate::conformance::$promise(make, crate::conformance::block_on));
                    assert!(broken.is_err(), "a store that {:?} passes", Fault::$fault);
                }
            )+
        };
    }

    caught! {
        an_awaited_unlock_has_unlocked: UnlocksLater;
        a_dropped_guard_unlocks: LeaksADroppedGuard;
        a_dropped_lock_takes_nothing: LeaksADroppedLock;
        a_dropped_save_leaves_a_whole_record: TearsADroppedSave;
    }
}
