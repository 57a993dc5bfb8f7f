//! Records in memory: for tests, and for programs that log in anew each time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use grantflow_core::{Change, Key, Locked, Protection, Record, Store, StoreError, StoreErrorKind};

/// Many records, kept until the last clone of the store is dropped; clones share them.
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
    freed: Condvar,
}

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
    fn slots(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        // A change of the map is one assignment: a panic elsewhere leaves it whole.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
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
                }));
            }
            let left = deadline.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                let holder = Some(std::process::id());
                return Err(StoreError::new(StoreErrorKind::LockTimeout { holder }));
            }
            let waited = self.0.freed.wait_timeout(slots, left);
            slots = waited.unwrap_or_else(PoisonError::into_inner).0;
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
}

impl Guard<'_> {
    fn put(&mut self, record: Record, forget: Option<&Key>) -> Result<(), StoreError> {
        if record.key() != &self.key {
            return Err(StoreError::new(StoreErrorKind::NotLocked));
        }
        let stored = self.record.as_ref().map_or(0, Record::generation);
        if record.generation() < stored {
            return Err(StoreError::new(StoreErrorKind::Conflict));
        }
        let mut slots = self.inner.slots();
        if let Some(old) = forget.filter(|old| **old != self.key).map(Key::digest)
            && let Some(slot) = slots.get_mut(&old)
        {
            slot.record = None;
            if !slot.locked {
                slots.remove(&old);
            }
        }
        slots.entry(self.digest.clone()).or_default().record = Some(record.clone());
        self.record = Some(record);
        Ok(())
    }
}

impl Locked for Guard<'_> {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    fn save(&mut self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Put(record) => self.put(*record, None),
            Change::Replace { record, forget } => self.put(*record, Some(&forget)),
            Change::Delete => {
                self.inner.slots().entry(self.digest.clone()).or_default().record = None;
                self.record = None;
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
        self.inner.freed.notify_all();
    }
}
