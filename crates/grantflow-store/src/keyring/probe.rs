//! Trying a password manager out: write, read, delete.

use std::sync::atomic::{AtomicU64, Ordering};

use grantflow_core::{StoreError, StoreErrorKind};
use keyring_core::CredentialPersistence;

use super::item::Item;
use super::reach::Keyring;

/// A password manager that keeps what it is given.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Probe {
    /// What it is, for people: the library that reaches it, and where that comes from.
    pub vendor: String,
    /// Whether its items outlive this process and the session of the user.
    pub is_durable: bool,
}

impl Keyring {
    /// Writes an item of this application, reads it, and deletes it.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as a store there would answer. An item of the user `grantflow-probe-…` may then be left behind.
    pub fn probe(&self, application: &str) -> Result<Probe, StoreError> {
        static PROBES: AtomicU64 = AtomicU64::new(0);
        let number = PROBES.fetch_add(1, Ordering::Relaxed);
        let user = format!("grantflow-probe-{}-{number}", std::process::id());
        let item = Item::new(self.clone(), application, &user);
        // Written and deleted is also read back.
        item.write(b"grantflow was here", &None)?;
        let read = item.read();
        let deleted = item.delete(&None);
        if read?.is_none() {
            return Err(StoreError::new(StoreErrorKind::NotKept).at(&item.place()));
        }
        deleted?;
        self.call(&None, |store| {
            Ok(Probe {
                vendor: store.vendor(),
                is_durable: matches!(store.persistence(), CredentialPersistence::UntilDelete),
            })
        })
    }
}
