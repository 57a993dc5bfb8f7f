//! All records of a directory, one after the other.

use std::ffi::OsString;
use std::sync::Arc;

use grantflow_core::{Record, StoreError, StoreErrorKind};

use super::MultiStore;
use crate::file::sys::{Dir, Way};
use crate::file::{OneRecord, Place, errors};

impl MultiStore {
    /// Each record, or why it cannot be read. What is no file of a record by its name is passed over.
    pub(super) fn listing(
        &self,
    ) -> Result<impl Iterator<Item = Result<Record, StoreError>> + use<>, StoreError> {
        let path = &self.0.dir;
        let dir = Dir::open(path, Way::NoLink).map_err(|refusal| refusal.reading(path))?;
        let names = match &dir {
            None => None,
            Some(dir) => Some(dir.names_within().map_err(|error| errors::reading(error, path))?),
        };
        let store = self.clone();
        let records = names.into_iter().flatten().filter_map(move |name| {
            let dir = dir.as_ref()?;
            match name {
                Ok(name) => store.listed(dir, &name),
                Err(error) => Some(Err(errors::reading(error, &store.0.dir))),
            }
        });
        Ok(records)
    }

    /// The record of a name; `None` if it is none, or has just gone.
    fn listed(&self, dir: &Dir, name: &OsString) -> Option<Result<Record, StoreError>> {
        let name = name.to_str()?;
        let digest = name.strip_suffix(".json").filter(|digest| is_digest(digest))?;
        let place = Arc::new(Place::within(&self.0.dir, name));
        let one = OneRecord::new(place, Arc::clone(&self.0.form), Arc::default());
        match one.load(dir) {
            Ok(Some((record, _))) if record.key().digest() == digest => Some(Ok(record)),
            Ok(Some(_)) => Some(Err(StoreError::new(StoreErrorKind::OtherRecord).at(one.path()))),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
