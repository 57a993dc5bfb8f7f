//! R07: power that is cut. A file system on a loop device is shut down as if the machine had gone: what it had not brought to disk
//! is lost. Whatever was reported as saved is there afterwards, and what is there is whole.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child;
use crate::room::{Kind, PATIENCE, Room, chmod, each, json, key, record, skip};

/// How often the power is cut for each store and file system; `cargo xtask ci power` sets more.
const CUTS: u64 = 3;

/// A disk of its own, in a file.
struct Disk {
    image: PathBuf,
    mounted: PathBuf,
    room: Room,
}

impl Disk {
    /// None, and the suite reported as skipped, where it cannot be made or mounted.
    fn make(file_system: &str, megabytes: u64, of: Kind) -> Option<Self> {
        let room = Room::of(of);
        let (image, mounted) = (room.join("image"), room.join("disk"));
        let suite = format!("r07 power cut on {file_system}");
        let file = fs::File::create(&image).unwrap();
        file.set_len(megabytes * 1024 * 1024).unwrap();
        fs::create_dir(&mounted).unwrap();
        let make = format!("mkfs.{file_system}");
        let force = if file_system == "xfs" { "-f" } else { "-F" };
        if !run(&make, &["-q".as_ref(), force.as_ref(), &image]) {
            skip(&suite, &format!("{make} is not installed"));
            return None;
        }
        let disk = Self { image, mounted, room };
        if !disk.mount() {
            skip(&suite, "only root can mount, and not everywhere");
            return None;
        }
        if !run("xfs_io", &["-c".as_ref(), "help shutdown".as_ref()]) {
            skip(&suite, "xfs_io is not installed");
            return None;
        }
        fs::create_dir(disk.dir()).unwrap();
        chmod(&disk.dir(), 0o700);
        Some(disk)
    }

    /// Where the store is.
    fn dir(&self) -> PathBuf {
        self.mounted.join("store")
    }

    fn mount(&self) -> bool {
        run(
            "mount",
            &["-o".as_ref(), "loop".as_ref(), &self.image, &self.mounted],
        )
    }

    fn unmount(&self) -> bool {
        run("umount", &[&self.mounted])
    }

    /// Nothing is brought to disk any more, not even the journal.
    fn cut(&self) {
        let cut = [
            "-x".as_ref(),
            "-c".as_ref(),
            "shutdown".as_ref(),
            self.mounted.as_path(),
        ];
        assert!(run("xfs_io", &cut));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.unmount();
        let _ = fs::remove_dir_all(&*self.room);
    }
}

fn run(program: &str, arguments: &[&Path]) -> bool {
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

fn what_was_saved_survives(file_system: &str, megabytes: u64) {
    let cuts = std::env::var("GRANTFLOW_POWER_CUTS").map_or(CUTS, |cuts| cuts.parse().unwrap());
    each(|of| {
        let Some(disk) = Disk::make(file_system, megabytes, of) else {
            return;
        };
        let mut before = 0;
        for cut in 0..cuts {
            let mut counting = child::command_in("count", of, &disk.dir()).spawn().unwrap();
            let lines = BufReader::new(counting.stderr.take().unwrap()).lines();
            let mut numbers = lines
                .map_while(Result::ok)
                .filter_map(|line| line.strip_prefix("@saved ")?.parse::<u64>().ok());
            let saved = before + 1 + cut * 7 % 23;
            assert!(numbers.any(|number| number == saved), "it stopped before {saved}");
            disk.cut();
            // What is said after the cut counts for nothing: without power nobody says anything, but a file system that was shut
            // down may say that a directory is on disk (xfs does).
            let last = numbers.last().unwrap_or(saved);
            counting.wait().unwrap();

            assert!(disk.unmount() && disk.mount());
            let found = of.open(&disk.dir()).read(&key()).unwrap();
            let found = found.unwrap_or_else(|| panic!("{saved} was saved, and nothing is there"));
            before = found.generation();
            // The next one may have been brought to disk without having been reported.
            assert!(
                (saved..=last + 1).contains(&before),
                "{saved} was saved, and {before} is there"
            );
            assert_eq!(json(&found), json(&record(before)));
        }
        let store = of.open(&disk.dir());
        let mut locked = store.lock(&key(), PATIENCE).unwrap();
        let next = grantflow_core::Change::Put(Box::new(record(before + 1)));
        locked.save(next).unwrap();
    });
}

#[test]
fn r07_what_was_saved_on_ext4_survives_a_power_cut() {
    what_was_saved_survives("ext4", 16);
}

#[test]
fn r07_what_was_saved_on_xfs_survives_a_power_cut() {
    what_was_saved_survives("xfs", 320);
}
