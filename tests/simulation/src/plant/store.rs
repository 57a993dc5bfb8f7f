//! A store that breaks one promise.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use grantflow_core::transport::AsyncTransport as _;
use grantflow_core::{AsyncLocked, AsyncStore, Change, Key, Protection, Record, StoreError, flow};

use super::Plant;
use crate::depot::SimStore;
use crate::host::SimHost;

/// How much later a save is done that was said to be done.
const LATER: Duration = Duration::from_millis(200);

/// The store, with a bug or without.
#[derive(Clone)]
pub(crate) struct PlantedStore {
    store: SimStore,
    plant: Option<Plant>,
    /// What this process has seen.
    seen: Arc<Mutex<Vec<Record>>>,
}

impl PlantedStore {
    pub(crate) fn new(store: SimStore, plant: Option<Plant>) -> Self {
        Self {
            store,
            plant,
            seen: Arc::default(),
        }
    }

    fn has(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    fn remember(&self, record: Option<&Record>) {
        if let Some(record) = record.filter(|record| record.refresh_state().revoked_at.is_none()) {
            self.seen().push(record.clone());
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Vec<Record>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_seen(&self, key: &Key) -> Option<Record> {
        self.seen()
            .iter()
            .rev()
            .find(|record| record.key() == key)
            .cloned()
    }

    /// An older record than this one, under a higher generation.
    fn older(&self, record: &Record) -> Option<Record> {
        let older = |old: &&Record| old.key() == record.key() && old.generation() < record.generation();
        let old = self.seen().iter().find(older).cloned()?;
        let number = |record: &Record| format!("\"generation\":{}", record.generation());
        let text = old.expose_json().expose().replacen(
            &number(&old),
            &format!("\"generation\":{}", record.generation() + 1),
            1,
        );
        Record::from_json(&text).ok()
    }

    async fn lock_with<'a>(
        &'a self,
        key: Key,
        inner: Box<dyn AsyncLocked + 'a>,
    ) -> Box<dyn AsyncLocked + 'a> {
        if self.plant.is_none() {
            return inner;
        }
        let record = inner.record().cloned();
        let absent = record
            .as_ref()
            .is_none_or(|record| record.refresh_state().revoked_at.is_some());
        let shown = match self.plant {
            Some(Plant::NoRereadUnderLock) => self.last_seen(&key).or(record),
            Some(Plant::WriteBackDeleted) if absent => self.last_seen(&key).or(record),
            _ => record,
        };
        self.remember(shown.as_ref());
        Box::new(PlantedLocked {
            store: self,
            key,
            inner: Some(inner),
            shown,
            unsaved: None,
        })
    }

    /// Locks, saves and unlocks, whatever became of the lock before.
    async fn save_anew(&self, key: Key, change: Change) -> Result<(), StoreError> {
        let mut locked = self.store.lock(key, flow::LOCK_PATIENCE).await?;
        let saved = locked.save(change).await;
        locked.unlock().await;
        saved
    }
}

impl fmt::Debug for PlantedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlantedStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl AsyncStore for PlantedStore {
    async fn read(&self, key: Key) -> Result<Option<Record>, StoreError> {
        let read = self.store.read(key).await?;
        if self.plant.is_none() {
            return Ok(read);
        }
        self.remember(read.as_ref());
        let older = read.as_ref().filter(|_| self.has(Plant::AdoptOlder));
        Ok(older.and_then(|record| self.older(record)).or(read))
    }

    async fn lock(&self, key: Key, patience: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        let inner = self.store.lock(key.clone(), patience).await?;
        Ok(self.lock_with(key, inner).await)
    }

    async fn lock_for_login(
        &self,
        key: Key,
        patience: Duration,
    ) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        self.store.lock_for_login(key, patience).await
    }

    async fn keys(&self) -> Result<Vec<Key>, StoreError> {
        self.store.keys().await
    }

    fn protection(&self) -> Protection {
        self.store.protection()
    }
}

/// A lock that breaks one promise.
struct PlantedLocked<'a> {
    store: &'a PlantedStore,
    key: Key,
    /// The real one, while it is held.
    inner: Option<Box<dyn AsyncLocked + 'a>>,
    shown: Option<Record>,
    /// What was said to be saved.
    unsaved: Option<Change>,
}

impl PlantedLocked<'_> {
    fn brings_a_token(&self, change: &Change) -> bool {
        match change {
            Change::Put(record) => {
                let known = self.shown.as_ref().map(Record::generation);
                Some(record.generation()) > known && record.refresh_state().revoked_at.is_none()
            }
            _ => false,
        }
    }
}

/// The same record, and nothing of the key that its token is bound to.
fn without_key(change: Change) -> Change {
    let Change::Put(record) = change else {
        return change;
    };
    let text = record.expose_json();
    let mut json: serde_json::Value = serde_json::from_str(text.expose()).expect("a record is JSON");
    let known = json
        .as_object_mut()
        .and_then(|members| members.remove("token_key"));
    match known.and_then(|_| Record::from_json(&json.to_string()).ok()) {
        Some(keyless) => Change::Put(Box::new(keyless)),
        None => Change::Put(record),
    }
}

#[async_trait]
impl AsyncLocked for PlantedLocked<'_> {
    fn record(&self) -> Option<&Record> {
        self.shown.as_ref()
    }

    async fn save(&mut self, change: Change) -> Result<(), StoreError> {
        let brings_a_token = self.brings_a_token(&change);
        let change = if self.store.has(Plant::ForgetKey) && brings_a_token {
            without_key(change)
        } else {
            change
        };
        if self.store.has(Plant::PublishBeforeSave) && brings_a_token {
            self.unsaved = Some(change);
            return Ok(());
        }
        let saved = match &mut self.inner {
            Some(inner) => inner.save(change).await,
            None => self.store.save_anew(self.key.clone(), change).await,
        };
        if self.store.has(Plant::UnlockBeforeSaved)
            && brings_a_token
            && saved.is_err()
            && let Some(inner) = self.inner.take()
        {
            inner.unlock().await;
        }
        saved
    }

    async fn unlock(self: Box<Self>) {
        if let Some(inner) = self.inner {
            inner.unlock().await;
        }
        if let Some(change) = self.unsaved {
            let (store, key) = (self.store.clone(), self.key);
            let host = SimHost {
                world: Arc::clone(&store.store.world),
                who: store.store.who,
            };
            let sleeper = host.clone();
            let later = async move {
                sleeper.sleep(LATER).await;
                drop(store.save_anew(key, change).await);
            };
            drop(host.spawn(Box::pin(later)));
        }
    }
}
