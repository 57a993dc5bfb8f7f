//! A Python process and a Rust process exclude each other, whoever dies while it holds the lock.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use grantflow_core::StoreErrorKind;
use grantflow_store::import::FastenersLock;
use grantflow_suites::child::Running;
use grantflow_suites::oauth2client::Python;
use serde_json::json;

/// Long enough for a machine that is busy, and never reached by a test that passes.
const PATIENCE: Duration = Duration::from_secs(60);

fn process(words: &[&str], file: &Path, more: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fasteners-lock"));
    Running::start(command.args(words).arg(file).args(more))
}

fn holder(file: &Path) -> Running {
    let holder = process(&["hold"], file, &[]);
    holder.wait_for(|line| (line == "held").then_some(()));
    holder
}

fn held_by_another(file: &Path) -> bool {
    match FastenersLock::beside(file, Duration::ZERO) {
        Ok(_) => false,
        Err(error) => {
            assert!(
                matches!(error.kind(), StoreErrorKind::LockTimeout { .. }),
                "{error}"
            );
            true
        }
    }
}

fn python_gets_it(python: &mut Python, file: &Path, seconds: f64) -> bool {
    python.run("lock", json!({"file": file, "seconds": seconds})) == true
}

#[test]
fn python_waits_for_a_rust_process_and_takes_over_when_it_is_killed() {
    let Some(mut python) = Python::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("credentials");
    let mut other = holder(&file);
    assert!(!python_gets_it(&mut python, &file, 0.2));
    other.say("done");
    other.wait_for(|line| (line == "done").then_some(()));
    assert!(python_gets_it(&mut python, &file, 60.0));
    assert!(held_by_another(&file));
    python.run("unlock", json!({"file": file}));

    let other = holder(&file);
    assert!(!python_gets_it(&mut python, &file, 0.2));
    // With SIGKILL, as every `Running` ends.
    drop(other);
    assert!(python_gets_it(&mut python, &file, 60.0));
}

#[test]
fn a_rust_process_waits_for_python_and_takes_over_when_it_is_killed() {
    let Some(mut python) = Python::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("credentials");
    assert!(python_gets_it(&mut python, &file, 60.0));
    assert!(held_by_another(&file));
    let waiting = process(&["hold"], &file, &[]);
    python.run("unlock", json!({"file": file}));
    waiting.wait_for(|line| (line == "held").then_some(()));
    drop(waiting);

    assert!(python_gets_it(&mut python, &file, 60.0));
    assert!(held_by_another(&file));
    let waiting = process(&["hold"], &file, &[]);
    drop(python);
    waiting.wait_for(|line| (line == "held").then_some(()));
    drop(waiting);
    FastenersLock::beside(&file, PATIENCE).expect("nobody holds it");
}

#[test]
fn no_count_is_lost_between_python_and_rust() {
    const TIMES: u32 = 200;
    let Some(mut python) = Python::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("number");
    std::fs::write(&file, "0").expect("a file");
    python.begin("count", json!({"file": file, "times": TIMES}));
    let others: Vec<_> = (0..2)
        .map(|_| process(&["count"], &file, &[&TIMES.to_string()]))
        .collect();
    for other in &others {
        other.wait_for(|line| (line == "done").then_some(()));
    }
    python.answer().expect("it counts");
    let number: u32 = std::fs::read_to_string(&file)
        .expect("the file")
        .parse()
        .expect("a number");
    assert_eq!(number, 3 * TIMES);
}

/// POSIX gives a lock back when its process closes any descriptor of the file: another thread's failed try must open none.
#[test]
fn a_try_of_another_thread_does_not_lose_the_lock_to_python() {
    let Some(mut python) = Python::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("credentials");
    let lock = FastenersLock::beside(&file, PATIENCE).expect("nobody holds it");
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(held_by_another(&file)));
    });
    assert!(held_by_another(&file));
    assert!(!python_gets_it(&mut python, &file, 0.2));
    drop(lock);
    assert!(python_gets_it(&mut python, &file, 60.0));
}
