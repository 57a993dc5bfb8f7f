//! A store that tells when its lock is waited for and had, and that can be made to lock nothing: the bug that the harness must find.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::{Change, Key, Locked, Protection, Record, Store, StoreError};

/// What happens to a lock, in one word.
type Tell = fn(&str);

/// A store, and who is told about its lock.
#[derive(Clone)]
pub(crate) struct Watched {
    store: Arc<dyn Store>,
    tell: Tell,
    locks: bool,
}

impl Watched {
    pub(crate) fn new(store: Arc<dyn Store>, tell: Tell) -> Self {
        Self {
            store,
            tell,
            locks: true,
        }
    }

    /// With the bug planted: everybody has the lock at once.
    pub(crate) fn without_lock(mut self) -> Self {
        self.locks = false;
        self
    }
}

impl Store for Watched {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.store.read(key)
    }

    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        if !self.locks {
            return Ok(Box::new(Unlocked {
                record: self.store.read(key)?,
                key: key.clone(),
                store: &*self.store,
            }));
        }
        (self.tell)("waiting");
        let locked = self.store.lock(key, patience)?;
        (self.tell)("locked");
        Ok(locked)
    }

    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        self.store.keys()
    }

    fn holds_one_record(&self) -> bool {
        self.store.holds_one_record()
    }

    fn protection(&self) -> Protection {
        self.store.protection()
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

/// What somebody has who believes to have the lock.
struct Unlocked<'a> {
    store: &'a dyn Store,
    key: Key,
    record: Option<Record>,
}

impl Locked for Unlocked<'_> {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    fn save(&mut self, change: Change) -> Result<(), StoreError> {
        self.store
            .lock(&self.key, Duration::from_secs(10))?
            .save(change)?;
        self.record = self.store.read(&self.key)?;
        Ok(())
    }
}
