//! Where a flight is handed over while the lock of its record is kept.
//!
//! A token that could not be stored keeps the lock, so that no other process finds the spent refresh token. If it ends
//! meanwhile, only the task that holds the lock can refresh it: the next leader hands it its duty.

use std::sync::PoisonError;

use super::flight::Leader;
use super::published::{Need, Obtained};
use super::sync::{Mutex, MutexGuard};

/// What a leader hands over.
pub(super) type Duty = (Need, Leader<Obtained>);

/// Closed, unless a task keeps the lock.
#[derive(Default)]
pub(super) struct Inbox(Mutex<Option<Vec<Duty>>>);

/// The task's end of an open inbox. If the task is dropped, so are the duties: their flights end as abandoned, and whoever waits
/// for them looks for another way.
pub(super) struct Open<'a>(&'a Inbox);

impl Inbox {
    /// Opens the inbox.
    pub(super) fn open(&self) -> Open<'_> {
        *self.lock() = Some(Vec::new());
        Open(self)
    }

    /// Hands the duty over, or gives it back where nobody takes it.
    pub(super) fn hand_over(&self, duty: Duty) -> Result<(), Duty> {
        match &mut *self.lock() {
            Some(duties) => {
                duties.push(duty);
                Ok(())
            }
            None => Err(duty),
        }
    }

    /// Whether a task keeps the lock.
    pub(super) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Duty>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open<'_> {
    /// A duty that was handed over.
    pub(super) fn take(&self) -> Option<Duty> {
        self.0.lock().as_mut().and_then(Vec::pop)
    }

    /// Closes the inbox; what is left in it.
    pub(super) fn close(self) -> Vec<Duty> {
        self.0.lock().take().unwrap_or_default()
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let duties = self.0.lock().take();
        drop(duties);
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_open() { "Open" } else { "Closed" })
    }
}
