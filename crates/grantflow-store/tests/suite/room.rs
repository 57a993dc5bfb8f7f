//! A private directory for one test, and the records that tests store.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use grantflow_core::{Key, Locked, Protection, Record, Store, StoreError, StoreErrorKind};
use grantflow_store::FileStore;

/// Long enough for a lock that will be free.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A directory that goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Room(PathBuf);

impl Room {
    pub(crate) fn new() -> Self {
        static ROOMS: AtomicUsize = AtomicUsize::new(0);
        let number = ROOMS.fetch_add(1, Ordering::Relaxed);
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("room-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        #[cfg(unix)]
        chmod(&path, 0o700);
        Self(path)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("credentials.json")
    }

    pub(crate) fn store(&self) -> FileStore {
        FileStore::new(self.file())
    }

    /// The names in it.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Deref for Room {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A store together with its room.
#[derive(Debug)]
pub(crate) struct InRoom {
    store: Box<dyn Store>,
    _room: Room,
}

impl InRoom {
    /// The store that `open` makes of a path in a room of its own.
    pub(crate) fn new<S: Store + 'static>(below: &str, open: impl FnOnce(PathBuf) -> S) -> Self {
        let room = Room::new();
        Self {
            store: Box::new(open(room.join(below))),
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

/// Where the data keys of the stores in a room are.
#[cfg(feature = "encrypted")]
pub(crate) fn key_file(path: &Path) -> grantflow_store::KeyFile {
    grantflow_store::KeyFile::new(path.with_file_name("data-key.json"))
}

#[cfg(feature = "encrypted")]
pub(crate) fn sealed_file(path: PathBuf) -> grantflow_store::Encrypted {
    grantflow_store::Encrypted::new(FileStore::new(&path), key_file(&path))
}

#[cfg(all(feature = "encrypted", feature = "multistore"))]
pub(crate) fn sealed_multistore(path: PathBuf) -> grantflow_store::Encrypted {
    grantflow_store::Encrypted::new(grantflow_store::MultiStore::new(&path), key_file(&path))
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
