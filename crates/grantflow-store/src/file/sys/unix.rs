//! Unix: every name is looked up in a directory that is held open, no symbolic link is followed, and owner and mode are those
//! of what was opened, not of what a name meant a moment before.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::{Pid, Uid, geteuid};

use super::super::errors::Refusal;
use super::{Access, LINKED_DIRECTORY, NO_DIRECTORY, Opened, Way};

/// Whether locks leave readers alone, so that the record's own file may be locked.
pub(crate) const LOCKS_RECORDS: bool = true;

/// A directory, held open, what it was let through with, and whose files are.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd, Guise, Uid);

const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
const PRIVATE_DIR: Mode = Mode::RWXU;
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Not blocking, so that a pipe in the place of a file cannot hold us up.
const NO_TRICKS: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

impl Dir {
    /// Opens it; `None` if it is not there.
    pub(crate) fn open(path: &Path, way: Way) -> Result<Option<Self>, Refusal> {
        let flags = match way {
            Way::AnyLinks => DIRECTORY,
            Way::NoLink => DIRECTORY | OFlags::NOFOLLOW,
        };
        let dir = match rustix::fs::open(path, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) if way == Way::NoLink => {
                return Err(no_directory(path));
            }
            dir => dir.map_err(io::Error::from)?,
        };
        let stat = rustix::fs::fstat(&dir).map_err(io::Error::from)?;
        let user = geteuid();
        if stat.st_uid != user.as_raw() && stat.st_uid != 0 {
            return Err(Refusal::Insecure(
                "the directory belongs to another user; give the store one of your own",
            ));
        }
        if mode(&stat).contains(Mode::WOTH) {
            return Err(Refusal::Insecure(
                "others may write to the directory; give the store one of its own, with mode 0700",
            ));
        }
        Ok(Some(Self(dir, (stat.st_uid, stat.st_mode), user)))
    }

    /// Whether its owner and mode are still those it was let through with.
    pub(crate) fn is_unchanged(&self) -> bool {
        rustix::fs::fstat(&self.0).is_ok_and(|stat| (stat.st_uid, stat.st_mode) == self.1)
    }

    /// Opens it, creating the last directory of the path if need be.
    pub(crate) fn open_or_create(path: &Path, way: Way) -> Result<Self, Refusal> {
        if let Some(dir) = Self::open(path, way)? {
            return Ok(dir);
        }
        match rustix::fs::mkdir(path, PRIVATE_DIR) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        Self::open(path, way)?.ok_or_else(|| io::Error::from(ErrorKind::NotFound).into())
    }

    /// Opens a file; `None` if it is not there.
    pub(crate) fn open_file(&self, name: &OsStr, access: Access) -> Result<Option<Opened>, Refusal> {
        let flags = match access {
            Access::Read => OFlags::RDONLY,
            Access::Write => OFlags::RDWR,
        };
        match rustix::fs::openat(&self.0, name, flags | NO_TRICKS, Mode::empty()) {
            Err(Errno::NOENT) => Ok(None),
            opened => private(opened, self.2).map(Some),
        }
    }

    /// Opens the lock file, creating it if need be.
    pub(crate) fn open_lock(&self, name: &OsStr) -> Result<Opened, Refusal> {
        let flags = OFlags::RDWR | OFlags::CREATE | NO_TRICKS;
        private(rustix::fs::openat(&self.0, name, flags, PRIVATE_FILE), self.2)
    }

    /// Creates a file that is not there.
    pub(crate) fn create_new(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | NO_TRICKS;
        let file = rustix::fs::openat(&self.0, name, flags, PRIVATE_FILE)?;
        Ok(file.into())
    }

    /// Whether the name is still that of the open file: while it is open, no other gets its number.
    pub(crate) fn names(&self, name: &OsStr, opened: &Opened) -> io::Result<bool> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) => Ok(opened
                .stamp
                .as_ref()
                .is_some_and(|stamp| stamp.file == Stamp::of(&named).file)),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn has(&self, name: &OsStr) -> io::Result<bool> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Removes a file; absent is fine.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until the names are on disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::io::retry_on_intr(|| rustix::fs::fsync(&self.0))?)
    }

    /// The names in it, one after the other, in no order.
    pub(crate) fn names_within(&self) -> io::Result<impl Iterator<Item = io::Result<OsString>> + use<>> {
        let entries = rustix::fs::Dir::read_from(&self.0)?;
        Ok(entries.map(|entry| Ok(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned())))
    }

    /// Opens the same directory once more.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        self.0 = rustix::fs::openat(&self.0, ".", DIRECTORY, Mode::empty())?;
        Ok(())
    }
}

/// Why what stands there is not opened as a directory.
fn no_directory(path: &Path) -> Refusal {
    let is_link =
        rustix::fs::lstat(path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
    Refusal::Insecure(if is_link { LINKED_DIRECTORY } else { NO_DIRECTORY })
}

fn mode(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode)
}

/// Lets through what is ours alone.
fn private(opened: rustix::io::Result<OwnedFd>, user: Uid) -> Result<Opened, Refusal> {
    let file: File = match opened {
        Ok(file) => file.into(),
        Err(Errno::LOOP) => return Err(Refusal::Insecure("it is a symbolic link")),
        Err(Errno::ISDIR | Errno::NXIO) => return Err(Refusal::Insecure("it is not a regular file")),
        Err(error) => return Err(io::Error::from(error).into()),
    };
    let stat = rustix::fs::fstat(&file).map_err(io::Error::from)?;
    let why = if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        "it is not a regular file"
    } else if stat.st_uid != user.as_raw() {
        "it belongs to another user"
    } else if mode(&stat).intersects(Mode::RWXG | Mode::RWXO) {
        "group or others may access it; its mode should be 0600"
    } else if stat.st_nlink > 1 {
        "it has a second name"
    } else {
        return Ok(Opened {
            length: u64::try_from(stat.st_size).unwrap_or(0),
            stamp: Some(Stamp::of(&stat)),
            file,
        });
    };
    Err(Refusal::Insecure(why))
}

/// Owner and mode of a directory.
type Guise = (u32, rustix::fs::RawMode);

/// What tells one content of a file from another, while its inode cannot be given to another file.
#[derive(Debug, PartialEq)]
pub(crate) struct Stamp {
    file: (rustix::fs::Dev, u64),
    owner: (u32, rustix::fs::RawMode, u64),
    size: i64,
    /// When it was changed, and when anything about it was.
    times: [(i64, i64); 2],
}

/// The coarsest clock of a file system: those of FAT tick every two seconds.
const TICK: Duration = Duration::from_secs(2);

impl Stamp {
    #[expect(
        clippy::unnecessary_cast,
        clippy::useless_conversion,
        reason = "types differ between systems"
    )]
    fn of(stat: &Stat) -> Self {
        Self {
            file: (stat.st_dev, stat.st_ino as u64),
            owner: (stat.st_uid, stat.st_mode, u64::from(stat.st_nlink)),
            size: stat.st_size as i64,
            times: [
                (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
                (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            ],
        }
    }

    /// Whether it is so old that a change after now will have another time.
    pub(crate) fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let [(modified, _), (changed, _)] = self.times;
        let last = u64::try_from(modified.max(changed)).unwrap_or(u64::MAX);
        last.saturating_add(TICK.as_secs()) < now.as_secs()
    }
}

pub(crate) fn stamp_of(path: &Path) -> Option<Stamp> {
    Some(Stamp::of(&rustix::fs::lstat(path).ok()?))
}

/// Reserves space, so that a full disk shows before it matters.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn reserve(file: &File, length: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    match rustix::io::retry_on_intr(|| fallocate(file, FallocateFlags::empty(), 0, length)) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => super::fill_with_zeros(file, length),
        reserved => Ok(reserved?),
    }
}

/// Reserves space, so that a full disk shows before it matters.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn reserve(file: &File, length: u64) -> io::Result<()> {
    super::fill_with_zeros(file, length)
}

/// Whether the process is there.
pub(crate) fn lives(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // EPERM: it is there, and another user's.
    pid.is_some_and(|pid| matches!(rustix::process::test_kill_process(pid), Ok(()) | Err(Errno::PERM)))
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw_os_error)
}

/// Whether this place has no locks: NFS without its lock service, some FUSE file systems.
pub(crate) fn has_no_locks(error: &io::Error) -> bool {
    // `ENOLCK` has no `ErrorKind`, and `ENOTSUP` and `EOPNOTSUPP` differ on some systems.
    let no_locks = [Errno::NOLCK, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS];
    errno(error).is_some_and(|errno| no_locks.contains(&errno))
}

/// Whether the process or the system ran out of something that comes back: files, memory, threads.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN];
    errno(error).is_some_and(|errno| exhausted.contains(&errno))
}
