//! Any number of records in one directory, each in a file of its own.
//!
//! ```text
//! Key ─▶ SHA-256 of its canonical bytes ─▶ <directory>/<64 hex digits>.json ─▶ as in a file of one record
//! ```
//!
//! What a record costs does not depend on how many there are, and no record waits for another or is harmed by it.

mod listing;
mod lookup;
mod replacing;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use grantflow_core::{Key, Locked, Protection, Record, Store, StoreError, StoreErrorKind};

use self::replacing::Replacing;
use crate::file::{Guard, OneRecord, Place, Purpose, Turns};
use crate::form::{self, Form};

/// Any number of records in one directory.
///
/// The directory is the store's own: it is created `0700`, if its parent exists, by the first lock. A symbolic link in its
/// place, something that is no directory, or a directory that others may write to is
/// [`Insecure`](StoreErrorKind::Insecure), and nothing is read or written.
///
/// Each record is a file named by [`Key::digest`], in all respects as [`FileStore`](crate::FileStore) keeps it: its mode, its
/// lock file, its crash safety, and what becomes of it when it cannot be read. So records are locked, refreshed and lost one
/// by one. The full key is compared at every use: a file that holds the record of another key (somebody copied or renamed it)
/// is [`OtherRecord`](StoreErrorKind::OtherRecord), to reads, locks and logins, and is not touched.
///
/// [`keys`](Store::keys) fails if one record cannot be read, since a caller who takes the only one left for the only one there
/// is would use the wrong account. [`records`](Store::records) gives one result for each.
///
/// A lock file stays when its record is deleted, since removing what others may be waiting for lets two in at once. It is
/// empty then: 100,000 deleted records leave 100,000 empty files, which cost an inode each, no blocks, and no time for other
/// records. The whole directory may be removed while nobody uses it.
///
/// [`Change::Replace`](grantflow_core::Change::Replace) makes the new record durable first, then waits for the lock of the one
/// to forget, as long as the caller was ready to wait for its own. Where that fails the error says so, and both records are
/// there: a login is never lost.
///
/// # Example
///
/// ```
/// use grantflow_core::{Client, Key, Scopes, Store};
/// use grantflow_store::MultiStore;
///
/// # let directory = std::env::temp_dir().join(format!("grantflow-doc-multi-{}", std::process::id()));
/// let client = Client::google("cid.apps.googleusercontent.com")?;
/// let store = MultiStore::new(directory);
/// let work = Key::new(&client, Scopes::parse("openid")?).with_label("work");
/// assert!(store.read(&work)?.is_none());
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone)]
pub struct MultiStore(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    form: Arc<dyn Form>,
    /// Whose turn it is, by digest, for as long as somebody locks, waits, or has left a helper waiting.
    turns: Mutex<HashMap<String, Weak<Turns>>>,
}

impl MultiStore {
    /// The store in this directory; nothing is touched yet. Clones share their turns, other stores on the same directory the
    /// kernel's locks.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        // Without a trailing slash, which would have the system follow a link.
        let dir: PathBuf = dir.into().components().collect();
        Self::in_form(dir, form::plain())
    }

    fn in_form(dir: PathBuf, form: Arc<dyn Form>) -> Self {
        Self(Arc::new(Inner {
            dir,
            form,
            turns: Mutex::default(),
        }))
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.dir
    }

    fn one(&self, digest: &str) -> OneRecord {
        let place = Place::within(&self.0.dir, &file_name(digest));
        OneRecord::new(Arc::new(place), Arc::clone(&self.0.form), self.turns(digest))
    }

    /// The turns of one record: the same for all who deal with it at the same time.
    fn turns(&self, digest: &str) -> Arc<Turns> {
        // Its changes are single calls: a panic elsewhere leaves it whole.
        let mut all = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = all.get(digest).and_then(Weak::upgrade) {
            return turns;
        }
        if all.len() == all.capacity() {
            all.retain(|_, turns| turns.strong_count() > 0);
            // So much that the next sweep pays for itself.
            let live = all.len();
            all.reserve(live + 16);
        }
        let turns = Arc::default();
        all.insert(digest.to_owned(), Arc::downgrade(&turns));
        turns
    }

    fn guard(&self, key: &Key, patience: Duration, purpose: Purpose) -> Result<Guard, StoreError> {
        let one = self.one(&key.digest());
        let guard = one.lock(key, patience, purpose)?;
        if guard.found_another() {
            return Err(StoreError::new(StoreErrorKind::OtherRecord).at(one.path()));
        }
        Ok(guard)
    }
}

/// The name of a record's file.
fn file_name(digest: &str) -> String {
    format!("{digest}.json")
}

impl Store for MultiStore {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let place = Place::within(&self.0.dir, &file_name(&key.digest()));
        let one = OneRecord::new(Arc::new(place), Arc::clone(&self.0.form), Arc::default());
        match one.read()? {
            Some(record) if record.key() != key => {
                Err(StoreError::new(StoreErrorKind::OtherRecord).at(one.path()))
            }
            record => Ok(record),
        }
    }

    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        let guard = self.guard(key, patience, Purpose::Refresh)?;
        Ok(Box::new(Replacing::new(self, guard, patience)))
    }

    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        let guard = self.guard(key, patience, Purpose::Login)?;
        Ok(Box::new(Replacing::new(self, guard, patience)))
    }

    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        let records = self.listing()?;
        records
            .map(|record| record.map(|record| record.key().clone()))
            .collect()
    }

    fn records(&self) -> Result<Box<dyn Iterator<Item = Result<Record, StoreError>> + '_>, StoreError> {
        Ok(Box::new(self.listing()?))
    }

    fn protection(&self) -> Protection {
        self.0.form.protection()
    }
}

#[cfg(feature = "encrypted")]
impl From<MultiStore> for crate::Sealable {
    fn from(store: MultiStore) -> Self {
        Self::new(move |form| MultiStore::in_form(store.path().to_owned(), form))
    }
}

impl fmt::Debug for MultiStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiStore")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
