//! Data keys in a file, version 1, frozen by a golden file in `tests/golden`.
//!
//! ```text
//! {"grantflow_keys":1,"sha256":"<hex, of the bytes of the list>","keys":["<base64url>",…]}
//! ```
//!
//! ```text
//! add ─▶ lock ─▶ read ─▶ new file (0600, O_EXCL) ─▶ fsync ─▶ rename ─▶ fsync the directory ─▶ read back ─▶ unlock
//! ```

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::{StoreError, StoreErrorKind};
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{DataKey, KeyId, KeySource};
use crate::file::{Held, Place, Turns, errors, fill};
use crate::form::checksum;

const VERSION: u32 = 1;

/// How long to wait for another process that adds a key: it makes four system calls that write.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    grantflow_keys: u32,
    sha256: &'a str,
    #[serde(borrow)]
    keys: &'a RawValue,
}

#[derive(Deserialize)]
struct Version {
    grantflow_keys: u32,
}

/// Data keys in a file of its own, made with a first key when it is needed.
///
/// The file is as private as that of a [`FileStore`](crate::FileStore), and refused where it is not: mode `0600`, no link,
/// nobody else's. Whoever has it can open what is sealed, so it belongs on another disk than the records, or where no backup
/// takes both.
#[derive(Clone)]
pub struct KeyFile {
    place: Arc<Place>,
    turns: Arc<Turns>,
}

impl KeyFile {
    /// The keys in this file; nothing is touched yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            place: Arc::new(Place::new(path.into())),
            turns: Arc::default(),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    fn parsed(&self, bytes: Option<Zeroizing<Vec<u8>>>) -> Result<Vec<DataKey>, StoreError> {
        let keys = bytes.map_or_else(|| Ok(Vec::new()), |bytes| parse(&bytes));
        keys.map_err(|kind| StoreError::new(kind).at(self.path()))
    }

    fn write(&self, held: &Held, bytes: &[u8]) -> std::io::Result<()> {
        let saving = self.place.saving(0);
        held.dir.remove(saving)?;
        let file = held.dir.create_new(saving)?;
        let written = fill(&file, bytes, false).and_then(|()| held.dir.rename(saving, self.place.file()));
        if written.is_err() {
            let _ = held.dir.remove(saving);
        }
        written?;
        held.dir.sync()
    }
}

impl KeySource for KeyFile {
    fn keys(&self) -> Result<Vec<DataKey>, StoreError> {
        self.parsed(self.place.read().map_err(of_the_keys)?)
    }

    fn add(&self, new: DataKey, before: Option<KeyId>) -> Result<Vec<DataKey>, StoreError> {
        let (_turn, held) = self.turns.lock(&self.place, PATIENCE).map_err(of_the_keys)?;
        held.sign();
        let mut keys = self.parsed(self.place.load(&held.dir).map_err(of_the_keys)?)?;
        if keys.first().map(DataKey::id) != before {
            return Ok(keys);
        }
        keys.insert(0, new);
        let written = self.write(&held, &text(&keys));
        written.map_err(|error| errors::writing(error, self.path()))?;
        let kept = self.parsed(self.place.load(&held.dir)?)?;
        if !are_the_same(&kept, &keys) {
            return Err(StoreError::new(StoreErrorKind::DataKey).at(self.path()));
        }
        Ok(kept)
    }
}

/// An error about a file, which is not that of a record.
fn of_the_keys(error: StoreError) -> StoreError {
    let StoreErrorKind::Insecure(why) = error.kind() else {
        return error;
    };
    let insecure = StoreError::new(StoreErrorKind::InsecureKeys(why));
    match error.path() {
        Some(path) => insecure.at(path),
        None => insecure,
    }
}

/// The bytes of a file with these keys.
pub(crate) fn text(keys: &[DataKey]) -> Zeroizing<Vec<u8>> {
    // Enough from the start, so that no copy of the keys is left behind.
    let mut list = Zeroizing::new(String::with_capacity(keys.len() * 48 + 2));
    for key in keys {
        let before = if list.is_empty() { "[\"" } else { "\",\"" };
        list.push_str(before);
        list.push_str(key.expose_text().expose());
    }
    list.push_str("\"]");
    let head = format!(
        r#"{{"grantflow_keys":{VERSION},"sha256":"{}","keys":"#,
        checksum(&list)
    );
    let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + list.len() + 2));
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(list.as_bytes());
    bytes.extend_from_slice(b"}\n");
    bytes
}

/// Whether what was read back is what was written.
pub(crate) fn are_the_same(kept: &[DataKey], written: &[DataKey]) -> bool {
    let same = |(kept, key): (&DataKey, &DataKey)| kept.expose() == key.expose();
    kept.len() == written.len() && kept.iter().zip(written).all(same)
}

/// The keys of a file; a list without any is no file of ours.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<DataKey>, StoreErrorKind> {
    // serde_json's errors print values, so they go no further.
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(bytes) else {
        return Err(unreadable(bytes));
    };
    if envelope.grantflow_keys != VERSION {
        return Err(unreadable(bytes));
    }
    if checksum(envelope.keys.get()) != envelope.sha256 {
        return Err(StoreErrorKind::DataKey);
    }
    let texts: Vec<Cow<'_, str>> =
        serde_json::from_str(envelope.keys.get()).map_err(|_| StoreErrorKind::DataKey)?;
    let keys: Result<Vec<DataKey>, StoreError> = texts.iter().map(|text| DataKey::parse(text)).collect();
    match keys {
        Ok(keys) if !keys.is_empty() => Ok(keys),
        _ => Err(StoreErrorKind::DataKey),
    }
}

fn unreadable(bytes: &[u8]) -> StoreErrorKind {
    match serde_json::from_slice(bytes) {
        Ok(Version { grantflow_keys }) if grantflow_keys > VERSION => StoreErrorKind::Newer,
        _ => StoreErrorKind::DataKey,
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
