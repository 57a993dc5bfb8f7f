//! The same item through Python's `keyring`, and through oauth2client's `keyring_storage` on it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use grantflow_core::{Change, Store, StoreErrorKind, StoreExt as _};
use grantflow_store::KeyringStore;

use crate::room::{PATIENCE, json, key, kind, record, skip};
use crate::session::{fresh_user, keyring};

const APPLICATION: &str = "grantflow-test";

/// What Python does with the item of the user.
struct Python(String);

impl Python {
    /// Runs a program; `app` and `user` are the names, `text` is what it is given.
    fn run(&self, program: &str, text: &str) -> String {
        let mut child = Command::new(interpreter())
            .args(["-B", "-c"])
            .arg(format!(
                "import keyring, sys\napp, user = sys.argv[1:]\ntext = sys.stdin.read()\n{program}"
            ))
            .args([APPLICATION, &self.0])
            .env("PYTHON_KEYRING_BACKEND", "keyring.backends.SecretService.Keyring")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{program}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The item's text; `None` as Python says it.
    fn get(&self) -> String {
        self.run("print(keyring.get_password(app, user), end='')", "")
    }

    /// What `Storage(app, user)` does.
    fn storage(&self, what: &str) -> String {
        let program = format!(
            "from oauth2client.client import OAuth2Credentials\n\
             from oauth2client.contrib.keyring_storage import Storage\n\
             storage = Storage(app, user)\n{what}"
        );
        self.run(&program, "")
    }
}

const PUT: &str = "storage.put(OAuth2Credentials('ya29.py', 'cid', 'cs', '1//py', None,\n\
    'https://oauth2.googleapis.com/token', None, scopes=['openid']))";

fn interpreter() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/keyring/venv/bin/python")
}

/// A store, and Python on the same item.
fn both() -> Option<(KeyringStore, Python, tempfile::TempDir)> {
    if !interpreter().is_file() {
        skip(
            "keyring in Python",
            "it is not installed; `cargo xtask test` does, where there are Python 3 and pip",
        );
        return None;
    }
    let (keyring, locks, user) = (keyring()?, tempfile::tempdir().unwrap(), fresh_user());
    let store = KeyringStore::new(keyring, APPLICATION, &user, locks.path());
    Some((store, Python(user), locks))
}

#[test]
fn python_gets_what_the_store_keeps_and_its_own_writes_take_the_same_item() {
    let Some((store, python, _locks)) = both() else {
        return;
    };
    store.put(record(1), PATIENCE).unwrap();
    let item = store.expose_item().unwrap().unwrap();
    assert!(item.expose().contains("refresh-1"));
    assert_eq!(python.get(), item.expose());
    // Python replaces the item; a second one would make the names ambiguous.
    python.run("keyring.set_password(app, user, text)", item.expose());
    assert_eq!(
        store.read(&key()).unwrap().as_ref().map(json),
        Some(json(&record(1)))
    );
    store.put(record(2), PATIENCE).unwrap();
    assert_eq!(python.get(), store.expose_item().unwrap().unwrap().expose());
    assert!(python.get().contains("refresh-2"));
    python.run("keyring.delete_password(app, user)", "");
    assert!(store.read(&key()).unwrap().is_none());
    assert_eq!(python.get(), "None");
}

#[test]
fn what_keyring_storage_kept_is_told_from_a_record_and_can_be_imported() {
    let Some((store, python, _locks)) = both() else {
        return;
    };
    python.storage(PUT);
    let read = kind(store.read(&key()));
    assert!(matches!(read, Some(StoreErrorKind::NotImported)), "{read:?}");
    let item = store.expose_item().unwrap().unwrap();
    assert!(item.expose().contains("1//py"));
    #[cfg(feature = "import")]
    {
        use grantflow_core::Timestamp;
        use grantflow_store::import::Import;
        let import = Import::parse(
            item.expose().as_bytes(),
            Timestamp::from_unix_seconds(1_800_000_000),
        );
        let records = import.unwrap().into_records();
        assert_eq!(
            records[0].token().refresh_token.as_ref().unwrap().expose(),
            "1//py"
        );
    }
    // Untouched so far; a login takes its place, and Python then finds what is not its own.
    assert_eq!(python.get(), item.expose());
    let mut locked = store.lock_for_login(&key(), PATIENCE).unwrap();
    locked.save(Change::Put(Box::new(record(1)))).unwrap();
    drop(locked);
    assert_eq!(
        store.read(&key()).unwrap().as_ref().map(json),
        Some(json(&record(1)))
    );
    let got = python.storage("try:\n storage.get()\nexcept KeyError as error:\n print(error)");
    assert_eq!(got.trim(), "'_module'");
}

#[test]
fn what_keyring_storage_deleted_is_absent() {
    let Some((store, python, _locks)) = both() else {
        return;
    };
    python.storage(&format!("{PUT}\nstorage.delete()"));
    assert_eq!(python.get(), "");
    assert!(store.read(&key()).unwrap().is_none());
    store.put(record(1), PATIENCE).unwrap();
    assert!(python.get().contains("refresh-1"));
}
