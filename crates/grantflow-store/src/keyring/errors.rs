//! What an error of a password manager means to a store.
//!
//! `keyring-core`'s own errors may hold secrets and whole entries; only what lies below them is kept, as a text.

use std::fmt;

use grantflow_core::{StoreError, StoreErrorKind};
use keyring_core::Error;

/// A reason in words, where the cause itself cannot be kept.
#[derive(Debug)]
pub(super) struct Because(String);

impl Because {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Because {}

/// For systems without a password manager that we know.
#[cfg_attr(
    any(unix, windows),
    allow(dead_code, reason = "for systems that have none, and for tests")
)]
pub(super) fn none_here() -> Error {
    Error::NotSupportedByStore("no password manager of this system is known".to_owned())
}

/// Sorts an error by what can be done about it.
pub(super) fn store_error(error: Error) -> StoreError {
    let (kind, why) = match error {
        Error::PlatformFailure(cause) => (platform(&*cause), cause.to_string()),
        Error::NoStorageAccess(cause) => (no_access(&*cause), cause.to_string()),
        // Callers have dealt with it where it may happen.
        Error::NoEntry => (
            StoreErrorKind::Unavailable,
            "the item was gone in the meantime".to_owned(),
        ),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => {
            (StoreErrorKind::Corrupt, "the item is no text".to_owned())
        }
        Error::BadStoreFormat(_) => (StoreErrorKind::Io, "its own data are malformed".to_owned()),
        Error::TooLong(what, limit) => (
            StoreErrorKind::Unsupported("keep an item of this length or name"),
            format!("{what} is longer than {limit}"),
        ),
        Error::Invalid(what, why) => (
            StoreErrorKind::Unsupported("keep an item of this length or name"),
            format!("{what} {why}"),
        ),
        Error::Ambiguous(items) => (
            StoreErrorKind::Unsupported("tell items of the same name apart; delete all but one"),
            format!("there are {}", items.len()),
        ),
        Error::NotSupportedByStore(why) => (StoreErrorKind::Absent, why),
        _ => (StoreErrorKind::Io, "it failed in an unknown way".to_owned()),
    };
    StoreError::new(kind).because(Because(why))
}

/// Whether a new connection may help.
pub(super) fn is_disconnected(error: &Error) -> bool {
    match error {
        Error::PlatformFailure(cause) => is_broken(&**cause),
        _ => false,
    }
}

type Cause = dyn std::error::Error + Send + Sync;

#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
use secret_service_errors::{is_broken, no_access, platform};

#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
mod secret_service_errors {
    use std::io;

    use grantflow_core::StoreErrorKind;
    use secret_service::Error as Service;
    use zbus::DBusError as _;

    use super::Cause;

    pub(super) fn no_access(cause: &Cause) -> StoreErrorKind {
        match cause.downcast_ref() {
            // A prompt that is dismissed, by a person or since there is no display to show it on.
            Some(Service::Locked | Service::Prompt) => StoreErrorKind::Locked,
            // No default keyring to put anything into.
            Some(Service::NoResult) => StoreErrorKind::Absent,
            _ => StoreErrorKind::Denied,
        }
    }

    pub(super) fn platform(cause: &Cause) -> StoreErrorKind {
        match cause.downcast_ref() {
            Some(Service::Locked | Service::Prompt) => StoreErrorKind::Locked,
            Some(Service::Unavailable | Service::NoResult) => StoreErrorKind::Absent,
            Some(Service::PromptDisconnected) => StoreErrorKind::Unavailable,
            Some(Service::Zbus(error)) => bus(error),
            Some(Service::ZbusFdo(error)) => named(error.name().as_str()),
            _ => StoreErrorKind::Io,
        }
    }

    pub(super) fn is_broken(cause: &Cause) -> bool {
        match cause.downcast_ref() {
            Some(Service::PromptDisconnected) => false,
            Some(Service::Zbus(zbus::Error::MethodError(name, ..))) => is_stale(name.as_str()),
            Some(Service::Zbus(zbus::Error::FDO(error))) => is_stale(error.name().as_str()),
            Some(Service::ZbusFdo(error)) => is_stale(error.name().as_str()),
            // Decrypted with the key of a session that is no more.
            Some(Service::Crypto(_)) => true,
            Some(Service::Zbus(zbus::Error::InputOutput(_) | zbus::Error::InvalidReply)) => true,
            _ => false,
        }
    }

    fn bus(error: &zbus::Error) -> StoreErrorKind {
        match error {
            zbus::Error::MethodError(name, ..) => named(name.as_str()),
            zbus::Error::FDO(error) => named(error.name().as_str()),
            zbus::Error::InputOutput(error) | zbus::Error::Connection(error, _) => match error.kind() {
                io::ErrorKind::PermissionDenied => StoreErrorKind::Denied,
                // Nobody listens at the address of the bus.
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => StoreErrorKind::Absent,
                _ => StoreErrorKind::Unavailable,
            },
            zbus::Error::Address(_) | zbus::Error::InterfaceNotFound => StoreErrorKind::Absent,
            zbus::Error::Handshake(_) => StoreErrorKind::Denied,
            _ => StoreErrorKind::Io,
        }
    }

    /// The error of a service, by its name on the bus.
    fn named(name: &str) -> StoreErrorKind {
        match name {
            "org.freedesktop.Secret.Error.IsLocked" => StoreErrorKind::Locked,
            "org.freedesktop.DBus.Error.ServiceUnknown"
            | "org.freedesktop.DBus.Error.NameHasNoOwner"
            | "org.freedesktop.DBus.Error.UnknownInterface"
            | "org.freedesktop.DBus.Error.UnknownMethod" => StoreErrorKind::Absent,
            "org.freedesktop.DBus.Error.AccessDenied"
            | "org.freedesktop.DBus.Error.AuthFailed"
            | "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired" => StoreErrorKind::Denied,
            // A service that cannot be started is none.
            name if name.starts_with("org.freedesktop.DBus.Error.Spawn.") => StoreErrorKind::Absent,
            "org.freedesktop.DBus.Error.NoReply"
            | "org.freedesktop.DBus.Error.Timeout"
            | "org.freedesktop.DBus.Error.TimedOut"
            | "org.freedesktop.DBus.Error.Disconnected"
            | "org.freedesktop.DBus.Error.NoServer"
            | "org.freedesktop.Secret.Error.NoSession"
            | "org.freedesktop.Secret.Error.NoSuchObject" => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Io,
        }
    }

    /// What a service says to sessions and objects of the one before it.
    fn is_stale(name: &str) -> bool {
        matches!(
            name,
            "org.freedesktop.Secret.Error.NoSession"
                | "org.freedesktop.Secret.Error.NoSuchObject"
                | "org.freedesktop.DBus.Error.NoReply"
                | "org.freedesktop.DBus.Error.Disconnected"
                | "org.freedesktop.DBus.Error.NameHasNoOwner"
                | "org.freedesktop.DBus.Error.ServiceUnknown"
                | "org.freedesktop.DBus.Error.UnknownMethod"
                | "org.freedesktop.DBus.Error.UnknownObject"
        )
    }
}

#[cfg(not(all(unix, not(target_vendor = "apple"), not(target_os = "android"))))]
fn no_access(_: &Cause) -> StoreErrorKind {
    StoreErrorKind::Denied
}

/// The codes of macOS are in the text, and its library gives them no other way.
#[cfg(not(all(unix, not(target_vendor = "apple"), not(target_os = "android"))))]
fn platform(_: &Cause) -> StoreErrorKind {
    StoreErrorKind::Io
}

#[cfg(not(all(unix, not(target_vendor = "apple"), not(target_os = "android"))))]
fn is_broken(_: &Cause) -> bool {
    false
}
