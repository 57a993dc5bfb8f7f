//! A new login goes into the store, in place of what was there.

use crate::error::StoreError;
use crate::step::Change;
use crate::{Cx, Error, Key, Next, Record, Step};

use super::access::LOCK_PATIENCE;

/// Stores the record of a new login under its key, and forgets the record under `instead_of`, if another key is given.
///
/// What is stored and cannot be read is set aside by the store, never deleted.
/// The generation goes on counting where the old record ended, so that other processes see that this one is newer. Where there is
/// none it begins at the seconds of the clock, which is above whatever a record counted that was deleted.
pub fn keep(record: Record, instead_of: Option<Key>) -> Step<Record> {
    let key = record.key().clone();
    let next = move |stored: Result<Option<Record>, StoreError>, cx: &mut Cx<'_>| {
        let record = match stored? {
            Some(old) => record.succeeding(&old),
            None => record.first(cx.wall()),
        };
        let change = match instead_of {
            Some(old) if old != *record.key() => Change::Replace {
                record: Box::new(record.clone()),
                forget: Box::new(old),
            },
            _ => Change::Put(Box::new(record.clone())),
        };
        Ok(Step::Save(
            change,
            Next::new(move |saved: Result<(), StoreError>, _: &mut Cx<'_>| {
                saved.map_err(Error::Store)?;
                Ok(Step::Unlock(Next::new(move |(), _: &mut Cx<'_>| {
                    Ok(Step::Done(record))
                })))
            }),
        ))
    };
    Step::LockForLogin(key, LOCK_PATIENCE, Next::new(next))
}
