//! The process that is killed, or whose system calls fail.

use std::io::Write as _;
use std::path::Path;

use grantflow_core::{Change, Locked, Store, StoreError};

use crate::room::{Kind, PATIENCE, attempt, json, key, kind, other, record};

pub(crate) const TASK: &str = "GRANTFLOW_TEST_TASK";
pub(crate) const KIND: &str = "GRANTFLOW_TEST_KIND";
pub(crate) const DIR: &str = "GRANTFLOW_TEST_DIR";

/// Performs the task that this process was given and ends it; without one there is nothing to do.
pub(crate) fn perform_task() {
    let (Some(task), Some(dir)) = (std::env::var_os(TASK), std::env::var_os(DIR)) else {
        return;
    };
    let store = Kind::named(&std::env::var(KIND).unwrap()).open(Path::new(&dir));
    say("begin");
    let new = Change::Put(Box::new(record(2)));
    let ended = match task.to_str().unwrap() {
        "refresh" => locked(store.lock(&key(), PATIENCE), |locked| {
            save(locked, Change::Put(Box::new(attempt(1))))?;
            say("request");
            save_twice(locked, &new)
        }),
        "delete" => locked(store.lock(&key(), PATIENCE), |locked| {
            save_twice(locked, &Change::Delete)
        }),
        "put" => locked(store.lock_for_login(&key(), PATIENCE), |locked| {
            say("request");
            save_twice(locked, &new)
        }),
        "wait" => (|| {
            // Another store has other turns: only the kernel's lock keeps the two apart, and a thread has to wait for it.
            let other = Kind::named(&std::env::var(KIND).unwrap()).open(Path::new(&dir));
            let held = other.lock(&key(), PATIENCE)?;
            say_kind("no thread", store.lock(&key(), PATIENCE).map(drop));
            let moment = std::time::Duration::from_millis(1);
            say_kind("a thread", store.lock(&key(), moment).map(drop));
            drop(held);
            locked(store.lock(&key(), PATIENCE), |locked| save(locked, new))
        })(),
        "read twice" => (|| {
            // sleep: only a file that has not been changed for two seconds is not read again
            std::thread::sleep(std::time::Duration::from_millis(3_100));
            let first = store.read(&key())?;
            say("again");
            let second = store.read(&key())?;
            let same = first.is_some() && first.as_ref().map(json) == second.as_ref().map(json);
            say(if same { "same" } else { "different" });
            Ok(())
        })(),
        "replace" => locked(store.lock_for_login(&key(), PATIENCE), |locked| {
            let forget = Box::new(other().key().clone());
            let record = Box::new(record(2));
            say("request");
            save_twice(locked, &Change::Replace { record, forget })
        }),
        task => panic!("no task {task}"),
    };
    say_kind("flow", ended);
    say("end");
    std::process::exit(0);
}

fn locked<'s>(
    locked: Result<Box<dyn Locked + 's>, StoreError>,
    flow: impl FnOnce(&mut dyn Locked) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut locked = locked?;
    say("locked");
    flow(&mut *locked)
}

fn save(locked: &mut dyn Locked, change: Change) -> Result<(), StoreError> {
    let saved = locked.save(change);
    say_kind("save", saved.clone());
    saved
}

/// As a refresh does that must not lose its token.
fn save_twice(locked: &mut dyn Locked, change: &Change) -> Result<(), StoreError> {
    save(locked, change.clone()).or_else(|_| save(locked, change.clone()))
}

/// One write, so that it is one line in a trace.
fn say(what: &str) {
    let _ = std::io::stderr().write_all(format!("@{what}\n").as_bytes());
}

fn say_kind(what: &str, answer: Result<(), StoreError>) {
    match kind(answer) {
        None => say(&format!("{what} ok")),
        Some(kind) => say(&format!("{what} {kind:?}")),
    }
}
