//! The records of another store, sealed with AES-256-GCM.
//!
//! ```text
//! Record ─▶ sealed form ◀── data keys ◀── a source: a file, given by the caller, a password manager
//!               │
//!               ▼
//!    the bytes that a file store or multistore keeps, as any others
//! ```
//!
//! The store below locks, writes and sets aside as always; it only gets another form of bytes.

mod data_key;
pub(crate) mod key_file;
mod seal;
mod source;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::{Change, Key, Locked, Protection, Record, Store, StoreError, StoreErrorKind};

pub use self::data_key::{DataKey, KeyId};
pub use self::key_file::KeyFile;
use self::seal::Sealed;
pub use self::source::{GivenKeys, KeySource};
use crate::form::Form;

/// The records of another store, sealed.
///
/// What is stored shows a digest of the record's key, its generation and the name of the data key, and nothing else. All
/// three are authenticated: a file that was copied over another one, or whose generation was changed, does not open. What
/// cannot be told is that a whole file was put back as it once was, from a backup for example.
///
/// A first data key is made, if the source has none, by the first lock: it is durable and was read back before anything is
/// sealed with it. A process keeps the keys it has read, and asks the source again when a record names one that it does not
/// know.
///
/// A record that cannot be opened, since its data key is not at hand or it was changed, is
/// [`Undecryptable`](StoreErrorKind::Undecryptable) and names the key; it is left alone, by logins too. A damaged one is
/// [`Corrupt`](StoreErrorKind::Corrupt), as ever. One in the clear is not taken for a sealed one
/// ([`Unsupported`](StoreErrorKind::Unsupported)): to seal what is in the clear, put it into a sealed store elsewhere.
///
/// # Example
///
/// ```
/// use grantflow_core::{Client, Key, Scopes, Store};
/// use grantflow_store::{Encrypted, FileStore, KeyFile};
///
/// # let directory = std::env::temp_dir().join(format!("grantflow-doc-sealed-{}", std::process::id()));
/// let client = Client::google("cid.apps.googleusercontent.com")?;
/// let key = Key::new(&client, Scopes::parse("openid")?);
/// let records = FileStore::new(directory.join("credentials.json"));
/// let store = Encrypted::new(records, KeyFile::new(directory.join("elsewhere").join("key.json")));
/// assert!(store.read(&key)?.is_none());
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Encrypted {
    store: Arc<dyn Store>,
    form: Arc<Sealed>,
}

/// A store that keeps records as bytes, so that they can be sealed; made from one by `into()`.
pub struct Sealable(Box<Make>);

/// Makes the store anew, for a form.
type Make = dyn FnOnce(Arc<dyn Form>) -> Arc<dyn Store>;

impl Sealable {
    /// A store that is made anew for a form.
    pub(crate) fn new<S: Store + 'static>(make: impl FnOnce(Arc<dyn Form>) -> S + 'static) -> Self {
        Self(Box::new(move |form| Arc::new(make(form))))
    }
}

impl fmt::Debug for Sealable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealable").finish_non_exhaustive()
    }
}

/// What came of [`Encrypted::reseal`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Resealed {
    /// How many records are sealed with the newest key now.
    pub sealed: usize,
    /// Why others are not; they are as they were.
    pub failed: Vec<StoreError>,
}

impl Encrypted {
    /// Seals what `store` keeps with the keys of `source`; nothing is touched yet.
    pub fn new(store: impl Into<Sealable>, source: impl KeySource + 'static) -> Self {
        let form = Arc::new(Sealed::new(Box::new(source)));
        let Sealable(make) = store.into();
        Self {
            store: make(form.clone()),
            form,
        }
    }

    /// Makes a new data key, with which all that is saved from now on is sealed, and gives its name. What older keys have
    /// sealed is still opened; see [`reseal`](Self::reseal).
    ///
    /// Another process that runs goes on with the key it knows until it reads a record that a newer one has sealed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the source; [`Unsupported`](StoreErrorKind::Unsupported) if it cannot keep a new key.
    pub fn rotate(&self) -> Result<KeyId, StoreError> {
        let source = self.form.source();
        let before = source.keys()?.first().map(DataKey::id);
        let keys = source.add(DataKey::generate()?, before)?;
        self.form.learn(&keys)?;
        let newest = keys.first().map(DataKey::id);
        newest.ok_or_else(|| StoreError::new(StoreErrorKind::DataKey))
    }

    /// Seals each record anew with the newest key, waiting at most `patience` for the lock of each.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the keys cannot be read or the records not be listed; what is wrong with one record is in the result.
    pub fn reseal(&self, patience: Duration) -> Result<Resealed, StoreError> {
        self.form.learn(&self.form.source().keys()?)?;
        let mut result = Resealed::default();
        let mut keys = Vec::new();
        for record in self.store.records()? {
            match record {
                Ok(record) => keys.push(record.key().clone()),
                Err(error) => result.failed.push(error),
            }
        }
        for key in keys {
            match self.reseal_one(&key, patience) {
                Ok(sealed) => result.sealed += usize::from(sealed),
                Err(error) => result.failed.push(error),
            }
        }
        Ok(result)
    }

    /// Whether there still was a record to seal.
    fn reseal_one(&self, key: &Key, patience: Duration) -> Result<bool, StoreError> {
        let mut locked = self.store.lock(key, patience)?;
        let Some(record) = locked.record().cloned() else {
            return Ok(false);
        };
        locked.save(Change::Put(Box::new(record)))?;
        Ok(true)
    }
}

impl Store for Encrypted {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.store.read(key)
    }

    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        self.store.lock(key, patience)
    }

    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        self.store.lock_for_login(key, patience)
    }

    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        self.store.keys()
    }

    fn records(&self) -> Result<Box<dyn Iterator<Item = Result<Record, StoreError>> + '_>, StoreError> {
        self.store.records()
    }

    fn holds_one_record(&self) -> bool {
        self.store.holds_one_record()
    }

    fn protection(&self) -> Protection {
        self.store.protection()
    }
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Encrypted").field(&self.store).finish()
    }
}

#[cfg(test)]
mod tests;
