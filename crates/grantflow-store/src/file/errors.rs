//! What an error of the operating system means to a store.

use std::io::{Error, ErrorKind};
use std::path::Path;

use grantflow_core::{StoreError, StoreErrorKind};

use super::sys;

/// Why a file was not opened.
#[derive(Debug)]
pub(crate) enum Refusal {
    Io(Error),
    /// Others could read or replace it.
    Insecure(&'static str),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Io(error)
    }
}

impl Refusal {
    pub(crate) fn reading(self, path: &Path) -> StoreError {
        match self {
            Self::Io(error) => reading(error, path),
            Self::Insecure(why) => StoreError::new(StoreErrorKind::Insecure(why)).at(path),
        }
    }

    pub(crate) fn writing(self, path: &Path) -> StoreError {
        match self {
            Self::Io(error) => writing(error, path),
            Self::Insecure(why) => StoreError::new(StoreErrorKind::Insecure(why)).at(path),
        }
    }
}

pub(crate) fn reading(error: Error, path: &Path) -> StoreError {
    let kind = if sys::is_exhausted(&error) {
        StoreErrorKind::Unavailable
    } else {
        StoreErrorKind::Io
    };
    StoreError::new(kind).at(path).because(error)
}

pub(crate) fn writing(error: Error, path: &Path) -> StoreError {
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => StoreErrorKind::ReadOnly,
        _ => return reading(error, path),
    };
    StoreError::new(kind).at(path).because(error)
}

pub(super) fn locking(error: Error, path: &Path) -> StoreError {
    if sys::has_no_locks(&error) {
        return StoreError::new(StoreErrorKind::LockUnsupported)
            .at(path)
            .because(error);
    }
    writing(error, path)
}

/// Where it happened, unless the error says so already: a key file is elsewhere than the record.
pub(crate) fn located(error: StoreError, path: &Path) -> StoreError {
    if error.path().is_some() {
        error
    } else {
        error.at(path)
    }
}
