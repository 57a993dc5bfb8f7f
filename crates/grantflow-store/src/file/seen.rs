//! The record as it was last read, for as long as its file does not change.
//!
//! ```text
//! read ─▶ seen before? ──yes──▶ same inode, size, times, mode? ──yes──▶ the same record
//!             │ no                        │ no
//!             └───────────▶ open, check, read, parse ◀──┘
//! ```
//!
//! Every save makes a new file. The one that was read is held open, so that no other gets its inode while its number is
//! compared; what is the same inode with the same times is the same content, unless somebody else writes into the file and the
//! clock of the file system has not moved since. So what is younger than two seconds is read again.
//!
//! Locks never look here: whoever is about to change the record reads it from the file.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use grantflow_core::Record;

use super::place::Place;
use super::sys::{self, Dir, Opened, Stamp};

/// The last record read, shared by the clones of a store.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Option<Arc<Last>>>);

#[derive(Debug)]
struct Last {
    record: Record,
    stamp: Stamp,
    dir: Dir,
    /// Keeps the number of its inode from being given away.
    _file: File,
}

impl Seen {
    /// The record, if its file is still what it was.
    pub(super) fn unchanged(&self, place: &Place) -> Option<Record> {
        let last = Arc::clone(self.last().as_ref()?);
        let same = last.dir.is_unchanged() && sys::stamp_of(place.path()).as_ref() == Some(&last.stamp);
        same.then(|| last.record.clone())
    }

    /// Keeps a record that was read from this file after it had been opened. Had somebody written into it in between, it would not
    /// be what it was when it was opened, and is read again the next time.
    pub(super) fn keep(&self, record: &Record, dir: Dir, Opened { file, stamp, .. }: Opened) {
        let settled = stamp.filter(Stamp::is_settled);
        let last = settled.map(|stamp| Last {
            record: record.clone(),
            stamp,
            dir,
            _file: file,
        });
        *self.last() = last.map(Arc::new);
    }

    pub(super) fn forget(&self) {
        *self.last() = None;
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Arc<Last>>> {
        // Its one change is an assignment: a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
