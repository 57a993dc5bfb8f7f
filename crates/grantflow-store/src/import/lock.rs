//! The lock of Python's `fasteners`, which `multiprocess_file_storage` takes while it reads, refreshes and writes.
//!
//! ```text
//! turn (this process, one at a time for a file) ─▶ try the record lock ─┬─ taken ─▶ held
//!                                                    ▲                 └─ another process holds it
//!                                                    └── a pause, until the patience ends ──┘
//! ```
//!
//! It is a POSIX record lock on the whole of `<file>.lock`. Such a lock belongs to the process, and is lost when the process
//! closes *any* descriptor of the file: so all locks of this process are known to each other, and while one is held its file is
//! neither opened nor closed here.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use grantflow_core::{StoreError, StoreErrorKind};
use rustix::fs::{FileType, FlockOperation, Mode, OFlags, fcntl_lock};
use rustix::io::Errno;

/// Files whose lock this process holds or waits for, by device and inode, with descriptors that must not be closed meanwhile.
static TAKEN: Mutex<BTreeMap<Inode, Vec<File>>> = Mutex::new(BTreeMap::new());
static GIVEN_BACK: Condvar = Condvar::new();

type Inode = (u64, u64);

/// How long to pause between two tries: `fasteners` waits from 10 to 100 ms.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// The lock that a Python process with `multiprocess_file_storage` takes for its file, held by this process; dropping it unlocks.
///
/// For the time of a migration, while some processes still run Python: as long as it is held, none of them reads, refreshes or
/// writes under its lock. Python waits for one second and then goes on without: it uses what it reads, and **refreshes an
/// access token that has ended in spite of the lock**. So hold it shortly, and see
/// [the guide](https://docs.rs/grantflow/latest/grantflow/guide/from_oauth2client/) for servers that take a refresh token once.
///
/// Threads of this process exclude each other too. What else in this process opens and closes `<file>.lock`, an embedded Python
/// say, loses the lock: POSIX has it so. On Windows `fasteners` takes another lock, which is not here.
///
/// # Example
///
/// ```no_run
/// use std::time::Duration;
/// use grantflow_core::Timestamp;
/// use grantflow_store::import::{FastenersLock, Import};
///
/// let lock = FastenersLock::beside("credentials.json", Duration::from_secs(10))?;
/// let import = Import::read("credentials.json", Timestamp::from_unix_seconds(1_800_000_000))?;
/// drop(lock);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FastenersLock {
    path: PathBuf,
    inode: Inode,
    /// Only taken out to be closed.
    file: Option<File>,
}

impl FastenersLock {
    /// Takes the lock of `file`, which is on `<file>.lock` beside it, waiting at most `patience`.
    ///
    /// The lock file is created (`0600`) where there is none, and stays, as Python's does. Name the file as the Python processes
    /// do: the lock goes by its name, and a link to the file has another lock.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::LockTimeout`] when the patience ends, [`StoreErrorKind::LockUnsupported`] where the place has no such
    /// locks, [`StoreErrorKind::Insecure`] if the lock file is a link or no file, [`StoreErrorKind::Io`] if it cannot be opened.
    pub fn beside(file: impl AsRef<Path>, patience: Duration) -> Result<Self, StoreError> {
        let mut path = file.as_ref().as_os_str().to_owned();
        path.push(".lock");
        Self::take(PathBuf::from(path), patience)
    }

    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn take(path: PathBuf, patience: Duration) -> Result<Self, StoreError> {
        let deadline = Instant::now().checked_add(patience);
        loop {
            let lock = Self::turn(&path, deadline)?;
            lock.wait(deadline)?;
            // Removed or replaced while it was waited for: what is locked is then not what the next one will lock.
            if inode_of(&path) == Some(lock.inode) {
                return Ok(lock);
            }
            if left(deadline).is_zero() {
                return Err(timeout(&path));
            }
        }
    }

    /// Opens the lock file when no other thread of this process has to do with it.
    fn turn(path: &Path, deadline: Option<Instant>) -> Result<Self, StoreError> {
        let mut taken = taken();
        loop {
            // Looked at without opening it: to close it again would lose the lock that another thread holds.
            let busy = inode_of(path).is_some_and(|inode| taken.contains_key(&inode));
            if !busy {
                let (file, inode) = open(path).map_err(|error| error.at(path))?;
                match taken.get_mut(&inode) {
                    // It got this name in between.
                    Some(kept_open) => kept_open.push(file),
                    None => {
                        taken.insert(inode, Vec::new());
                        return Ok(Self {
                            path: path.to_owned(),
                            inode,
                            file: Some(file),
                        });
                    }
                }
            }
            let left = left(deadline);
            if left.is_zero() {
                return Err(timeout(path));
            }
            let waited = GIVEN_BACK.wait_timeout(taken, left);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for other processes.
    fn wait(&self, deadline: Option<Instant>) -> Result<(), StoreError> {
        let Some(file) = &self.file else { return Ok(()) };
        let [mut pause, longest] = PAUSES;
        loop {
            match fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(()),
                Err(Errno::INTR) => continue,
                // POSIX allows either.
                Err(Errno::AGAIN | Errno::ACCESS) => {}
                Err(error) => return Err(refused(error).at(&self.path)),
            }
            let left = left(deadline);
            if left.is_zero() {
                return Err(timeout(&self.path));
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(longest);
        }
    }
}

impl Drop for FastenersLock {
    fn drop(&mut self) {
        // Closed before another thread may open it: to close it later would lose that thread's lock.
        let mut taken = taken();
        if let Some(file) = self.file.take() {
            let _ = fcntl_lock(&file, FlockOperation::Unlock);
        }
        taken.remove(&self.inode);
        GIVEN_BACK.notify_all();
    }
}

fn taken() -> MutexGuard<'static, BTreeMap<Inode, Vec<File>>> {
    // Its changes are single calls: a panic elsewhere leaves it whole.
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn left(deadline: Option<Instant>) -> Duration {
    deadline.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
}

fn timeout(path: &Path) -> StoreError {
    StoreError::new(StoreErrorKind::LockTimeout { holder: None }).at(path)
}

fn refused(error: Errno) -> StoreError {
    let kind = match error {
        Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL => StoreErrorKind::LockUnsupported,
        Errno::LOOP => return StoreError::new(StoreErrorKind::Insecure("it is a symbolic link")),
        Errno::NOSPC | Errno::DQUOT => StoreErrorKind::Full,
        Errno::ROFS | Errno::ACCESS | Errno::PERM => StoreErrorKind::ReadOnly,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Io,
    };
    StoreError::new(kind).because(std::io::Error::from(error))
}

fn inode_of(path: &Path) -> Option<Inode> {
    let found = std::fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

fn open(path: &Path) -> Result<(File, Inode), StoreError> {
    // Not blocking, so that a pipe in the place of the file cannot hold us up.
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(refused)?;
    let stat = rustix::fs::fstat(&file).map_err(refused)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(StoreError::new(StoreErrorKind::Insecure(
            "it is not a regular file",
        )));
    }
    let file = File::from(file);
    let found = file
        .metadata()
        .map_err(|error| StoreError::new(StoreErrorKind::Io).because(error))?;
    Ok((file, (found.dev(), found.ino())))
}
