//! Every system call from taking the lock to giving it back: what is stored is wholly old or wholly new.

use std::collections::BTreeMap;
use std::fs;

use grantflow_core::{Change, Store as _, StoreErrorKind, StoreExt as _};

use crate::room::{Kind, PATIENCE, Room, attempt, json, key, other, record, tell};
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
    of: Kind,
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
        let room = Room::of(self.of);
        (self.furnish)(&room);
        room
    }

    fn run(&self) {
        let room = self.room();
        let whole = Run::new(&["-e", "trace=all"], self.task, (self.of, &room));
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
            if NOT_FILES.contains(&call.name.as_str()) {
                continue;
            }
            // A process may also have too many files open (R34).
            let opening = (call.name == "openat").then_some("EMFILE");
            for error in ERRORS.into_iter().chain(opening) {
                *found.entry(self.fault(error, call)).or_insert(0) += 1;
                faults += 1;
            }
        }
        tell(&format!(
            "{:?}, {}: swept {} points with {faults} faults, found {found:?}",
            self.of,
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
        let run = Run::with(fault, call, self.task, (self.of, &room));
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
        let forgotten = other().key().digest();
        names.retain(|name| !name.starts_with(&forgotten));
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

pub(crate) fn refresh(of: Kind) {
    let sweep = Sweep {
        of,
        task: "refresh",
        furnish: with_the_old_record,
        found: |room| stored(room).filter(|word| ["old", "attempt", "new"].contains(word)),
        old: "old",
        new: "new",
    };
    sweep.run();
}

pub(crate) fn first(of: Kind) {
    let sweep = Sweep {
        of,
        task: "put",
        furnish: |_| {},
        found: |room| stored(room).filter(|word| ["nothing", "new"].contains(word)),
        old: "nothing",
        new: "new",
    };
    sweep.run();
}

pub(crate) fn deletion(of: Kind) {
    let sweep = Sweep {
        of,
        task: "delete",
        furnish: with_the_old_record,
        found: |room| stored(room).filter(|word| ["nothing", "old"].contains(word)),
        old: "old",
        new: "nothing",
    };
    sweep.run();
}

/// Two records meet: the new one is never missing once it was saved, and no other was forgotten before.
#[cfg(feature = "multistore")]
pub(crate) fn replacement(of: Kind) {
    let sweep = Sweep {
        of,
        task: "replace",
        furnish: |room| room.store().put(other(), PATIENCE).unwrap(),
        found: |room| {
            let forgotten = room.store().read(other().key()).ok()?.is_none();
            match (stored(room)?, forgotten) {
                ("nothing", false) => Some("old"),
                ("new", false) => Some("both"),
                ("new", true) => Some("new"),
                _ => None,
            }
        },
        old: "old",
        new: "new",
    };
    sweep.run();
}

const BAD: &[u8] = b"{\"grantflow_file\":1,\"sha256\":\"cut off";

pub(crate) fn login(of: Kind) {
    let sweep = Sweep {
        of,
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
                .partition(|name| fs::read(room.path_of(name)).unwrap() == BAD);
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
pub(crate) fn synced_once(of: Kind) {
    let room = Room::of(of);
    with_the_old_record(&room);
    let whole = Run::new(&["-e", "trace=fsync,write"], "refresh", (of, &room));
    let syncs: Vec<Call> = whole
        .calls
        .iter()
        .filter(|call| call.name == "fsync")
        .cloned()
        .collect();
    assert_eq!(syncs.len(), 4, "two saves, each of a file and its directory");
    // The third and fourth are those of the save after the request.
    for call in &syncs[2..] {
        let room = Room::of(of);
        with_the_old_record(&room);
        let inject = format!("inject=fsync:error=EIO:when={}", call.number);
        let trace = "trace=fsync,openat,close,write,renameat";
        let run = Run::new(&["-e", trace, "-e", &inject], "refresh", (of, &room));
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

/// What the note of an attempt reserves is refused there: the request has not left, and the old record stays. So is what a login
/// reserves, before anybody is asked for consent.
pub(crate) fn quota(of: Kind) {
    for error in ["EDQUOT", "ENOSPC"] {
        for (task, end) in [("refresh", "save Full"), ("put", "flow Full")] {
            let room = Room::of(of);
            with_the_old_record(&room);
            let inject = format!("inject=fallocate:error={error}:when=1");
            let run = Run::new(&["-e", "trace=fallocate", "-e", &inject], task, (of, &room));
            assert!(run.says(end) && !run.says("request"), "{run:?}");
            assert_eq!(stored(&room), Some("old"));
            assert_eq!(room.names(), ["credentials.json", "credentials.json.lock"]);
        }
    }
}

pub(crate) fn no_locks(of: Kind) {
    for error in ["ENOLCK", "EOPNOTSUPP", "ENOSYS"] {
        let room = Room::of(of);
        with_the_old_record(&room);
        let inject = format!("inject=flock:error={error}");
        let run = Run::new(&["-e", "trace=flock", "-e", &inject], "refresh", (of, &room));
        assert_eq!(run.said, ["begin", "flow LockUnsupported", "end"]);
        assert_eq!(stored(&room), Some("old"));
    }
}

pub(crate) fn never_wider(of: Kind) {
    let room = Room::of(of);
    let dir = room.join("new");
    let run = Run::new(&["-e", "trace=%file,fchmod,write"], "put", (of, &dir));
    assert!(run.says("flow ok"));
    let calls = run.between("begin", "end");
    let created: Vec<&Call> = calls
        .iter()
        .filter(|call| call.line.contains("O_CREAT"))
        .collect();
    let sealed = crate::room::keys(&dir).exists();
    assert_eq!(
        created.len(),
        if sealed { 4 } else { 2 },
        "the lock file and the one to save into, for the record and for the data key"
    );
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

/// Else a crash could leave what nobody can open.
#[cfg(feature = "encrypted")]
pub(crate) fn key_first(of: Kind) {
    let room = Room::of(of);
    let trace = "trace=openat,read,write,fsync,renameat";
    let run = Run::new(&["-e", trace], "put", (of, &room));
    assert!(run.says("flow ok"));
    let calls = run.between("begin", "end");
    let at = |what: &str, is: &dyn Fn(&Call) -> bool| {
        let at = calls.iter().position(is);
        at.unwrap_or_else(|| panic!("{what}: {calls:#?}"))
    };
    let keys = crate::room::keys(&room);
    let key = keys.join("data-key.json");
    let (keys, key) = (keys.to_str().unwrap(), key.to_str().unwrap());
    let steps = [
        at("created", &|call| {
            call.line.contains("data-key.json.saving-0\"") && call.line.contains("O_EXCL")
        }),
        at("written", &|call| {
            call.name == "write" && call.line.contains("grantflow_keys")
        }),
        at("synced", &|call| {
            call.name == "fsync" && call.line.contains("data-key.json.saving-0>")
        }),
        at("renamed", &|call| {
            call.name == "renameat" && call.line.contains("\"data-key.json\"")
        }),
        at("its directory synced", &|call| {
            call.name == "fsync" && call.line.contains(&format!("<{keys}>"))
        }),
        at("read back", &|call| {
            call.name == "read" && call.line.contains(&format!("<{key}>"))
        }),
        at("the first sealed bytes", &|call| {
            call.name == "write" && call.line.contains("grantflow_sealed")
        }),
    ];
    assert!(steps.is_sorted(), "{steps:?} {calls:#?}");
}

pub(crate) fn unchanged(of: Kind) {
    let room = Room::of(of);
    with_the_old_record(&room);
    let run = Run::new(&["-e", "trace=%file,read,write,fstat"], "read twice", (of, &room));
    assert!(run.says("same"), "{run:?}");
    let opens = |calls: &[Call]| calls.iter().filter(|call| call.name == "openat").count();
    assert!(opens(run.between("begin", "again")) > 0);
    let again = run.between("again", "same");
    assert!(
        opens(again) == 0 && !again.iter().any(|call| call.name == "read"),
        "{again:#?}"
    );
}

/// The thread that would wait for the lock cannot be had: no panic and no wait, and the next one can.
pub(crate) fn no_threads(of: Kind) {
    let room = Room::of(of);
    with_the_old_record(&room);
    let inject = "inject=clone,clone3:error=EAGAIN:when=1";
    let run = Run::new(&["-e", "trace=clone,clone3", "-e", inject], "wait", (of, &room));
    assert!(run.calls.iter().any(Call::is_injected), "{run:?}");
    let said = &run.said[1..];
    assert_eq!(said[0], "no thread Unavailable");
    assert!(said[1].starts_with("a thread LockTimeout"), "{said:?}");
    assert_eq!(said[2..], ["locked", "save ok", "flow ok", "end"]);
    assert_eq!(stored(&room), Some("new"));
}
