//! What is sealed tells nothing, opens with its data key alone, and only as what it was sealed as.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use grantflow_core::{Change, Protection, Record, Secret, Store, StoreError, StoreErrorKind, StoreExt as _};
use grantflow_store::{DataKey, Encrypted, FileStore, GivenKeys, KeyFile, KeyId, KeySource};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::room::{Kind, PATIENCE, Room, json, key, key_file, keys, kind, record};

const BYTES: [u8; 32] = *b"a data key that only tests know.";

fn given() -> DataKey {
    DataKey::from_bytes(BYTES)
}

/// The kinds that seal.
fn sealing(test: impl Fn(Kind)) {
    crate::room::each(|of| {
        if of.open(Path::new("nowhere")).protection() == Protection::Sealed {
            test(of);
        }
    });
}

fn furnished(of: Kind) -> (Room, Vec<u8>) {
    let room = Room::of(of);
    room.store().put(record(1), PATIENCE).unwrap();
    let bytes = fs::read(room.file()).unwrap();
    (room, bytes)
}

fn undecryptable(kind: Option<StoreErrorKind>) -> bool {
    matches!(kind, Some(StoreErrorKind::Undecryptable { .. }))
}

/// The envelope with other members, and a checksum that is right: as a person would change it.
fn changed(bytes: &[u8], change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Vec<u8> {
    let mut outer: serde_json::Map<String, Value> = serde_json::from_slice(bytes).unwrap();
    change(outer["envelope"].as_object_mut().unwrap());
    let envelope = outer["envelope"].to_string();
    let sum: String = Sha256::digest(&envelope)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!(r#"{{"grantflow_sealed":1,"sha256":"{sum}","envelope":{envelope}}}"#).into_bytes()
}

/// Nothing opens it, nothing replaces it.
fn is_left_alone(room: &Room, store: &dyn Store, what: &str) {
    let before = fs::read(room.file()).unwrap();
    let answers = [
        store.read(&key()).map(drop),
        store.lock(&key(), PATIENCE).map(drop),
        store.lock_for_login(&key(), PATIENCE).map(drop),
        store.put(record(2), PATIENCE),
        store.delete(&key(), PATIENCE),
        store.keys().map(drop),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let error = answer.unwrap_err();
        assert!(undecryptable(Some(error.kind())), "{what}, {number}: {error:?}");
        assert_eq!(error.path(), Some(room.file().as_path()), "{what}");
    }
    assert_eq!(fs::read(room.file()).unwrap(), before, "{what}");
}

#[test]
fn t65_what_is_stored_shows_nothing_of_the_record() {
    sealing(|of| {
        let (room, bytes) = furnished(of);
        let text = String::from_utf8(bytes).unwrap();
        for hidden in [
            "access-1",
            "refresh-1",
            "s6BhdRkqt3",
            "server.example.com",
            "openid",
            "2027",
        ] {
            assert!(!text.contains(hidden), "{hidden}");
            let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, hidden);
            assert!(
                !text.contains(encoded.trim_end_matches('=')),
                "{hidden} in base64"
            );
        }
        // The data key is elsewhere, and in no Debug.
        let kept: Value = serde_json::from_slice(&fs::read(key_file(&room).path()).unwrap()).unwrap();
        let data_key = kept["keys"][0].as_str().unwrap();
        let debug = format!("{:?} {:?}", room.store(), key_file(&room).keys().unwrap());
        assert!(!text.contains(data_key) && !debug.contains(data_key));
        assert_eq!(room.store().protection(), Protection::Sealed);
    });
}

#[test]
fn t65_a_change_of_any_member_is_found_though_the_checksum_is_right() {
    sealing(|of| {
        let (room, bytes) = furnished(of);
        let other = key().with_account("bob").digest();
        type Change<'c> = (&'c str, Box<dyn Fn(&mut serde_json::Map<String, Value>) + 'c>);
        let flipped = |member: &'static str| -> Change<'_> {
            let flip = move |envelope: &mut serde_json::Map<String, Value>| {
                let text = envelope[member].as_str().unwrap().to_owned();
                let first = if text.starts_with('A') { "B" } else { "A" };
                envelope[member] = format!("{first}{}", &text[1..]).into();
            };
            (member, Box::new(flip))
        };
        let changes: Vec<Change<'_>> = vec![
            (
                "generation",
                Box::new(|envelope| envelope["generation"] = 2.into()),
            ),
            ("key", Box::new(|envelope| envelope["key"] = other.clone().into())),
            (
                "key_id",
                Box::new(|envelope| envelope["key_id"] = "0000000000000001".into()),
            ),
            flipped("nonce"),
            flipped("text"),
            (
                "cut",
                Box::new(|envelope| {
                    let text = envelope["text"].as_str().unwrap().to_owned();
                    envelope["text"] = text[..text.len() / 4 * 4 - 4].into();
                }),
            ),
            ("empty", Box::new(|envelope| envelope["text"] = "".into())),
        ];
        for (what, change) in changes {
            fs::write(room.file(), changed(&bytes, change)).unwrap();
            is_left_alone(&room, &*room.store(), what);
        }
        // The way of changing itself does no harm.
        fs::write(room.file(), changed(&bytes, |_| {})).unwrap();
        let read = room.store().read(&key()).unwrap();
        assert_eq!(read.as_ref().map(json), Some(json(&record(1))));
    });
}

#[test]
fn t65_without_its_data_key_a_record_is_left_alone_and_names_it() {
    sealing(|of| {
        let (room, _) = furnished(of);
        let id = key_file(&room).keys().unwrap()[0].id();
        // Another key in its place, and none at all.
        fs::rename(keys(&room), room.with_extension("hidden")).unwrap();
        for another in [false, true] {
            if another {
                key_file(&room).add(given(), None).unwrap();
            }
            is_left_alone(&room, &*room.store(), "without its key");
            let error = room.store().read(&key()).unwrap_err();
            assert_eq!(
                error.kind(),
                StoreErrorKind::Undecryptable { key_id: id.to_u64() }
            );
            assert!(error.to_string().contains(&id.to_string()), "{error}");
        }
        fs::remove_dir_all(keys(&room)).unwrap();
        fs::rename(room.with_extension("hidden"), keys(&room)).unwrap();
        let read = room.store().read(&key()).unwrap();
        assert_eq!(read.as_ref().map(json), Some(json(&record(1))));
    });
}

#[test]
fn t65_a_record_in_the_clear_and_a_sealed_one_are_never_taken_for_each_other() {
    let what =
        |error: StoreError| matches!(error.kind(), StoreErrorKind::Sealed | StoreErrorKind::InTheClear);
    let (room, sealed) = furnished(Kind::SealedFile);
    let clear = FileStore::new(room.file());
    assert!(what(clear.read(&key()).unwrap_err()));
    assert!(what(
        clear.lock_for_login(&key(), PATIENCE).map(drop).unwrap_err()
    ));
    assert_eq!(fs::read(room.file()).unwrap(), sealed);

    fs::remove_file(room.file()).unwrap();
    clear.put(record(1), PATIENCE).unwrap();
    let bytes = fs::read(room.file()).unwrap();
    assert!(what(room.store().read(&key()).unwrap_err()));
    assert!(what(
        room.store()
            .lock_for_login(&key(), PATIENCE)
            .map(drop)
            .unwrap_err()
    ));
    assert_eq!(fs::read(room.file()).unwrap(), bytes);
}

#[test]
fn r08_r37_a_newer_sealed_form_is_kept_even_from_a_login() {
    sealing(|of| {
        let (room, bytes) = furnished(of);
        let newer = String::from_utf8(bytes)
            .unwrap()
            .replace(r#""grantflow_sealed":1"#, r#""grantflow_sealed":2,"more":1"#);
        fs::write(room.file(), &newer).unwrap();
        let store = room.store();
        assert_eq!(kind(store.read(&key())), Some(StoreErrorKind::Newer));
        assert_eq!(
            kind(store.lock_for_login(&key(), PATIENCE)),
            Some(StoreErrorKind::Newer)
        );
        assert_eq!(fs::read_to_string(room.file()).unwrap(), newer);
    });
}

fn sealed_with(room: &Room) -> String {
    let outer: Value = serde_json::from_slice(&fs::read(room.file()).unwrap()).unwrap();
    outer["envelope"]["key_id"].as_str().unwrap().to_owned()
}

/// A store whose keys can be changed, on the same files as the room's.
fn encrypted(room: &Room) -> Encrypted {
    let keys = key_file(room);
    match room.kind() {
        Kind::SealedFile => Encrypted::new(FileStore::new(room.file()), keys),
        #[cfg(feature = "multistore")]
        _ => Encrypted::new(grantflow_store::MultiStore::new(&**room), keys),
        #[cfg(not(feature = "multistore"))]
        kind => panic!("{kind:?} does not seal"),
    }
}

#[test]
fn t65_after_a_rotation_the_old_key_opens_and_the_new_one_seals() {
    sealing(|of| {
        let (room, _) = furnished(of);
        // Another process, which has read the keys before.
        let running = room.store();
        assert!(running.read(&key()).unwrap().is_some());
        let store = encrypted(&room);
        let old = sealed_with(&room);
        let new = store.rotate().unwrap();
        assert_ne!(new.to_string(), old);
        let reads = |store: &dyn Store, record: &Record| {
            assert_eq!(store.read(&key()).unwrap().as_ref().map(json), Some(json(record)));
        };
        reads(&store, &record(1));
        reads(&*room.store(), &record(1));
        store.put(record(2), PATIENCE).unwrap();
        assert_eq!(sealed_with(&room), new.to_string());
        // The one that runs meets the new key in the record, and from then on seals with it, too.
        reads(&*running, &record(2));
        running.put(record(3), PATIENCE).unwrap();
        assert_eq!(sealed_with(&room), new.to_string());
        let known: Vec<String> = key_file(&room)
            .keys()
            .unwrap()
            .iter()
            .map(|key| key.id().to_string())
            .collect();
        assert_eq!(known, [new.to_string(), old]);
    });
}

#[test]
fn t65_all_records_are_sealed_anew_on_request_and_a_bad_one_is_told() {
    sealing(|of| {
        let (room, _) = furnished(of);
        let store = encrypted(&room);
        let new = store.rotate().unwrap();
        let resealed = store.reseal(PATIENCE).unwrap();
        assert_eq!((resealed.sealed, resealed.failed.len()), (1, 0));
        assert_eq!(sealed_with(&room), new.to_string());
        assert_eq!(
            store.read(&key()).unwrap().as_ref().map(json),
            Some(json(&record(1)))
        );
        // The old key is of no use any more.
        let only = key_file(&room).keys().unwrap().remove(0);
        let place = of.has_many().then(|| room.to_owned());
        let alone = match place {
            None => Encrypted::new(FileStore::new(room.file()), GivenKeys::new(only)),
            #[cfg(feature = "multistore")]
            Some(dir) => Encrypted::new(grantflow_store::MultiStore::new(dir), GivenKeys::new(only)),
            #[cfg(not(feature = "multistore"))]
            Some(_) => return,
        };
        assert_eq!(
            alone.read(&key()).unwrap().as_ref().map(json),
            Some(json(&record(1)))
        );
        if of.has_many() {
            fs::write(room.join(format!("{}.json", "0".repeat(64))), "bad").unwrap();
            let resealed = store.reseal(PATIENCE).unwrap();
            assert_eq!((resealed.sealed, resealed.failed.len()), (1, 1));
        }
    });
}

#[test]
fn given_keys_open_what_older_ones_have_sealed_and_are_never_changed() {
    let room = Room::of(Kind::SealedFile);
    let store = |keys: GivenKeys| Encrypted::new(FileStore::new(room.file()), keys);
    store(GivenKeys::new(given())).put(record(1), PATIENCE).unwrap();
    let new = DataKey::generate().unwrap();
    let both = store(GivenKeys::new(new.clone()).opening(given()));
    both.put(record(2), PATIENCE).unwrap();
    assert_eq!(sealed_with(&room), new.id().to_string());
    let old = store(GivenKeys::new(given()));
    assert!(undecryptable(kind(old.read(&key()))));
    assert!(matches!(
        kind(both.rotate()),
        Some(StoreErrorKind::Unsupported(_))
    ));
    assert!(!keys(&room).exists());
}

#[test]
fn a_data_key_is_read_as_openssl_prints_it_and_nothing_else() {
    let id = given().id();
    let hex: String = BYTES.iter().map(|byte| format!("{byte:02x}")).collect();
    let standard = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, BYTES);
    let text = given().expose_text();
    for text in [
        &hex,
        &hex.to_uppercase(),
        &standard,
        &format!("{standard}\n"),
        text.expose(),
    ] {
        assert_eq!(DataKey::parse(text).unwrap().id(), id, "{text}");
    }
    for text in [
        "",
        "password",
        &hex[1..],
        &hex[2..],
        &format!("{hex}00"),
        &standard[4..],
        &"+1".repeat(32),
        &"é".repeat(32),
    ] {
        let error = DataKey::parse(text).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::DataKey, "{text}");
        assert!(
            text.is_empty() || !format!("{error:?} {error}").contains(text),
            "{text}"
        );
    }
    assert_ne!(
        DataKey::generate().unwrap().id(),
        DataKey::generate().unwrap().id()
    );
}

#[test]
fn t70_a_key_file_that_cannot_be_read_is_an_error_and_no_record_is_set_aside() {
    sealing(|of| {
        let (room, bytes) = furnished(of);
        let file = key_file(&room).path().to_owned();
        let good = fs::read(&file).unwrap();
        let newer = String::from_utf8(good.clone())
            .unwrap()
            .replace("\"grantflow_keys\":1", "\"grantflow_keys\":2");
        let mut flipped = good.clone();
        let at = flipped.len() - 10;
        flipped[at] ^= 1;
        let none = format!(r#"{{"grantflow_keys":1,"sha256":"{}","keys":[]}}"#, sum("[]"));
        let bad: [(&[u8], StoreErrorKind); 6] = [
            (b"", StoreErrorKind::DataKey),
            (b"{}", StoreErrorKind::DataKey),
            (&good[..good.len() / 2], StoreErrorKind::DataKey),
            (&flipped, StoreErrorKind::DataKey),
            (none.as_bytes(), StoreErrorKind::DataKey),
            (newer.as_bytes(), StoreErrorKind::Newer),
        ];
        for (content, is) in bad {
            fs::write(&file, content).unwrap();
            let store = room.store();
            for error in [
                store.read(&key()).map(drop).unwrap_err(),
                store.lock(&key(), PATIENCE).map(drop).unwrap_err(),
                store.lock_for_login(&key(), PATIENCE).map(drop).unwrap_err(),
                encrypted(&room).rotate().map(drop).unwrap_err(),
            ] {
                assert_eq!(error.kind(), is, "{error:?}");
                assert_eq!(error.path(), Some(file.as_path()));
            }
            assert_eq!(fs::read(&file).unwrap(), content, "the key file is as it was");
            assert_eq!(fs::read(room.file()).unwrap(), bytes, "the record is as it was");
        }
        assert_eq!(room.names(), ["credentials.json", "credentials.json.lock"]);
    });
}

fn sum(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn t70_a_flip_of_any_byte_of_a_key_file_is_found_or_harmless() {
    let room = Room::of(Kind::SealedFile);
    let file = key_file(&room);
    file.add(given(), None).unwrap();
    let good = fs::read(file.path()).unwrap();
    for at in 0..good.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            fs::write(file.path(), &bad).unwrap();
            match file.keys() {
                Ok(keys) => assert_eq!(keys[0].id(), given().id(), "byte {at} ^ {flip:#x}"),
                Err(error) => assert!(
                    matches!(error.kind(), StoreErrorKind::DataKey | StoreErrorKind::Newer),
                    "byte {at} ^ {flip:#x}: {error:?}"
                ),
            }
        }
        fs::write(file.path(), &good[..at]).unwrap();
        assert!(at == good.len() - 1 || file.keys().is_err(), "cut at {at}");
    }
}

#[test]
fn a_first_key_is_made_once_however_many_need_it() {
    for _ in 0..10 {
        let room = Room::of(Kind::SealedFile);
        let first = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    // A source of its own, as another process would have.
                    let keys = key_file(&room).add(DataKey::generate().unwrap(), None).unwrap();
                    first.lock().unwrap().push(keys[0].id());
                });
            }
        });
        let first = first.into_inner().unwrap();
        assert!(
            first.len() == 8 && first.iter().all(|id| *id == first[0]),
            "{first:?}"
        );
        assert_eq!(key_file(&room).keys().unwrap().len(), 1);
    }
}

/// A source that counts, and keeps nothing.
#[derive(Debug, Default)]
struct Lost {
    added: AtomicUsize,
}

impl KeySource for Lost {
    fn keys(&self) -> Result<Vec<DataKey>, StoreError> {
        Ok(Vec::new())
    }
    fn add(&self, _: DataKey, _: Option<KeyId>) -> Result<Vec<DataKey>, StoreError> {
        self.added.fetch_add(1, Ordering::Relaxed);
        Err(StoreError::new(StoreErrorKind::Full))
    }
}

#[test]
fn r04_a_data_key_that_cannot_be_kept_is_an_error_of_the_lock() {
    let room = Room::of(Kind::SealedFile);
    let store = Encrypted::new(FileStore::new(room.file()), Lost::default());
    assert_eq!(kind(store.lock(&key(), PATIENCE)), Some(StoreErrorKind::Full));
    assert_eq!(kind(store.put(record(1), PATIENCE)), Some(StoreErrorKind::Full));
    assert_eq!(room.names(), ["credentials.json.lock"], "nothing was sealed");
}

/// A third party's source says `Corrupt` of itself; a login must not set a good record aside for it.
#[derive(Debug)]
struct Broken;

impl KeySource for Broken {
    fn keys(&self) -> Result<Vec<DataKey>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Corrupt))
    }
    fn add(&self, _: DataKey, _: Option<KeyId>) -> Result<Vec<DataKey>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Corrupt))
    }
}

#[test]
fn t70_a_corrupt_source_is_not_a_corrupt_record() {
    let (room, bytes) = furnished(Kind::SealedFile);
    let store = Encrypted::new(FileStore::new(room.file()), Broken);
    let mut answers = vec![kind(store.read(&key())), kind(store.lock(&key(), PATIENCE))];
    answers.push(kind(store.lock_for_login(&key(), PATIENCE)));
    assert_eq!(answers, [Some(StoreErrorKind::DataKey); 3]);
    assert_eq!(fs::read(room.file()).unwrap(), bytes);
}

#[test]
fn a_sealed_record_damaged_on_disk_is_set_aside_by_a_login_and_kept() {
    sealing(|of| {
        let (room, mut bytes) = furnished(of);
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(room.file(), &bytes).unwrap();
        let store = room.store();
        assert_eq!(kind(store.read(&key())), Some(StoreErrorKind::Corrupt));
        let mut locked = store.lock_for_login(&key(), PATIENCE).unwrap();
        locked.save(Change::Put(Box::new(record(2)))).unwrap();
        drop(locked);
        assert_eq!(
            store.read(&key()).unwrap().as_ref().map(json),
            Some(json(&record(2)))
        );
        let aside: Vec<String> = room
            .names()
            .into_iter()
            .filter(|name| name.contains(".corrupt-"))
            .collect();
        assert_eq!(aside.len(), 1);
        assert_eq!(fs::read(room.path_of(&aside[0])).unwrap(), bytes);
    });
}

/// Sealed by version 1 with [`BYTES`]; every later version opens it.
#[test]
fn r37_what_version_1_sealed_opens_with_the_key_file_of_version_1() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let room = Room::of(Kind::SealedFile);
    let place = |from: &str, to: &Path| {
        fs::copy(golden.join(from), to).unwrap();
        #[cfg(unix)]
        crate::room::chmod(to, 0o600);
    };
    place("sealed.json", &room.file());
    fs::create_dir(keys(&room)).unwrap();
    #[cfg(unix)]
    crate::room::chmod(&keys(&room), 0o700);
    let keys = key_file(&room);
    place("data-keys.json", keys.path());
    let ids: Vec<KeyId> = keys.keys().unwrap().iter().map(DataKey::id).collect();
    assert_eq!(ids[1], given().id());
    let store = Encrypted::new(FileStore::new(room.file()), keys);
    let record = store.read(&store.keys().unwrap().remove(0)).unwrap().unwrap();
    let clear: Value = serde_json::from_slice(&fs::read(golden.join("record.json")).unwrap()).unwrap();
    let opened: Value = serde_json::from_str(&json(&record)).unwrap();
    assert_eq!(opened, clear["record"]);
}

#[test]
fn t59_no_debug_of_a_key_or_a_store_shows_a_key() {
    let room = Room::of(Kind::SealedFile);
    let store = Encrypted::new(FileStore::new(room.file()), GivenKeys::new(given()));
    store.put(record(1), PATIENCE).unwrap();
    let text: Secret = given().expose_text();
    let debug = format!(
        "{store:?} {:?} {:?} {:?}",
        given(),
        GivenKeys::new(given()),
        KeyFile::new("k")
    );
    assert!(
        !debug.contains(text.expose()) && !debug.contains("only tests know"),
        "{debug}"
    );
}
