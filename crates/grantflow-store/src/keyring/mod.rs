//! One record in the system's password manager.
//!
//! ```text
//! lock ─▶ <directory>/keyring-<digest>.lock (kernel lock) ─▶ read
//! save ─▶ compare with what was found ─▶ write ─▶ read back ─▶ saved
//! ```
//!
//! Password managers compare and swap nothing, so a lock file stands for the item. Each call has a time limit.

mod errors;
mod guard;
mod item;
#[cfg(feature = "encrypted")]
mod key;
mod probe;
mod reach;
mod system;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::{Key, Locked, Protection, Record, Secret, Store, StoreError, StoreErrorKind};
use serde::Deserialize;
use serde::de::IgnoredAny;

use self::guard::{Fence, Guard};
use self::item::Item;
#[cfg(feature = "encrypted")]
pub use self::key::KeyringKey;
pub use self::probe::Probe;
pub use self::reach::Keyring;
use crate::file::{Place, Purpose, Stored, Turns};
use crate::form::{self, Form};

/// One record in the system's password manager, under the names of an application and a user.
///
/// Both names are in the clear there, as attributes of the item, and Python's `keyring` finds the item by them as
/// `keyring.get_password(application, user)`: what it then gets is this library's own form of a record. What
/// `oauth2client.contrib.keyring_storage` kept under the same names is not taken for a record: until it is imported
/// ([`expose_item`](Self::expose_item)) it is [`Unsupported`](StoreErrorKind::Unsupported).
///
/// Items have a length limit, 2,500 bytes on all systems. A longer record is in several, and wholly the old or wholly the new
/// one at every moment.
///
/// There is one record under the names. Under another key than its own `read` answers `None`, and a lock can be had, but
/// [`Change::Put`](grantflow_core::Change::Put) is [`OtherRecord`](StoreErrorKind::OtherRecord). A record that cannot be read
/// stays, and what is none is [`Foreign`](StoreErrorKind::Foreign) and left alone; the save of a new login copies the former to an item
/// of the user `<user>.corrupt-<milliseconds since 1970>` first.
///
/// The lock is a file in a directory of the caller's choice, which all programs that use the item must share. It is made
/// (`0700`) if its parent exists, and must be private, as for a [`FileStore`](crate::FileStore).
///
/// Nothing is ever written elsewhere when the password manager fails. A failure is one of [`Locked`](StoreErrorKind::Locked),
/// [`Absent`](StoreErrorKind::Absent), [`Denied`](StoreErrorKind::Denied), [`TimedOut`](StoreErrorKind::TimedOut) (it may wait for
/// somebody to unlock it; see [`Keyring::time_limit`]), [`NotKept`](StoreErrorKind::NotKept) or
/// [`Unavailable`](StoreErrorKind::Unavailable). After a write that timed out the lock stays taken until the password manager
/// has answered it.
///
/// # Example
///
/// ```no_run
/// use grantflow_core::{Client, Key, Scopes, Store};
/// use grantflow_store::{Keyring, KeyringStore};
///
/// let client = Client::google("cid.apps.googleusercontent.com")?;
/// let key = Key::new(&client, Scopes::parse("openid")?);
/// let store = KeyringStore::new(Keyring::system(), "my-application", "ann", "state/my-application");
/// let record = store.read(&key)?;
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone)]
pub struct KeyringStore {
    item: Item,
    form: Arc<dyn Form>,
    place: Arc<Place>,
    turns: Arc<Turns>,
}

impl KeyringStore {
    /// The record of this application and user, locked in this directory; nothing is touched yet.
    pub fn new(keyring: Keyring, application: &str, user: &str, locks: impl Into<PathBuf>) -> Self {
        let item = Item::new(keyring, application, user);
        Self {
            place: Arc::new(place(locks.into(), &item)),
            item,
            form: form::plain(),
            turns: Arc::default(),
        }
    }

    /// The same item in another form.
    #[cfg(feature = "encrypted")]
    fn in_form(&self, form: Arc<dyn Form>) -> Self {
        Self { form, ..self.clone() }
    }

    /// What the item holds, whoever wrote it: for [`Import::parse`], where it is from oauth2client.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be reached, is in parts that do not fit, or is no text.
    ///
    /// [`Import::parse`]: https://docs.rs/grantflow-store/latest/grantflow_store/import/struct.Import.html#method.parse
    pub fn expose_item(&self) -> Result<Option<Secret>, StoreError> {
        let Some(bytes) = self.item.read()? else {
            return Ok(None);
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(_) => Err(StoreError::new(StoreErrorKind::Corrupt).at(&self.item.place())),
        }
    }

    fn load(&self) -> Result<Option<Record>, StoreError> {
        let Some(bytes) = self.item.read()? else {
            return Ok(None);
        };
        decode(&self.item, &self.form, &bytes).map(Some)
    }

    fn guard(&self, key: &Key, patience: Duration, purpose: Purpose) -> Result<Guard, StoreError> {
        let fence = Fence::new(self.turns.lock(&self.place, patience)?);
        let mut found = None;
        let stored = match self.load() {
            Ok(None) => Stored::Nothing,
            Ok(Some(record)) => {
                let record = &*found.insert(record);
                if record.key() == key {
                    Stored::Ours(Box::new(record.clone()))
                } else {
                    Stored::Other(Box::new(record.key().clone()))
                }
            }
            Err(error) if purpose == Purpose::Login && may_be_set_aside(error.kind()) => Stored::Corrupt,
            Err(error) => return Err(error),
        };
        self.form.prepare().map_err(|error| located(error, &self.item))?;
        let stored = (stored, found.as_ref());
        Ok(Guard::new((&self.item, &self.form), key.clone(), stored, fence))
    }
}

/// The lock file of an item; there is no other file beside it.
fn place(locks: PathBuf, item: &Item) -> Place {
    // Without a trailing slash, which would have the system follow a link.
    let locks: PathBuf = locks.components().collect();
    Place::within(&locks, &format!("keyring-{}", item.digest()))
}

/// What a login may put its record in the place of, once there is a copy.
fn may_be_set_aside(kind: StoreErrorKind) -> bool {
    kind == StoreErrorKind::Corrupt || kind == StoreErrorKind::NotImported
}

/// What `to_json` of oauth2client's credentials begins with, or ends with.
#[derive(Deserialize)]
struct Foreign {
    #[serde(rename = "_class")]
    _class: IgnoredAny,
    #[serde(rename = "_module")]
    _module: IgnoredAny,
}

fn decode(item: &Item, form: &Arc<dyn Form>, bytes: &[u8]) -> Result<Record, StoreError> {
    form.read(bytes).map_err(|error| {
        let is_foreign = matches!(error.kind(), StoreErrorKind::Foreign(_));
        if is_foreign && serde_json::from_slice::<Foreign>(bytes).is_ok() {
            return StoreError::new(StoreErrorKind::NotImported).at(&item.place());
        }
        located(error, item)
    })
}

/// Where it happened, unless the error says so already: a key file is elsewhere than the record.
fn located(error: StoreError, item: &Item) -> StoreError {
    crate::file::errors::located(error, &item.place())
}

impl Store for KeyringStore {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        Ok(self.load()?.filter(|record| record.key() == key))
    }

    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        Ok(Box::new(self.guard(key, patience, Purpose::Refresh)?))
    }

    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        Ok(Box::new(self.guard(key, patience, Purpose::Login)?))
    }

    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        let record = self.load()?;
        Ok(record.iter().map(|record| record.key().clone()).collect())
    }

    fn holds_one_record(&self) -> bool {
        true
    }

    fn protection(&self) -> Protection {
        match self.form.protection() {
            Protection::Plaintext => Protection::OsEncrypted,
            protection => protection,
        }
    }
}

#[cfg(feature = "encrypted")]
impl From<KeyringStore> for crate::Sealable {
    fn from(store: KeyringStore) -> Self {
        Self::new(move |form| store.in_form(form))
    }
}

impl fmt::Debug for KeyringStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyringStore")
            .field("item", &self.item)
            .finish_non_exhaustive()
    }
}
