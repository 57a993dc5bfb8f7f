//! What cannot be read is never taken for absent, never handed out, and never lost.

use std::fs;
use std::io::Write as _;

use grantflow_core::error::Foreign;
use grantflow_core::{Change, Store as _, StoreErrorKind, StoreExt as _};

use crate::room::{FILE, Kind, PATIENCE, Room, each, json, key, kind, record};

/// What a crash may leave of a record.
const BAD: &[u8] = b"{\"grantflow_file\":2,\"crc32\":\"cut off";

/// A room with a stored record, and its bytes.
fn furnished(of: Kind) -> (Room, Vec<u8>) {
    let room = Room::of(of);
    room.store().put(record(1), PATIENCE).unwrap();
    let bytes = fs::read(room.file()).unwrap();
    (room, bytes)
}

fn unreadable(kind: Option<StoreErrorKind>) -> bool {
    use StoreErrorKind::{Corrupt, Foreign, Newer};
    matches!(kind, Some(Corrupt | Foreign(_) | Newer))
}

/// Not through an empty file, which some file systems bring to disk at once.
fn overwrite(room: &Room, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(room.file()).unwrap();
    let write = |mut file: &fs::File| file.write_all(bytes);
    write(&file).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

/// The file is as it was, and reads and locks say what is wrong with it.
fn is_kept(room: &Room, bytes: &[u8], what: &str) {
    let store = room.store();
    overwrite(room, bytes);
    for round in 0..2 {
        assert!(unreadable(kind(store.read(&key()))), "read {round}, {what}");
        assert!(
            unreadable(kind(store.lock(&key(), PATIENCE))),
            "lock {round}, {what}"
        );
        assert!(unreadable(kind(store.keys())), "keys {round}, {what}");
    }
    assert_eq!(fs::read(room.file()).unwrap(), bytes, "{what}");
    assert_eq!(room.names(), [FILE, "credentials.json.lock"], "{what}");
}

#[test]
fn t70_r08_a_flip_of_any_byte_is_found_or_harmless() {
    each(|of| {
        let (room, bytes) = furnished(of);
        let store = room.store();
        let (mut found, mut harmless) = (0, 0);
        let all: &[u8] = &[0x01, 0x02, 0x10, 0x20, 0x40, 0x80, 0xff];
        let flips = if of == Kind::File {
            all
        } else {
            &[0x01, 0x20, 0x80]
        };
        for at in 0..bytes.len() {
            for &flip in flips {
                let mut bad = bytes.clone();
                bad[at] ^= flip;
                overwrite(&room, &bad);
                match store.read(&key()) {
                    Ok(Some(read)) => {
                        assert_eq!(json(&read), json(&record(1)), "byte {at} ^ {flip:#x}");
                        harmless += 1;
                    }
                    Ok(None) => panic!("byte {at} ^ {flip:#x} made it absent"),
                    Err(error) => {
                        assert!(unreadable(Some(error.kind())), "byte {at} ^ {flip:#x}: {error}");
                        // Else no login could ever take its place.
                        let foreign = matches!(error.kind(), StoreErrorKind::Foreign(_));
                        assert!(!foreign, "byte {at} ^ {flip:#x}: {error}");
                        assert!(unreadable(kind(store.lock(&key(), PATIENCE))));
                        found += 1;
                    }
                }
                assert_eq!(
                    fs::read(room.file()).unwrap(),
                    bad,
                    "byte {at} ^ {flip:#x} was not kept"
                );
            }
        }
        // White space after the object is the one place where nothing is lost.
        assert!(found > harmless * 100, "{found} found, {harmless} harmless");
    });
}

#[test]
fn t70_r08_a_file_cut_at_any_byte_is_found_and_kept() {
    each(|of| {
        let (room, bytes) = furnished(of);
        // Without the line feed at its end it is whole.
        for length in 0..bytes.len() - 1 {
            is_kept(&room, &bytes[..length], &format!("cut at {length}"));
        }
    });
}

#[test]
fn r08_an_empty_a_bare_and_a_doubled_file_are_corrupt() {
    each(|of| {
        let (room, bytes) = furnished(of);
        let bare = json(&record(1)).into_bytes();
        let twice = [bytes.as_slice(), bytes.as_slice()].concat();
        let cut = |length: usize| bytes[..length].to_vec();
        for bad in [Vec::new(), vec![0; 4096], bare, twice, cut(1), cut(9), cut(300)] {
            let what = String::from_utf8_lossy(&bad).into_owned();
            is_kept(&room, &bad, &what);
            let read = kind(room.store().read(&key()));
            assert_eq!(read, Some(StoreErrorKind::Corrupt), "{what}");
        }
    });
}

#[test]
fn r08_what_is_no_record_of_ours_is_foreign_and_stays_where_it_is_even_from_a_login() {
    let adc = r#"{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r"}"#;
    let oauth2client = r#"{"access_token":"a","client_id":"c","token_uri":"https://server.example.com/token","_class":"OAuth2Credentials"}"#;
    let google_auth =
        r#"{"token":"t","refresh_token":"r","token_uri":"https://server.example.com/token","client_id":"c"}"#;
    let keys = r#"{"grantflow_keys":1,"sha256":"0","keys":["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"]}"#;
    let pem = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n-----END OPENSSH PRIVATE KEY-----\n";
    let others: [(&[u8], Foreign); 15] = [
        (adc.as_bytes(), Foreign::Credentials),
        (oauth2client.as_bytes(), Foreign::Credentials),
        (google_auth.as_bytes(), Foreign::Credentials),
        (br#"{"file_version":2,"credentials":{}}"#, Foreign::Credentials),
        (keys.as_bytes(), Foreign::DataKeys),
        (&keys.as_bytes()[..70], Foreign::DataKeys),
        (pem.as_bytes(), Foreign::PrivateKey),
        (b"ssh-ed25519 AAAAC3Nz ann@example.com\n", Foreign::PrivateKey),
        (br#"{"installed":{"client_id":"c"}}"#, Foreign::Other),
        (b"null", Foreign::Other),
        (b"[]", Foreign::Other),
        (b"{}", Foreign::Other),
        ("\u{feff}".as_bytes(), Foreign::Other),
        (b"bad", Foreign::Other),
        (&[0xff; 64], Foreign::Other),
    ];
    each(|of| {
        let (room, _) = furnished(of);
        for (bytes, what) in others {
            let text = String::from_utf8_lossy(bytes).into_owned();
            is_kept(&room, bytes, &text);
            let store = room.store();
            let foreign = Some(StoreErrorKind::Foreign(what));
            assert_eq!(kind(store.read(&key())), foreign, "{text}");
            assert_eq!(kind(store.lock_for_login(&key(), PATIENCE)), foreign, "{text}");
            let put = store.put(record(2), PATIENCE);
            assert_eq!(kind(put), foreign, "{text}");
            is_kept(&room, bytes, &text);
        }
    });
}

#[test]
fn r08_a_file_beyond_all_measure_is_corrupt() {
    each(|of| {
        let (room, mut bytes) = furnished(of);
        bytes.resize(17 * 1024 * 1024, b' ');
        is_kept(&room, &bytes, "17 MiB");
    });
}

#[test]
fn r08_r37_a_newer_version_is_kept_even_from_a_login() {
    let (room, bytes) = furnished(Kind::File);
    let text = String::from_utf8(bytes).unwrap();
    let envelope = text.replace(r#""grantflow_file":2"#, r#""grantflow_file":3,"more":[]"#);
    let members = r#"{"grantflow":2,"all":"other"}"#;
    // SHA-256 and CRC-32 of these members.
    let sum = "670f358c20783d41cd5f599e5adb2e116c1e434aa89a7c54898a3170c1c97fcb";
    let first = format!(r#"{{"grantflow_file":1,"sha256":"{sum}","record":{members}}}"#);
    let sum = "81c25137";
    let second = format!(r#"{{"grantflow_file":2,"crc32":"{sum}","record":{members}}}"#);
    for newer in [envelope, first, second] {
        is_kept(&room, newer.as_bytes(), &newer);
        let store = room.store();
        assert_eq!(kind(store.read(&key())), Some(StoreErrorKind::Newer), "{newer}");
        let login = store.lock_for_login(&key(), PATIENCE);
        assert_eq!(kind(login), Some(StoreErrorKind::Newer), "{newer}");
        is_kept(&room, newer.as_bytes(), &newer);
    }
}

#[test]
fn t70_a_login_sets_the_bad_file_aside_when_it_saves_and_not_before() {
    each(|of| {
        let (room, _) = furnished(of);
        let store = room.store();
        fs::write(room.file(), BAD).unwrap();
        // A login that is given up.
        drop(store.lock_for_login(&key(), PATIENCE).unwrap());
        assert_eq!(fs::read(room.file()).unwrap(), BAD);

        let mut locked = store.lock_for_login(&key(), PATIENCE).unwrap();
        assert!(locked.record().is_none());
        // Nothing is repaired by deleting.
        assert_eq!(kind(locked.save(Change::Delete)), Some(StoreErrorKind::Corrupt));
        assert_eq!(fs::read(room.file()).unwrap(), BAD);
        locked.save(Change::Put(Box::new(record(1)))).unwrap();
        locked.save(Change::Put(Box::new(record(2)))).unwrap();
        drop(locked);

        let read = store.read(&key()).unwrap().unwrap();
        assert_eq!(json(&read), json(&record(2)));
        let names = room.names();
        assert_eq!(names.len(), 3, "{names:?}");
        let aside = names
            .iter()
            .find(|name| name.starts_with("credentials.json.corrupt-"));
        assert_eq!(fs::read(room.path_of(aside.unwrap())).unwrap(), BAD);
    });
}

#[test]
fn an_error_names_the_file_and_prints_nothing_of_it() {
    each(|of| {
        let (room, bytes) = furnished(of);
        fs::write(room.file(), &bytes[..bytes.len() - 9]).unwrap();
        let error = room.store().read(&key()).unwrap_err();
        assert_eq!(error.path(), Some(room.file().as_path()));
        let printed = format!("{error} {error:?}");
        assert!(
            !printed.contains("access-1") && !printed.contains("refresh-1"),
            "{printed}"
        );
    });
}

#[test]
fn a_path_without_a_file_name_is_refused_and_nothing_made() {
    let room = Room::new();
    let store = grantflow_store::FileStore::new(room.join(".."));
    let what = Some(StoreErrorKind::Unsupported(
        "keep a record in a path without a file name",
    ));
    assert_eq!(kind(store.read(&key())), what);
    assert_eq!(kind(store.lock(&key(), PATIENCE)), what);
    assert_eq!(room.names(), Vec::<String>::new());
}

#[test]
fn a_replacement_is_refused_if_the_file_holds_a_third_key() {
    let (room, bytes) = furnished(Kind::File);
    let store = room.store();
    let ann = key().with_account("ann");
    let record = grantflow_core::Record::new(
        ann.clone(),
        record(1).client().clone(),
        record(1).token().clone(),
        record(1).provenance().clone(),
    );
    let mut locked = store.lock(&ann, PATIENCE).unwrap();
    let replace = |forget| Change::Replace {
        record: Box::new(record.clone()),
        forget: Box::new(forget),
    };
    let third = locked.save(replace(key().with_account("bob")));
    assert_eq!(kind(third), Some(StoreErrorKind::OtherRecord));
    assert_eq!(fs::read(room.file()).unwrap(), bytes);
    locked.save(replace(key())).unwrap();
    // Once more, as after a failure that came after the rename.
    locked.save(replace(key())).unwrap();
    assert_eq!(store.keys().unwrap(), [ann]);
}
