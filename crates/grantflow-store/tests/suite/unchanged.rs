//! A file that did not change is not read again; one that did is seen at once.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use grantflow_core::{Store as _, StoreErrorKind, StoreExt as _};

use crate::room::{Kind, PATIENCE, Room, chmod, each, json, key, kind, record};

/// After this long a file system's clock has moved, however coarse it is.
const SETTLED: Duration = Duration::from_millis(3_100);

type Change = fn(&Room);
type Answer = fn(Result<Option<String>, StoreErrorKind>) -> bool;

fn overwrite(room: &Room, bytes: &[u8]) {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).open(room.file()).unwrap();
    file.write_all(bytes).unwrap();
}

const CHANGES: [(&str, Change, Answer); 10] = [
    ("nothing", |_| {}, |answer| answer == Ok(Some(json(&record(1))))),
    (
        "a save by another store",
        |room| room.store().put(record(2), PATIENCE).unwrap(),
        |answer| answer == Ok(Some(json(&record(2)))),
    ),
    (
        "two saves",
        |room| {
            room.store().put(record(2), PATIENCE).unwrap();
            room.store().put(record(3), PATIENCE).unwrap();
        },
        |answer| answer == Ok(Some(json(&record(3)))),
    ),
    (
        "a deletion",
        |room| room.store().delete(&key(), PATIENCE).unwrap(),
        |answer| answer == Ok(None),
    ),
    (
        "bytes changed in place, and its time put back",
        |room| {
            let modified = fs::metadata(room.file()).unwrap().modified().unwrap();
            let mut bytes = fs::read(room.file()).unwrap();
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
            overwrite(room, &bytes);
            let file = fs::OpenOptions::new().write(true).open(room.file()).unwrap();
            file.set_times(fs::FileTimes::new().set_modified(modified))
                .unwrap();
        },
        |answer| answer == Err(StoreErrorKind::Corrupt),
    ),
    (
        "a mode for others",
        |room| chmod(&room.file(), 0o644),
        |answer| matches!(answer, Err(StoreErrorKind::Insecure(_))),
    ),
    (
        "a directory for others",
        |room| chmod(room, 0o777),
        |answer| matches!(answer, Err(StoreErrorKind::Insecure(_))),
    ),
    (
        "a second name",
        |room| fs::hard_link(room.file(), room.join("second")).unwrap(),
        |answer| matches!(answer, Err(StoreErrorKind::Insecure(_))),
    ),
    (
        "a link in its place",
        |room| {
            fs::rename(room.file(), room.join("elsewhere")).unwrap();
            symlink("elsewhere", room.file()).unwrap();
        },
        |answer| matches!(answer, Err(StoreErrorKind::Insecure(_))),
    ),
    (
        "another file with the same size and time",
        |room| {
            let modified = fs::metadata(room.file()).unwrap().modified().unwrap();
            let bytes = vec![b' '; fs::read(room.file()).unwrap().len()];
            fs::write(room.join("next"), bytes).unwrap();
            chmod(&room.join("next"), 0o600);
            let file = fs::OpenOptions::new()
                .write(true)
                .open(room.join("next"))
                .unwrap();
            file.set_times(fs::FileTimes::new().set_modified(modified))
                .unwrap();
            fs::rename(room.join("next"), room.file()).unwrap();
        },
        |answer| matches!(answer, Err(StoreErrorKind::Foreign(_))),
    ),
];

#[test]
fn every_change_of_a_file_that_was_read_before_is_seen_at_once() {
    each(|of| {
        if of.has_many() {
            // A file held open for each of many records would be too many.
            return;
        }
        let rooms: Vec<(Room, _)> = CHANGES
            .iter()
            .map(|_| {
                let room = Room::of(of);
                let store = room.store();
                store.put(record(1), PATIENCE).unwrap();
                (room, store)
            })
            .collect();
        let written = SystemTime::now();
        // sleep: the times of a file are the kernel's, and only old ones are relied upon
        std::thread::sleep(SETTLED);
        assert!(written.elapsed().is_ok(), "the clock went back");
        for ((room, store), (what, change, is)) in rooms.iter().zip(CHANGES) {
            for _ in 0..2 {
                let read = store.read(&key()).unwrap();
                assert_eq!(read.as_ref().map(json), Some(json(&record(1))), "{what}");
            }
            let another = key().with_account("bob");
            assert!(store.read(&another).unwrap().is_none());
            change(room);
            let answer = store.read(&key());
            let answer = answer
                .map(|record| record.as_ref().map(json))
                .map_err(|error| error.kind());
            assert!(is(answer.clone()), "{what}: {answer:?}");
            chmod(room, 0o700);
        }
    });
}

/// A lock goes to the file, whatever was read before.
#[test]
fn a_lock_reads_what_is_there() {
    let room = Room::of(Kind::File);
    let store = room.store();
    store.put(record(1), PATIENCE).unwrap();
    // sleep: as above
    std::thread::sleep(SETTLED);
    store.read(&key()).unwrap();
    overwrite(&room, b"{\"grantflow_cut");
    assert_eq!(kind(store.lock(&key(), PATIENCE)), Some(StoreErrorKind::Corrupt));
}
