//! One writer among all processes, whatever happens to the others.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use grantflow_core::{Change, Store as _, StoreErrorKind, StoreExt as _};
use rustix::process::Signal;

use crate::child::{self, Holder};
use crate::room::{Kind, PATIENCE, Room, each, json, key, kind, record, tell};

/// So short that a test does not wait for it, and long enough to go the whole way through the helper.
const SHORT: Duration = Duration::from_millis(30);

fn furnished(of: Kind) -> Room {
    let room = Room::of(of);
    room.store().put(record(1), PATIENCE).unwrap();
    room
}

#[test]
fn r09_two_stores_on_one_file_exclude_each_other() {
    each(|of| {
        let room = furnished(of);
        let (one, two) = (room.store(), room.store());
        let locked = one.lock(&key(), PATIENCE).unwrap();
        let ourselves = Some(StoreErrorKind::LockTimeout {
            holder: Some(std::process::id()),
        });
        assert_eq!(kind(two.lock(&key(), Duration::ZERO)), ourselves, "another store");
        assert_eq!(kind(two.lock(&key(), SHORT)), ourselves, "another store, waiting");
        assert_eq!(kind(Arc::clone(&one).lock(&key(), SHORT)), ourselves, "a clone");
        drop(locked);
        // The helper of one that waited in vain may have it for a moment, until it is adopted.
        two.lock(&key(), PATIENCE).unwrap();
    });
}

#[test]
fn r09_a_process_that_holds_the_lock_excludes_others() {
    each(|of| {
        let room = furnished(of);
        let store = room.store();
        let locked = store.lock(&key(), PATIENCE).unwrap();
        let holder = std::process::id();
        let said = child::run(child::command("try", &room));
        assert_eq!(
            said,
            [
                "read ok".to_owned(),
                format!("lock LockTimeout {{ holder: Some({holder}) }}")
            ]
        );
        drop(locked);
        let said = child::run(child::command("try", &room));
        assert_eq!(said, ["read ok", "lock ok"]);
    });
}

#[test]
fn r11_the_lock_of_a_killed_process_is_taken_over() {
    each(|of| {
        const ROUNDS: usize = 20;
        let room = furnished(of);
        let store = room.store();
        let mut times: Vec<Duration> = (0..ROUNDS)
            .map(|_| {
                let holder = Holder::start(&room);
                assert!(matches!(
                    kind(store.lock(&key(), SHORT)),
                    Some(StoreErrorKind::LockTimeout { .. })
                ));
                let killed = Instant::now();
                holder.signal(Signal::KILL);
                let locked = store.lock(&key(), PATIENCE).unwrap();
                let time = killed.elapsed();
                assert_eq!(locked.record().map(json), Some(json(&record(1))));
                drop(locked);
                assert_eq!(room.names(), ["credentials.json", "credentials.json.lock"]);
                time
            })
            .collect();
        times.sort();
        let (median, most) = (times[ROUNDS / 2], times[ROUNDS - 1]);
        tell(&format!(
            "r11: {ROUNDS} holders killed, taken over after {median:?} (median), {most:?} (most)"
        ));
    });
}

#[test]
fn r12_a_stopped_process_keeps_the_lock_and_is_named() {
    each(|of| {
        let room = furnished(of);
        let store = room.store();
        let holder = Holder::start(&room);
        holder.signal(Signal::STOP);
        let named = Some(StoreErrorKind::LockTimeout {
            holder: Some(holder.0.id()),
        });
        for patience in [Duration::ZERO, SHORT, SHORT] {
            assert_eq!(kind(store.lock(&key(), patience)), named);
        }
        assert!(store.read(&key()).unwrap().is_some(), "reads go on");
        holder.signal(Signal::CONT);
        drop(holder);
        store.lock(&key(), PATIENCE).unwrap();
    });
}

/// Many callers give up; still one thread waits, and it keeps the lock from nobody.
#[test]
fn r12_an_abandoned_helper_is_adopted_and_never_holds_the_lock() {
    each(|of| {
        let room = furnished(of);
        let (store, other) = (room.store(), room.store());
        let locked = other.lock(&key(), PATIENCE).unwrap();
        for _ in 0..10 {
            assert!(kind(store.lock(&key(), Duration::from_millis(1))).is_some());
        }
        #[cfg(target_os = "linux")]
        assert!(helpers() >= 1, "a helper waits");
        std::thread::scope(|scope| {
            let adopter = scope.spawn(|| store.lock(&key(), PATIENCE).map(drop));
            drop(locked);
            adopter.join().unwrap().unwrap();
        });
        // Abandoned once more, it lets go of what it gets.
        let locked = other.lock(&key(), PATIENCE).unwrap();
        assert!(kind(store.lock(&key(), Duration::from_millis(1))).is_some());
        drop(locked);
        other.lock(&key(), PATIENCE).unwrap();
        store.lock(&key(), PATIENCE).unwrap();
    });
}

/// The threads of this process that wait for locks; other tests may have some too.
#[cfg(target_os = "linux")]
fn helpers() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "grantflow-lock").count()
}

#[test]
fn r13_a_lock_file_removed_again_and_again_lets_no_two_write() {
    each(|of| {
        const WRITERS: u64 = 4;
        const ROUNDS: u64 = 60;
        let room = furnished(of);
        let over = AtomicBool::new(false);
        let (holders, removed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if fs::remove_file(room.beside(".lock")).is_ok() {
                        removed.fetch_add(1, Ordering::Relaxed);
                    }
                    std::thread::yield_now();
                }
            });
            let writers: Vec<_> = (0..WRITERS)
                .map(|_| {
                    scope.spawn(|| {
                        // A store of its own, as another process would have.
                        let store = room.store();
                        for _ in 0..ROUNDS {
                            let mut locked = store.lock(&key(), PATIENCE).unwrap();
                            assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
                            let generation = locked.record().unwrap().generation();
                            std::thread::yield_now();
                            locked
                                .save(Change::Put(Box::new(record(generation + 1))))
                                .unwrap();
                            std::thread::yield_now();
                            holders.fetch_sub(1, Ordering::SeqCst);
                        }
                    })
                })
                .collect();
            let ended: Vec<_> = writers
                .into_iter()
                .map(std::thread::ScopedJoinHandle::join)
                .collect();
            over.store(true, Ordering::Relaxed);
            assert!(ended.iter().all(Result::is_ok), "a writer panicked");
        });
        let generation = room.store().read(&key()).unwrap().unwrap().generation();
        assert_eq!(generation, 1 + WRITERS * ROUNDS, "no change is lost");
        let removed = removed.into_inner();
        tell(&format!(
            "r13: the lock file was removed {removed} times during {} saves",
            WRITERS * ROUNDS
        ));
        assert!(removed > 0);
    });
}

/// Else the lock of a killed process would be held by the browser it opened.
#[test]
fn r15_a_child_process_does_not_inherit_the_lock() {
    each(|of| {
        let room = furnished(of);
        let store = room.store();
        let (holder, child) = Holder::start_with_child(&room);
        holder.signal(Signal::KILL);
        let taken = store.lock(&key(), Duration::from_secs(10)).map(drop);
        let child = rustix::process::Pid::from_raw(child).unwrap();
        let lives = rustix::process::test_kill_process(child);
        rustix::process::kill_process(child, Signal::KILL).unwrap();
        taken.unwrap();
        lives.unwrap();
    });
}

#[test]
fn r15_closing_the_lock_file_elsewhere_does_not_unlock() {
    each(|of| {
        let room = furnished(of);
        let (one, two) = (room.store(), room.store());
        let _locked = one.lock(&key(), PATIENCE).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                drop(fs::File::open(room.beside(".lock")).unwrap());
                drop(fs::File::open(room.file()).unwrap());
                assert!(kind(two.lock(&key(), Duration::ZERO)).is_some());
            });
        });
        let said = child::run(child::command("try", &room));
        assert!(said[1].starts_with("lock LockTimeout"), "{said:?}");
    });
}

#[test]
fn r34_without_open_files_the_error_is_typed_and_passes() {
    each(|of| {
        let room = Room::of(of);
        let said = child::run(child::command_after("ulimit -n 24", "exhaust", of, &room));
        assert_eq!(said.last().map(String::as_str), Some("recovered"), "{said:?}");
        let unavailable = "Some(Unavailable)";
        assert!(said.len() > 3, "it ran out of files at several places: {said:?}");
        for line in &said[..said.len() - 1] {
            assert!(line.ends_with(&format!("put {unavailable}")), "{line}");
            assert!(
                line.starts_with(&format!("read {unavailable}")) || line.starts_with("read None"),
                "{line}"
            );
        }
        assert_eq!(room.names(), ["credentials.json", "credentials.json.lock"]);
    });
}
