//! Where records are kept: one writer at a time, across threads and processes.
//!
//! The promises are the public suite `conformance!` (feature `conformance`); a store passes it unmodified.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::step::Change;
use crate::{Key, Record};

/// Records by key, with one writer at a time.
pub trait Store: fmt::Debug + Send + Sync {
    /// Reads without waiting for the lock; the record may be a moment old. Absent is `Ok(None)`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if what is stored cannot be read; it is never treated as absent.
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError>;

    /// Waits for the key's lock, across threads and processes, and reads under it. Most callers find that another has refreshed,
    /// adopt what they find and write nothing, so nothing need be prepared here; see [`Locked::save`].
    ///
    /// # Errors
    ///
    /// [`StoreError`]; [`LockTimeout`](crate::StoreErrorKind::LockTimeout) when `patience` ends first.
    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError>;

    /// Locks for the record of a new login, which needs nothing of what is stored.
    ///
    /// It differs from [`lock`](Self::lock) only where what is stored is [`Corrupt`](crate::StoreErrorKind::Corrupt): the
    /// guard then has no record, and its save sets what is stored aside, never deletes it. What is
    /// [`Foreign`](crate::StoreErrorKind::Foreign) or newer stays where it is. A store that can run out of space
    /// reserves it here, so that nobody is asked for a consent that could not be stored. By default it is `lock`.
    ///
    /// # Errors
    ///
    /// See [`lock`](Self::lock).
    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        self.lock(key, patience)
    }

    /// The keys of all records.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot list.
    fn keys(&self) -> Result<Vec<Key>, StoreError>;

    /// The records one by one, so that one that cannot be read hides no other. By default it reads those of [`keys`](Self::keys).
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot list; of each record, if that one cannot be read.
    fn records(&self) -> Result<Box<dyn Iterator<Item = Result<Record, StoreError>> + '_>, StoreError> {
        let keys = self.keys()?.into_iter();
        Ok(Box::new(keys.filter_map(|key| self.read(&key).transpose())))
    }

    /// Whether there is room for one record only, so that a record of another key is in the way of a new one.
    fn holds_one_record(&self) -> bool {
        false
    }

    /// How the stored bytes are protected.
    fn protection(&self) -> Protection;
}

/// A record while it is locked. Dropping it unlocks and changes nothing.
pub trait Locked: Send {
    /// The record as of the lock, or as saved since.
    fn record(&self) -> Option<&Record>;

    /// Makes the change durable; the lock stays held, so that a failed save can be tried again.
    ///
    /// A record that says that a refresh is under way ([`attempt_started_at`](crate::RefreshState::attempt_started_at)) is
    /// followed by a request whose reply must not be lost: a store that can run out of space takes it only if it has reserved
    /// enough for the next save.
    ///
    /// A store whose lock can be lost, as a lease can, compares what is stored with what this guard found or saved last, and
    /// refuses with [`Conflict`](crate::StoreErrorKind::Conflict) where it differs in anything: the note of an attempt keeps the
    /// generation.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; what was stored before is then still whole.
    fn save(&mut self, change: Change) -> Result<(), StoreError>;
}

/// The async form of [`Store`].
#[async_trait]
pub trait AsyncStore: fmt::Debug + Send + Sync {
    /// See [`Store::read`].
    ///
    /// # Errors
    ///
    /// See [`Store::read`].
    async fn read(&self, key: Key) -> Result<Option<Record>, StoreError>;

    /// See [`Store::lock`]. The key goes by value: tied to the guard's lifetime it would not compile.
    ///
    /// # Errors
    ///
    /// See [`Store::lock`].
    async fn lock(&self, key: Key, patience: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError>;

    /// See [`Store::lock_for_login`].
    ///
    /// # Errors
    ///
    /// See [`Store::lock`].
    async fn lock_for_login(
        &self,
        key: Key,
        patience: Duration,
    ) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        self.lock(key, patience).await
    }

    /// See [`Store::keys`].
    ///
    /// # Errors
    ///
    /// See [`Store::keys`].
    async fn keys(&self) -> Result<Vec<Key>, StoreError>;

    /// See [`Store::protection`].
    fn protection(&self) -> Protection;
}

/// The async form of [`Locked`].
#[async_trait]
pub trait AsyncLocked: Send {
    /// See [`Locked::record`].
    fn record(&self) -> Option<&Record>;

    /// See [`Locked::save`].
    ///
    /// # Errors
    ///
    /// See [`Locked::save`].
    async fn save(&mut self, change: Change) -> Result<(), StoreError>;

    /// Gives the lock back. Dropping the guard does so too, but cannot wait until it is done.
    async fn unlock(self: Box<Self>);
}

/// How stored bytes are protected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Protection {
    /// In memory only.
    Memory,
    /// In the clear, readable by the owner of the file.
    Plaintext,
    /// By the operating system's password manager.
    OsEncrypted,
    /// Encrypted with a key that is kept elsewhere.
    Sealed,
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Plaintext => "plaintext",
            Self::OsEncrypted => "os-encrypted",
            Self::Sealed => "sealed",
        })
    }
}

/// Convenience for people; not part of what a store has to write.
pub trait StoreExt: Store {
    /// Stores a record under its own key, waiting at most `patience` for the lock.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of [`lock`](Store::lock) or [`save`](Locked::save).
    fn put(&self, record: Record, patience: Duration) -> Result<(), StoreError> {
        self.lock(&record.key().clone(), patience)?
            .save(Change::Put(Box::new(record)))
    }

    /// Forgets the record under `key`; absent is fine.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of [`lock`](Store::lock) or [`save`](Locked::save).
    fn delete(&self, key: &Key, patience: Duration) -> Result<(), StoreError> {
        self.lock(key, patience)?.save(Change::Delete)
    }
}

impl<S: Store + ?Sized> StoreExt for S {}

impl<S: Store + ?Sized> Store for std::sync::Arc<S> {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        (**self).read(key)
    }
    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        (**self).lock(key, patience)
    }
    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        (**self).lock_for_login(key, patience)
    }
    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        (**self).keys()
    }
    fn records(&self) -> Result<Box<dyn Iterator<Item = Result<Record, StoreError>> + '_>, StoreError> {
        (**self).records()
    }
    fn holds_one_record(&self) -> bool {
        (**self).holds_one_record()
    }
    fn protection(&self) -> Protection {
        (**self).protection()
    }
}

#[async_trait]
impl<S: AsyncStore + ?Sized> AsyncStore for std::sync::Arc<S> {
    async fn read(&self, key: Key) -> Result<Option<Record>, StoreError> {
        (**self).read(key).await
    }
    async fn lock(&self, key: Key, patience: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        (**self).lock(key, patience).await
    }
    async fn lock_for_login(
        &self,
        key: Key,
        patience: Duration,
    ) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        (**self).lock_for_login(key, patience).await
    }
    async fn keys(&self) -> Result<Vec<Key>, StoreError> {
        (**self).keys().await
    }
    fn protection(&self) -> Protection {
        (**self).protection()
    }
}
