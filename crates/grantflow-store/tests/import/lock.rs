//! The lock of fasteners within one process; what it is between processes is tested with Python, in the workspace's `tests/`.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Duration;

use grantflow_core::{StoreError, StoreErrorKind};
use grantflow_store::import::FastenersLock;

const PATIENCE: Duration = Duration::from_secs(60);

fn kind(lock: Result<FastenersLock, StoreError>) -> StoreErrorKind {
    lock.unwrap_err().kind()
}

#[test]
fn threads_exclude_each_other() {
    const TIMES: usize = 500;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("number");
    std::fs::write(&file, "0").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..TIMES {
                    let _lock = FastenersLock::beside(&file, PATIENCE).unwrap();
                    let number: usize = std::fs::read_to_string(&file).unwrap().parse().unwrap();
                    std::fs::write(&file, (number + 1).to_string()).unwrap();
                }
            });
        }
    });
    assert_eq!(std::fs::read_to_string(&file).unwrap(), (4 * TIMES).to_string());
}

#[test]
fn r12_patience_ends_in_a_timeout_and_the_lock_is_had_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("credentials");
    let lock = FastenersLock::beside(&file, PATIENCE).unwrap();
    assert_eq!(lock.path(), directory.path().join("credentials.lock"));
    for patience in [Duration::ZERO, Duration::from_millis(5)] {
        assert_eq!(
            kind(FastenersLock::beside(&file, patience)),
            StoreErrorKind::LockTimeout { holder: None }
        );
    }
    let another = FastenersLock::beside(directory.path().join("another"), Duration::ZERO);
    drop(another.unwrap());
    drop(lock);
    drop(FastenersLock::beside(&file, Duration::ZERO).unwrap());
}

/// The same file by another name is the same lock.
#[test]
fn r13_a_lock_file_that_is_renamed_or_removed_is_looked_up_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("credentials");
    let lock = FastenersLock::beside(&file, PATIENCE).unwrap();
    let renamed = directory.path().join("renamed");
    std::fs::rename(lock.path(), directory.path().join("renamed.lock")).unwrap();
    assert_eq!(
        kind(FastenersLock::beside(&renamed, Duration::ZERO)),
        StoreErrorKind::LockTimeout { holder: None }
    );
    drop(lock);
    let lock = FastenersLock::beside(&renamed, Duration::ZERO).unwrap();
    std::fs::remove_file(lock.path()).unwrap();
    drop(lock);
    drop(FastenersLock::beside(&renamed, Duration::ZERO).unwrap());
}

#[test]
fn t56_t57_the_lock_file_is_its_owners_and_no_link() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    drop(FastenersLock::beside(place("a"), PATIENCE).unwrap());
    let mode = std::fs::metadata(place("a.lock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    symlink(place("target"), place("b.lock")).unwrap();
    assert!(matches!(
        kind(FastenersLock::beside(place("b"), PATIENCE)),
        StoreErrorKind::Insecure(_)
    ));
    assert!(!place("target").exists());
    let made = std::process::Command::new("mkfifo")
        .arg(place("c.lock"))
        .status()
        .unwrap();
    assert!(made.success());
    assert!(matches!(
        kind(FastenersLock::beside(place("c"), PATIENCE)),
        StoreErrorKind::Insecure(_)
    ));
    std::fs::create_dir(place("d.lock")).unwrap();
    assert_eq!(
        kind(FastenersLock::beside(place("d"), PATIENCE)),
        StoreErrorKind::Io
    );
    assert_eq!(
        kind(FastenersLock::beside(place("no/such"), PATIENCE)),
        StoreErrorKind::Io
    );
}
