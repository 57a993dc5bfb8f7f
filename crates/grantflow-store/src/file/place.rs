//! Where the record lies: the names in its directory, reading it, and taking the kernel's locks.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use grantflow_core::{Record, StoreError, StoreErrorKind};
use zeroize::Zeroizing;

use super::sys::{self, Access, Dir};
use super::{envelope, errors};

/// A file by its directory and the names in it.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    dir: PathBuf,
    /// Whether the path ends in a name at all; `..` does not.
    named: bool,
    file: OsString,
    lock: OsString,
    saving: [OsString; 2],
}

/// How long to wait for a lock of the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wait {
    /// Not at all.
    Never,
    /// Until it is free.
    Always,
}

/// The locks, held; dropping it gives them back.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) dir: Dir,
    lock: File,
    record: Option<File>,
}

/// How often the lock file may be found replaced before it is called held: somebody else keeps removing it.
const RETRIES: u32 = 10_000;

impl Place {
    pub(super) fn new(path: PathBuf) -> Self {
        let dir = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let file = path.file_name().unwrap_or_default().to_owned();
        let beside = |ending: &str| {
            let mut name = file.clone();
            name.push(ending);
            name
        };
        Self {
            dir,
            lock: beside(".lock"),
            saving: [beside(".saving-0"), beside(".saving-1")],
            named: path.file_name().is_some(),
            file,
            path,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> &OsStr {
        &self.file
    }

    pub(super) fn saving(&self, slot: usize) -> &OsStr {
        &self.saving[slot % 2]
    }

    /// Where a file that cannot be read is set aside.
    pub(super) fn aside(&self, millis: u128) -> OsString {
        let mut name = self.file.clone();
        name.push(format!(".corrupt-{millis}"));
        name
    }

    pub(super) fn lock_path(&self) -> PathBuf {
        self.dir.join(&self.lock)
    }

    fn named(&self) -> Result<(), StoreError> {
        let what = "keep a record in a path without a file name";
        let error = || StoreError::new(StoreErrorKind::Unsupported(what)).at(&self.path);
        self.named.then_some(()).ok_or_else(error)
    }

    /// Reads without any lock.
    pub(super) fn read(&self) -> Result<Option<Record>, StoreError> {
        self.named()?;
        match Dir::open(&self.dir).map_err(|refusal| refusal.reading(&self.dir))? {
            Some(dir) => self.load(&dir),
            None => Ok(None),
        }
    }

    pub(super) fn load(&self, dir: &Dir) -> Result<Option<Record>, StoreError> {
        let opened = dir.open_file(&self.file, Access::Read);
        let Some(file) = opened.map_err(|refusal| refusal.reading(&self.path))? else {
            return Ok(None);
        };
        let bytes = whole(&file).map_err(|error| errors::reading(error, &self.path))?;
        envelope::read(&bytes)
            .map(Some)
            .map_err(|error| error.at(&self.path))
    }

    /// Takes the locks; `None` if another holds them and is not waited for.
    ///
    /// The lock file alone would do, were it never removed. Since others may remove it, the record's own file is locked too,
    /// and the next one before it gets its name: two who hold different lock files still exclude each other.
    pub(super) fn acquire(&self, wait: Wait) -> Result<Option<Held>, StoreError> {
        self.named()?;
        let path = self.lock_path();
        for _ in 0..RETRIES {
            let dir = Dir::open_or_create(&self.dir).map_err(|refusal| refusal.writing(&self.dir))?;
            let lock = dir
                .open_lock(&self.lock)
                .map_err(|refusal| refusal.writing(&path))?;
            if !take(&lock, wait).map_err(|error| errors::locking(error, &path))? {
                return Ok(None);
            }
            let mut held = Held {
                dir,
                lock,
                record: None,
            };
            // Removed or replaced while it was waited for: what is locked is then not what the next one will lock.
            if !held
                .dir
                .names(&self.lock, &held.lock)
                .map_err(|error| errors::reading(error, &path))?
            {
                continue;
            }
            if sys::LOCKS_RECORDS && !self.acquire_record(&mut held, wait)? {
                return Ok(None);
            }
            sign(&held.lock);
            return Ok(Some(held));
        }
        Ok(None)
    }

    /// Locks the record's file; `false` if another holds it and is not waited for.
    fn acquire_record(&self, held: &mut Held, wait: Wait) -> Result<bool, StoreError> {
        for _ in 0..RETRIES {
            let opened = held.dir.open_file(&self.file, Access::Write);
            let Some(file) = opened.map_err(|refusal| refusal.writing(&self.path))? else {
                return Ok(true);
            };
            if !take(&file, wait).map_err(|error| errors::locking(error, &self.path))? {
                return Ok(false);
            }
            held.record = Some(file);
            let current = held
                .record
                .as_ref()
                .map_or(Ok(true), |file| held.dir.names(&self.file, file));
            if current.map_err(|error| errors::reading(error, &self.path))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The process that signed the lock file last, if it lives.
    pub(super) fn holder(&self) -> Option<u32> {
        let dir = Dir::open(&self.dir).ok().flatten()?;
        let mut file = dir.open_file(&self.lock, Access::Read).ok().flatten()?;
        let mut text = [0; 16];
        let length = file.read(&mut text).ok()?;
        let pid = std::str::from_utf8(text.get(..length)?)
            .ok()?
            .trim()
            .parse()
            .ok()?;
        sys::lives(pid).then_some(pid)
    }
}

impl Held {
    /// Holds the file that has just become the record's, locked before.
    pub(super) fn follow(&mut self, record: Option<File>) {
        self.record = record;
    }
}

/// Unlocked, not only closed: a child process between fork and exec may have the same open file for a moment.
impl Drop for Held {
    fn drop(&mut self) {
        if let Some(record) = &self.record {
            let _ = record.unlock();
        }
        let _ = self.lock.unlock();
    }
}

/// Takes the kernel's lock of one file.
pub(super) fn take(file: &File, wait: Wait) -> io::Result<bool> {
    loop {
        let taken = match wait {
            Wait::Never => match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(false),
                Err(TryLockError::Error(error)) => Err(error),
                Ok(()) => Ok(()),
            },
            Wait::Always => file.lock(),
        };
        match taken {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            taken => return taken.map(|()| true),
        }
    }
}

/// Writes our process id into the lock file, for those whose patience ends. It is a hint: failures are of no account.
fn sign(mut lock: &File) {
    let pid = format!("{}\n", std::process::id());
    let _ = lock
        .rewind()
        .and_then(|()| lock.write_all(pid.as_bytes()))
        .and_then(|()| lock.set_len(pid.len() as u64));
}

fn whole(file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    let length = usize::try_from(file.metadata()?.len().min(envelope::MAX_FILE)).unwrap_or(0);
    // Enough from the start, so that no copy of the secrets is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    file.take(envelope::MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
