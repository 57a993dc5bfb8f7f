//! The record while it is locked: writing it whole, or not at all.
//!
//! ```text
//! Guard ─▶ a new file ─▶ write ─▶ fsync ─▶ rename ─▶ fsync the directory ─▶ saved
//!            ▲             │         │         │
//!            └─────────────┴─────────┴─────────┘  failed: a new file for the next try
//! ```
//!
//! A record that says that a refresh is under way is followed by a request, whose reply must have room: the file for that save
//! is made, and its space reserved, before this one gets its name. So is the file of a new login, when it is locked.
//!
//! After a failed fsync the kernel may count lost pages as written: no file is ever synced twice.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use grantflow_core::{Change, Key, Locked, Record, StoreError, StoreErrorKind};

use super::lock::Turn;
use super::place::{Held, Place, Wait, take};
use super::sys::Opened;
use super::{errors, sys};
use crate::form::Form;

/// What was found under the lock, or saved since.
#[derive(Debug)]
pub(crate) enum Stored {
    Nothing,
    Ours(Box<Record>),
    /// A record of this other key.
    Other(Box<Key>),
    /// To be set aside by the save of a new login.
    Corrupt,
}

impl Stored {
    /// Whether a record may take its place, which was locked for this key.
    pub(crate) fn admits(
        &self,
        key: &Key,
        record: &Record,
        forget: Option<&Key>,
    ) -> Result<(), StoreErrorKind> {
        if record.key() != key {
            return Err(StoreErrorKind::NotLocked);
        }
        match self {
            Self::Other(key) if Some(&**key) != forget => Err(StoreErrorKind::OtherRecord),
            Self::Ours(old) if record.generation() < old.generation() => Err(StoreErrorKind::Conflict),
            _ => Ok(()),
        }
    }
}

/// Dropped in the order of its fields: first the kernel's lock, then the turn, and last the files that have lost their names.
pub(crate) struct Guard {
    place: Arc<Place>,
    form: Arc<dyn Form>,
    key: Key,
    stored: Stored,
    prepared: Option<Prepared>,
    held: Held,
    _turn: Turn,
    /// Closing the last handle of a file without a name frees its blocks, which takes as long as an fsync: nobody waits for that.
    replaced: Vec<Opened>,
}

/// A file to save into.
#[derive(Debug)]
struct Prepared {
    file: File,
    slot: usize,
    /// Whether space was reserved, so that what is left of it has to be given back.
    reserved: bool,
}

/// The bytes that a store in files reserves at least before a request leaves whose reply it has to keep: records are a few KiB.
pub const RESERVED: usize = 64 * 1024;

impl Guard {
    /// The guard of what was found under the lock.
    pub(super) fn new(
        (place, form): (&Arc<Place>, &Arc<dyn Form>),
        key: Key,
        stored: Stored,
        (turn, held): (Turn, Held),
    ) -> Result<Self, StoreError> {
        let mut guard = Self {
            place: Arc::clone(place),
            form: Arc::clone(form),
            key,
            stored,
            prepared: None,
            held,
            _turn: turn,
            replaced: Vec::new(),
        };
        if !guard.held.is_signed() {
            guard.clear()?;
            // Not before: whoever finds our number in it believes that nothing is left.
            guard.held.sign();
        }
        Ok(guard)
    }

    /// Whether there is a record of another key.
    pub(crate) fn found_another(&self) -> bool {
        matches!(self.stored, Stored::Other(_))
    }

    /// Reserves what the first save needs, so that a full disk is an error before a user is asked for consent.
    pub(super) fn prepared(mut self, length: usize) -> Result<Self, StoreError> {
        self.clear()?;
        self.prepared = Some(self.prepare(0, length)?);
        Ok(self)
    }

    /// Removes the record; what cannot be read is set aside instead.
    pub(crate) fn forget(&mut self) -> Result<(), StoreError> {
        if !matches!(self.stored, Stored::Corrupt) {
            return self.delete();
        }
        self.clear()?;
        let aside = self.set_aside();
        aside.map_err(|error| errors::writing(error, self.place.path()))?;
        self.sync()?;
        self.stored = Stored::Nothing;
        Ok(())
    }

    /// Removes what a killed process left, or a failed save, and what was prepared for the next one.
    fn clear(&mut self) -> Result<(), StoreError> {
        self.prepared = None;
        let mut slots = 0..2;
        let removed = slots.try_for_each(|slot| self.held.dir.remove(self.place.saving(slot)));
        removed.map_err(|error| errors::writing(error, self.place.path()))
    }

    /// Makes a file to save into.
    fn create(&self, slot: usize) -> Result<Prepared, StoreError> {
        let create = || self.held.dir.create_new(self.place.saving(slot));
        let created = create().or_else(|error| match error.kind() {
            // Left by a killed process that had our number: the first one of a container always has the same.
            ErrorKind::AlreadyExists => {
                let removed = self.held.dir.remove(self.place.saving(slot));
                removed.and_then(|()| create())
            }
            _ => Err(error),
        });
        let file = created.map_err(|error| errors::writing(error, self.place.path()))?;
        if sys::LOCKS_RECORDS {
            // Nobody else can have it: it has just been made, in a directory where nobody else may write.
            take(&file, Wait::Never).map_err(|error| errors::locking(error, self.place.path()))?;
        }
        Ok(Prepared {
            file,
            slot,
            reserved: false,
        })
    }

    /// The same, with space for several times as much as there was.
    fn prepare(&self, slot: usize, length: usize) -> Result<Prepared, StoreError> {
        let created = self.create(slot)?;
        let space = length.saturating_mul(4).max(RESERVED) as u64;
        if let Err(error) = sys::reserve(&created.file, space) {
            let _ = self.held.dir.remove(self.place.saving(slot));
            return Err(errors::writing(error, self.place.path()));
        }
        Ok(Prepared {
            reserved: true,
            ..created
        })
    }

    fn put(&mut self, record: Record, forget: Option<&Key>) -> Result<(), StoreError> {
        let refused = |kind| StoreError::new(kind).at(self.place.path());
        self.stored.admits(&self.key, &record, forget).map_err(refused)?;
        match self.write(&record) {
            Ok(()) => {
                self.stored = Stored::Ours(Box::new(record));
                Ok(())
            }
            Err(error) => {
                // The next try starts anew. What cannot be removed now, it or a later lock removes.
                let _ = self.clear();
                Err(error)
            }
        }
    }

    fn write(&mut self, record: &Record) -> Result<(), StoreError> {
        let bytes = self
            .form
            .write(record)
            .map_err(|error| errors::located(error, self.place.path()))?;
        let Prepared { file, slot, reserved } = match self.prepared.take() {
            Some(prepared) => prepared,
            None => self.create(0)?,
        };
        let next = if record.refresh_state().attempt_started_at.is_some() {
            Some(self.prepare(slot + 1, bytes.len())?)
        } else {
            None
        };
        let place = Arc::clone(&self.place);
        let failed = |error| errors::writing(error, place.path());
        fill(&file, &bytes, reserved).map_err(failed)?;
        self.replace(slot).map_err(failed)?;
        let old = self.held.follow(sys::LOCKS_RECORDS.then(|| Opened {
            length: bytes.len() as u64,
            stamp: None,
            file,
        }));
        // One whose save fails again and again must not hold more and more of them.
        self.replaced.truncate(1);
        self.replaced.extend(old);
        self.sync()?;
        self.prepared = next;
        Ok(())
    }

    /// Gives the written file its name: from here on what is stored is the new record.
    fn replace(&mut self, slot: usize) -> io::Result<()> {
        let place = Arc::clone(&self.place);
        let (from, to) = (place.saving(slot), place.file());
        if !matches!(self.stored, Stored::Corrupt) {
            return self.held.dir.rename(from, to);
        }
        let aside = self.set_aside()?;
        let renamed = self.held.dir.rename(from, to);
        match renamed {
            // It is good now, even if the directory cannot be synced: a second try must not set it aside.
            Ok(()) => self.stored = Stored::Nothing,
            Err(_) => {
                let _ = self.held.dir.rename(&aside, to);
            }
        }
        renamed
    }

    /// Gives what cannot be read a name of its own.
    fn set_aside(&self) -> io::Result<OsString> {
        let aside = self.free_name()?;
        self.held.dir.rename(self.place.file(), &aside)?;
        Ok(aside)
    }

    fn free_name(&self) -> io::Result<OsString> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut millis = since_1970.map_or(0, |time| time.as_millis());
        loop {
            let name = self.place.aside(millis);
            if !self.held.dir.has(&name)? {
                return Ok(name);
            }
            millis = millis.saturating_add(1);
        }
    }

    fn delete(&mut self) -> Result<(), StoreError> {
        self.clear()?;
        match self.stored {
            // Not ours to delete, or nothing there.
            Stored::Other(_) | Stored::Nothing => return Ok(()),
            Stored::Corrupt => return Err(StoreError::new(StoreErrorKind::Corrupt).at(self.place.path())),
            Stored::Ours(_) => {}
        }
        let removed = self.held.dir.remove(self.place.file());
        removed.map_err(|error| errors::writing(error, self.place.path()))?;
        self.sync()?;
        self.stored = Stored::Nothing;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let synced = self.held.dir.sync();
        if synced.is_err() {
            // A second sync of the same open directory would answer that all is well.
            let _ = self.held.dir.reopen();
        }
        synced.map_err(|error| errors::writing(error, self.place.path()))
    }
}

/// Writes the whole file, gives back what was reserved beyond it, and waits until it is on disk.
pub(crate) fn fill(mut file: &File, bytes: &[u8], reserved: bool) -> io::Result<()> {
    file.write_all(bytes)?;
    if reserved {
        file.set_len(bytes.len() as u64)?;
    }
    file.sync_all()
}

impl Locked for Guard {
    fn record(&self) -> Option<&Record> {
        match &self.stored {
            Stored::Ours(record) => Some(record),
            _ => None,
        }
    }

    fn save(&mut self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Put(record) => self.put(*record, None),
            Change::Replace { record, forget } => self.put(*record, Some(&forget)),
            Change::Delete => self.delete(),
            _ => Err(StoreError::new(StoreErrorKind::Unsupported("make this change"))),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(Prepared { slot, .. }) = self.prepared.take() {
            let _ = self.held.dir.remove(self.place.saving(slot));
        }
        if matches!(self.stored, Stored::Nothing) {
            self.held.unsign();
        }
    }
}
