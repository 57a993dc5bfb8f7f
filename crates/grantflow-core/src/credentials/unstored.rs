//! The record of a handle without a store: it lives as long as the handle does.
//!
//! There is no lock to wait for. Of two who have found the same record, the second to save gets a conflict.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::error::StoreErrorKind;
use crate::{AsyncLocked, AsyncStore, Change, Key, Protection, Record, StoreError};

/// One record, and how often it was saved.
#[derive(Debug, Default)]
pub(super) struct Unstored(Mutex<(u64, Option<Record>)>);

impl Unstored {
    fn now(&self) -> MutexGuard<'_, (u64, Option<Record>)> {
        // Its changes are whole: a panic elsewhere leaves it so.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AsyncStore for Unstored {
    async fn read(&self, _: Key) -> Result<Option<Record>, StoreError> {
        Ok(self.now().1.clone())
    }

    async fn lock(&self, _: Key, _: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        let (version, record) = self.now().clone();
        Ok(Box::new(Found {
            place: self,
            version,
            record,
        }))
    }

    async fn keys(&self) -> Result<Vec<Key>, StoreError> {
        Ok(self.now().1.iter().map(|record| record.key().clone()).collect())
    }

    fn protection(&self) -> Protection {
        Protection::Memory
    }
}

/// The record as it was found.
struct Found<'p> {
    place: &'p Unstored,
    version: u64,
    record: Option<Record>,
}

#[async_trait]
impl AsyncLocked for Found<'_> {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    async fn save(&mut self, change: Change) -> Result<(), StoreError> {
        let mut now = self.place.now();
        if now.0 != self.version {
            return Err(StoreError::new(StoreErrorKind::Conflict));
        }
        self.record = match change {
            Change::Put(record) | Change::Replace { record, .. } => Some(*record),
            Change::Delete => None,
        };
        self.version = self.version.wrapping_add(1);
        *now = (self.version, self.record.clone());
        Ok(())
    }

    async fn unlock(self: Box<Self>) {}
}
