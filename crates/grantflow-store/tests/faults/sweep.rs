//! Every system call from taking the lock to giving it back: what is stored is wholly old or wholly new.

use std::collections::BTreeMap;
use std::fs;

use grantflow_core::{Change, Store as _, StoreErrorKind, StoreExt as _};

use crate::room::{PATIENCE, Room, attempt, json, key, record, tell};
use crate::strace::{Call, Run};

/// Errors of a full disk, a full quota, a dying disk, one that became read-only, and a place without locks.
const ERRORS: [&str; 5] = ["ENOSPC", "EDQUOT", "EIO", "EROFS", "ENOLCK"];

/// Calls that are not about files: a failure of theirs is that of the process, not of the store.
const NOT_FILES: [&str; 12] = [
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "brk",
    "futex",
    "getpid",
    "geteuid",
    "sched_yield",
    "getrandom",
    "exit_group",
];

/// A sweep: how a room is made, what the victim does in it, and what may be found there afterwards.
struct Sweep {
    task: &'static str,
    furnish: fn(&Room),
    /// What is stored, in a word; none for what must never be.
    found: fn(&Room) -> Option<&'static str>,
    /// The word before, and after a success.
    old: &'static str,
    new: &'static str,
}

impl Sweep {
    fn room(&self) -> Room {
        let room = Room::new();
        (self.furnish)(&room);
        room
    }

    fn run(&self) {
        let room = self.room();
        let whole = Run::new(&["-e", "trace=all"], self.task, &room.file());
        assert!(whole.says("flow ok"), "without faults it succeeds: {whole:?}");
        assert_eq!((self.found)(&room), Some(self.new));
        let marks = |call: &&Call| !call.says("");
        let points: Vec<Call> = whole
            .between("begin", "end")
            .iter()
            .filter(marks)
            .cloned()
            .collect();
        let mut found = BTreeMap::new();
        let mut faults = 0;
        for call in &points {
            *found.entry(self.fault("KILL", call)).or_insert(0) += 1;
            faults += 1;
            for error in ERRORS {
                if !NOT_FILES.contains(&call.name.as_str()) {
                    *found.entry(self.fault(error, call)).or_insert(0) += 1;
                    faults += 1;
                }
            }
        }
        tell(&format!(
            "{}: swept {} points with {faults} faults, found {found:?}",
            self.task,
            points.len()
        ));
        assert!(
            found.contains_key(self.old) && found.contains_key(self.new),
            "{found:?}"
        );
    }

    /// Runs the victim with one fault: what was found.
    fn fault(&self, fault: &str, call: &Call) -> &'static str {
        let room = self.room();
        let run = Run::with(fault, call, self.task, &room.file());
        let context = format!("{fault} at {} {}: {:?}", call.number, call.line, run.said);
        let hit = run.killed || run.calls.iter().any(Call::is_injected);
        assert!(hit, "the fault was not reached: {context}");
        let Some(found) = (self.found)(&room) else {
            panic!("neither old nor new: {context}");
        };
        // What was reported as saved is there; where a save failed once, the second try succeeds.
        let saved = run.says("flow ok");
        assert!(!saved || found == self.new, "a success was lost: {context}");
        if !run.killed && run.says("request") {
            assert!(saved, "the second save fails too: {context}");
        }
        self.next(&room, found, &context);
        found
    }

    /// The next process locks, saves and leaves nothing behind.
    fn next(&self, room: &Room, found: &str, context: &str) {
        let store = room.store();
        let mut locked = match store.lock_for_login(&key(), PATIENCE) {
            Ok(locked) => locked,
            Err(error) => panic!("the next lock fails with {error:?}: {context}"),
        };
        assert_eq!(
            (self.found)(room),
            Some(found),
            "the next lock changed it: {context}"
        );
        let last = record(9);
        locked.save(Change::Put(Box::new(last.clone()))).unwrap();
        drop(locked);
        assert_eq!(store.read(&key()).unwrap().as_ref().map(json), Some(json(&last)));
        let mut names = room.names();
        names.retain(|name| !name.starts_with("credentials.json.corrupt-"));
        assert_eq!(names, ["credentials.json", "credentials.json.lock"], "{context}");
    }
}

/// The one record that is stored, in a word.
fn stored(room: &Room) -> Option<&'static str> {
    match room.store().read(&key()) {
        Ok(None) => Some("nothing"),
        Ok(Some(found)) => [("old", record(1)), ("attempt", attempt(1)), ("new", record(2))]
            .into_iter()
            .find(|(_, known)| json(known) == json(&found))
            .map(|(word, _)| word),
        Err(error) if error.kind() == StoreErrorKind::Corrupt => Some("corrupt"),
        Err(_) => None,
    }
}

fn with_the_old_record(room: &Room) {
    room.store().put(record(1), PATIENCE).unwrap();
}

pub(crate) fn refresh() {
    let sweep = Sweep {
        task: "refresh",
        furnish: with_the_old_record,
        found: |room| stored(room).filter(|word| ["old", "attempt", "new"].contains(word)),
        old: "old",
        new: "new",
    };
    sweep.run();
}

pub(crate) fn first() {
    let sweep = Sweep {
        task: "put",
        furnish: |_| {},
        found: |room| stored(room).filter(|word| ["nothing", "new"].contains(word)),
        old: "nothing",
        new: "new",
    };
    sweep.run();
}

pub(crate) fn deletion() {
    let sweep = Sweep {
        task: "delete",
        furnish: with_the_old_record,
        found: |room| stored(room).filter(|word| ["nothing", "old"].contains(word)),
        old: "old",
        new: "nothing",
    };
    sweep.run();
}

const BAD: &[u8] = b"{\"grantflow_file\":1,\"sha256\":\"cut off";

pub(crate) fn login() {
    let sweep = Sweep {
        task: "put",
        furnish: |room| {
            with_the_old_record(room);
            fs::write(room.file(), BAD).unwrap();
        },
        // In between, the bad file is aside and the new one not yet in its place.
        found: |room| {
            let word = stored(room).filter(|word| ["corrupt", "nothing", "new"].contains(word))?;
            let mut names = room.names();
            names.retain(|name| name == "credentials.json" || name.starts_with("credentials.json.corrupt-"));
            let (bad, good): (Vec<_>, Vec<_>) = names
                .iter()
                .partition(|name| fs::read(room.join(name)).unwrap() == BAD);
            // It is kept once, and nothing good is set aside.
            let kept = bad.len() == 1 && good.iter().all(|name| *name == "credentials.json");
            kept.then_some(word)
        },
        old: "corrupt",
        new: "new",
    };
    sweep.run();
}

/// After a failed fsync the kernel may count lost pages as written, so a second one would lie.
pub(crate) fn synced_once() {
    let room = Room::new();
    with_the_old_record(&room);
    let whole = Run::new(&["-e", "trace=fsync,write"], "refresh", &room.file());
    let syncs: Vec<Call> = whole
        .calls
        .iter()
        .filter(|call| call.name == "fsync")
        .cloned()
        .collect();
    assert_eq!(syncs.len(), 4, "two saves, each of a file and its directory");
    // The third and fourth are those of the save after the request.
    for call in &syncs[2..] {
        let room = Room::new();
        with_the_old_record(&room);
        let inject = format!("inject=fsync:error=EIO:when={}", call.number);
        let trace = "trace=fsync,openat,close,write,renameat";
        let run = Run::new(&["-e", trace, "-e", &inject], "refresh", &room.file());
        assert_eq!(
            run.said,
            [
                "begin", "locked", "save ok", "request", "save Io", "save ok", "flow ok", "end"
            ]
        );
        let failed = run.calls.iter().position(Call::is_injected).unwrap();
        let descriptor = |call: &Call| call.line.split(['(', '<']).nth(1).unwrap().to_owned();
        for (at, call) in run.calls.iter().enumerate().skip(failed + 1) {
            let same = call.name == "fsync" && descriptor(call) == descriptor(&run.calls[failed]);
            let closed = run.calls[failed..at]
                .iter()
                .any(|other| other.name == "close" && descriptor(other) == descriptor(call));
            assert!(!same || closed, "synced again: {}", call.line);
        }
        assert_eq!(stored(&room), Some("new"));
    }
}

/// What is reserved under the lock is refused there: the request has not left, and the old record stays.
pub(crate) fn quota() {
    for error in ["EDQUOT", "ENOSPC"] {
        // The first reservation is that of the lock, the second that of the note of the attempt.
        for (number, end) in [(1, "flow Full"), (2, "save Full")] {
            let room = Room::new();
            with_the_old_record(&room);
            let inject = format!("inject=fallocate:error={error}:when={number}");
            let run = Run::new(&["-e", "trace=fallocate", "-e", &inject], "refresh", &room.file());
            assert!(run.says(end) && !run.says("request"), "{run:?}");
            assert_eq!(stored(&room), Some("old"));
            assert_eq!(room.names(), ["credentials.json", "credentials.json.lock"]);
        }
    }
}

pub(crate) fn no_locks() {
    for error in ["ENOLCK", "EOPNOTSUPP", "ENOSYS"] {
        let room = Room::new();
        with_the_old_record(&room);
        let inject = format!("inject=flock:error={error}");
        let run = Run::new(&["-e", "trace=flock", "-e", &inject], "refresh", &room.file());
        assert_eq!(run.said, ["begin", "flow LockUnsupported", "end"]);
        assert_eq!(stored(&room), Some("old"));
    }
}

pub(crate) fn never_wider() {
    let room = Room::new();
    let file = room.join("new").join("credentials.json");
    let run = Run::new(&["-e", "trace=%file,fchmod,write"], "put", &file);
    assert!(run.says("flow ok"));
    let calls = run.between("begin", "end");
    let created: Vec<&Call> = calls
        .iter()
        .filter(|call| call.line.contains("O_CREAT"))
        .collect();
    assert_eq!(created.len(), 2, "the lock file and the one to save into");
    for call in created {
        assert!(call.line.contains(", 0600)"), "{}", call.line);
    }
    for call in calls {
        assert!(!call.name.contains("chmod"), "{}", call.line);
        assert!(
            !call.name.starts_with("mkdir") || call.line.contains(", 0700)"),
            "{}",
            call.line
        );
    }
}
