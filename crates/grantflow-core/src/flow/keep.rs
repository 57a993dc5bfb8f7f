//! A new login goes into the store, in place of what was there.
//!
//! ```text
//! LockForLogin ─▶ Save(record) ─┬─ saved ────▶ Unlock ─▶ Done
//!       ▲                       └─ overtaken ─┐
//!       └─────── at most 16 times ─────────────┘
//! ```
//!
//! A consent costs a person something, so it is not given up because another write came first, as happens where a save compares
//! and the lock was lost or is none: what stands there now is read, and the login is what comes after it.

use crate::error::{StoreError, StoreErrorKind};
use crate::step::Change;
use crate::{Cx, Error, Expect, Key, Next, Record, Step};

use super::access::LOCK_PATIENCE;

/// How often a login or a revocation begins anew because another write overtook it. Each time somebody else has got on; but where
/// a noted attempt stands for the lock, all who waited wake at once, and one of three who race may lose some in a row.
pub(super) const OVERTAKEN: u32 = 16;

/// Stores the record of a new login under its key, and forgets the record under `instead_of`, if another key is given.
///
/// What is stored and cannot be read is set aside by the store, never deleted.
/// The generation goes on counting where the old record ended, so that other processes see that this one is newer. Where there is
/// none it begins at the seconds of the clock, which is above whatever a record counted that was deleted.
///
/// Where another write comes between the lock and the save ([`StoreErrorKind::Conflict`]), the record is locked and read again,
/// up to 16 times.
pub fn keep(record: Record, instead_of: Option<Key>) -> Step<Record> {
    let login = Login {
        record,
        instead_of,
        tries_left: OVERTAKEN,
    };
    login.lock()
}

/// What is to be stored. Its record counts from nothing: what it comes after is known under the lock alone.
struct Login {
    record: Record,
    instead_of: Option<Key>,
    tries_left: u32,
}

impl Login {
    fn lock(self) -> Step<Record> {
        let key = self.record.key().clone();
        Step::LockForLogin(key, LOCK_PATIENCE, Next::new(self))
    }
}

impl Expect<Result<Option<Record>, StoreError>, Record> for Login {
    fn resume(
        mut self: Box<Self>,
        stored: Result<Option<Record>, StoreError>,
        cx: &mut Cx<'_>,
    ) -> Result<Step<Record>, Error> {
        let record = match stored? {
            Some(old) => self.record.clone().succeeding(&old),
            None => self.record.clone().first(cx.wall()),
        };
        let change = match &self.instead_of {
            Some(old) if old != record.key() => Change::Replace {
                record: Box::new(record.clone()),
                forget: Box::new(old.clone()),
            },
            _ => Change::Put(Box::new(record.clone())),
        };
        let next = move |saved: Result<(), StoreError>, _: &mut Cx<'_>| match saved {
            Ok(()) => Ok(Step::Unlock(Next::new(move |(), _: &mut Cx<'_>| {
                Ok(Step::Done(record))
            }))),
            Err(error) if error.kind() == StoreErrorKind::Conflict && self.tries_left > 0 => {
                self.tries_left -= 1;
                Ok(self.lock())
            }
            Err(error) => Err(error.into()),
        };
        Ok(Step::Save(change, Next::new(next)))
    }
}
