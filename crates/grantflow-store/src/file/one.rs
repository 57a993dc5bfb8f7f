//! One record in one file: its place, the form of its bytes, and the turns of those who lock it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::{Key, Protection, Record, StoreError, StoreErrorKind};

use super::errors;
use super::guard::{Guard, Stored};
use super::lock::Turns;
use super::place::{Held, Place};
use super::seen::Seen;
use super::sys::Dir;
use crate::form::Form;

/// A file that holds one record, in one form.
#[derive(Clone, Debug)]
pub(crate) struct OneRecord {
    place: Arc<Place>,
    form: Arc<dyn Form>,
    turns: Arc<Turns>,
}

/// What a lock is taken for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// To read and change what is there. Whoever only adopts what another has stored writes nothing.
    Refresh,
    /// To put something new in the place of whatever is there, unless it is of a newer version. Its space is reserved.
    Login,
    /// To forget what is there. No data key is needed for it.
    Removal,
}

impl OneRecord {
    pub(crate) fn new(place: Arc<Place>, form: Arc<dyn Form>, turns: Arc<Turns>) -> Self {
        Self { place, form, turns }
    }

    /// The same file in another form.
    pub(crate) fn in_form(&self, form: Arc<dyn Form>) -> Self {
        Self { form, ..self.clone() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn protection(&self) -> Protection {
        self.form.protection()
    }

    /// Reads without any lock.
    pub(crate) fn read(&self) -> Result<Option<Record>, StoreError> {
        let Some((_, opened)) = self.place.open()? else {
            return Ok(None);
        };
        self.decode(&self.place.whole(&opened)?).map(Some)
    }

    /// Reads without any lock, if the file is not what it was the last time.
    pub(super) fn read_if_changed(&self, seen: &Seen) -> Result<Option<Record>, StoreError> {
        if let Some(record) = seen.unchanged(&self.place) {
            return Ok(Some(record));
        }
        let Some((dir, opened)) = self.place.open()? else {
            seen.forget();
            return Ok(None);
        };
        let record = self.place.whole(&opened).and_then(|bytes| self.decode(&bytes));
        match &record {
            Ok(record) => seen.keep(record, dir, opened),
            Err(_) => seen.forget(),
        }
        record.map(Some)
    }

    /// Reads from the open directory; with the record comes the number of its bytes.
    pub(crate) fn load(&self, dir: &Dir) -> Result<Option<(Record, usize)>, StoreError> {
        let Some(bytes) = self.place.load(dir)? else {
            return Ok(None);
        };
        Ok(Some((self.decode(&bytes)?, bytes.len())))
    }

    /// The same from the file that is locked, where files are.
    fn load_held(&self, held: &Held) -> Result<Option<(Record, usize)>, StoreError> {
        let Some(locked) = &held.record else {
            return self.load(&held.dir);
        };
        let bytes = self.place.whole(locked)?;
        Ok(Some((self.decode(&bytes)?, bytes.len())))
    }

    fn decode(&self, bytes: &[u8]) -> Result<Record, StoreError> {
        self.form
            .read(bytes)
            .map_err(|error| errors::located(error, self.path()))
    }

    /// Waits for the lock and reads under it.
    pub(crate) fn lock(&self, key: &Key, patience: Duration, purpose: Purpose) -> Result<Guard, StoreError> {
        let (turn, held) = self.turns.lock(&self.place, patience)?;
        let (stored, length) = match self.load_held(&held) {
            Ok(None) => (Stored::Nothing, 0),
            Ok(Some((record, length))) if record.key() == key => (Stored::Ours(Box::new(record)), length),
            Ok(Some((record, _))) => (Stored::Other(Box::new(record.key().clone())), 0),
            Err(error) if purpose != Purpose::Refresh && error.kind() == StoreErrorKind::Corrupt => {
                (Stored::Corrupt, 0)
            }
            Err(error) => return Err(error),
        };
        let guard = Guard::new((&self.place, &self.form), key.clone(), stored, (turn, held))?;
        if purpose != Purpose::Removal {
            self.form
                .prepare()
                .map_err(|error| errors::located(error, self.path()))?;
        }
        match purpose {
            Purpose::Login => guard.prepared(length),
            Purpose::Refresh | Purpose::Removal => Ok(guard),
        }
    }
}
