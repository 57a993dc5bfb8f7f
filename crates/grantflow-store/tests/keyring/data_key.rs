//! Data keys of a sealed store in a password manager.

use grantflow_core::{Protection, Store, StoreErrorKind, StoreExt as _};
use grantflow_store::{DataKey, Encrypted, FileStore, KeySource as _, KeyringKey};

use crate::room::{PATIENCE, json, key, kind, record};
use crate::stand_in::{StandIn, Writes};

#[test]
fn t65_a_data_key_is_written_and_verified_before_anything_is_sealed() {
    let (keyring, place) = (StandIn::default(), tempfile::tempdir().unwrap());
    let store = || {
        let key = KeyringKey::new(keyring.keyring(), "app", "data key", place.path());
        Encrypted::new(FileStore::new(place.path().join("record.json")), key)
    };
    for lie in [Writes::Cut, Writes::Ignored, Writes::First(0)] {
        keyring.writes(lie);
        let refused = kind(store().put(record(1), PATIENCE));
        assert!(
            matches!(refused, Some(StoreErrorKind::NotKept | StoreErrorKind::Io)),
            "{refused:?}"
        );
        assert!(!place.path().join("record.json").exists());
        keyring.writes(Writes::Kept);
        keyring.set("app", "data key", b"");
    }
    let first = store();
    assert_eq!(first.protection(), Protection::Sealed);
    first.put(record(1), PATIENCE).unwrap();
    assert_eq!(json(&store().read(&key()).unwrap().unwrap()), json(&record(1)));
    // Rotated: the old key still opens.
    first.rotate().unwrap();
    assert_eq!(json(&store().read(&key()).unwrap().unwrap()), json(&record(1)));
    // Without its key it cannot be opened, and stays.
    keyring.set("app", "data key", b"");
    let refused = kind(store().read(&key()));
    assert!(
        matches!(refused, Some(StoreErrorKind::Undecryptable { .. })),
        "{refused:?}"
    );
}

#[test]
fn two_that_add_the_first_key_get_the_same() {
    let (keyring, place) = (StandIn::default(), tempfile::tempdir().unwrap());
    let source = || KeyringKey::new(keyring.keyring(), "app", "data key", place.path());
    let added = source().add(DataKey::generate().unwrap(), None).unwrap();
    let late = source().add(DataKey::generate().unwrap(), None).unwrap();
    assert_eq!(added.len(), 1);
    assert_eq!(late.len(), 1);
    assert_eq!(added[0].id(), late[0].id());
}

#[test]
fn a_data_key_that_cannot_be_read_is_never_replaced() {
    let (keyring, place) = (StandIn::default(), tempfile::tempdir().unwrap());
    keyring.set("app", "data key", b"{\"grantflow_keys\":1}");
    let source = KeyringKey::new(keyring.keyring(), "app", "data key", place.path());
    assert_eq!(kind(source.keys()), Some(StoreErrorKind::DataKey));
    assert_eq!(
        kind(source.add(DataKey::generate().unwrap(), None)),
        Some(StoreErrorKind::DataKey)
    );
    assert_eq!(keyring.get("app", "data key").unwrap(), b"{\"grantflow_keys\":1}");
}
