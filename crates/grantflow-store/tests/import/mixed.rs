//! A store and the old file of Python processes, kept in step; Python itself is in the workspace's `tests/`.

use std::path::PathBuf;
use std::time::Duration;

use grantflow_core::{
    Change, Client, Endpoint, Issuer, Key, Provenance, Record, Scopes, Store, StoreError, StoreErrorKind,
    StoreExt as _, Timestamp, Token, TokenType, conformance,
};
use grantflow_store::import::{Import, MixedFleetStore};
use grantflow_store::{FileStore, MemoryStore};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::samples::{MULTIPROCESS, NOW, STORAGE_4, record, value};

const PATIENCE: Duration = Duration::from_secs(60);
const NAME: &str = "cid-a-ann";

/// A directory with the old file in it, and a store in memory.
struct Fleet {
    dir: TempDir,
    store: MixedFleetStore<MemoryStore>,
    key: Key,
}

impl Fleet {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("old");
        std::fs::write(&file, MULTIPROCESS).unwrap();
        let client = record(STORAGE_4).client().clone();
        let key = Key::new(&client, Scopes::parse("openid").unwrap());
        let store = MixedFleetStore::new(MemoryStore::new(), &file, NAME, key.clone());
        Self { dir, store, key }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("old")
    }

    /// What the old file has under a name, as Python would read it.
    fn entry(&self, name: &str) -> Option<Record> {
        let found = Import::read(self.file(), NOW).unwrap().into_found();
        let found = found.into_iter().find(|found| found.name == name)?;
        Some(found.taken.unwrap())
    }

    /// What Python does: the entry becomes this credential, or is deleted.
    fn python_puts(&self, credential: Option<Value>) {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD;
        let mut file = value(&std::fs::read(self.file()).unwrap());
        let entries = file["credentials"].as_object_mut().unwrap();
        match credential {
            Some(credential) => entries.insert(NAME.to_owned(), base64.encode(credential.to_string()).into()),
            None => entries.remove(NAME),
        };
        std::fs::write(self.file(), file.to_string()).unwrap();
    }

    fn python_refreshes(&self, token: &str) {
        let mut credential = value(STORAGE_4);
        credential["access_token"] = json!(token);
        credential["refresh_token"] = json!(format!("1//{token}"));
        self.python_puts(Some(credential));
    }

    fn locked(&self) -> Option<Record> {
        self.store.lock(&self.key, PATIENCE).unwrap().record().cloned()
    }

    /// A refresh of ours.
    fn refresh(&self, token: &str) -> Result<(), StoreError> {
        let mut guard = self.store.lock(&self.key, PATIENCE)?;
        let refreshed = guard.record().unwrap().refreshed(fresh(token));
        guard.save(Change::Put(Box::new(refreshed)))
    }
}

fn fresh(token: &str) -> Token {
    let mut fresh = Token::bearer(token, NOW);
    fresh.refresh_token = Some(format!("1//{token}").into());
    fresh.expires_at = Some(NOW.plus(Duration::from_secs(3600)));
    fresh
}

fn tokens(record: &Record) -> (&str, &str) {
    let token = record.token();
    let refresh_token = token.refresh_token.as_ref().unwrap();
    (token.access_token.expose(), refresh_token.expose())
}

#[test]
fn the_first_read_takes_what_the_old_file_has() {
    let fleet = Fleet::new();
    let record = fleet.store.read(&fleet.key).unwrap().unwrap();
    assert_eq!(tokens(&record), ("ya29.at-a", "1//rt-a"));
    assert_eq!(record.key(), &fleet.key);
    // It is the store's from now on, and goes on being so without the file.
    let alone = fleet.store.clone().into_store();
    assert_eq!(
        tokens(&alone.read(&fleet.key).unwrap().unwrap()),
        ("ya29.at-a", "1//rt-a")
    );
}

/// A program of ours begins to bind tokens to a key: the server has spent the old refresh token by then.
#[test]
fn r01_a_token_that_python_cannot_use_is_stored_all_the_same_and_python_has_to_log_in() {
    let fleet = Fleet::new();
    let mut guard = fleet.store.lock(&fleet.key, PATIENCE).unwrap();
    let mut bound = fresh("at-b");
    bound.token_type = TokenType::Dpop;
    let next = guard.record().unwrap().refreshed(bound);
    guard.save(Change::Put(Box::new(next))).unwrap();
    drop(guard);
    for _ in 0..2 {
        assert_eq!(tokens(&fleet.locked().unwrap()), ("at-b", "1//at-b"));
        let entry = fleet.entry(NAME).unwrap();
        assert!(
            entry.token().refresh_token.is_none(),
            "the spent one is not left to be sent again"
        );
    }
    // Python logs in anew: that is the newest.
    fleet.python_refreshes("ya29.at-c");
    assert_eq!(tokens(&fleet.locked().unwrap()), ("ya29.at-c", "1//ya29.at-c"));
}

#[test]
fn r01_a_login_that_python_cannot_use_and_never_had_is_the_stores_alone() {
    let fleet = Fleet::new();
    fleet.python_puts(None);
    let mut bound = fresh("at-b");
    bound.token_type = TokenType::Dpop;
    let client = record(STORAGE_4).client().clone();
    let login = Record::new(
        fleet.key.clone(),
        client,
        bound,
        Provenance::new("authorization_code", NOW),
    );
    let mut guard = fleet.store.lock_for_login(&fleet.key, PATIENCE).unwrap();
    guard.save(Change::Put(Box::new(login))).unwrap();
    drop(guard);
    assert_eq!(tokens(&fleet.locked().unwrap()), ("at-b", "1//at-b"));
    assert!(fleet.entry(NAME).is_none());
}

#[test]
fn r09_what_python_refreshed_is_adopted_as_the_next_generation() {
    let fleet = Fleet::new();
    let first = fleet.locked().unwrap();
    for (at, token) in ["b", "c", "d"].into_iter().enumerate() {
        fleet.python_refreshes(token);
        for _ in 0..2 {
            let adopted = fleet.locked().unwrap();
            assert_eq!(tokens(&adopted), (token, &*format!("1//{token}")));
            assert_eq!(adopted.generation(), first.generation() + 1 + at as u64);
        }
    }
}

#[test]
fn r09_what_is_refreshed_here_python_finds_with_the_other_entries_untouched() {
    let fleet = Fleet::new();
    let other = value(MULTIPROCESS)["credentials"]["user 2/é"].clone();
    fleet.refresh("new").unwrap();
    assert_eq!(tokens(&fleet.entry(NAME).unwrap()), ("new", "1//new"));
    assert_eq!(
        tokens(&fleet.store.read(&fleet.key).unwrap().unwrap()),
        ("new", "1//new")
    );
    let file = value(&std::fs::read(fleet.file()).unwrap());
    assert_eq!(
        (&file["credentials"]["user 2/é"], &file["file_version"]),
        (&other, &json!(2))
    );
    // And back: the refresh token that is sent next is always the stored one, whoever stored it.
    fleet.python_refreshes("python");
    assert_eq!(tokens(&fleet.locked().unwrap()), ("python", "1//python"));
    fleet.refresh("again").unwrap();
    assert_eq!(tokens(&fleet.entry(NAME).unwrap()), ("again", "1//again"));
}

#[test]
fn a_note_of_an_attempt_does_not_touch_the_old_file() {
    let fleet = Fleet::new();
    fleet.locked().unwrap();
    let before = std::fs::read(fleet.file()).unwrap();
    let mut guard = fleet.store.lock(&fleet.key, PATIENCE).unwrap();
    let mut wire = value(guard.record().unwrap().expose_json().expose().as_bytes());
    wire["refresh"] = json!({"attempt_started_at": "2030-01-01T00:00:00Z"});
    let noted = Record::from_json(&wire.to_string()).unwrap();
    guard.save(Change::Put(Box::new(noted))).unwrap();
    assert_eq!(std::fs::read(fleet.file()).unwrap(), before);
    assert!(
        guard
            .record()
            .unwrap()
            .refresh_state()
            .attempt_started_at
            .is_some()
    );
    let refreshed = guard.record().unwrap().refreshed(fresh("new"));
    guard.save(Change::Put(Box::new(refreshed))).unwrap();
    assert_eq!(tokens(&fleet.entry(NAME).unwrap()), ("new", "1//new"));
}

#[test]
fn a_crash_between_the_two_writes_leaves_the_newer_token_in_force() {
    let fleet = Fleet::new();
    fleet.locked().unwrap();
    // The old file is written first: this is what is there when the process ends right after.
    fleet.python_refreshes("written");
    assert_eq!(
        tokens(
            &fleet
                .store
                .clone()
                .into_store()
                .read(&fleet.key)
                .unwrap()
                .unwrap()
        )
        .0,
        "ya29.at-a"
    );
    assert_eq!(tokens(&fleet.locked().unwrap()), ("written", "1//written"));
}

#[test]
fn what_pythons_failed_refresh_wrote_over_a_newer_token_is_not_adopted() {
    let fleet = Fleet::new();
    fleet.refresh("new").unwrap();
    let mut stale = value(STORAGE_4);
    stale["invalid"] = json!(true);
    fleet.python_puts(Some(stale));
    assert_eq!(tokens(&fleet.locked().unwrap()), ("new", "1//new"));
    // Python is told again.
    assert_eq!(tokens(&fleet.entry(NAME).unwrap()), ("new", "1//new"));
}

#[test]
fn what_python_deleted_is_gone_until_a_login() {
    let fleet = Fleet::new();
    fleet.refresh("new").unwrap();
    fleet.python_puts(None);
    assert!(fleet.locked().is_none());
    let mut login = fleet.store.lock_for_login(&fleet.key, PATIENCE).unwrap();
    assert!(login.record().is_none());
    let client = record(STORAGE_4).client().clone();
    let provenance = grantflow_core::Provenance::new("authorization_code", NOW);
    let new = Record::new(fleet.key.clone(), client, fresh("login"), provenance);
    login.save(Change::Put(Box::new(new))).unwrap();
    drop(login);
    assert_eq!(tokens(&fleet.locked().unwrap()), ("login", "1//login"));
    assert_eq!(tokens(&fleet.entry(NAME).unwrap()), ("login", "1//login"));
}

#[test]
fn what_is_deleted_or_revoked_here_python_does_not_find() {
    for revoked in [false, true] {
        let fleet = Fleet::new();
        let mut guard = fleet.store.lock(&fleet.key, PATIENCE).unwrap();
        let mut wire = value(guard.record().unwrap().expose_json().expose().as_bytes());
        wire["refresh"] = json!({"revoked_at": "2030-01-01T00:00:00Z"});
        let tombstone = Box::new(Record::from_json(&wire.to_string()).unwrap());
        guard
            .save(if revoked {
                Change::Put(tombstone)
            } else {
                Change::Delete
            })
            .unwrap();
        drop(guard);
        assert!(fleet.entry(NAME).is_none());
        assert!(fleet.entry("user 2/é").is_some());
        assert_eq!(fleet.locked().is_some(), revoked);
        if revoked {
            // Python's memory brings it back; the tombstone stays all the same.
            fleet.python_refreshes("back");
            assert!(fleet.locked().unwrap().refresh_state().revoked_at.is_some());
        }
    }
}

#[test]
fn a_file_that_is_not_there_or_empty_is_left_so() {
    for empty in [false, true] {
        let fleet = Fleet::new();
        fleet.locked().unwrap();
        std::fs::remove_file(fleet.file()).unwrap();
        if empty {
            std::fs::write(fleet.file(), "").unwrap();
        }
        fleet.refresh("new").unwrap();
        assert_eq!(tokens(&fleet.locked().unwrap()), ("new", "1//new"));
        let content = std::fs::read(fleet.file()).ok();
        assert_eq!(content, empty.then(Vec::new));
    }
}

#[test]
fn t70_a_file_that_cannot_be_read_stops_everything_and_stays() {
    let fleet = Fleet::new();
    fleet.locked().unwrap();
    let whole = std::fs::read(fleet.file()).unwrap();
    let other = |version: &str| {
        String::from_utf8(whole.clone())
            .unwrap()
            .replace(": 2", version)
            .into_bytes()
    };
    for (bad, kind) in [
        (whole[..whole.len() / 2].to_vec(), StoreErrorKind::Corrupt),
        (b"[]".to_vec(), StoreErrorKind::Corrupt),
        (STORAGE_4.to_vec(), StoreErrorKind::Corrupt),
        (other(": 1"), StoreErrorKind::Corrupt),
        (other(": 3"), StoreErrorKind::Newer),
    ] {
        std::fs::write(fleet.file(), &bad).unwrap();
        let error = fleet.store.lock(&fleet.key, PATIENCE).map(|_| ()).unwrap_err();
        assert_eq!((error.kind(), error.path()), (kind, Some(&*fleet.file())));
        assert_eq!(std::fs::read(fleet.file()).unwrap(), bad);
    }
    let mut service = value(STORAGE_4);
    service["_class"] = json!("ServiceAccountCredentials");
    std::fs::write(fleet.file(), &whole).unwrap();
    fleet.python_puts(Some(service));
    let error = fleet.store.lock(&fleet.key, PATIENCE).map(|_| ()).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Unsupported(_)));
}

#[test]
fn t56_t57_the_old_file_becomes_its_owners_alone_and_links_are_refused() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let fleet = Fleet::new();
    std::fs::set_permissions(fleet.file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    fleet.refresh("new").unwrap();
    let mode = std::fs::metadata(fleet.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut names: Vec<_> = std::fs::read_dir(fleet.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["old", "old.lock"]);
    std::fs::rename(fleet.file(), fleet.dir.path().join("moved")).unwrap();
    symlink(fleet.dir.path().join("moved"), fleet.file()).unwrap();
    let error = fleet.refresh("again").unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Insecure(_)), "{error}");
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_before_a_request_leaves() {
    // Root may write everywhere: a directory that is gone cannot be written by anybody.
    let fleet = Fleet::new();
    fleet.locked().unwrap();
    let nowhere = MixedFleetStore::new(
        MemoryStore::new(),
        fleet.dir.path().join("gone/old"),
        NAME,
        fleet.key.clone(),
    );
    let error = nowhere.lock(&fleet.key, PATIENCE).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Io);
}

#[test]
fn r12_the_lock_is_pythons_and_other_keys_do_not_wait_for_it() {
    let fleet = Fleet::new();
    fleet.locked().unwrap();
    let held = grantflow_store::import::FastenersLock::beside(fleet.file(), PATIENCE).unwrap();
    let error = fleet
        .store
        .lock(&fleet.key, Duration::ZERO)
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::LockTimeout { holder: None });
    assert!(fleet.store.read(&fleet.key).unwrap().is_some());
    let other = fleet.key.clone().with_account("bob");
    drop(fleet.store.lock(&other, Duration::ZERO).unwrap());
    drop(held);
    fleet.store.delete(&fleet.key, Duration::ZERO).unwrap();
}

/// The suite's own key, so that all of it goes through both files.
fn in_a_room() -> InRoom {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("old");
    std::fs::write(&file, r#"{"file_version": 2, "credentials": {}}"#).unwrap();
    let address = |path: &str| format!("https://server.example.com{path}");
    let client = Client::new("s6BhdRkqt3", Endpoint::new(address("/token")).unwrap())
        .with_issuer(Issuer::new(address("")).unwrap());
    let key = Key::new(&client, Scopes::parse("profile openid email").unwrap())
        .with_account("ann")
        .with_resource("https://api.example.com")
        .with_subject("service@example.com")
        .with_user_agent("agent/1.0")
        .with_label("work \u{1f511} \"quoted\"");
    let store = FileStore::new(dir.path().join("credentials.json"));
    let store = MixedFleetStore::new(store, file, "ann", key);
    InRoom { store, _dir: dir }
}

/// The store with its directory.
#[derive(Debug)]
struct InRoom {
    store: MixedFleetStore<FileStore>,
    _dir: TempDir,
}

impl Store for InRoom {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.store.read(key)
    }

    fn lock(
        &self,
        key: &Key,
        patience: Duration,
    ) -> Result<Box<dyn grantflow_core::Locked + '_>, StoreError> {
        self.store.lock(key, patience)
    }

    fn lock_for_login(
        &self,
        key: &Key,
        patience: Duration,
    ) -> Result<Box<dyn grantflow_core::Locked + '_>, StoreError> {
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

    fn protection(&self) -> grantflow_core::Protection {
        self.store.protection()
    }
}

conformance!(in_step_with_an_old_file, in_a_room);

#[test]
fn the_suite_goes_through_the_old_file() {
    let room = in_a_room();
    let at = Timestamp::from_unix_seconds(1_900_000_000);
    let key = room.store.keys().unwrap();
    assert!(key.is_empty());
    let client = Client::new(
        "s6BhdRkqt3",
        Endpoint::new("https://server.example.com/token").unwrap(),
    )
    .with_issuer(Issuer::new("https://server.example.com").unwrap());
    let key = Key::new(&client, Scopes::parse("profile openid email").unwrap())
        .with_account("ann")
        .with_resource("https://api.example.com")
        .with_subject("service@example.com")
        .with_user_agent("agent/1.0")
        .with_label("work \u{1f511} \"quoted\"");
    let record = Record::new(key, client, fresh("x"), grantflow_core::Provenance::new("x", at));
    room.store.put(record, PATIENCE).unwrap();
    assert_eq!(
        Import::read(room.store.file(), NOW).unwrap().found()[0].name,
        "ann"
    );
}
