//! The record while it is locked, and the lock that outlives whoever gave up.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use grantflow_core::{Change, Key, Locked, Record, Secret, StoreError, StoreErrorKind};

use super::errors::Because;
use super::item::Item;
use super::reach::Hold;
use crate::file::{Held, Stored, Turn};
use crate::form::Form;

/// The lock of a value. Each call that writes shares it, so that it is free only when the last of them has ended.
///
/// Dropped in the order of its fields: first the kernel's lock, then the turn.
pub(super) struct Fence {
    _held: Held,
    _turn: Turn,
}

impl Fence {
    pub(super) fn new((turn, held): (Turn, Held)) -> Arc<Self> {
        Arc::new(Self {
            _held: held,
            _turn: turn,
        })
    }

    /// For a call that writes; not while an earlier one may still write.
    pub(super) fn hold(self: &Arc<Self>, item: &Item) -> Result<Hold, StoreError> {
        if Arc::strong_count(self) > 1 {
            let why = "an earlier call has not ended yet, and may still write";
            let error = StoreError::new(StoreErrorKind::TimedOut).at(&item.place());
            return Err(error.because(Because::new(why)));
        }
        Ok(Some(Arc::clone(self) as _))
    }
}

pub(super) struct Guard {
    item: Item,
    form: Arc<dyn Form>,
    key: Key,
    stored: Stored,
    /// What may stand there by our own doing: what was found or saved last, and what was tried since.
    ours: Vec<Secret>,
    fence: Arc<Fence>,
}

impl Guard {
    pub(super) fn new(
        (item, form): (&Item, &Arc<dyn Form>),
        key: Key,
        (stored, found): (Stored, Option<&Record>),
        fence: Arc<Fence>,
    ) -> Self {
        Self {
            item: item.clone(),
            form: Arc::clone(form),
            key,
            stored,
            ours: found.map(Record::expose_json).into_iter().collect(),
            fence,
        }
    }

    fn put(&mut self, record: Record, forget: Option<&Key>) -> Result<(), StoreError> {
        let refused = |kind| StoreError::new(kind).at(&self.item.place());
        self.stored.admits(&self.key, &record, forget).map_err(refused)?;
        let hold = self.fence.hold(&self.item)?;
        let located = |error| super::located(error, &self.item);
        let bytes = self.form.write(&record).map_err(located)?;
        if matches!(self.stored, Stored::Corrupt) {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
            let millis = since_1970.map_or(0, |time| time.as_millis());
            self.item.set_aside(millis, &hold)?;
            // One copy is enough, whatever becomes of the rest.
            self.stored = Stored::Nothing;
        } else if !self.is_there()? && matches!(self.stored, Stored::Ours(_)) {
            // Deleted meanwhile: it does not come back.
            return Err(refused(StoreErrorKind::Conflict));
        }
        let written = super::decode(&self.item, &self.form, &bytes)?.expose_json();
        // A write that fails may be done all the same, now or later.
        if !self.is_ours(&written) {
            self.ours.push(written.clone());
        }
        self.item.write(&bytes, &hold)?;
        self.ours = vec![written];
        self.stored = Stored::Ours(Box::new(record));
        Ok(())
    }

    fn is_ours(&self, json: &Secret) -> bool {
        self.ours.iter().any(|ours| ours.eq_ct(json))
    }

    /// Looks again whether anything is stored, and refuses what is another's: others may write who know nothing of the lock, or
    /// have theirs elsewhere. The generation would not tell: the note of an attempt keeps it.
    fn is_there(&self) -> Result<bool, StoreError> {
        let refused = |kind| Err(StoreError::new(kind).at(&self.item.place()));
        let bytes = match self.item.read() {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(false),
            // Half of a write of ours that failed; what is good is in our hands.
            Err(error) if error.kind() == StoreErrorKind::Corrupt => return Ok(true),
            Err(error) => return Err(error),
        };
        match super::decode(&self.item, &self.form, &bytes) {
            Ok(found) if self.is_ours(&found.expose_json()) => Ok(true),
            Ok(found) if *found.key() != self.key => refused(StoreErrorKind::OtherRecord),
            Ok(_) => refused(StoreErrorKind::Conflict),
            Err(error) if error.kind() == StoreErrorKind::Corrupt => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn delete(&mut self) -> Result<(), StoreError> {
        match self.stored {
            // Not ours to delete, or nothing there.
            Stored::Other(_) | Stored::Nothing => return Ok(()),
            Stored::Corrupt => {
                return Err(StoreError::new(StoreErrorKind::Corrupt).at(&self.item.place()));
            }
            Stored::Ours(_) => {}
        }
        let hold = self.fence.hold(&self.item)?;
        self.is_there()?;
        self.item.delete(&hold)?;
        self.stored = Stored::Nothing;
        Ok(())
    }
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
