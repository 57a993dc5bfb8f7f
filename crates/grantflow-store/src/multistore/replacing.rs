//! A record of a store of many while it is locked: the one place where two records meet.
//!
//! ```text
//! Replace ─▶ the new record is saved ─▶ lock the other (bounded) ─▶ forget it ─▶ unlock it
//!                     │                        │                       │
//!         crash: both are there     held too long: both are there, and an error
//! ```
//!
//! Two logins may replace each other's records at the same time. Each holds its own lock and waits for the other's, which ends
//! with the patience; and none forgets a record that a login has put there meanwhile.

use std::time::Duration;

use grantflow_core::{Change, Key, Locked, Provenance, Record, Store as _, StoreError, StoreErrorKind};

use super::MultiStore;
use crate::file::{Guard, Purpose};

/// How long to wait for the lock of a record to forget: a refresh may be under way there, which mostly takes less.
const PATIENCE: Duration = Duration::from_secs(10);

/// The guard of one record, which may forget another.
pub(super) struct Replacing<'s> {
    store: &'s MultiStore,
    guard: Guard,
}

impl<'s> Replacing<'s> {
    pub(super) fn new(store: &'s MultiStore, guard: Guard) -> Self {
        Self { store, guard }
    }

    fn replace(&mut self, record: Box<Record>, forget: &Key) -> Result<(), StoreError> {
        let before = match self.store.read(forget) {
            Ok(None) => return self.guard.save(Change::Put(record)),
            Ok(Some(old)) => Ok(old.provenance().clone()),
            Err(error) => Err(error),
        };
        self.guard.save(Change::Put(record))?;
        match before {
            Ok(login) => self.forget(forget, Some(&login)),
            Err(error) if error.kind() == StoreErrorKind::Corrupt => self.forget(forget, None),
            Err(error) => Err(error),
        }
    }

    /// Forgets the record of that login; for none, what cannot be read.
    fn forget(&self, key: &Key, login: Option<&Provenance>) -> Result<(), StoreError> {
        let mut other = self.store.guard(key, PATIENCE, Purpose::Removal)?;
        if other.record().map(Record::provenance) == login {
            other.forget()?;
        }
        Ok(())
    }
}

impl Locked for Replacing<'_> {
    fn record(&self) -> Option<&Record> {
        self.guard.record()
    }

    fn save(&mut self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Replace { record, forget } if *forget != *record.key() => self.replace(record, &forget),
            Change::Replace { record, .. } => self.guard.save(Change::Put(record)),
            change => self.guard.save(change),
        }
    }
}
