//! Disks that are full, and disks that cannot be written.

use std::io::Write as _;
use std::process::Command;

use crate::support::{Desk, skip};

/// A small disk in memory in the place of the desk's directory, gone when it is dropped.
struct Disk<'d>(&'d Desk);

impl<'d> Disk<'d> {
    /// None, and said so, where this user may not mount.
    fn below(desk: &'d Desk) -> Option<Self> {
        if !mount(desk, &["-t", "tmpfs", "-o", "size=256k,mode=0700", "none"]) {
            skip("only root can mount a disk to fill");
            return None;
        }
        for name in ["home", "tmp"] {
            std::fs::create_dir(desk.path(name)).unwrap();
        }
        Some(Self(desk))
    }

    /// Uses up all space.
    fn fill(&self) {
        let mut ballast = std::fs::File::create(self.0.path("ballast")).unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.path("ballast")).unwrap();
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.dir.path()).output();
    }
}

fn mount(desk: &Desk, options: &[&str]) -> bool {
    let mount = Command::new("mount").args(options).arg(desk.dir.path()).output();
    mount.is_ok_and(|output| output.status.success())
}

#[test]
fn r04_the_doctor_finds_a_full_disk_and_what_works_there_is_hinted_at() {
    let desk = Desk::new();
    let Some(disk) = Disk::below(&desk) else { return };
    let space = |code| {
        let value = desk.run(&["doctor", "--format", "json"]).fails(code).json();
        let all = value["findings"].as_array().unwrap();
        let mut found = all.iter().filter(|finding| finding["about"] == "space");
        let one = found.next().unwrap_or_else(|| panic!("{value}")).clone();
        assert!(found.next().is_none(), "{value}");
        one
    };
    // Before the first login, too: that would be the first to find no room.
    disk.fill();
    assert_eq!(space(6)["grade"], "problem");
    desk.login(&[]).fails(6);
    disk.empty();
    desk.login(&[]).ok();
    assert_eq!(space(0)["grade"], "ok");
    desk.expire();
    let before = (desk.names("."), std::fs::read(desk.file()).unwrap());

    disk.fill();
    let found = space(6);
    assert_eq!(found["grade"], "problem", "{found}");
    for text in ["grantflow revoke --local", "--store"] {
        assert!(found["advice"].as_str().unwrap().contains(text), "{found}");
    }
    let token = desk.run(&["token"]).fails(6);
    assert!(token.stderr.contains("make room"), "{token:?}");
    let revoke = desk.run(&["revoke"]).fails(6);
    assert!(revoke.stderr.contains("grantflow revoke --local"), "{revoke:?}");
    assert_eq!(desk.server.stats().revocations, 0);
    disk.empty();
    assert_eq!((desk.names("."), std::fs::read(desk.file()).unwrap()), before);

    disk.fill();
    desk.run(&["revoke", "--local"]).ok();
    assert!(!desk.file().exists());
}

#[test]
fn an_export_that_cannot_be_written_is_1_and_names_its_file_with_a_reason_and_a_hint() {
    let desk = Desk::new();
    let check = |file: &str, why: &str, hint: &str| {
        for options in [
            &["--as", "oauth2client"][..],
            &["--as", "oauth2client", "--replace"],
            &["--as", "oauth2client-multiprocess", "--replace"],
        ] {
            let words = [&["export", file, "--access-token-only"][..], options].concat();
            let failed = desk.run(&words).fails(1);
            for text in [&format!("cannot write {file}"), why, hint] {
                assert!(failed.stderr.contains(text), "{text}: {words:?}: {failed:?}");
            }
            assert!(!failed.all().contains(".grantflow-"), "{failed:?}");
        }
    };
    desk.login(&[]).ok();
    check(
        "no/such/out.json",
        "No such file or directory",
        "mkdir -p no/such",
    );
    check(
        "./no such/out",
        "No such file or directory",
        "mkdir -p './no such'",
    );

    let Some(disk) = Disk::below(&desk) else { return };
    desk.login(&[]).ok();
    let before = desk.names(".");
    disk.fill();
    check("out.json", "No space left", "make room");
    disk.empty();
    let left = desk.names(".");
    let left: Vec<_> = left.iter().filter(|name| *name != "out.json.lock").collect();
    assert_eq!(left, before.iter().collect::<Vec<_>>());
    assert!(mount(&desk, &["-o", "remount,ro"]));
    check("new.json", "Read-only file system", "may write to");
}
