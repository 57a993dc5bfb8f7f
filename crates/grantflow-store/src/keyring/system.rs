//! The password manager of this system.

use std::sync::Arc;

use keyring_core::{CredentialStore, Result};

/// The Secret Service on the session's bus.
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
pub(super) fn open() -> Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

/// The user's keychain.
#[cfg(target_os = "macos")]
pub(super) fn open() -> Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

/// The Credential Manager. Items are named `USER@APPLICATION`, as Python's `keyring` names them where a user is to be told from
/// others, and no application's name may have an `@`: so no two items have the same name.
#[cfg(windows)]
pub(super) fn open() -> Result<Arc<CredentialStore>> {
    let names = [("divider", "@"), ("service_no_divider", "true")].into();
    Ok(windows_native_keyring_store::Store::new_with_configuration(
        &names,
    )?)
}

/// None that is known.
#[cfg(not(any(
    target_os = "macos",
    windows,
    all(unix, not(target_vendor = "apple"), not(target_os = "android"))
)))]
pub(super) fn open() -> Result<Arc<CredentialStore>> {
    Err(super::errors::none_here())
}
