//! A store beside the old file, for as long as some processes are still Python.
//!
//! ```text
//! lock ─▶ the store's lock ─▶ fasteners' lock ─▶ read both ─┬─ the same token ─▶ the store's record
//!                                                           ├─ Python refreshed ─▶ adopted, saved, the next generation
//!                                                           └─ Python deleted it ─▶ no record
//! save ─▶ the old file, in one step ─▶ the store
//! ```
//!
//! The old file is the authority: whatever happens between its write and the store's, the next lock adopts what it has.

mod old;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use grantflow_core::{Change, Key, Locked, Protection, Record, Store, StoreError, StoreErrorKind};

use self::old::{Entry, OldFile};
use super::FastenersLock;
use super::export::entry;
use super::kept::{Kept, OAUTH2CLIENT};
use super::members::Members;

/// A store, and the file of `multiprocess_file_storage` that Python processes use for the same credentials.
///
/// For the time of a migration. Each process that no longer runs Python puts this around its store; when the last Python process
/// is gone, the store alone goes on, with all that is in it.
///
/// Under `key`, a lock is the store's and Python's ([`FastenersLock`]), and:
///
/// - what Python refreshed since is adopted, as the next generation of the record;
/// - what is saved goes into the old file too, before the store: Python adopts it at its next look. Other entries of the file stay
///   as they are, and the file becomes its owner's alone (`0600`);
/// - what Python deleted is not there any more; what is revoked or deleted here, Python does not find again;
/// - what a login for more scopes replaces, Python does not find again either;
/// - a token that Python cannot use, since it is bound to a key or its client signs, is kept in the store alone: Python finds that its
///   login is over;
/// - a file that is not there, or is empty, is left so: then there is the store alone. Other keys are the store's business.
///
/// # What it cannot do
///
/// Python waits for the lock for one second and then goes on without it, and a long-lived Python process refreshes with the
/// refresh token it remembers, not with the stored one. Where the server takes a refresh token as often as it comes, as Google's
/// does, that costs a second refresh and nothing else. Where it takes each once, it logs everybody out, here as among Python
/// processes alone: there, stop Python first, or give it [access tokens alone](super::Export::access_token_only).
///
/// # Example
///
/// ```no_run
/// use std::time::Duration;
/// use grantflow_core::{Client, Key, Scopes, Store};
/// use grantflow_store::MemoryStore;
/// use grantflow_store::import::MixedFleetStore;
///
/// let client = Client::google("cid.apps.googleusercontent.com")?;
/// let key = Key::new(&client, Scopes::parse("openid")?);
/// let store = MemoryStore::new(); // in earnest, one that lasts
/// let store = MixedFleetStore::new(store, "old/credentials", "cid-ann", key.clone());
/// let record = store.read(&key)?;
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone)]
pub struct MixedFleetStore<S> {
    store: S,
    file: PathBuf,
    name: String,
    key: Key,
}

/// How long a first read waits for the locks.
const FIRST: Duration = Duration::from_secs(30);

impl<S: Store> MixedFleetStore<S> {
    /// `store`, kept in step with the entry `name` of the old `file` for the record under `key`. Nothing is touched yet.
    pub fn new(store: S, file: impl Into<PathBuf>, name: impl Into<String>, key: Key) -> Self {
        Self {
            store,
            file: file.into(),
            name: name.into(),
            key,
        }
    }

    /// The old file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The store alone, for the time after the last Python process.
    #[must_use]
    pub fn into_store(self) -> S {
        self.store
    }

    fn guard(&self, patience: Duration, login: bool) -> Result<Guard<'_>, StoreError> {
        let end = Instant::now().checked_add(patience);
        let inner = match login {
            true => self.store.lock_for_login(&self.key, patience)?,
            false => self.store.lock(&self.key, patience)?,
        };
        let left = end.map_or(patience, |end| end.saturating_duration_since(Instant::now()));
        let lock = FastenersLock::beside(&self.file, left)?;
        let old = OldFile::open(&self.file, &self.name, &self.key)?;
        let mut guard = Guard {
            record: None,
            inner,
            old,
            key: &self.key,
            _lock: lock,
        };
        guard.adopt()?;
        Ok(guard)
    }
}

/// Dropped in the order of its fields: first the store's lock, then Python's.
struct Guard<'s> {
    record: Option<Record>,
    inner: Box<dyn Locked + 's>,
    old: Option<OldFile>,
    key: &'s Key,
    _lock: FastenersLock,
}

impl Guard<'_> {
    /// Finds what is the record by both.
    fn adopt(&mut self) -> Result<(), StoreError> {
        let ours = self.inner.record();
        let theirs = self.old.as_ref().map(OldFile::entry);
        self.record = match (ours, theirs) {
            // A tombstone stays until the server has been told, whatever Python's memory brings back.
            (Some(ours), _) if ours.refresh_state().revoked_at.is_some() => Some(ours.clone()),
            (ours, None) => ours.cloned(),
            (Some(ours), Some(Entry::Record(theirs))) if same_tokens(ours, theirs) => Some(ours.clone()),
            // Python's refresh failed with a token of its memory, and it wrote that one over the newer.
            (Some(ours), Some(Entry::Record(theirs))) if is_invalid(theirs) => {
                let ours = ours.clone();
                self.tell(&Change::Put(Box::new(ours.clone())))?;
                Some(ours)
            }
            (Some(ours), Some(Entry::Record(theirs))) => {
                let adopted = ours.refreshed(theirs.token().clone());
                self.inner.save(Change::Put(Box::new(adopted.clone())))?;
                Some(adopted)
            }
            (None, Some(Entry::Record(theirs))) => {
                let first = (**theirs).clone();
                match self.inner.save(Change::Put(Box::new(first.clone()))) {
                    Ok(()) => Some(first),
                    // The store's one place has gone to a record that replaced it, and Python brought it back.
                    Err(error) if error.kind() == StoreErrorKind::OtherRecord => None,
                    Err(error) => return Err(error),
                }
            }
            // Python cannot have had it.
            (Some(ours), Some(Entry::Absent)) if entry(ours).is_err() => Some(ours.clone()),
            (_, Some(Entry::Absent)) => None,
            (_, Some(Entry::NotTaken(why))) => {
                let what = "share credentials of this kind with Python";
                return Err(StoreError::new(StoreErrorKind::Unsupported(what)).because(*why));
            }
        };
        Ok(())
    }

    /// Has the old file say what the change says; it says so first.
    fn tell(&mut self, change: &Change) -> Result<(), StoreError> {
        let Some(old) = &mut self.old else { return Ok(()) };
        let record = match change {
            Change::Put(record) | Change::Replace { record, .. } => Some(&**record),
            _ => None,
        };
        match record {
            // Not the record of this lock: the store says so.
            Some(record) if record.key() != self.key => Ok(()),
            Some(record) if record.refresh_state().revoked_at.is_none() => {
                let Entry::Record(theirs) = old.entry() else {
                    // What Python does not have it does not miss.
                    return match old.put(record) {
                        Err(error) if matches!(error.kind(), StoreErrorKind::Unsupported(_)) => Ok(()),
                        put => put,
                    };
                };
                if same_tokens(record, theirs) {
                    return Ok(());
                }
                let is_over = is_invalid(theirs);
                match old.put(record) {
                    // Bound to a key, or of a client that signs: it must not be lost over that.
                    Err(error) if matches!(error.kind(), StoreErrorKind::Unsupported(_)) && is_over => Ok(()),
                    Err(error) if matches!(error.kind(), StoreErrorKind::Unsupported(_)) => old.end(),
                    put => put,
                }
            }
            _ => old.remove(),
        }
    }
}

impl Locked for Guard<'_> {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    fn save(&mut self, mut change: Change) -> Result<(), StoreError> {
        if let (Change::Put(new), Some(ours)) = (&mut change, self.inner.record())
            && new.generation() < ours.generation()
        {
            if self.record.is_some() {
                return Err(StoreError::new(StoreErrorKind::Conflict));
            }
            // A login after Python deleted what the store still has: it is the newer of the two.
            **new = new.clone().succeeding(ours);
        }
        self.tell(&change)?;
        self.inner.save(change)?;
        self.record = self.inner.record().cloned();
        Ok(())
    }
}

/// The guard of another record of the store, which may replace the one that Python has too.
struct Other<'s, S> {
    inner: Box<dyn Locked + 's>,
    fleet: &'s MixedFleetStore<S>,
}

impl<S: Store> Locked for Other<'_, S> {
    fn record(&self) -> Option<&Record> {
        self.inner.record()
    }

    fn save(&mut self, change: Change) -> Result<(), StoreError> {
        let forget = matches!(&change, Change::Replace { forget, .. } if **forget == self.fleet.key);
        self.inner.save(change)?;
        if !forget {
            return Ok(());
        }
        let _lock = FastenersLock::beside(&self.fleet.file, FIRST)?;
        let old = OldFile::open(&self.fleet.file, &self.fleet.name, &self.fleet.key)?;
        old.map_or(Ok(()), |mut old| old.remove())
    }
}

/// Whether the two are of the same reply.
fn same_tokens(ours: &Record, theirs: &Record) -> bool {
    let (ours, theirs) = (ours.token(), theirs.token());
    let refresh_tokens = match (&ours.refresh_token, &theirs.refresh_token) {
        (Some(ours), Some(theirs)) => ours.eq_ct(theirs),
        (None, None) => true,
        _ => false,
    };
    refresh_tokens && ours.access_token.eq_ct(&theirs.access_token)
}

/// Whether Python gave the credential up.
fn is_invalid(theirs: &Record) -> bool {
    let kept = Kept::of(theirs.token(), OAUTH2CLIENT);
    kept.is_some_and(|(kept, _)| Members(&kept.members).flag("invalid") == Ok(true))
}

impl<S: Store> Store for MixedFleetStore<S> {
    /// The store's record, which is that of the last lock; the first read takes the locks, and imports what the old file has.
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let known = self.store.read(key)?;
        if known.is_some() || *key != self.key || !self.file.exists() {
            return Ok(known);
        }
        Ok(self.guard(FIRST, false)?.record.take())
    }

    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        if *key == self.key {
            return Ok(Box::new(self.guard(patience, false)?));
        }
        let inner = self.store.lock(key, patience)?;
        Ok(Box::new(Other { inner, fleet: self }))
    }

    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        if *key == self.key {
            return Ok(Box::new(self.guard(patience, true)?));
        }
        let inner = self.store.lock_for_login(key, patience)?;
        Ok(Box::new(Other { inner, fleet: self }))
    }

    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        self.store.keys()
    }

    fn records(&self) -> Result<Box<dyn Iterator<Item = Result<Record, StoreError>> + '_>, StoreError> {
        self.store.records()
    }

    fn holds_one_record(&self) -> bool {
        self.store.holds_one_record()
    }

    /// That of the old file: it is in the clear.
    fn protection(&self) -> Protection {
        Protection::Plaintext
    }
}

impl<S: Store> fmt::Debug for MixedFleetStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MixedFleetStore")
            .field("store", &self.store)
            .field("file", &self.file)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
