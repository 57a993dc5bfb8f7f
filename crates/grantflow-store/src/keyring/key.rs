//! Data keys in the password manager: the text of a key file as an item.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::{StoreError, StoreErrorKind};

use super::guard::Fence;
use super::item::Item;
use super::reach::Keyring;
use crate::encrypted::{DataKey, KeyId, KeySource, key_file};
use crate::file::{Place, Turns};

/// How long to wait for another process that adds a key.
const PATIENCE: Duration = Duration::from_secs(30);

/// The data keys of a sealed store in the system's password manager, made with a first key when it is needed.
///
/// So the records are in files, as many and as long as they are, and what opens them is not.
///
/// # Example
///
/// ```no_run
/// use grantflow_store::{Encrypted, FileStore, Keyring, KeyringKey};
///
/// let key = KeyringKey::new(Keyring::system(), "my-application", "data key", "state/my-application");
/// let store = Encrypted::new(FileStore::new("credentials.json"), key);
/// ```
#[derive(Clone)]
pub struct KeyringKey {
    item: Item,
    place: Arc<Place>,
    turns: Arc<Turns>,
}

impl KeyringKey {
    /// The keys under these names, locked in this directory as a [`KeyringStore`](crate::KeyringStore) is; nothing is touched yet.
    pub fn new(keyring: Keyring, application: &str, user: &str, locks: impl Into<PathBuf>) -> Self {
        let item = Item::new(keyring, application, user);
        Self {
            place: Arc::new(super::place(locks.into(), &item)),
            item,
            turns: Arc::default(),
        }
    }
}

impl KeySource for KeyringKey {
    fn keys(&self) -> Result<Vec<DataKey>, StoreError> {
        match self.item.read()? {
            Some(bytes) => {
                key_file::parse(&bytes).map_err(|kind| StoreError::new(kind).at(&self.item.place()))
            }
            None => Ok(Vec::new()),
        }
    }

    fn add(&self, new: DataKey, before: Option<KeyId>) -> Result<Vec<DataKey>, StoreError> {
        let fence = Fence::new(self.turns.lock(&self.place, PATIENCE)?);
        let mut keys = self.keys()?;
        if keys.first().map(DataKey::id) != before {
            return Ok(keys);
        }
        keys.insert(0, new);
        let hold = fence.hold(&self.item)?;
        self.item.write(&key_file::text(&keys), &hold)?;
        let kept = self.keys()?;
        if key_file::are_the_same(&kept, &keys) {
            Ok(kept)
        } else {
            Err(StoreError::new(StoreErrorKind::NotKept).at(&self.item.place()))
        }
    }
}

impl fmt::Debug for KeyringKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyringKey").field(&self.item).finish()
    }
}
