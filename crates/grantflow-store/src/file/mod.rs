//! One record in one file, whole after every crash and with one writer among all processes.
//!
//! ```text
//! lock ─▶ <file>.lock (kernel lock) ─▶ read
//! save ─▶ <file>.saving-0 ─▶ write ─▶ fsync ─▶ rename over <file> ─▶ fsync the directory ─▶ saved
//! ```
//!
//! The save of a record that says that a refresh is under way also makes `<file>.saving-1` and reserves space in it, so that a
//! full disk is an error before the request leaves. Up to the rename the file is wholly the old one, from it on wholly the new one. The
//! lock file is never removed.

#![cfg_attr(
    not(all(feature = "multistore", feature = "encrypted", feature = "keyring")),
    allow(
        dead_code,
        unused_imports,
        reason = "the rest is for other stores of this crate"
    )
)]

pub(crate) mod errors;
mod guard;
mod lock;
mod one;
pub(crate) mod place;
mod seen;
pub(crate) mod sys;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::{Key, Locked, Protection, Record, Store, StoreError};

use crate::form;

pub use self::guard::RESERVED;
pub(crate) use self::guard::{Guard, Stored, fill};
pub(crate) use self::lock::{Turn, Turns};
pub(crate) use self::one::{OneRecord, Purpose};
pub(crate) use self::place::{Held, Place};
use self::seen::Seen;

/// One record in one file.
///
/// The file is JSON in the clear, for its owner alone: mode `0600`, checked at every use, as are the lock file and the owner
/// and mode of the directory. Anything that lets others read or replace it is
/// [`StoreErrorKind::Insecure`](grantflow_core::StoreErrorKind::Insecure): a symbolic or
/// second hard link, a foreign owner, bits for group or others, a directory that others may write to, sticky or not.
/// The directory's group may write to it, and the directories above it are not looked at.
/// On systems without Unix modes the file is as private as its directory.
///
/// A missing directory is created (`0700`), if its parent exists, by the first lock. Beside the file stand `<file>.lock`,
/// which is never removed, and while something is saved `<file>.saving-0` or `-1`; what a killed process left of these, the next
/// lock of another process removes, and the next login or removal.
///
/// A file that cannot be read stays where it is, and every [`read`](Store::read) and [`lock`](Store::lock) answers
/// [`StoreErrorKind::Corrupt`](grantflow_core::StoreErrorKind::Corrupt); an empty file is no exception. Only the save of a new login
/// ([`lock_for_login`](Store::lock_for_login)) renames it to `<file>.corrupt-<milliseconds since 1970>`.
/// A file of a newer version is left alone by logins too ([`StoreErrorKind::Newer`](grantflow_core::StoreErrorKind::Newer)), and so is
/// one that is no record, nor what is left of one ([`StoreErrorKind::Foreign`](grantflow_core::StoreErrorKind::Foreign)).
///
/// On Unix a read gives the last record again, without opening the file, while the file is what it was: same inode, size, times
/// and mode. The store keeps that record, and the file open, until it has changed or the last clone is dropped. On a network
/// file system the system may answer from its own memory for some seconds, so a read may be so much older there than a lock.
///
/// Who has to wait for the lock waits on a thread that blocks in the kernel: at most one for each store, and only while
/// another holds the lock.
///
/// The file holds one record. Under another key than the stored one `read` answers `None`, and a lock can be had, but
/// [`Change::Put`](grantflow_core::Change::Put) is [`StoreErrorKind::OtherRecord`](grantflow_core::StoreErrorKind::OtherRecord) and
/// [`Change::Delete`](grantflow_core::Change::Delete) deletes nothing;
/// [`Change::Replace`](grantflow_core::Change::Replace) takes its place if it names the key to forget.
///
/// # Example
///
/// ```
/// use grantflow_core::{Client, Key, Scopes, Store};
/// use grantflow_store::FileStore;
///
/// # let directory = std::env::temp_dir().join(format!("grantflow-doc-{}", std::process::id()));
/// let client = Client::google("cid.apps.googleusercontent.com")?;
/// let key = Key::new(&client, Scopes::parse("openid")?);
/// let store = FileStore::new(directory.join("credentials.json"));
/// assert!(store.read(&key)?.is_none());
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone)]
pub struct FileStore {
    one: OneRecord,
    seen: Arc<Seen>,
}

impl FileStore {
    /// The store in this file; nothing is touched yet. Clones share their turns, other stores on the same file the kernel's lock.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let place = Arc::new(Place::new(path.into()));
        Self::of(OneRecord::new(place, form::plain(), Arc::default()))
    }

    fn of(one: OneRecord) -> Self {
        Self {
            one,
            seen: Arc::default(),
        }
    }

    /// The same file in another form.
    #[cfg(feature = "encrypted")]
    fn in_form(&self, form: Arc<dyn form::Form>) -> Self {
        Self::of(self.one.in_form(form))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.one.path()
    }
}

impl Store for FileStore {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        Ok(self
            .one
            .read_if_changed(&self.seen)?
            .filter(|record| record.key() == key))
    }

    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        Ok(Box::new(self.one.lock(key, patience, Purpose::Refresh)?))
    }

    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        Ok(Box::new(self.one.lock(key, patience, Purpose::Login)?))
    }

    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        let record = self.one.read()?;
        Ok(record.iter().map(|record| record.key().clone()).collect())
    }

    fn holds_one_record(&self) -> bool {
        true
    }

    fn protection(&self) -> Protection {
        self.one.protection()
    }
}

#[cfg(feature = "encrypted")]
impl From<FileStore> for crate::Sealable {
    fn from(store: FileStore) -> Self {
        Self::new(move |form| store.in_form(form))
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
