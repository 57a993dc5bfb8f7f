//! Failures of a store, by what a person can do about them.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::Foreign;

/// A store failed; the path, where there is one, is in the message.
#[derive(Clone)]
#[non_exhaustive]
pub struct StoreError {
    kind: StoreErrorKind,
    path: Option<Arc<Path>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What happened to the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// What is stored cannot be read as a record. Nothing was changed; a new login sets it aside.
    Corrupt,
    /// What lies in the place of the record is none, nor what is left of one. Nothing was changed, and no login sets it aside.
    Foreign(Foreign),
    /// What is stored was written by a newer version of this library.
    Newer,
    /// What is stored is sealed, and cannot be opened: its data key is not at hand, or it was changed after it was sealed.
    /// Nothing was changed, and no login sets it aside.
    Undecryptable {
        /// The data key that it names; shown as 16 hexadecimal digits.
        key_id: u64,
    },
    /// What is stored is sealed, and this store has no data key. Nothing was changed.
    Sealed,
    /// What is stored is in the clear, where a sealed record was to be. Nothing was changed.
    InTheClear,
    /// What is stored is of another library, in a form that has to be imported first. Nothing was changed.
    NotImported,
    /// What keeps the data keys of a sealed store cannot be read. No sealed record was touched.
    DataKey,
    /// Another process or thread held the lock for too long.
    LockTimeout {
        /// The process that holds it, where the store knows.
        holder: Option<u32>,
    },
    /// The place of the store has no working locks.
    LockUnsupported,
    /// Disk or quota are full; nothing was changed.
    Full,
    /// The place of the store cannot be written.
    ReadOnly,
    /// Others could read or replace the file: a symbolic link, a foreign owner, bits for group or others.
    Insecure(&'static str),
    /// The same of the file of the data keys.
    InsecureKeys(&'static str),
    /// The one place holds a record of another key.
    OtherRecord,
    /// A save without the lock, or for another key than the locked one.
    NotLocked,
    /// What is stored is newer, by its generation, than the record to save; nothing was changed.
    Conflict,
    /// The store cannot do this, for example list its keys.
    Unsupported(&'static str),
    /// The store cannot be reached.
    Unavailable,
    /// The password manager is locked, and nobody unlocked it.
    Locked,
    /// There is no password manager to keep anything in: nothing answers to its name, or it has no keyring to use.
    Absent,
    /// The password manager refused: this program, or what it asked for, is not allowed.
    Denied,
    /// The password manager did not answer within the time limit. It may wait for somebody to unlock it.
    TimedOut,
    /// The password manager did not keep what it was given: what was read back differs.
    NotKept,
    /// Any other failure; see the source.
    Io,
}

impl StoreError {
    /// A failure of this kind.
    #[must_use]
    pub const fn new(kind: StoreErrorKind) -> Self {
        Self {
            kind,
            path: None,
            source: None,
        }
    }

    /// Adds where it happened.
    #[must_use]
    pub fn at(mut self, path: &Path) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Adds what lies below. The source must hold no secret: it is printed with the chain.
    #[must_use]
    pub fn because(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What happened.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Where it happened.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Whether the same call may succeed later without anybody doing anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            StoreErrorKind::LockTimeout { .. } | StoreErrorKind::Unavailable | StoreErrorKind::Conflict
        )
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("kind", &self.kind)
            .field("path", &self.path)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            StoreErrorKind::Corrupt => {
                f.write_str("the stored record cannot be read; a new login sets it aside")?
            }
            StoreErrorKind::Foreign(what) => write!(f, "the place of the record holds {what}")?,
            StoreErrorKind::Newer => f.write_str(
                "the stored record was written by a newer version; update the program that reads it",
            )?,
            StoreErrorKind::Undecryptable { key_id } => {
                write!(
                    f,
                    "the stored record cannot be opened with the data key {key_id:016x}; \
                     put that key back, or log in to another place"
                )?;
            }
            StoreErrorKind::Sealed => {
                f.write_str("the stored record is sealed; open the store with its data key")?;
            }
            StoreErrorKind::InTheClear => {
                f.write_str("the stored record is in the clear; open the store without a data key")?;
            }
            StoreErrorKind::NotImported => {
                f.write_str("what is stored is of another library; import it first")?;
            }
            StoreErrorKind::DataKey => {
                f.write_str("the data keys of the store cannot be read; put back the ones that sealed it")?;
            }
            StoreErrorKind::LockTimeout { holder: Some(pid) } => {
                write!(f, "process {pid} holds the store's lock for too long")?;
            }
            StoreErrorKind::LockTimeout { holder: None } => {
                f.write_str("the store's lock is held for too long")?
            }
            StoreErrorKind::LockUnsupported => {
                f.write_str("the place of the store has no working locks; put the store on a local disk")?;
            }
            StoreErrorKind::Full => f.write_str("no space is left for the store")?,
            StoreErrorKind::ReadOnly => {
                f.write_str("the store cannot be written; give it a directory that this user may write to")?;
            }
            StoreErrorKind::Insecure(why) => write!(f, "the store is not private: {why}")?,
            StoreErrorKind::InsecureKeys(why) => write!(f, "the key file is not private: {why}")?,
            StoreErrorKind::OtherRecord => f.write_str("the store holds the record of another key")?,
            StoreErrorKind::NotLocked => f.write_str("the record to save is not the locked one")?,
            StoreErrorKind::Conflict => f.write_str("a newer record is stored")?,
            StoreErrorKind::Unsupported(what) => write!(f, "the store cannot {what}")?,
            StoreErrorKind::Unavailable => f.write_str("the store cannot be reached")?,
            StoreErrorKind::Locked => {
                f.write_str("the password manager is locked; unlock it and try again")?
            }
            StoreErrorKind::Absent => {
                f.write_str(
                    "there is no password manager; start one that has a keyring, or use another store",
                )?;
            }
            StoreErrorKind::Denied => f.write_str("the password manager refused")?,
            StoreErrorKind::TimedOut => {
                f.write_str("the password manager did not answer in time; unlock it, or restart it")?;
            }
            StoreErrorKind::NotKept => {
                f.write_str("the password manager did not keep what it was given; use another store")?;
            }
            StoreErrorKind::Io => f.write_str("the store failed")?,
        }
        match &self.path {
            Some(path) => write!(f, " ({})", path.display()),
            None => Ok(()),
        }
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
