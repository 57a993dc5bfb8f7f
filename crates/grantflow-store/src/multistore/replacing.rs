//! A record of a store of many while it is locked: the one place where two records meet.
//!
//! ```text
//! Replace ─▶ the new record is saved ─▶ lock the other (bounded) ─▶ forget it ─▶ unlock it
//!                     │                        │                       │
//!         crash: both are there     held too long: both are there, and an error
//! ```
//!
//! Two logins may replace each other's records at the same time: each holds its own lock and waits for the other's. But each
//! has saved before it waits, and none forgets what a login has put there meanwhile; so both see that, and are done.

use std::time::{Duration, Instant};

use grantflow_core::{Change, Key, Locked, Provenance, Record, Store as _, StoreError, StoreErrorKind};

use super::MultiStore;
use crate::file::{Guard, Purpose};

/// How long to wait before another look whether there still is something to forget.
const LOOK: Duration = Duration::from_millis(50);

/// The guard of one record, which may forget another.
pub(super) struct Replacing<'s> {
    store: &'s MultiStore,
    guard: Guard,
    /// How long the caller was ready to wait for this lock, and so for the other.
    patience: Duration,
}

/// What was under the key to forget when the replacement began.
#[derive(Eq, PartialEq)]
enum Before {
    /// What this login had brought.
    Login(Provenance),
    Corrupt,
}

impl<'s> Replacing<'s> {
    pub(super) fn new(store: &'s MultiStore, guard: Guard, patience: Duration) -> Self {
        Self {
            store,
            guard,
            patience,
        }
    }

    fn replace(&mut self, record: Box<Record>, forget: &Key) -> Result<(), StoreError> {
        let before = self.look(forget);
        self.guard.save(Change::Put(record))?;
        match before? {
            Some(before) => self.forget(forget, &before),
            None => Ok(()),
        }
    }

    fn look(&self, key: &Key) -> Result<Option<Before>, StoreError> {
        match self.store.read(key) {
            Ok(record) => Ok(record.map(|record| Before::Login(record.provenance().clone()))),
            Err(error) if error.kind() == StoreErrorKind::Corrupt => Ok(Some(Before::Corrupt)),
            Err(error) => Err(error),
        }
    }

    /// Forgets what was there before, unless a login has put something else there since.
    fn forget(&self, key: &Key, before: &Before) -> Result<(), StoreError> {
        let deadline = Instant::now().checked_add(self.patience);
        loop {
            let left = deadline.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            match self.store.guard(key, left.min(LOOK), Purpose::Removal) {
                Ok(mut other) => {
                    return match self.look(key)? {
                        Some(now) if now == *before => other.forget(),
                        _ => Ok(()),
                    };
                }
                Err(error) if !matches!(error.kind(), StoreErrorKind::LockTimeout { .. }) => {
                    return Err(error);
                }
                Err(error) => match self.look(key)? {
                    Some(now) if now == *before && left.is_zero() => return Err(error),
                    Some(now) if now == *before => {}
                    _ => return Ok(()),
                },
            }
        }
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
