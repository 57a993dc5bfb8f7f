//! A store that says whom it waits for, once, when the wait is longer than a refresh of another process takes as a rule.

use std::sync::Arc;
use std::time::Duration;

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

/// Waits for a lock in two parts.
fn locked<'s>(
    patience: Duration,
    lock: impl Fn(Duration) -> Result<Box<dyn Locked + 's>, StoreError>,
) -> Result<Box<dyn Locked + 's>, StoreError> {
    let rest = patience.saturating_sub(SILENCE);
    if rest.is_zero() {
        return lock(patience);
    }
    match lock(SILENCE) {
        Err(error) => match error.kind() {
            StoreErrorKind::LockTimeout { holder } => {
                let who = match holder {
                    Some(pid) => format!("process {pid}"),
                    None => "another process".to_owned(),
                };
                note_while_waiting(&format!(
                    "grantflow: waiting for {who}, which holds the lock of the credentials"
                ));
                lock(rest)
            }
            _ => Err(error),
        },
        locked => locked,
    }
}

impl Store for Telling {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.0.read(key)
    }

    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        locked(patience, |patience| self.0.lock(key, patience))
    }

    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        locked(patience, |patience| self.0.lock_for_login(key, patience))
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
