//! One entry of a file of `multiprocess_file_storage`, under its lock.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use grantflow_core::{Key, Record, StoreError, StoreErrorKind, Timestamp};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::import::export::{Prepared, entry, over_entry};
use crate::import::format::multiprocess_entry;
use crate::import::members::Wiped;
use crate::import::{ForeignFileError, MAX_FILE, NotTaken, Problem, json};

/// The file, as of the lock or as written since.
pub(super) struct OldFile {
    path: PathBuf,
    name: String,
    json: Wiped,
    entry: Entry,
    /// What the next write goes into: made before a request leaves, so that a full disk shows in time.
    prepared: Option<Prepared>,
}

/// What the file has under the name.
pub(super) enum Entry {
    Absent,
    Record(Box<Record>),
    NotTaken(NotTaken),
}

impl Entry {
    fn of(name: &str, value: &Value, key: &Key) -> Self {
        match multiprocess_entry(name, value, now()).record_under(key.clone()) {
            Ok(record) => Self::Record(Box::new(record)),
            Err(why) => Self::NotTaken(why),
        }
    }
}

/// Room for the next write beyond what is there: a credential is one or two KiB.
const ROOM: usize = 64 * 1024;

impl OldFile {
    /// Opens it; `None` if it is not there, or is empty as Python makes it before it writes.
    pub(super) fn open(path: &Path, name: &str, key: &Key) -> Result<Option<Self>, StoreError> {
        Self::read(path, name, key).map_err(|error| meaning(&error).at(path))
    }

    fn read(path: &Path, name: &str, key: &Key) -> Result<Option<Self>, ForeignFileError> {
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
            Ok(found) if found.is_symlink() => return Err(Problem::SymbolicLink.into()),
            Ok(found) if !found.is_file() => return Err(Problem::NotAFile.into()),
            Ok(found) if found.len() == 0 => return Ok(None),
            Ok(found) if found.len() > MAX_FILE => return Err(Problem::TooLong(MAX_FILE).into()),
            Ok(_) => {}
        }
        let mut content = Zeroizing::new(Vec::new());
        std::fs::File::open(path)?
            .take(MAX_FILE + 1)
            .read_to_end(&mut content)?;
        let mut file = Self {
            path: path.to_owned(),
            name: name.to_owned(),
            json: json(&content)?,
            entry: Entry::Absent,
            prepared: Some(Prepared::beside(path, content.len() + ROOM)?),
        };
        match file.json.0.get("file_version").and_then(Value::as_u64) {
            Some(2) => {}
            Some(version) if version > 2 => return Err(Problem::Newer(version).into()),
            _ => return Err(Problem::Invalid("file_version").into()),
        }
        let credentials = file.json.0.get("credentials").and_then(Value::as_object);
        let credentials = credentials.ok_or(Problem::Invalid("credentials"))?;
        if let Some(value) = credentials.get(name) {
            file.entry = Entry::of(name, value, key);
        }
        Ok(Some(file))
    }

    pub(super) const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Writes the record in the place of the entry.
    pub(super) fn put(&mut self, record: &Record) -> Result<(), StoreError> {
        let value = entry(record).map_err(|error| meaning(&error.into()).at(&self.path))?;
        self.change(|credentials, name| {
            credentials.insert(name.to_owned(), value);
        })?;
        self.entry = Entry::Record(Box::new(record.clone()));
        Ok(())
    }

    /// Has Python ask for a login: the record goes on in a form that it does not know.
    pub(super) fn end(&mut self) -> Result<(), StoreError> {
        let Entry::Record(theirs) = &self.entry else {
            return Ok(());
        };
        let key = theirs.key().clone();
        let over = self.json.0.get("credentials").and_then(|all| all.get(&self.name));
        let over = over
            .and_then(over_entry)
            .ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt).at(&self.path))?;
        self.entry = Entry::of(&self.name, &over, &key);
        self.change(|credentials, name| {
            credentials.insert(name.to_owned(), over);
        })
    }

    /// Forgets the entry; absent is fine.
    pub(super) fn remove(&mut self) -> Result<(), StoreError> {
        if !matches!(self.entry, Entry::Absent) {
            self.change(|credentials, name| {
                credentials.remove(name);
            })?;
            self.entry = Entry::Absent;
        }
        Ok(())
    }

    /// Writes the file with one change; what cannot be written is as if it had not been tried.
    fn change(&mut self, change: impl FnOnce(&mut Map<String, Value>, &str)) -> Result<(), StoreError> {
        let mut changed = Wiped(self.json.0.clone());
        if let Some(credentials) = changed.0.get_mut("credentials").and_then(Value::as_object_mut) {
            change(credentials, &self.name);
        }
        let content = Zeroizing::new(changed.0.to_string());
        let write = |prepared: Option<Prepared>| -> Result<(), ForeignFileError> {
            let prepared = prepared.map_or_else(|| Prepared::beside(&self.path, content.len()), Ok)?;
            prepared.replace(&self.path, content.as_bytes())
        };
        write(self.prepared.take()).map_err(|error| meaning(&error).at(&self.path))?;
        self.json = changed;
        Ok(())
    }
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().plus(since_1970)
}

/// What it means to a store.
fn meaning(error: &ForeignFileError) -> StoreError {
    let kind = match error.problem() {
        Problem::Io(error) => {
            let kind = match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreErrorKind::Full,
                ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => StoreErrorKind::ReadOnly,
                _ => StoreErrorKind::Io,
            };
            return StoreError::new(kind).because(std::io::Error::from(error.kind()));
        }
        Problem::SymbolicLink => StoreErrorKind::Insecure("it is a symbolic link"),
        Problem::NotAFile => StoreErrorKind::Insecure("it is not a regular file"),
        Problem::Newer(_) => StoreErrorKind::Newer,
        Problem::Unwritable { .. } => StoreErrorKind::Unsupported("give this record to oauth2client"),
        _ => StoreErrorKind::Corrupt,
    };
    StoreError::new(kind)
}
