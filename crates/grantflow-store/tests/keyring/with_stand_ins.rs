//! What becomes of a record where the password manager hangs, lies, fails halfway or holds something else.

use std::time::Duration;

use grantflow_core::error::Foreign;
use grantflow_core::{Change, Protection, Record, Store, StoreErrorKind, StoreExt as _};
use grantflow_store::{Keyring, KeyringStore};

use crate::room::{PATIENCE, json, key, kind, record, record_with};
use crate::stand_in::{StandIn, Writes};

const APPLICATION: &str = "app";
const USER: &str = "ann";

struct Case {
    keyring: StandIn,
    locks: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        Self {
            keyring: StandIn::default(),
            locks: tempfile::tempdir().unwrap(),
        }
    }

    fn store(&self) -> KeyringStore {
        self.store_on(self.keyring.keyring())
    }

    fn store_on(&self, keyring: Keyring) -> KeyringStore {
        KeyringStore::new(keyring, APPLICATION, USER, self.locks.path())
    }

    /// With a limit that is over soon.
    fn hasty(&self) -> KeyringStore {
        self.store_on(self.keyring.keyring().time_limit(Duration::from_millis(200)))
    }

    fn stored(&self) -> Option<String> {
        self.store().read(&key()).unwrap().as_ref().map(json)
    }
}

/// A record that says that a refresh is under way.
fn noted(generation: u64, second: u64) -> Record {
    let refresh = format!(r#","refresh":{{"attempt_started_at":"2027-01-15T08:00:0{second}Z"}}"#);
    record_with(generation, &refresh)
}

/// A record in some parts.
fn long(generation: u64) -> Record {
    record_with(generation, &format!(r#","later":"{}""#, "é".repeat(4_000)))
}

#[test]
fn a_record_is_protected_by_the_system() {
    assert_eq!(Case::new().store().protection(), Protection::OsEncrypted);
}

#[test]
fn t64_no_item_is_longer_than_every_platform_takes() {
    let case = Case::new();
    case.store()
        .put(
            record_with(1, &format!(r#","later":"{}""#, "a€😀".repeat(20_000))),
            PATIENCE,
        )
        .unwrap();
    assert!(case.keyring.users().len() > 50);
    assert!(case.keyring.longest() <= 2_500, "{}", case.keyring.longest());
    assert!(
        case.keyring
            .users()
            .iter()
            .all(|user| case.keyring.get(APPLICATION, user).unwrap().len() <= 2_500)
    );
}

/// Every place at which a write can be cut off, the removal of what is old included.
#[test]
fn t64_a_write_that_ends_anywhere_leaves_the_old_record_or_the_new_one() {
    for (old, new) in [(long(1), long(2)), (record(1), long(2)), (long(1), record(2))] {
        let mut outcomes = [0, 0];
        for writes in 0.. {
            let case = Case::new();
            case.store().put(old.clone(), PATIENCE).unwrap();
            case.keyring.writes(Writes::First(writes));
            let put = case.store().put(new.clone(), PATIENCE);
            case.keyring.writes(Writes::Kept);
            let stored = case.stored().unwrap();
            match &put {
                Ok(()) => assert_eq!(stored, json(&new)),
                Err(_) => assert_eq!(stored, json(&old)),
            }
            outcomes[usize::from(put.is_ok())] += 1;
            // The next write cleans up what this one has left.
            case.store().put(record(3), PATIENCE).unwrap();
            assert_eq!(case.keyring.users(), [USER]);
            if put.is_ok() {
                break;
            }
        }
        assert!(outcomes[0] > 0 && outcomes[1] == 1, "{outcomes:?}");
    }
}

#[test]
fn a_long_record_that_misses_a_part_is_corrupt_and_a_login_keeps_what_is_left() {
    let case = Case::new();
    case.store().put(long(1), PATIENCE).unwrap();
    let part = case
        .keyring
        .users()
        .into_iter()
        .find(|user| user.ends_with(":1"))
        .unwrap();
    case.keyring.set(APPLICATION, &part, b"something else");
    assert_eq!(kind(case.store().read(&key())), Some(StoreErrorKind::Corrupt));
    assert_eq!(
        kind(case.store().lock(&key(), PATIENCE)),
        Some(StoreErrorKind::Corrupt)
    );
    let store = case.store();
    let mut locked = store.lock_for_login(&key(), PATIENCE).unwrap();
    assert!(locked.record().is_none());
    locked.save(Change::Put(Box::new(record(7)))).unwrap();
    drop(locked);
    assert_eq!(case.stored(), Some(json(&record(7))));
    let aside: Vec<_> = case
        .keyring
        .users()
        .into_iter()
        .filter(|user| user.starts_with("ann.corrupt-"))
        .collect();
    assert_eq!(aside.len(), 1);
    let aside = KeyringStore::new(case.keyring.keyring(), APPLICATION, &aside[0], case.locks.path());
    let kept = aside.expose_item().unwrap().unwrap();
    assert!(kept.expose().contains("grantflow_keyring") && kept.expose().contains("something else"));
}

/// A prompt that nobody answers: the caller gets an error in time, and the lock stays until the call has ended.
#[test]
fn r26_a_write_that_hangs_times_out_and_cannot_overwrite_a_later_one() {
    let case = Case::new();
    case.store().put(record(1), PATIENCE).unwrap();
    case.keyring.writes(Writes::Hanging);
    let hasty = case.hasty();
    let mut locked = hasty.lock(&key(), PATIENCE).unwrap();
    assert_eq!(
        kind(locked.save(Change::Put(Box::new(record(2))))),
        Some(StoreErrorKind::TimedOut)
    );
    assert_eq!(case.keyring.hung(), 1);
    // Nothing is written beside the one that hangs.
    assert_eq!(
        kind(locked.save(Change::Put(Box::new(record(3))))),
        Some(StoreErrorKind::TimedOut)
    );
    assert_eq!(case.keyring.hung(), 1);
    drop(locked);
    for store in [case.store(), hasty.clone()] {
        let refused = kind(store.lock(&key(), Duration::ZERO));
        assert!(
            matches!(refused, Some(StoreErrorKind::LockTimeout { .. })),
            "{refused:?}"
        );
    }
    case.keyring.release();
    // The lock is free when the late write is done.
    let store = case.store();
    let mut locked = store.lock(&key(), PATIENCE).unwrap();
    assert_eq!(locked.record().map(json), Some(json(&record(2))));
    locked.save(Change::Put(Box::new(record(4)))).unwrap();
    drop(locked);
    assert_eq!(case.stored(), Some(json(&record(4))));
}

#[test]
fn r26_what_hangs_does_not_gather_without_end() {
    let case = Case::new();
    case.keyring.writes(Writes::Hanging);
    let keyring = case.keyring.keyring().time_limit(Duration::from_millis(20));
    for user in 0..12 {
        let store = KeyringStore::new(keyring.clone(), APPLICATION, &user.to_string(), case.locks.path());
        assert_eq!(
            kind(store.put(record(1), PATIENCE)),
            Some(StoreErrorKind::TimedOut)
        );
    }
    assert!(case.keyring.hung() <= 8, "{}", case.keyring.hung());
    case.keyring.release();
}

#[test]
fn a_keyring_that_lies_is_a_typed_error() {
    for lie in [Writes::Cut, Writes::Ignored] {
        let case = Case::new();
        case.store().put(record(1), PATIENCE).unwrap();
        case.keyring.writes(lie);
        assert_eq!(
            kind(case.store().put(record(2), PATIENCE)),
            Some(StoreErrorKind::NotKept)
        );
        assert_eq!(
            kind(case.keyring.keyring().probe(APPLICATION)),
            Some(StoreErrorKind::NotKept)
        );
    }
    let case = Case::new();
    case.store().put(long(1), PATIENCE).unwrap();
    case.keyring.writes(Writes::Cut);
    assert_eq!(
        kind(case.store().put(long(2), PATIENCE)),
        Some(StoreErrorKind::NotKept)
    );
    // It was found out before the old record was given up.
    assert_eq!(case.stored(), Some(json(&long(1))));
    case.keyring.writes(Writes::Ignored);
    assert_eq!(
        kind(case.store().delete(&key(), PATIENCE)),
        Some(StoreErrorKind::NotKept)
    );
}

#[test]
fn what_oauth2client_kept_is_told_from_a_record_and_only_a_login_puts_it_aside() {
    let case = Case::new();
    let theirs = br#"{"access_token":"a","invalid":false,"_class":"OAuth2Credentials","_module":"oauth2client.client"}"#;
    case.keyring.set(APPLICATION, USER, theirs);
    let error = case.store().read(&key()).unwrap_err();
    assert!(error.to_string().contains("import it first"), "{error}");
    assert!(matches!(
        kind(case.store().put(record(1), PATIENCE)),
        Some(StoreErrorKind::NotImported)
    ));
    assert_eq!(case.keyring.get(APPLICATION, USER).unwrap(), theirs);
    assert_eq!(
        case.store().expose_item().unwrap().unwrap().expose().as_bytes(),
        theirs
    );
    let store = case.store();
    store
        .lock_for_login(&key(), PATIENCE)
        .unwrap()
        .save(Change::Put(Box::new(record(1))))
        .unwrap();
    let aside = case
        .keyring
        .users()
        .into_iter()
        .find(|user| user.starts_with("ann.corrupt-"))
        .unwrap();
    assert_eq!(case.keyring.get(APPLICATION, &aside).unwrap(), theirs);
}

/// Its `delete` writes nothing into the item.
#[test]
fn an_item_that_oauth2client_deleted_is_absent() {
    let case = Case::new();
    case.keyring.set(APPLICATION, USER, b"");
    assert_eq!(case.stored(), None);
    case.store().put(record(1), PATIENCE).unwrap();
    assert_eq!(case.stored(), Some(json(&record(1))));
}

#[test]
fn r28_a_record_that_others_wrote_during_the_lock_is_not_written_over() {
    let case = Case::new();
    case.store().put(record(1), PATIENCE).unwrap();
    let store = case.store();
    let mut locked = store.lock(&key(), PATIENCE).unwrap();
    // Somebody without the lock.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = KeyringStore::new(case.keyring.keyring(), APPLICATION, USER, elsewhere.path());
    other.put(record(5), PATIENCE).unwrap();
    assert_eq!(
        kind(locked.save(Change::Put(Box::new(record(2))))),
        Some(StoreErrorKind::Conflict)
    );
    assert_eq!(kind(locked.save(Change::Delete)), Some(StoreErrorKind::Conflict));
    drop(locked);
    assert_eq!(case.stored(), Some(json(&record(5))));
}

/// The note of an attempt keeps the generation: of two who have their locks elsewhere, one is told before its request leaves.
#[test]
fn r28_two_who_lock_in_different_places_do_not_both_note_an_attempt() {
    let case = Case::new();
    case.store().put(record(1), PATIENCE).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (one, other) = (
        case.store(),
        KeyringStore::new(case.keyring.keyring(), APPLICATION, USER, elsewhere.path()),
    );
    let mut first = one.lock(&key(), PATIENCE).unwrap();
    let mut second = other.lock(&key(), PATIENCE).unwrap();
    first.save(Change::Put(Box::new(noted(1, 5)))).unwrap();
    assert_eq!(
        kind(second.save(Change::Put(Box::new(noted(1, 6))))),
        Some(StoreErrorKind::Conflict)
    );
    drop(second);
    first.save(Change::Put(Box::new(record(2)))).unwrap();
    drop(first);
    assert_eq!(case.stored(), Some(json(&record(2))));
}

#[test]
fn r28_a_record_that_others_deleted_during_the_lock_does_not_come_back() {
    let case = Case::new();
    case.store().put(record(1), PATIENCE).unwrap();
    let store = case.store();
    let mut locked = store.lock(&key(), PATIENCE).unwrap();
    case.keyring.set(APPLICATION, USER, b"");
    assert_eq!(
        kind(locked.save(Change::Put(Box::new(record(2))))),
        Some(StoreErrorKind::Conflict)
    );
    drop(locked);
    assert_eq!(case.stored(), None);
}

/// A write that was given up is done in the end: that is no other's.
#[test]
fn r28_a_late_write_of_its_own_is_no_conflict() {
    let case = Case::new();
    case.store().put(record(1), PATIENCE).unwrap();
    case.keyring.writes(Writes::Hanging);
    let hasty = case.hasty();
    let mut locked = hasty.lock(&key(), PATIENCE).unwrap();
    assert_eq!(
        kind(locked.save(Change::Put(Box::new(noted(1, 5))))),
        Some(StoreErrorKind::TimedOut)
    );
    case.keyring.release();
    let saved = loop {
        let saved = kind(locked.save(Change::Put(Box::new(record(2)))));
        if saved != Some(StoreErrorKind::TimedOut) {
            break saved;
        }
        std::thread::yield_now();
    };
    assert_eq!(saved, None);
    drop(locked);
    assert_eq!(case.stored(), Some(json(&record(2))));
}

#[test]
fn names_that_could_be_those_of_parts_are_refused() {
    let case = Case::new();
    for (application, user) in [("", "ann"), ("app", ""), ("app", "grantflow-part:x")] {
        let store = KeyringStore::new(case.keyring.keyring(), application, user, case.locks.path());
        assert!(matches!(
            kind(store.put(record(1), PATIENCE)),
            Some(StoreErrorKind::Unsupported(_))
        ));
    }
    assert!(case.keyring.users().is_empty());
}

#[test]
fn two_items_of_one_name_are_a_typed_error() {
    let case = Case::new();
    case.keyring.is_ambiguous();
    assert!(matches!(
        kind(case.store().read(&key())),
        Some(StoreErrorKind::Unsupported(_))
    ));
}

#[test]
fn bytes_that_are_no_text_are_corrupt_and_kept_by_a_login() {
    const BAD: &[u8] = b"{\"grantflow_file\":2,\xff\xfe\x00";
    let case = Case::new();
    case.keyring.set(APPLICATION, USER, BAD);
    assert_eq!(kind(case.store().read(&key())), Some(StoreErrorKind::Corrupt));
    let store = case.store();
    store
        .lock_for_login(&key(), PATIENCE)
        .unwrap()
        .save(Change::Put(Box::new(record(1))))
        .unwrap();
    let aside = case
        .keyring
        .users()
        .into_iter()
        .find(|user| user.starts_with("ann.corrupt-"))
        .unwrap();
    assert_eq!(case.keyring.get(APPLICATION, &aside).unwrap(), BAD);
}

#[test]
fn the_data_keys_of_a_sealed_store_and_other_items_are_left_alone_by_a_login() {
    let keys = br#"{"grantflow_keys":1,"sha256":"0","keys":["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"]}"#;
    for (item, what) in [(&keys[..], Foreign::DataKeys), (b"a password", Foreign::Other)] {
        let case = Case::new();
        case.keyring.set(APPLICATION, USER, item);
        let foreign = Some(StoreErrorKind::Foreign(what));
        assert_eq!(kind(case.store().read(&key())), foreign);
        assert_eq!(kind(case.store().lock_for_login(&key(), PATIENCE)), foreign);
        assert_eq!(case.keyring.get(APPLICATION, USER).unwrap(), item);
        assert_eq!(case.keyring.users(), [USER]);
    }
}

/// A manifest cut or changed anywhere is an error or the record, and stays as it is.
#[test]
fn t70_a_damaged_manifest_or_part_never_becomes_another_record() {
    let case = Case::new();
    case.store().put(long(1), PATIENCE).unwrap();
    let users = case.keyring.users();
    for user in &users {
        let whole = case.keyring.get(APPLICATION, user).unwrap();
        for at in (0..whole.len()).step_by(if user == USER { 1 } else { 97 }) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for bad in [&flipped[..], &whole[..at]] {
                if bad.is_empty() && user == USER {
                    continue; // deleted, as oauth2client does it
                }
                case.keyring.set(APPLICATION, user, bad);
                match case.store().read(&key()) {
                    Ok(record) => assert_eq!(record.as_ref().map(json), Some(json(&long(1)))),
                    Err(error) => assert!(matches!(
                        error.kind(),
                        StoreErrorKind::Corrupt | StoreErrorKind::Foreign(_) | StoreErrorKind::Newer
                    )),
                }
                assert_eq!(case.keyring.get(APPLICATION, user).unwrap(), bad);
            }
        }
        case.keyring.set(APPLICATION, user, &whole);
    }
}
