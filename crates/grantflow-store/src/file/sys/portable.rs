//! Systems without Unix modes, through the standard library alone. It is compiled for tests on Unix too.
//!
//! Privacy is that of the directory; symbolic links are refused by a look before opening. Names cannot be synced here, and
//! locks keep readers out, so the lock file alone is locked.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::super::errors::Refusal;
use super::{Access, LINKED_DIRECTORY, NO_DIRECTORY, Opened, Way};

/// Whether locks leave readers alone, so that the record's own file may be locked.
pub(crate) const LOCKS_RECORDS: bool = false;

/// A directory, by its path.
#[derive(Debug)]
pub(crate) struct Dir(PathBuf);

impl Dir {
    /// Looks for it; `None` if it is not there.
    pub(crate) fn open(path: &Path, way: Way) -> Result<Option<Self>, Refusal> {
        let found = match way {
            Way::AnyLinks => fs::metadata(path),
            Way::NoLink => fs::symlink_metadata(path),
        };
        match found {
            Ok(found) if found.is_dir() => Ok(Some(Self(path.to_owned()))),
            Ok(found) if found.is_symlink() => Err(Refusal::Insecure(LINKED_DIRECTORY)),
            Ok(_) if way == Way::NoLink => Err(Refusal::Insecure(NO_DIRECTORY)),
            Ok(_) => Err(io::Error::from(ErrorKind::NotADirectory).into()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks for it, creating the last directory of the path if need be.
    pub(crate) fn open_or_create(path: &Path, way: Way) -> Result<Self, Refusal> {
        if let Some(dir) = Self::open(path, way)? {
            return Ok(dir);
        }
        match fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        Self::open(path, way)?.ok_or_else(|| io::Error::from(ErrorKind::NotFound).into())
    }

    /// Whether its owner and mode are still those it was let through with: there are none.
    pub(crate) fn is_unchanged(&self) -> bool {
        true
    }

    fn look(&self, name: &OsStr) -> Result<Option<PathBuf>, Refusal> {
        let path = self.0.join(name);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => Err(Refusal::Insecure("it is a symbolic link")),
            Ok(found) if !found.is_file() => Err(Refusal::Insecure("it is not a regular file")),
            Ok(_) => Ok(Some(path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file; `None` if it is not there.
    pub(crate) fn open_file(&self, name: &OsStr, access: Access) -> Result<Option<Opened>, Refusal> {
        let Some(path) = self.look(name)? else {
            return Ok(None);
        };
        let write = access == Access::Write;
        match OpenOptions::new().read(true).write(write).open(path) {
            Ok(file) => Ok(Some(opened(file)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the lock file, creating it if need be.
    pub(crate) fn open_lock(&self, name: &OsStr) -> Result<Opened, Refusal> {
        self.look(name)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Ok(opened(options.open(self.0.join(name))?)?)
    }

    /// Creates a file that is not there.
    pub(crate) fn create_new(&self, name: &OsStr) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        options.open(self.0.join(name))
    }

    /// Whether the name is still that of the open file: these systems let nobody remove a file that is open and locked.
    pub(crate) fn names(&self, name: &OsStr, _: &Opened) -> io::Result<bool> {
        self.has(name)
    }

    pub(crate) fn has(&self, name: &OsStr) -> io::Result<bool> {
        fs::exists(self.0.join(name))
    }

    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    /// Removes a file; absent is fine.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match fs::remove_file(self.0.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Names cannot be synced: the file system's journal has them.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// The names in it, one after the other, in no order.
    pub(crate) fn names_within(&self) -> io::Result<impl Iterator<Item = io::Result<OsString>> + use<>> {
        Ok(fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name())))
    }

    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn opened(file: File) -> io::Result<Opened> {
    Ok(Opened {
        length: file.metadata()?.len(),
        stamp: None,
        file,
    })
}

/// What tells one content of a file from another: nothing does here.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Stamp {}

impl Stamp {
    pub(crate) fn is_settled(&self) -> bool {
        match *self {}
    }
}

pub(crate) fn stamp_of(_: &Path) -> Option<Stamp> {
    None
}

/// Reserves space, so that a full disk shows before it matters.
pub(crate) fn reserve(file: &File, length: u64) -> io::Result<()> {
    super::fill_with_zeros(file, length)
}

/// Whether the process is there: not known without unsafe code, so a lock file is believed.
pub(crate) fn lives(_: u32) -> bool {
    true
}

/// Whether this place has no locks.
pub(crate) fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Unsupported
}

/// Whether the process or the system ran out of something that comes back.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    error.kind() == ErrorKind::OutOfMemory
}
