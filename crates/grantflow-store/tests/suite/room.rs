//! A private directory for one test, and the records that tests store.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use grantflow_core::{Key, Locked, Protection, Record, Store, StoreError, StoreErrorKind};
use grantflow_store::FileStore;

/// Long enough for a lock that will be free.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The stores that keep records in files: all promise the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    File,
    #[cfg(feature = "multistore")]
    Multi,
    #[cfg(feature = "encrypted")]
    SealedFile,
    #[cfg(all(feature = "encrypted", feature = "multistore"))]
    SealedMulti,
}

impl Kind {
    pub(crate) const ALL: &[Self] = &[
        Self::File,
        #[cfg(feature = "multistore")]
        Self::Multi,
        #[cfg(feature = "encrypted")]
        Self::SealedFile,
        #[cfg(all(feature = "encrypted", feature = "multistore"))]
        Self::SealedMulti,
    ];

    /// What the environment of another process calls it.
    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.name() == name).unwrap()
    }

    /// A new store whose records are in this directory; data keys are beside it.
    pub(crate) fn open(self, dir: &Path) -> Arc<dyn Store> {
        match self {
            Self::File => Arc::new(FileStore::new(dir.join(FILE))),
            #[cfg(feature = "multistore")]
            Self::Multi => Arc::new(grantflow_store::MultiStore::new(dir)),
            #[cfg(feature = "encrypted")]
            Self::SealedFile => {
                let store = FileStore::new(dir.join(FILE));
                Arc::new(grantflow_store::Encrypted::new(store, key_file(dir)))
            }
            #[cfg(all(feature = "encrypted", feature = "multistore"))]
            Self::SealedMulti => {
                let store = grantflow_store::MultiStore::new(dir);
                Arc::new(grantflow_store::Encrypted::new(store, key_file(dir)))
            }
        }
    }

    /// The file of the record of [`key`] in this directory.
    pub(crate) fn file(self, dir: &Path) -> PathBuf {
        dir.join(if self.has_many() {
            format!("{}.json", key().digest())
        } else {
            FILE.to_owned()
        })
    }

    pub(crate) fn has_many(self) -> bool {
        match self {
            Self::File => false,
            #[cfg(feature = "encrypted")]
            Self::SealedFile => false,
            #[cfg(feature = "multistore")]
            _ => true,
        }
    }
}

/// The name that the file of a record has in lists.
pub(crate) const FILE: &str = "credentials.json";

/// Runs a test for each kind of store, and says for which it failed.
pub(crate) fn each(test: impl Fn(Kind)) {
    struct Name(Kind);
    impl Drop for Name {
        #[expect(clippy::print_stderr, reason = "a panic is printed there, too")]
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("with {:?}", self.0);
            }
        }
    }
    for kind in Kind::ALL {
        let _name = Name(*kind);
        test(*kind);
    }
}

/// Where the data keys of the stores in a directory are.
#[cfg(feature = "encrypted")]
pub(crate) fn key_file(dir: &Path) -> grantflow_store::KeyFile {
    grantflow_store::KeyFile::new(keys(dir).join("data-key.json"))
}

/// The directory for data keys beside that of records.
pub(crate) fn keys(dir: &Path) -> PathBuf {
    dir.with_extension("keys")
}

/// A directory that goes when it is dropped, for a store of some kind.
#[derive(Debug)]
pub(crate) struct Room {
    path: PathBuf,
    kind: Kind,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self::of(Kind::File)
    }

    pub(crate) fn of(kind: Kind) -> Self {
        Self::within(Path::new(env!("CARGO_TARGET_TMPDIR")), kind)
    }

    /// Where no disk is waited for, if the system has such a place: for what is done very often.
    pub(crate) fn in_memory(kind: Kind) -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            Self::within(memory, kind)
        } else {
            Self::of(kind)
        }
    }

    fn within(place: &Path, kind: Kind) -> Self {
        static ROOMS: AtomicUsize = AtomicUsize::new(0);
        let number = ROOMS.fetch_add(1, Ordering::Relaxed);
        let path = place.join(format!("grantflow-room-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        let _ = fs::remove_dir_all(keys(&path));
        fs::create_dir_all(&path).unwrap();
        #[cfg(unix)]
        chmod(&path, 0o700);
        Self { path, kind }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The file of the record of [`key`].
    pub(crate) fn file(&self) -> PathBuf {
        self.kind.file(&self.path)
    }

    /// A path beside that file: its lock for `.lock`.
    pub(crate) fn beside(&self, ending: &str) -> PathBuf {
        let mut path = self.file().into_os_string();
        path.push(ending);
        path.into()
    }

    /// A new store in it.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        self.kind.open(&self.path)
    }

    /// The names in it; the file of the record is called [`FILE`] everywhere.
    pub(crate) fn names(&self) -> Vec<String> {
        let file = self.file();
        let file = file.file_name().unwrap().to_str().unwrap();
        let mut names: Vec<String> = fs::read_dir(&self.path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .map(|name| match name.strip_prefix(file) {
                Some(ending) => format!("{FILE}{ending}"),
                None => name,
            })
            .collect();
        names.sort();
        names
    }

    /// The path of a name in that list.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        match name.strip_prefix(FILE) {
            Some(ending) => self.beside(ending),
            None => self.join(name),
        }
    }
}

impl Deref for Room {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.path
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
        let _ = fs::remove_dir_all(keys(&self.path));
    }
}

/// A store together with its room.
#[derive(Debug)]
pub(crate) struct InRoom {
    store: Arc<dyn Store>,
    _room: Room,
}

impl InRoom {
    /// A store of this kind in the room's own directory, or in one to be made.
    pub(crate) fn new(kind: Kind, below: Option<&str>) -> Self {
        let room = Room::of(kind);
        let dir = below.map_or_else(|| room.to_owned(), |name| room.join(name));
        Self {
            store: kind.open(&dir),
            _room: room,
        }
    }
}

impl Store for InRoom {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.store.read(key)
    }
    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        self.store.lock(key, patience)
    }
    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        self.store.lock_for_login(key, patience)
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
    fn protection(&self) -> Protection {
        self.store.protection()
    }
}

#[cfg(unix)]
pub(crate) fn chmod(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The mode of what is there, without its type.
#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// A record with this generation; each has a token of its own.
pub(crate) fn record(generation: u64) -> Record {
    record_with(generation, "")
}

/// A record that says that a refresh is under way.
pub(crate) fn attempt(generation: u64) -> Record {
    record_with(
        generation,
        r#","refresh":{"attempt_started_at":"2027-01-15T08:55:00Z"}"#,
    )
}

/// A record of another key.
#[cfg(feature = "multistore")]
pub(crate) fn other() -> Record {
    let one = record(1);
    Record::new(
        key().with_account("bob"),
        one.client().clone(),
        one.token().clone(),
        one.provenance().clone(),
    )
}

pub(crate) fn record_with(generation: u64, more: &str) -> Record {
    let json = format!(
        r#"{{"grantflow":1,"generation":{generation},
        "key":{{"issuer":"https://server.example.com","client_id":"s6BhdRkqt3","scopes":["openid"]}},
        "client":{{"id":"s6BhdRkqt3","authentication":"none","token_endpoint":"https://server.example.com/token"}},
        "token":{{"access_token":"access-{generation}","token_type":"Bearer","refresh_token":"refresh-{generation}",
            "issued_at":"2027-01-15T08:00:00Z","expires_at":"2027-01-15T09:00:00Z"}},
        "provenance":{{"source":"authorization_code","obtained_at":"2027-01-15T08:00:00Z"}}{more}}}"#
    );
    Record::from_json(&json).unwrap()
}

pub(crate) fn key() -> Key {
    record(1).key().clone()
}

/// All there is to a record, to compare.
pub(crate) fn json(record: &Record) -> String {
    record.expose_json().expose().to_owned()
}

pub(crate) fn kind<T>(answer: Result<T, StoreError>) -> Option<StoreErrorKind> {
    answer.err().map(|error| error.kind())
}

/// Says, on the way of the whole workspace, that a suite could not run here.
#[cfg(unix)]
pub(crate) fn skip(suite: &str, reason: &str) {
    use std::io::Write as _;
    tell(&format!("SKIPPED {suite}: {reason}"));
    if let Some(path) = std::env::var_os("GRANTFLOW_SKIPS") {
        let line = format!("{}\n", serde_json::json!({ "suite": suite, "reason": reason }));
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// Prints what was measured.
#[cfg(unix)]
#[expect(
    clippy::explicit_write,
    reason = "the harness keeps what `println!` prints to itself"
)]
pub(crate) fn tell(what: &str) {
    use std::io::Write as _;
    writeln!(std::io::stdout(), "{what}").unwrap();
}
