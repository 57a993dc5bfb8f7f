//! Whether what is stored serves, and if not, what is to be asked for and what it replaces.
//!
//! ```text
//! under the key, usable ───────────────────────────▶ serves
//! same but for scopes, usable, covers what is asked ▶ serves
//! same but for scopes, covers less ─────────────────▶ ask for both, replace it
//! another client's, in a store for one record ──────▶ error
//! nothing, ended, unreadable ───────────────────────▶ ask
//! ```

use grantflow_core::error::StoreErrorKind;
use grantflow_core::{Key, Record, Scopes, Store, StoreError, Timestamp};

use crate::LoginError;

/// What the store says about a login.
#[derive(Debug)]
pub(super) enum Stored {
    /// The record under this key serves.
    Serves(Key),
    /// The user is to be asked for these scopes.
    Ask {
        scopes: Scopes,
        /// The record that the new one replaces, where its key is another.
        instead_of: Option<Key>,
    },
}

pub(super) fn look_up(
    store: &dyn Store,
    wanted: &Key,
    now: Timestamp,
    always_ask: bool,
) -> Result<Stored, LoginError> {
    let serves = |record: &Record| !always_ask && is_usable(record, now);
    match readable(store.read(wanted))? {
        Some(Some(record)) if serves(&record) => return Ok(Stored::Serves(wanted.clone())),
        Some(_) => {}
        // The save of the new login sets it aside.
        None => return Ok(Stored::ask(wanted.scopes().clone(), None)),
    }
    let mut kin = Vec::new();
    for record in records(store)? {
        if record.key() == wanted {
            continue;
        }
        if record.key().same_but_for_scopes(wanted) {
            kin.push(record);
        } else if store.holds_one_record() {
            return Err(LoginError::other_record(record.key().clone(), wanted.clone()));
        }
    }
    if let Some(record) = kin
        .iter()
        .find(|record| serves(record) && covers(record, wanted.scopes()))
    {
        return Ok(Stored::Serves(record.key().clone()));
    }
    // The first of several that are alike, so that the choice is not by chance.
    let widest = kin
        .into_iter()
        .rev()
        .max_by_key(|record| record.key().scopes().len());
    Ok(match widest {
        None => Stored::ask(wanted.scopes().clone(), None),
        // What was revoked is not asked for again; it only makes room.
        Some(old) if old.refresh_state().revoked_at.is_some() => {
            Stored::ask(wanted.scopes().clone(), Some(old.key().clone()))
        }
        Some(old) => Stored::ask(old.key().scopes().union(wanted.scopes()), Some(old.key().clone())),
    })
}

/// All records that can be read. In a store of many the others are passed over: they are of other logins, and this one neither
/// needs nor touches them.
fn records(store: &dyn Store) -> Result<Vec<Record>, StoreError> {
    let records = match store.records() {
        Err(error) if matches!(error.kind(), StoreErrorKind::Unsupported(_)) => return Ok(Vec::new()),
        records => readable(records)?,
    };
    let mut all = Vec::new();
    for record in records.into_iter().flatten() {
        match record {
            Err(_) if !store.holds_one_record() => {}
            record => all.extend(readable(record)?),
        }
    }
    Ok(all)
}

impl Stored {
    fn ask(scopes: Scopes, instead_of: Option<Key>) -> Self {
        Self::Ask { scopes, instead_of }
    }
}

/// `None` for what cannot be read; other failures are the caller's.
fn readable<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == StoreErrorKind::Corrupt => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the record gives tokens without the user.
fn is_usable(record: &Record, now: Timestamp) -> bool {
    let state = record.refresh_state();
    let can_be_refreshed = record.token().refresh_token.is_some() && state.refused.is_none();
    state.revoked_at.is_none() && (can_be_refreshed || !record.token().is_expired(now))
}

/// Whether what was granted covers `asked`. Some servers name scopes otherwise than they were asked for (`email` becomes an
/// address): where as many were granted as asked for, they count as granted by the names that were asked for.
fn covers(record: &Record, asked: &Scopes) -> bool {
    let (granted, requested) = (record.scopes(), record.key().scopes());
    granted.covers(asked) || (granted.len() >= requested.len() && requested.covers(asked))
}

#[cfg(test)]
mod tests;
