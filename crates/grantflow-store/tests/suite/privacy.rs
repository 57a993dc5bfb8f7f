//! Nobody else can read or replace what is stored; where they could, nothing is read or written.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use grantflow_core::{Change, Store as _, StoreErrorKind, StoreExt as _};

use crate::child;
use crate::room::{Kind, PATIENCE, Room, chmod, each, json, key, keys, kind, mode, record, skip, tell};

fn furnished(of: Kind) -> Room {
    let room = Room::of(of);
    room.store().put(record(1), PATIENCE).unwrap();
    room
}

fn insecure(answer: Option<StoreErrorKind>) -> bool {
    matches!(answer, Some(StoreErrorKind::Insecure(_)))
}

/// Reads and locks are refused, and nothing is changed.
fn is_refused(room: &Room, what: &str) {
    let store = room.store();
    let before = fs::read(room.file()).ok();
    let read = kind(store.read(&key()));
    assert!(insecure(read), "read, {what}: {read:?}");
    let locked = kind(store.lock(&key(), PATIENCE));
    assert!(insecure(locked), "lock, {what}: {locked:?}");
    let login = kind(store.lock_for_login(&key(), PATIENCE));
    assert!(insecure(login), "login, {what}: {login:?}");
    assert_eq!(fs::read(room.file()).ok(), before, "{what}");
}

#[test]
fn t56_files_and_directories_are_private_under_any_umask() {
    each(|of| {
        for umask in ["000", "022", "077"] {
            let room = Room::of(of);
            let dir = room.join("new");
            let said = child::run(child::command_after(&format!("umask {umask}"), "put", of, &dir));
            assert_eq!(said, ["put ok"], "umask {umask}");
            let made = [dir.clone(), keys(&dir)].into_iter().filter(|made| made.exists());
            let mut files = 0;
            for dir in made {
                assert_eq!(mode(&dir), 0o700, "umask {umask}, {dir:?}");
                for file in fs::read_dir(dir).unwrap() {
                    let file = file.unwrap().path();
                    assert_eq!(mode(&file), 0o600, "umask {umask}, {file:?}");
                    files += 1;
                }
            }
            // The record and its lock; where it is sealed, the data key and its lock.
            let sealed = keys(&room.join("new")).exists();
            assert_eq!(files, if sealed { 4 } else { 2 }, "umask {umask}");
        }
    });
}

#[test]
fn t56_a_file_that_others_may_read_is_refused_under_any_umask() {
    each(|of| {
        for umask in ["000", "022", "077"] {
            let room = furnished(of);
            chmod(&room.file(), 0o644);
            let said = child::run(child::command_after(&format!("umask {umask}"), "put", of, &room));
            assert_eq!(said.len(), 1);
            assert!(said[0].starts_with("put Insecure"), "umask {umask}: {said:?}");
            assert_eq!(mode(&room.file()), 0o644, "nothing is repaired unasked");
        }
    });
}

#[test]
fn t56_every_bit_for_others_is_refused_on_the_file_and_on_its_lock() {
    each(|of| {
        for bit in [0o040, 0o020, 0o010, 0o004, 0o002, 0o001] {
            let room = furnished(of);
            chmod(&room.file(), 0o600 | bit);
            is_refused(&room, &format!("mode {:o}", 0o600 | bit));
            let room = furnished(of);
            chmod(&room.beside(".lock"), 0o600 | bit);
            let locked = kind(room.store().lock(&key(), PATIENCE));
            assert!(insecure(locked), "lock file with {bit:o}: {locked:?}");
        }
    });
}

#[test]
fn t56_what_another_user_owns_is_refused() {
    each(|of| {
        let room = furnished(of);
        if chown(room.file(), Some(12345), None).is_err() {
            return skip("t56 foreign owner", "only root can give a file away");
        }
        is_refused(&room, "a foreign file");
        let room = furnished(of);
        chown(room.beside(".lock"), Some(12345), None).unwrap();
        assert!(
            insecure(kind(room.store().lock(&key(), PATIENCE))),
            "a foreign lock file"
        );
        let room = furnished(of);
        chown(&*room, Some(12345), None).unwrap();
        is_refused(&room, "a foreign directory");
    });
}

#[test]
fn t58_a_directory_that_others_may_write_to_is_refused_sticky_or_not() {
    each(|of| {
        for (bits, fine) in [
            (0o700, true),
            (0o755, true),
            (0o750, true),
            (0o770, true),
            (0o777, false),
            (0o1777, false),
            (0o703, false),
            (0o702, false),
            (0o1702, false),
        ] {
            let room = furnished(of);
            chmod(&room, bits);
            if fine {
                let read = room.store().read(&key()).unwrap();
                assert_eq!(read.as_ref().map(json), Some(json(&record(1))), "{bits:o}");
            } else {
                is_refused(&room, &format!("directory {bits:o}"));
            }
            chmod(&room, 0o700);
        }
    });
}

#[test]
fn t57_links_and_what_is_no_file_are_refused() {
    each(|of| {
        let outside = Room::of(of);
        let victim = outside.join("victim");
        type Furnish = fn(&Path, &Path);
        let furnish: [(&str, Furnish); 5] = [
            ("a symbolic link", |path, victim| symlink(victim, path).unwrap()),
            ("a dangling link", |path, victim| {
                symlink(victim.join("none"), path).unwrap()
            }),
            ("a second name", |path, victim| {
                fs::hard_link(victim, path).unwrap()
            }),
            ("a directory", |path, _| fs::create_dir(path).unwrap()),
            ("a pipe", |path, _| {
                use rustix::fs::{CWD, FileType, Mode, mknodat};
                mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            }),
        ];
        for (what, furnish) in furnish {
            for name in ["credentials.json", "credentials.json.lock"] {
                fs::write(&victim, "victim").unwrap();
                chmod(&victim, 0o600);
                let room = Room::of(of);
                furnish(&room.path_of(name), &victim);
                let locked = kind(room.store().lock(&key(), PATIENCE));
                assert!(insecure(locked), "{what} as {name}: {locked:?}");
                if name == "credentials.json" {
                    assert!(insecure(kind(room.store().read(&key()))), "{what}");
                }
                assert_eq!(fs::read(&victim).unwrap(), b"victim", "{what} as {name}");
            }
        }
    });
}

#[test]
fn t57_a_link_in_the_place_of_the_file_to_save_into_is_removed_not_followed() {
    each(|of| {
        let room = furnished(of);
        let victim = room.join("victim");
        fs::write(&victim, "victim").unwrap();
        for slot in ["credentials.json.saving-0", "credentials.json.saving-1"] {
            symlink(&victim, room.path_of(slot)).unwrap();
        }
        room.store().put(record(2), PATIENCE).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"victim");
        let unused = "credentials.json.saving-1";
        assert_eq!(
            room.names(),
            ["credentials.json", "credentials.json.lock", unused, "victim"]
        );
        // Whoever forgets a record leaves nothing of it.
        room.store().delete(&key(), PATIENCE).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"victim");
        assert_eq!(room.names(), ["credentials.json.lock", "victim"]);
    });
}

/// The first process of a container always has the same number, so that one which was killed looks as if it were this one.
#[test]
fn t56_what_a_killed_process_of_our_number_left_is_removed_with_the_record_even_if_there_is_none() {
    each(|of| {
        let room = furnished(of);
        room.store().delete(&key(), PATIENCE).unwrap();
        let slots = ["credentials.json.saving-0", "credentials.json.saving-1"];
        for slot in slots {
            fs::write(room.path_of(slot), "a refresh token").unwrap();
        }
        fs::write(
            room.path_of("credentials.json.lock"),
            format!("{}\n", std::process::id()),
        )
        .unwrap();
        room.store().delete(&key(), PATIENCE).unwrap();
        assert_eq!(room.names(), ["credentials.json.lock"]);
    });
}

/// Of another process nothing is kept, whatever the lock is taken for; nor if the first lock after it ends in an error.
#[test]
fn t56_what_another_killed_process_left_is_removed_by_the_next_lock_that_can_be_had() {
    each(|of| {
        let room = furnished(of);
        let leave = || {
            fs::write(room.path_of("credentials.json.saving-1"), "a refresh token").unwrap();
            fs::write(room.path_of("credentials.json.lock"), "4194304\n").unwrap();
        };
        leave();
        drop(room.store().lock(&key(), PATIENCE).unwrap());
        assert_eq!(room.names(), ["credentials.json", "credentials.json.lock"]);

        let good = fs::read(room.file()).unwrap();
        fs::write(room.file(), "{").unwrap();
        leave();
        assert!(room.store().lock(&key(), PATIENCE).is_err());
        fs::write(room.file(), good).unwrap();
        drop(room.store().lock(&key(), PATIENCE).unwrap());
        assert_eq!(room.names(), ["credentials.json", "credentials.json.lock"]);
    });
}

/// Ends the other thread, however this one ends.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One who may write to the directory can replace the record, but cannot have us read or write anywhere else.
#[test]
fn t57_links_swapped_in_at_any_moment_are_never_followed() {
    each(|of| {
        const SWAPS: usize = 25_000;
        const SAVES: usize = 1_000;
        const ELSEWHERE: u64 = 1_000_000;
        let (room, outside) = (Room::in_memory(of), Room::in_memory(of));
        let victim = outside.join("victim");
        // What could be read, too, but is not what was stored here.
        let store = room.store();
        store.put(record(ELSEWHERE), PATIENCE).unwrap();
        let bytes = fs::read(room.file()).unwrap();
        store.delete(&key(), PATIENCE).unwrap();
        store.put(record(1), PATIENCE).unwrap();
        fs::write(&victim, &bytes).unwrap();
        chmod(&victim, 0o600);
        let (over, swaps) = (AtomicBool::new(false), AtomicUsize::new(0));
        let (mut saved, mut refused) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let names = ["", ".lock", ".saving-0", ".saving-1"];
                for name in names.into_iter().cycle() {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let path = room.beside(name);
                    let _ = fs::remove_file(&path);
                    let _ = symlink(&victim, &path);
                    // Now and then long enough for the other thread to come by.
                    if swaps.fetch_add(1, Ordering::Relaxed) % 8 == 0 {
                        std::thread::yield_now();
                    }
                    let _ = fs::remove_file(&path);
                }
            });
            let _ends = AtEnd(&over);
            while swaps.load(Ordering::Relaxed) < SWAPS || saved + refused < SAVES {
                let store = room.store();
                let put = store.lock_for_login(&key(), PATIENCE).and_then(|mut locked| {
                    let generation = locked.record().map_or(1, |record| record.generation() + 1);
                    assert!(generation < ELSEWHERE, "a link was read through");
                    locked.save(Change::Put(Box::new(record(generation))))
                });
                *(if put.is_ok() { &mut saved } else { &mut refused }) += 1;
            }
        });
        let swaps = swaps.into_inner();
        tell(&format!(
            "t57: {of:?}, {swaps} swaps, {saved} saved, {refused} refused"
        ));
        assert_eq!(fs::read(&victim).unwrap(), bytes, "the victim changed");
        assert!(refused > 0, "nothing was swapped");
    });
}
