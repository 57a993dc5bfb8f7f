//! All records of a directory, one after the other.

use std::ffi::OsStr;

use grantflow_core::{Record, StoreError, StoreErrorKind};

use super::MultiStore;
use crate::file::sys::{Access, Dir, Way};
use crate::file::{errors, place};

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
    fn listed(&self, dir: &Dir, name: &OsStr) -> Option<Result<Record, StoreError>> {
        let text = name.to_str()?;
        let digest = text.strip_suffix(".json").filter(|digest| is_digest(digest))?;
        let path = || self.0.dir.join(name);
        let opened = match dir.open_file(name, Access::Read) {
            Ok(opened) => opened?,
            Err(refusal) => return Some(Err(refusal.reading(&path()))),
        };
        let bytes = place::whole(&opened).map_err(|error| errors::reading(error, &path()));
        let record = bytes.and_then(|bytes| {
            let record = self.0.form.read(&bytes);
            record.map_err(|error| errors::located(error, &path()))
        });
        Some(match record {
            Ok(record) if record.key().digest() != digest => {
                Err(StoreError::new(StoreErrorKind::OtherRecord).at(&path()))
            }
            record => record,
        })
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
