//! Files written by versions 1 and 2, which every later version reads and writes back unharmed.
//!
//! `record.json` has each member of a record. `later-member.json` has members of a later minor version as well.

use std::fs;
use std::path::Path;

use grantflow_core::{Change, Store as _};

use crate::room::{PATIENCE, Room};

const NAMES: [&str; 3] = ["record.json", "minimal.json", "later-member.json"];

fn golden(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    fs::read(path).unwrap()
}

#[cfg(unix)]
fn write(room: &Room, bytes: &[u8]) {
    fs::write(room.file(), bytes).unwrap();
    crate::room::chmod(&room.file(), 0o600);
}

#[cfg(not(unix))]
fn write(room: &Room, bytes: &[u8]) {
    fs::write(room.file(), bytes).unwrap();
}

#[test]
fn r08_r37_files_of_version_2_are_written_back_byte_for_byte() {
    for name in NAMES {
        let room = Room::new();
        write(&room, &golden(name));
        let store = room.store();
        let key = store.keys().unwrap().remove(0);
        let record = store.read(&key).unwrap().unwrap();
        let mut locked = store.lock(&key, PATIENCE).unwrap();
        locked.save(Change::Put(Box::new(record))).unwrap();
        assert_eq!(
            String::from_utf8(fs::read(room.file()).unwrap()).unwrap(),
            String::from_utf8(golden(name)).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn r37_files_of_version_1_hold_the_same_and_are_written_back_as_version_2() {
    for name in NAMES {
        let room = Room::new();
        write(&room, &golden(&format!("v1/{name}")));
        let store = room.store();
        let key = store.keys().unwrap().remove(0);
        let record = store.read(&key).unwrap().unwrap();
        let mut locked = store.lock(&key, PATIENCE).unwrap();
        assert_eq!(
            locked.record().map(crate::room::json),
            Some(crate::room::json(&record))
        );
        locked.save(Change::Put(Box::new(record))).unwrap();
        assert_eq!(fs::read(room.file()).unwrap(), golden(name), "{name}");
    }
}

#[test]
fn t70_a_checksum_that_is_of_the_other_version_is_none() {
    for (version, other) in [("1", ""), ("2", "v1/")] {
        let room = Room::new();
        let text = String::from_utf8(golden(&format!("{other}minimal.json"))).unwrap();
        let (head, rest) = text.split_at(text.find(',').unwrap());
        assert!(head.starts_with("{\"grantflow_file\":"));
        write(&room, format!("{{\"grantflow_file\":{version}{rest}").as_bytes());
        let error = room.store().keys().unwrap_err();
        assert_eq!(error.kind(), grantflow_core::StoreErrorKind::Corrupt, "{version}");
    }
}

#[test]
fn r37_members_of_a_later_version_outlive_a_refresh() {
    let room = Room::new();
    write(&room, &golden("later-member.json"));
    let store = room.store();
    let key = store.keys().unwrap().remove(0);
    let mut locked = store.lock(&key, PATIENCE).unwrap();
    let old = locked.record().unwrap().clone();
    let new = old.refreshed(old.token().clone());
    locked.save(Change::Put(Box::new(new))).unwrap();
    let members = |bytes: &[u8]| -> serde_json::Value { serde_json::from_slice(bytes).unwrap() };
    let (before, after) = (
        members(&golden("later-member.json")),
        members(&fs::read(room.file()).unwrap()),
    );
    assert!(before["record"]["later"].is_object());
    assert_eq!(after["record"]["later"], before["record"]["later"]);
    assert_eq!(after["record"]["generation"], 8);
}
