//! Waiting for locks that says whom it waits for, once, when it takes longer than a refresh of another process does as a rule.

#[cfg(unix)]
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[cfg(unix)]
use grantflow::loopback::Visible;
#[cfg(unix)]
use grantflow::store::import::FastenersLock;
use grantflow::{Key, Locked, Protection, Record, Store, StoreError, StoreErrorKind};

use crate::output::note_while_waiting;

/// How long nothing is said.
const SILENCE: Duration = Duration::from_secs(2);

/// The store of a command.
#[derive(Debug)]
pub(crate) struct Telling(Arc<dyn Store>);

impl Telling {
    pub(crate) fn new(store: impl Store + 'static) -> Self {
        Self(Arc::new(store))
    }
}

/// Waits for a lock in two parts, and says between them who has it and of what.
fn in_two_parts<T>(
    patience: Duration,
    what: &str,
    lock: impl Fn(Duration) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let rest = patience.saturating_sub(SILENCE);
    if rest.is_zero() {
        return lock(patience);
    }
    let error = match lock(SILENCE) {
        Err(error) => error,
        locked => return locked,
    };
    let StoreErrorKind::LockTimeout { holder } = error.kind() else {
        return Err(error);
    };
    let who = match holder {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    };
    note_while_waiting(&format!("grantflow: waiting for {who}, which holds {what}"));
    lock(rest)
}

/// The lock that Python processes take for a file of several credentials.
#[cfg(unix)]
pub(crate) fn python_lock(file: &Path, patience: Duration) -> Result<FastenersLock, StoreError> {
    let what = format!("the lock {}.lock", Visible(&file.display().to_string()));
    in_two_parts(patience, &what, |patience| FastenersLock::beside(file, patience))
}

const CREDENTIALS: &str = "the lock of the credentials";

impl Store for Telling {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.0.read(key)
    }

    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        in_two_parts(patience, CREDENTIALS, |patience| self.0.lock(key, patience))
    }

    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        in_two_parts(patience, CREDENTIALS, |patience| {
            self.0.lock_for_login(key, patience)
        })
    }

    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        self.0.keys()
    }

    fn records(&self) -> Result<Box<dyn Iterator<Item = Result<Record, StoreError>> + '_>, StoreError> {
        self.0.records()
    }

    fn holds_one_record(&self) -> bool {
        self.0.holds_one_record()
    }

    fn protection(&self) -> Protection {
        self.0.protection()
    }
}
