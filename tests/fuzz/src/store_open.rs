//! F12 of the table of threats: what is opened as a store or imported.
//!
//! ```text
//! first byte  0  import        what is read, stored and read again is the same; what is exported is read back
//!             1  record        what is read and written reads as the same
//!             2  file          whatever lies in the place of a file store stays as it is, unless a record can be read
//!             3  summed        the same, with the right checksum around it
//!             4  sealed        the same, opened with a data key
//!             5  one of many   the same among the records of a directory, and its neighbour is listed whatever it is
//! ```

use std::cell::OnceCell;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use grantflow_core::{Record, Store as _, StoreExt as _, Timestamp};
use grantflow_store::import::{Export, ExportFormat, Import};
use grantflow_store::{DataKey, Encrypted, FileStore, GivenKeys, MultiStore};
use sha2::{Digest as _, Sha256};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_893_553_445);
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the rest of the input as what its first byte says.
///
/// # Panics
///
/// If a promise is broken.
pub fn store_open(data: &[u8]) {
    let Some((kind, content)) = data.split_first() else {
        return;
    };
    match kind % 6 {
        0 => import(content),
        1 => {
            if let Ok(text) = str::from_utf8(content) {
                record(text);
            }
        }
        2 => file(content),
        3 => file(&enveloped(content)),
        4 => sealed(content),
        _ => one_of_many(content),
    }
}

fn import(content: &[u8]) {
    let import = match Import::parse(content, NOW) {
        Ok(import) => import,
        Err(error) => {
            assert!(!format!("{error} {error:?}").is_empty());
            return;
        }
    };
    for record in import.into_records() {
        let stored = record.expose_json();
        let again = Record::from_json(stored.expose()).expect("a record that was imported can be stored");
        assert_eq!(again.expose_json().expose(), stored.expose());
        let export = Export::new(ExportFormat::FileStorage);
        let Ok(written) = export.to_json(std::slice::from_ref(&again)) else {
            continue;
        };
        let back = Import::parse(written.expose().as_bytes(), NOW).expect("what is written can be read");
        let back = back.into_records();
        let back = back.first().expect("what is written is taken");
        assert!(back.token().access_token.eq_ct(&record.token().access_token));
        let refresh_token = |record: &Record| {
            record
                .token()
                .refresh_token
                .as_ref()
                .map(|token| token.expose().to_owned())
        };
        assert_eq!(refresh_token(back), refresh_token(&record));
    }
}

fn record(text: &str) {
    let Ok(record) = Record::from_json(text) else {
        return;
    };
    let written = record.expose_json();
    let again = Record::from_json(written.expose()).expect("what is written can be read");
    assert_eq!(again.expose_json().expose(), written.expose());
    assert_eq!(again.key(), record.key());
    assert_eq!(again.key().digest(), record.key().digest());
}

fn file(content: &[u8]) {
    thread_local! {
        static PLACE: OnceCell<(tempfile::TempDir, PathBuf)> = const { OnceCell::new() };
    }
    PLACE.with(|place| {
        let (_, path) = place.get_or_init(|| {
            let dir = tempfile::tempdir().expect("there is a place for files");
            let path = dir.path().join("credentials.json");
            let store = FileStore::new(&path);
            // Makes a file of the right mode; its content comes with each input.
            fs::write(&path, "").expect("it can be written");
            private(&path);
            drop(store);
            (dir, path)
        });
        fs::write(path, content).expect("it can be written");
        let store = FileStore::new(path);
        match store.keys() {
            Ok(keys) => {
                let key = keys.first().expect("a file has a record, or cannot be read");
                let record = store
                    .read(key)
                    .expect("it was read just now")
                    .expect("it is there");
                let mut guard = store.lock(key, PATIENCE).expect("nobody holds it");
                guard
                    .save(grantflow_core::Change::Put(Box::new(record.clone())))
                    .expect("there is room");
                drop(guard);
                let again = store
                    .read(key)
                    .expect("it was written just now")
                    .expect("it is there");
                assert_eq!(again.expose_json().expose(), record.expose_json().expose());
            }
            Err(error) => {
                assert!(!format!("{error} {error:?}").is_empty());
                let unchanged = fs::read(path).expect("it is there");
                assert_eq!(unchanged, content);
            }
        }
    });
}

/// What is no record sealed with this key stays as it is. A record that is sealed with it can be read after any change to it, or
/// stays as it is, too.
fn sealed(content: &[u8]) {
    thread_local! {
        static PLACE: OnceCell<(tempfile::TempDir, PathBuf, DataKey, Vec<u8>)> = const { OnceCell::new() };
    }
    PLACE.with(|place| {
        let (_, path, data_key, good) = place.get_or_init(|| {
            let dir = tempfile::tempdir().expect("there is a place for files");
            let path = dir.path().join("sealed.json");
            let data_key = DataKey::generate().expect("there is randomness");
            let record = minimal();
            let store = Encrypted::new(FileStore::new(&path), GivenKeys::new(data_key.clone()));
            store.put(record, PATIENCE).expect("there is room");
            let good = fs::read(&path).expect("it is there");
            (dir, path, data_key, good)
        });
        // The input itself, and the good file with the input written over a part of it.
        let at = content
            .first()
            .map_or(0, |at| usize::from(*at) * good.len() / 256);
        let mut changed = good.clone();
        changed.splice(at..(at + content.len()).min(good.len()), content.iter().copied());
        for bytes in [content, &changed] {
            fs::write(path, bytes).expect("it can be written");
            let store = Encrypted::new(FileStore::new(path), GivenKeys::new(data_key.clone()));
            let record = minimal();
            match store.read(record.key()) {
                Ok(Some(read)) => assert_eq!(read.expose_json().expose(), record.expose_json().expose()),
                Ok(None) => panic!("what cannot be read is never treated as absent"),
                Err(error) => assert!(!format!("{error} {error:?}").is_empty()),
            }
            assert_eq!(fs::read(path).expect("it is there"), bytes);
        }
    });
}

fn one_of_many(content: &[u8]) {
    thread_local! {
        static PLACE: OnceCell<(tempfile::TempDir, PathBuf)> = const { OnceCell::new() };
    }
    PLACE.with(|place| {
        let (dir, path) = place.get_or_init(|| {
            let dir = tempfile::tempdir().expect("there is a place for files");
            let store = MultiStore::new(dir.path());
            let record = minimal();
            store.put(record.clone(), PATIENCE).expect("there is room");
            let neighbour = Record::new(
                record.key().clone().with_account("neighbour"),
                record.client().clone(),
                record.token().clone(),
                record.provenance().clone(),
            );
            store.put(neighbour, PATIENCE).expect("there is room");
            let path = dir.path().join(format!("{}.json", record.key().digest()));
            (dir, path)
        });
        fs::write(path, content).expect("it can be written");
        let store = MultiStore::new(dir.path());
        let listed: Vec<_> = store.records().expect("it can be listed").collect();
        assert_eq!(listed.len(), 2);
        let neighbour = |record: &Record| record.key().account() == "neighbour";
        assert!(listed.iter().flatten().any(neighbour));
        match store.read(minimal().key()) {
            Ok(record) => assert_eq!(record.expect("it is there").key(), minimal().key()),
            Err(error) => assert!(!format!("{error} {error:?}").is_empty()),
        }
        assert_eq!(fs::read(path).expect("it is there"), content);
    });
}

fn minimal() -> Record {
    let json = include_str!("../../../crates/grantflow-core/tests/vectors/record-v1-minimal.json");
    Record::from_json(json).expect("a record")
}

#[cfg(unix)]
fn private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
}

#[cfg(not(unix))]
fn private(_: &std::path::Path) {}

/// A file of version 1 around the content, if that is text; of version 2, if its length is odd.
fn enveloped(content: &[u8]) -> Vec<u8> {
    let sum: String = Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let text = String::from_utf8_lossy(content);
    if content.len() % 2 == 1 {
        let sum = crc32fast::hash(text.as_bytes());
        return format!("{{\"grantflow_file\":2,\"crc32\":\"{sum:08x}\",\"record\":{text}}}\n").into_bytes();
    }
    format!("{{\"grantflow_file\":1,\"sha256\":\"{sum}\",\"record\":{text}}}\n").into_bytes()
}
