//! This binary as another process.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use grantflow_core::{Store, StoreError, StoreExt as _};

use crate::room::{Kind, PATIENCE, Room, json, key, kind, record};

const TASK: &str = "GRANTFLOW_TEST_TASK";
const KIND: &str = "GRANTFLOW_TEST_KIND";
const DIR: &str = "GRANTFLOW_TEST_DIR";

/// The test below in another process, with a task.
pub(crate) fn command(task: &str, room: &Room) -> Command {
    command_in(task, room.kind(), room)
}

/// The same with a store of this kind in a directory.
pub(crate) fn command_in(task: &str, kind: Kind, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(arguments())
        .env(TASK, task)
        .env(KIND, kind.name())
        .env(DIR, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// What makes this binary run the other process's test and nothing else.
pub(crate) const fn arguments() -> [&'static str; 4] {
    [
        "--exact",
        "child::the_other_process",
        "--nocapture",
        "--test-threads=1",
    ]
}

/// The same from a shell that has run `before`, with a store of this kind in a directory.
pub(crate) fn command_after(before: &str, task: &str, kind: Kind, dir: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{before}; exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(arguments())
        .env(TASK, task)
        .env(KIND, kind.name())
        .env(DIR, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Runs it to its end: what it said.
pub(crate) fn run(mut command: Command) -> Vec<String> {
    said(&command.output().unwrap().stderr)
}

/// The lines that the other process said, among whatever else its standard error has.
pub(crate) fn said(stderr: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(stderr)
        .lines()
        .filter_map(|line| line.strip_prefix('@'))
        .map(str::to_owned)
        .collect()
}

/// A process that holds the lock until it is dropped.
#[derive(Debug)]
pub(crate) struct Holder(pub(crate) Child);

impl Holder {
    /// Starts it and waits until it has the lock.
    pub(crate) fn start(room: &Room) -> Self {
        Self::start_as("hold", room).0
    }

    /// Starts it with a child of its own, which outlives it; gives the child's number too.
    pub(crate) fn start_with_child(room: &Room) -> (Self, i32) {
        let (holder, said) = Self::start_as("hold with a child", room);
        let child = said.strip_prefix("@child ").unwrap().parse().unwrap();
        (holder, child)
    }

    fn start_as(task: &str, room: &Room) -> (Self, String) {
        let mut child = command(task, room).stdin(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = lines.map_while(Result::ok).find(|line| line.starts_with('@'));
        (Self(child), said.expect("it got the lock"))
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn say(what: &str) {
    let _ = std::io::stderr().write_all(format!("@{what}\n").as_bytes());
}

fn say_kind<T>(what: &str, answer: Result<T, StoreError>) {
    match kind(answer) {
        None => say(&format!("{what} ok")),
        Some(kind) => say(&format!("{what} {kind:?}")),
    }
}

/// No test of its own: without a task there is nothing to do.
#[test]
fn the_other_process() {
    let (Some(task), Some(dir)) = (std::env::var_os(TASK), std::env::var_os(DIR)) else {
        return;
    };
    let store = Kind::named(&std::env::var(KIND).unwrap()).open(Path::new(&dir));
    match task.to_str().unwrap() {
        "hold" => {
            let _locked = store.lock(&key(), PATIENCE).unwrap();
            say("locked");
            let _ = std::io::stdin().read(&mut [0]);
        }
        "hold with a child" => {
            let _locked = store.lock(&key(), PATIENCE).unwrap();
            let child = Command::new("tail")
                .args(["-f", "/dev/null"])
                .stderr(Stdio::null())
                .spawn();
            say(&format!("child {}", child.unwrap().id()));
            let _ = std::io::stdin().read(&mut [0]);
        }
        "put" => say_kind("put", store.put(record(1), PATIENCE)),
        "try" => {
            say_kind("read", store.read(&key()));
            say_kind("lock", store.lock(&key(), Duration::ZERO));
        }
        "exhaust" => exhaust(&*store),
        "count" => count(&*store),
        task => panic!("no task {task}"),
    }
    // Nothing of the harness is of interest.
    std::process::exit(0);
}

/// Saves one record after the other, and says each once it is saved, until one cannot be.
fn count(store: &dyn Store) {
    let stored = store
        .read(&key())
        .unwrap()
        .map_or(0, |stored| stored.generation());
    let saved = (stored + 1..).take_while(|next| store.put(record(*next), PATIENCE).is_ok());
    saved.for_each(|saved| say(&format!("saved {saved}")));
}

/// Uses up all open files, tries, frees one after the other, and tries again.
fn exhaust(store: &dyn Store) {
    store.put(record(1), PATIENCE).unwrap();
    let mut files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    loop {
        let read = kind(store.read(&key()));
        let put = kind(store.put(record(2), Duration::ZERO));
        if put.is_none() {
            break;
        }
        say(&format!("read {read:?} put {put:?}"));
        if files.pop().is_none() {
            break;
        }
    }
    let stored = store.read(&key()).unwrap().unwrap();
    say(if json(&stored) == json(&record(2)) {
        "recovered"
    } else {
        "lost"
    });
}
