//! Lookups by a part of the key, as oauth2client's multistore had them by name.

use std::collections::BTreeMap;

use grantflow_core::{Key, Scopes, Store as _, StoreError};

use super::MultiStore;

impl MultiStore {
    /// The keys of the records of this client id, user agent and scopes: `get_credential_storage`.
    ///
    /// All records are looked at, and several may answer: of other accounts, or of other servers. Who knows the
    /// [`Client`](grantflow_core::Client) makes the key, which finds its record at once:
    /// `Key::new(&client, scopes).with_user_agent(user_agent)`.
    ///
    /// # Errors
    ///
    /// As [`keys`](grantflow_core::Store::keys).
    pub fn keys_by_client(
        &self,
        client_id: &str,
        user_agent: &str,
        scopes: &Scopes,
    ) -> Result<Vec<Key>, StoreError> {
        self.keys_where(|key| {
            key.client_id() == client_id && key.user_agent() == user_agent && key.scopes() == scopes
        })
    }

    /// The keys of the records with this label: `get_credential_storage_custom_string_key`.
    ///
    /// All records are looked at. Who knows client and scopes finds the record at once:
    /// `Key::new(&client, scopes).with_label(label)`.
    ///
    /// # Errors
    ///
    /// As [`keys`](grantflow_core::Store::keys).
    pub fn keys_by_label(&self, label: &str) -> Result<Vec<Key>, StoreError> {
        self.keys_where(|key| key.label() == label)
    }

    /// The keys of the records whose label is made of these parts: `get_credential_storage_custom_key`.
    ///
    /// See [`Key::with_label_parts`]. All records are looked at.
    ///
    /// # Errors
    ///
    /// As [`keys`](grantflow_core::Store::keys).
    ///
    /// # Example
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use grantflow_store::MultiStore;
    ///
    /// # let directory = std::env::temp_dir().join(format!("grantflow-doc-parts-{}", std::process::id()));
    /// let store = MultiStore::new(directory);
    /// let parts = BTreeMap::from([("tenant", "7"), ("user", "ann")]);
    /// assert!(store.keys_by_label_parts(&parts)?.is_empty());
    /// # Ok::<(), grantflow_core::StoreError>(())
    /// ```
    pub fn keys_by_label_parts(&self, parts: &BTreeMap<&str, &str>) -> Result<Vec<Key>, StoreError> {
        self.keys_where(|key| {
            key.clone()
                .with_label_parts(parts.iter().map(|(name, value)| (*name, *value)))
                == *key
        })
    }

    fn keys_where(&self, wanted: impl Fn(&Key) -> bool) -> Result<Vec<Key>, StoreError> {
        Ok(self.keys()?.into_iter().filter(wanted).collect())
    }
}
