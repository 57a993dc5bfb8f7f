//! Where data keys are kept: what a source promises, and the keys that a caller gives.

use std::fmt;

use grantflow_core::{StoreError, StoreErrorKind};

use super::{DataKey, KeyId};

/// Where data keys are kept: a file, an item of a password manager, a service.
pub trait KeySource: fmt::Debug + Send + Sync {
    /// The keys at hand: first the one that seals, then those that only open. Empty if none was ever made.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if they cannot be read. Unreadable is never empty: records would be sealed with a new key.
    fn keys(&self) -> Result<Vec<DataKey>, StoreError>;

    /// Puts a new key in front of the others, if the one in front is still `before`, and gives the keys as they are then.
    ///
    /// When it returns, the keys are durable and were read back: what is sealed with them can be opened later.
    /// Of several processes that add the first key at the same time, one succeeds and all get the same keys.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the keys cannot be kept; those from before are still there.
    fn add(&self, new: DataKey, before: Option<KeyId>) -> Result<Vec<DataKey>, StoreError>;
}

/// Keys that the caller has, from a variable of the environment for example.
///
/// # Example
///
/// ```
/// use grantflow_store::{DataKey, Encrypted, FileStore, GivenKeys};
///
/// let old = DataKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")?;
/// let new = DataKey::generate()?;
/// // The new key seals; what the old one has sealed is still opened.
/// let store = Encrypted::new(FileStore::new("credentials.json"), GivenKeys::new(new).opening(old));
/// # Ok::<(), grantflow_core::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GivenKeys(Vec<DataKey>);

impl GivenKeys {
    /// Seals and opens with this key.
    #[must_use]
    pub fn new(key: DataKey) -> Self {
        Self(vec![key])
    }

    /// Opens with this key, too: the one from before a change.
    #[must_use]
    pub fn opening(mut self, older: DataKey) -> Self {
        self.0.push(older);
        self
    }
}

impl KeySource for GivenKeys {
    fn keys(&self) -> Result<Vec<DataKey>, StoreError> {
        Ok(self.0.clone())
    }

    fn add(&self, _: DataKey, _: Option<KeyId>) -> Result<Vec<DataKey>, StoreError> {
        let what = "keep a new data key, since the caller gives them";
        Err(StoreError::new(StoreErrorKind::Unsupported(what)))
    }
}
