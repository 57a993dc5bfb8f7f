//! The form for other systems does what the form for Unix does, where both can.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};

use super::super::errors::Refusal;
use super::{Access, Way, portable};

fn directory(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("grantflow-sys-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[test]
fn a_file_of_the_portable_form_is_made_filled_renamed_and_removed() {
    let path = directory("portable");
    assert!(portable::Dir::open(&path, Way::AnyLinks).unwrap().is_none());
    let mut dir = portable::Dir::open_or_create(&path, Way::AnyLinks).unwrap();
    assert!(
        portable::Dir::open(&path, Way::AnyLinks)
            .unwrap()
            .is_some_and(|dir| dir.is_unchanged())
    );
    let (old, new) = (OsStr::new("old"), OsStr::new("new"));
    assert!(dir.open_file(old, Access::Read).unwrap().is_none());

    let mut file = dir.create_new(old).unwrap();
    assert!(
        dir.create_new(old).is_err(),
        "a file that is there is not created"
    );
    portable::reserve(&file, 100_000).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 100_000);
    file.write_all(b"record").unwrap();
    file.set_len(6).unwrap();
    dir.sync().unwrap();
    dir.reopen().unwrap();
    dir.rename(old, new).unwrap();
    assert!(dir.has(new).unwrap() && !dir.has(old).unwrap());

    let mut text = String::new();
    let mut opened = dir.open_file(new, Access::Write).unwrap().unwrap();
    assert_eq!(opened.length, 6);
    assert!(opened.stamp.is_none() && dir.names(new, &opened).unwrap());
    opened.file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "record");
    dir.remove(new).unwrap();
    dir.remove(new).unwrap();
    drop(dir.open_lock(new).unwrap());
    assert!(dir.has(new).unwrap());
    let names: Vec<_> = dir.names_within().unwrap().map(Result::unwrap).collect();
    assert_eq!(names, [new]);
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn errors_of_the_portable_form_are_told_apart() {
    use std::io::{Error, ErrorKind};
    let (unsupported, memory) = (
        Error::from(ErrorKind::Unsupported),
        Error::from(ErrorKind::OutOfMemory),
    );
    assert!(portable::has_no_locks(&unsupported) && !portable::has_no_locks(&memory));
    assert!(portable::is_exhausted(&memory) && !portable::is_exhausted(&unsupported));
    assert!(portable::lives(1) && !portable::LOCKS_RECORDS);
    // Without times to rely on, no file is ever called unchanged.
    let stamp = portable::stamp_of(&std::env::current_exe().unwrap());
    assert!(stamp.is_none_or(|stamp| !stamp.is_settled()));
    let path = directory("portable-file");
    std::fs::write(&path, "").unwrap();
    assert!(
        matches!(portable::Dir::open(&path, Way::AnyLinks), Err(Refusal::Io(_))),
        "a file is no directory"
    );
    std::fs::remove_file(&path).unwrap();
}

#[cfg(unix)]
#[test]
fn t57_the_portable_form_opens_no_link_and_no_directory() {
    let path = directory("portable-links");
    let dir = portable::Dir::open_or_create(&path, Way::AnyLinks).unwrap();
    std::os::unix::fs::symlink("elsewhere", path.join("link")).unwrap();
    std::fs::create_dir(path.join("directory")).unwrap();
    for name in ["link", "directory"] {
        let opened = dir.open_file(OsStr::new(name), Access::Read);
        assert!(matches!(opened, Err(Refusal::Insecure(_))), "{name}");
        assert!(
            matches!(dir.open_lock(OsStr::new(name)), Err(Refusal::Insecure(_))),
            "{name}"
        );
    }
    std::fs::remove_dir_all(&path).unwrap();
}

/// Errors that have no `ErrorKind`, or different numbers on different systems.
#[cfg(unix)]
#[test]
fn r14_r34_errors_of_the_system_are_told_apart() {
    use rustix::io::Errno;
    let error = |errno: Errno| std::io::Error::from(errno);
    for errno in [Errno::NOLCK, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS] {
        assert!(
            super::has_no_locks(&error(errno)) && !super::is_exhausted(&error(errno)),
            "{errno}"
        );
    }
    for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN] {
        assert!(
            super::is_exhausted(&error(errno)) && !super::has_no_locks(&error(errno)),
            "{errno}"
        );
    }
    assert!(!super::has_no_locks(&error(Errno::IO)) && !super::is_exhausted(&error(Errno::IO)));
    assert!(super::lives(std::process::id()) && !super::lives(0) && !super::lives(u32::MAX));
}
