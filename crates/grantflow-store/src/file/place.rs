//! Where the record lies: the names in its directory, reading it, and taking the kernel's locks.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use grantflow_core::{StoreError, StoreErrorKind};
use zeroize::Zeroizing;

use super::errors;
use super::sys::{self, Access, Dir, Opened, Way};
use crate::form::MAX_LENGTH;

/// A file by its directory and the names in it.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    dir: PathBuf,
    way: Way,
    /// Whether the path ends in a name at all; `..` does not.
    named: bool,
    file: OsString,
    lock: OsString,
    saving: [OsString; 2],
}

/// How long to wait for a lock of the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wait {
    /// Not at all.
    Never,
    /// Until it is free.
    Always,
}

/// The locks, held; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) dir: Dir,
    lock: File,
    /// The file of the record that was found, or of the one saved since.
    pub(super) record: Option<Opened>,
}

/// How often the lock file may be found replaced before it is called held: somebody else keeps removing it.
const RETRIES: u32 = 10_000;

impl Place {
    /// A file anywhere.
    pub(crate) fn new(path: PathBuf) -> Self {
        let dir = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Self::at(path, dir, Way::AnyLinks)
    }

    /// A file in a directory of the store's own.
    pub(crate) fn within(dir: &Path, name: &str) -> Self {
        Self::at(dir.join(name), dir.to_owned(), Way::NoLink)
    }

    fn at(path: PathBuf, dir: PathBuf, way: Way) -> Self {
        let file = path.file_name().unwrap_or_default().to_owned();
        let beside = |ending: &str| {
            let mut name = file.clone();
            name.push(ending);
            name
        };
        Self {
            dir,
            way,
            lock: beside(".lock"),
            saving: [beside(".saving-0"), beside(".saving-1")],
            named: path.file_name().is_some(),
            file,
            path,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self) -> &OsStr {
        &self.file
    }

    pub(crate) fn saving(&self, slot: usize) -> &OsStr {
        &self.saving[slot % 2]
    }

    /// Where a file that cannot be read is set aside.
    pub(crate) fn aside(&self, millis: u128) -> OsString {
        let mut name = self.file.clone();
        name.push(format!(".corrupt-{millis}"));
        name
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        self.dir.join(&self.lock)
    }

    fn named(&self) -> Result<(), StoreError> {
        let what = "keep a record in a path without a file name";
        let error = || StoreError::new(StoreErrorKind::Unsupported(what)).at(&self.path);
        self.named.then_some(()).ok_or_else(error)
    }

    /// Opens the directory; `None` if it is not there.
    fn directory(&self) -> Result<Option<Dir>, StoreError> {
        Dir::open(&self.dir, self.way).map_err(|refusal| refusal.reading(&self.dir))
    }

    /// Opens the file, and the directory it is in, without any lock.
    pub(crate) fn open(&self) -> Result<Option<(Dir, Opened)>, StoreError> {
        self.named()?;
        let Some(dir) = self.directory()? else {
            return Ok(None);
        };
        Ok(self.opened(&dir)?.map(|file| (dir, file)))
    }

    fn opened(&self, dir: &Dir) -> Result<Option<Opened>, StoreError> {
        let opened = dir.open_file(&self.file, Access::Read);
        opened.map_err(|refusal| refusal.reading(&self.path))
    }

    /// Reads without any lock.
    pub(crate) fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let opened = self.open()?;
        opened.map(|(_, file)| self.whole(&file)).transpose()
    }

    pub(crate) fn load(&self, dir: &Dir) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let opened = self.opened(dir)?;
        opened.map(|file| self.whole(&file)).transpose()
    }

    /// All bytes of the open file.
    pub(crate) fn whole(&self, opened: &Opened) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        whole(opened).map_err(|error| errors::reading(error, &self.path))
    }

    /// Takes the locks; `None` if another holds them and is not waited for.
    ///
    /// The lock file alone would do, were it never removed. Since others may remove it, the record's own file is locked too,
    /// and the next one before it gets its name: two who hold different lock files still exclude each other.
    pub(crate) fn acquire(&self, wait: Wait) -> Result<Option<Held>, StoreError> {
        self.named()?;
        let path = self.lock_path();
        for _ in 0..RETRIES {
            let dir =
                Dir::open_or_create(&self.dir, self.way).map_err(|refusal| refusal.writing(&self.dir))?;
            let lock = dir
                .open_lock(&self.lock)
                .map_err(|refusal| refusal.writing(&path))?;
            if !take(&lock.file, wait).map_err(|error| errors::locking(error, &path))? {
                return Ok(None);
            }
            let named = dir.names(&self.lock, &lock);
            let mut held = Held {
                dir,
                lock: lock.file,
                record: None,
            };
            // Removed or replaced while it was waited for: what is locked is then not what the next one will lock.
            if !named.map_err(|error| errors::reading(error, &path))? {
                continue;
            }
            if sys::LOCKS_RECORDS && !self.acquire_record(&mut held, wait)? {
                return Ok(None);
            }
            return Ok(Some(held));
        }
        Ok(None)
    }

    /// Locks the record's file; `false` if another holds it and is not waited for.
    fn acquire_record(&self, held: &mut Held, wait: Wait) -> Result<bool, StoreError> {
        for _ in 0..RETRIES {
            let opened = held.dir.open_file(&self.file, Access::Write);
            let Some(opened) = opened.map_err(|refusal| refusal.writing(&self.path))? else {
                return Ok(true);
            };
            if !take(&opened.file, wait).map_err(|error| errors::locking(error, &self.path))? {
                return Ok(false);
            }
            let current = held.dir.names(&self.file, &opened);
            let current = current.map_err(|error| errors::reading(error, &self.path));
            held.record = Some(opened);
            if current? {
                return Ok(true);
            }
            held.unlock_record();
        }
        Ok(false)
    }

    /// The process that signed the lock file last, if it lives.
    pub(crate) fn holder(&self) -> Option<u32> {
        let dir = self.directory().ok().flatten()?;
        let mut opened = dir.open_file(&self.lock, Access::Read).ok().flatten()?;
        let mut text = [0; 16];
        let length = opened.file.read(&mut text).ok()?;
        let pid = std::str::from_utf8(text.get(..length)?)
            .ok()?
            .trim()
            .parse()
            .ok()?;
        sys::lives(pid).then_some(pid)
    }
}

impl Held {
    /// Whether the lock file has our process id in it. Where another's is, that process may have been killed while it had the lock.
    pub(crate) fn is_signed(&self) -> bool {
        let mut signed = [0; 16];
        let mut lock = &self.lock;
        lock.read(&mut signed)
            .is_ok_and(|length| signed.get(..length) == Some(signature().as_bytes()))
    }

    /// Writes our process id into it, for those whose patience ends. It is a hint: failures are of no account. Once is enough: each
    /// write is one more thing for the next fsync to bring to disk.
    pub(crate) fn sign(&self) {
        let (mut lock, pid) = (&self.lock, signature());
        let _ = lock
            .rewind()
            .and_then(|()| lock.write_all(pid.as_bytes()))
            .and_then(|()| lock.set_len(pid.len() as u64));
    }

    /// Gives back the block that our process id takes, for a record that is no more: its lock file stays.
    pub(crate) fn unsign(&self) {
        let _ = self.lock.set_len(0);
    }

    /// Holds the file that has just become the record's, locked before, and gives back the one that was.
    pub(crate) fn follow(&mut self, record: Option<Opened>) -> Option<Opened> {
        std::mem::replace(&mut self.record, record)
    }

    fn unlock_record(&mut self) {
        if let Some(record) = self.record.take() {
            let _ = record.file.unlock();
        }
    }
}

/// Unlocked, not only closed: a child process between fork and exec may have the same open file for a moment.
impl Drop for Held {
    fn drop(&mut self) {
        self.unlock_record();
        let _ = self.lock.unlock();
    }
}

fn signature() -> String {
    format!("{}\n", std::process::id())
}

/// Takes the kernel's lock of one file.
pub(crate) fn take(file: &File, wait: Wait) -> io::Result<bool> {
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

/// All of a file, as long as it was when it was opened; of one that is too long, enough to see it.
pub(crate) fn whole(opened: &Opened) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut file = &opened.file;
    let length = usize::try_from(opened.length.min(MAX_LENGTH + 1)).unwrap_or(0);
    // Enough from the start, so that no copy of the secrets is left behind; and one more, which shows that it has grown.
    let mut bytes = Zeroizing::new(vec![0; length + 1]);
    let mut end = 0;
    while let Some(room) = bytes.get_mut(end..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(count) => end += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        // Nobody writes into a file of ours once it has its name: at its end another read would only say so.
        if end == length {
            break;
        }
    }
    bytes.truncate(end);
    Ok(bytes)
}
