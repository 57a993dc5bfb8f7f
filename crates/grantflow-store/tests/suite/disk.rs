//! Disks that are full, and disks that cannot be written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use grantflow_core::{Change, Store, StoreErrorKind, StoreExt as _};

use crate::child;
use crate::room::{Kind, PATIENCE, Room, attempt, chmod, each, json, key, keys, kind, record, skip};

/// A small file system in memory, unmounted when it is dropped.
struct Disk {
    path: PathBuf,
    of: Kind,
    room: Room,
}

impl Disk {
    /// None, and the suite reported as skipped, where this user may not mount.
    fn mount(suite: &str, of: Kind, kib: u32) -> Option<Self> {
        let room = Room::new();
        let path = room.join("disk");
        fs::create_dir(&path).unwrap();
        let options = format!("size={kib}k,mode=0700");
        if !run("mount", &["-t", "tmpfs", "-o", &options, "none"], &path) {
            skip(suite, "only root can mount");
            return None;
        }
        Some(Self { path, of, room })
    }

    fn store(&self) -> Arc<dyn Store> {
        self.of.open(&self.path)
    }

    fn remount(&self, how: &str) {
        assert!(run("mount", &["-o", &format!("remount,{how}")], &self.path));
    }

    /// Uses up all space but so many KiB.
    fn fill_but(&self, kib: usize) -> PathBuf {
        let ballast = self.path.join("ballast");
        let page = [0; 4096];
        let mut file = fs::File::create(&ballast).unwrap();
        let mut pages: u64 = 0;
        while std::io::Write::write_all(&mut file, &page).is_ok() {
            pages += 1;
        }
        file.set_len((pages * 4096).saturating_sub(kib as u64 * 1024))
            .unwrap();
        ballast
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run("umount", &[], &self.path);
        let _ = fs::remove_dir_all(&*self.room);
    }
}

/// Files to save into that were left behind.
fn saving(disk: &Disk) -> Vec<PathBuf> {
    let files = fs::read_dir(&disk.path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.to_string_lossy().contains(".saving-"))
        .collect()
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    let output = Command::new(program).args(arguments).arg(path).output();
    output.is_ok_and(|output| output.status.success())
}

#[test]
fn r04_on_a_full_disk_no_request_leaves_and_the_old_record_stays() {
    each(|of| {
        let Some(disk) = Disk::mount("r04 full disk", of, 256) else {
            return;
        };
        let store = disk.store();
        store.put(record(1), PATIENCE).unwrap();
        for free in [0, 4, 32] {
            let ballast = disk.fill_but(free);
            // The flow writes down that a request is about to leave, and does not get so far.
            let mut locked = store.lock(&key(), PATIENCE).unwrap();
            let noted = locked.save(Change::Put(Box::new(attempt(1))));
            assert_eq!(kind(noted), Some(StoreErrorKind::Full), "{free} KiB free");
            drop(locked);
            // Nobody is asked for a consent that could not be stored.
            assert_eq!(
                kind(store.lock_for_login(&key(), PATIENCE)),
                Some(StoreErrorKind::Full),
                "{free} KiB free"
            );
            let read = store.read(&key()).unwrap();
            assert_eq!(read.as_ref().map(json), Some(json(&record(1))), "{free} KiB free");
            assert!(saving(&disk).is_empty(), "{free} KiB free");
            fs::remove_file(ballast).unwrap();
        }
        store.put(record(2), PATIENCE).unwrap();
    });
}

#[test]
fn r04_what_the_note_of_an_attempt_reserved_can_be_saved_on_a_disk_that_fills_up() {
    each(|of| {
        let Some(disk) = Disk::mount("r04 reserved space", of, 256) else {
            return;
        };
        let store = disk.store();
        store.put(record(1), PATIENCE).unwrap();
        let mut locked = store.lock(&key(), PATIENCE).unwrap();
        locked.save(Change::Put(Box::new(attempt(1)))).unwrap();
        let ballast = disk.fill_but(0);
        // The request is out; its token must not be lost.
        locked.save(Change::Put(Box::new(record(2)))).unwrap();
        drop(locked);
        let read = store.read(&key()).unwrap();
        assert_eq!(read.as_ref().map(json), Some(json(&record(2))));

        // Without a note of an attempt nothing is reserved: the save fails, what was there stays, and it can be tried again.
        fs::remove_file(&ballast).unwrap();
        let mut locked = store.lock(&key(), PATIENCE).unwrap();
        locked.save(Change::Put(Box::new(record(3)))).unwrap();
        let ballast = disk.fill_but(0);
        let failed = locked.save(Change::Put(Box::new(record(4))));
        assert_eq!(kind(failed), Some(StoreErrorKind::Full));
        assert_eq!(locked.record().map(json), Some(json(&record(3))));
        fs::remove_file(ballast).unwrap();
        locked.save(Change::Put(Box::new(record(4)))).unwrap();
        drop(locked);
        let read = store.read(&key()).unwrap();
        assert_eq!(read.as_ref().map(json), Some(json(&record(4))));
    });
}

#[test]
fn r06_a_disk_that_became_read_only_is_read_and_never_half_written() {
    each(|of| {
        let Some(disk) = Disk::mount("r06 read-only disk", of, 1024) else {
            return;
        };
        let store = disk.store();
        store.put(record(1), PATIENCE).unwrap();
        disk.remount("ro");
        let read = store.read(&key()).unwrap();
        assert_eq!(read.as_ref().map(json), Some(json(&record(1))));
        assert_eq!(kind(store.lock(&key(), PATIENCE)), Some(StoreErrorKind::ReadOnly));
        disk.remount("rw");
        store.put(record(2), PATIENCE).unwrap();
    });
}

#[test]
fn r06_a_directory_without_write_permission_is_read_without_a_lock_file() {
    each(|of| {
        use std::os::unix::fs::chown;
        use std::os::unix::process::CommandExt as _;
        const NOBODY: u32 = 65534;
        let room = Room::of(of);
        room.store().put(record(1), PATIENCE).unwrap();
        fs::remove_file(room.beside(".lock")).unwrap();
        let mut other = child::command("try", &room);
        if rustix::process::geteuid().is_root() {
            // Root may write everywhere, so another user tries.
            chown(room.file(), Some(NOBODY), None).unwrap();
            chown(&*room, Some(NOBODY), None).unwrap();
            if let Ok(files) = fs::read_dir(keys(&room)) {
                for file in files {
                    chown(file.unwrap().path(), Some(NOBODY), None).unwrap();
                }
                chown(keys(&room), Some(NOBODY), None).unwrap();
            }
            other.uid(NOBODY).gid(NOBODY);
        }
        chmod(&room, 0o500);
        let ran = other.output();
        chmod(&room, 0o700);
        let Some(said) = ran
            .ok()
            .map(|output| child::said(&output.stderr))
            .filter(|said| !said.is_empty())
        else {
            return skip(
                "r06 directory without write permission",
                "another user cannot run this binary",
            );
        };
        assert_eq!(said, ["read ok", "lock ReadOnly"]);
        assert_eq!(room.names(), ["credentials.json"]);
    });
}
