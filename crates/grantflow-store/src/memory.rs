//! Records in memory: for tests, and for programs that log in anew each time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use grantflow_core::{Change, Key, Locked, Protection, Record, Store, StoreError, StoreErrorKind};

/// Many records, kept until the last clone of the store is dropped; clones share them.
///
/// [`Change::Replace`](grantflow_core::Change::Replace) saves the new record first, then waits for the lock of the one that it replaces, as
/// long as its own lock was to be waited for; where that takes longer both stay, and it is a
/// [`LockTimeout`](grantflow_core::StoreErrorKind::LockTimeout).
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use grantflow_core::{Client, Key, Scopes, Store};
/// use grantflow_store::MemoryStore;
///
/// let client = Client::google("cid.apps.googleusercontent.com")?;
/// let key = Key::new(&client, Scopes::parse("openid")?);
/// let store = MemoryStore::new();
/// let locked = store.lock(&key, Duration::from_secs(5))?;
/// assert!(locked.record().is_none());
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// By digest; a slot lives while it has a record or a lock.
    slots: Mutex<HashMap<String, Slot>>,
    /// Told of each lock that is given back and of each change of a record.
    changed: Condvar,
}

type Slots<'s> = MutexGuard<'s, HashMap<String, Slot>>;

#[derive(Default)]
struct Slot {
    locked: bool,
    record: Option<Record>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Inner {
    fn slots(&self) -> Slots<'_> {
        // A change of the map is one assignment: a panic elsewhere leaves it whole.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something has changed; without end where there is no deadline.
    fn wait<'s>(&self, slots: Slots<'s>, deadline: Option<Instant>) -> Result<Slots<'s>, StoreError> {
        let left = deadline.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            let holder = Some(std::process::id());
            return Err(StoreError::new(StoreErrorKind::LockTimeout { holder }));
        }
        let waited = self.changed.wait_timeout(slots, left);
        Ok(waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

impl Store for MemoryStore {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let slots = self.0.slots();
        let record = slots.get(&key.digest()).and_then(|slot| slot.record.as_ref());
        Ok(record.filter(|record| record.key() == key).cloned())
    }

    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        let digest = key.digest();
        let deadline = Instant::now().checked_add(patience);
        let mut slots = self.0.slots();
        loop {
            let slot = slots.entry(digest.clone()).or_default();
            if !slot.locked {
                slot.locked = true;
                let record = slot.record.clone();
                return Ok(Box::new(Guard {
                    inner: &self.0,
                    key: key.clone(),
                    digest,
                    record,
                    patience,
                }));
            }
            slots = self.0.wait(slots, deadline)?;
        }
    }

    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        let slots = self.0.slots();
        let records = slots.values().filter_map(|slot| slot.record.as_ref());
        Ok(records.map(|record| record.key().clone()).collect())
    }

    fn protection(&self) -> Protection {
        Protection::Memory
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

struct Guard<'a> {
    inner: &'a Inner,
    key: Key,
    digest: String,
    record: Option<Record>,
    /// How long the caller was ready to wait for this lock, and so for another that it replaces.
    patience: Duration,
}

impl Guard<'_> {
    fn put(&mut self, record: Record) -> Result<(), StoreError> {
        if record.key() != &self.key {
            return Err(StoreError::new(StoreErrorKind::NotLocked));
        }
        let stored = self.record.as_ref().map_or(0, Record::generation);
        if record.generation() < stored {
            return Err(StoreError::new(StoreErrorKind::Conflict));
        }
        self.set(Some(record));
        Ok(())
    }

    fn set(&mut self, record: Option<Record>) {
        let mut slots = self.inner.slots();
        slots
            .entry(self.digest.clone())
            .or_default()
            .record
            .clone_from(&record);
        self.record = record;
        self.inner.changed.notify_all();
    }

    /// Saves first, and forgets then what is under the other key now, once nobody has its lock: whoever has it may be about to write it
    /// anew.
    fn replace(&mut self, record: Record, forget: &Key) -> Result<(), StoreError> {
        if *forget == self.key {
            return self.put(record);
        }
        let digest = forget.digest();
        let login = |slot: &Slot| slot.record.as_ref().map(|record| record.provenance().clone());
        let before = self.inner.slots().get(&digest).and_then(login);
        self.put(record)?;
        let deadline = Instant::now().checked_add(self.patience);
        let mut slots = self.inner.slots();
        loop {
            match slots.get(&digest) {
                // Forgotten already, or a login has put another one there, perhaps in place of ours: each would wait for the other.
                None => return Ok(()),
                Some(slot) if slot.record.is_none() || login(slot) != before => return Ok(()),
                Some(slot) if !slot.locked => break,
                Some(_) => slots = self.inner.wait(slots, deadline)?,
            }
        }
        slots.remove(&digest);
        Ok(())
    }
}

impl Locked for Guard<'_> {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    fn save(&mut self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Put(record) => self.put(*record),
            Change::Replace { record, forget } => self.replace(*record, &forget),
            Change::Delete => {
                self.set(None);
                Ok(())
            }
            _ => Err(StoreError::new(StoreErrorKind::Unsupported("make this change"))),
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut slots = self.inner.slots();
        if let Some(slot) = slots.get_mut(&self.digest) {
            slot.locked = false;
            if slot.record.is_none() {
                slots.remove(&self.digest);
            }
        }
        self.inner.changed.notify_all();
    }
}
