//! What every [`Store`] promises, one function for each promise. They panic where a store breaks it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::samples::{json, key, record, record_of};
use crate::{Change, Key, Locked, Record, Scopes, Store, StoreError, StoreErrorKind, StoreExt, Token};

/// Long enough for a lock that will be free: a store that needs all of it is broken.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

fn lock<'s>(store: &'s impl Store, key: &Key) -> Box<dyn Locked + 's> {
    store
        .lock(key, PATIENCE)
        .expect("a lock that nobody holds can be had")
}

fn put(store: &impl Store, record: &Record) {
    store.put(record.clone(), PATIENCE).expect("a record is stored");
}

fn read(store: &impl Store, key: &Key) -> Option<Record> {
    store.read(key).expect("what a store wrote it can read")
}

fn stored(store: &impl Store, key: &Key) -> Option<String> {
    read(store, key).as_ref().map(json)
}

fn kind<T>(answer: Result<T, StoreError>, what: &str) -> StoreErrorKind {
    match answer {
        Ok(_) => panic!("{what} succeeded"),
        Err(error) => error.kind(),
    }
}

/// What was never stored is `None`, to a read, to a lock and in the list.
pub fn an_absent_record_is_none<S: Store>(make: impl FnOnce() -> S) {
    let store = make();
    assert!(read(&store, &key("ann")).is_none(), "a read invented a record");
    assert!(
        lock(&store, &key("ann")).record().is_none(),
        "a lock invented a record"
    );
    assert!(
        read(&store, &key("ann")).is_none(),
        "an unused lock left a record behind"
    );
}

/// All members come back: those of the token and the client, extras, and members that only a later version knows.
pub fn a_record_reads_back_whole<S: Store>(make: impl FnOnce() -> S) {
    let (store, whole) = (make(), record("ann"));
    put(&store, &whole);
    assert_eq!(stored(&store, &key("ann")), Some(json(&whole)), "read");
    assert_eq!(
        lock(&store, &key("ann")).record().map(json),
        Some(json(&whole)),
        "locked"
    );
}

/// What was saved is what the guard, reads and the next lock give.
pub fn a_save_is_seen_by_all<S: Store>(make: impl FnOnce() -> S) {
    let (store, first) = (make(), record("ann"));
    put(&store, &first);
    let second = first.refreshed(Token::bearer("second", first.token().issued_at));
    let mut locked = lock(&store, &key("ann"));
    locked
        .save(Change::Put(Box::new(second.clone())))
        .expect("a record is stored");
    assert_eq!(locked.record().map(json), Some(json(&second)), "by the guard");
    assert_eq!(
        stored(&store, &key("ann")),
        Some(json(&second)),
        "by a read during the lock"
    );
    drop(locked);
    assert_eq!(stored(&store, &key("ann")), Some(json(&second)), "by a read");
    assert_eq!(
        lock(&store, &key("ann")).record().map(json),
        Some(json(&second)),
        "by the next lock"
    );
}

/// The lock outlives a save, so that a flow can save what it begins and then what came of it.
pub fn a_save_keeps_the_lock<S: Store>(make: impl FnOnce() -> S) {
    let store = make();
    let mut locked = lock(&store, &key("ann"));
    for change in [Change::Put(Box::new(record("ann"))), Change::Delete] {
        locked.save(change).expect("a change is saved");
        let second = store.lock(&key("ann"), Duration::ZERO);
        assert!(
            matches!(
                kind(second, "a second lock after a save"),
                StoreErrorKind::LockTimeout { .. }
            ),
            "a lock that is held times out"
        );
    }
}

/// Under one lock a record may be forgotten and another stored, at a login too.
pub fn after_a_deletion_the_same_lock_saves_again<S: Store>(make: impl FnOnce() -> S) {
    let (store, whole) = (make(), record("ann"));
    put(&store, &whole);
    for login in [false, true] {
        let locked = if login {
            store.lock_for_login(&key("ann"), PATIENCE)
        } else {
            store.lock(&key("ann"), PATIENCE)
        };
        let mut locked = locked.expect("the lock is free");
        let put = || Change::Put(Box::new(whole.clone()));
        for change in [Change::Delete, put(), Change::Delete, put()] {
            locked.save(change).expect("a change is saved");
        }
        drop(locked);
        assert_eq!(stored(&store, &key("ann")), Some(json(&whole)));
    }
}

/// A read gives the last record saved, whoever holds the lock.
pub fn a_read_does_not_wait_for_the_lock<S: Store>(make: impl FnOnce() -> S) {
    let (store, whole) = (make(), record("ann"));
    put(&store, &whole);
    let _locked = lock(&store, &key("ann"));
    assert_eq!(stored(&store, &key("ann")), Some(json(&whole)));
}

/// A lock that is held is refused when the patience ends: at once if there is none.
pub fn a_held_lock_times_out<S: Store>(make: impl FnOnce() -> S) {
    let store = make();
    let _locked = lock(&store, &key("ann"));
    for patience in [Duration::ZERO, Duration::from_millis(20)] {
        let second = store.lock(&key("ann"), patience);
        assert!(
            matches!(kind(second, "a second lock"), StoreErrorKind::LockTimeout { .. }),
            "the error is a lock timeout"
        );
    }
}

/// Who waits gets the lock when the holder gives it back.
pub fn a_waiter_gets_the_lock<S: Store>(make: impl FnOnce() -> S) {
    let store = make();
    let locked = lock(&store, &key("ann"));
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            start.wait();
            store.lock(&key("ann"), PATIENCE).map(drop)
        });
        start.wait();
        // Often the waiter waits by now; where it does not, it finds the lock free.
        for _ in 0..100 {
            std::thread::yield_now();
        }
        drop(locked);
        let got = waiter.join().expect("a waiter does not panic");
        got.expect("a lock that was given back can be had");
    });
}

/// No two threads hold the lock at once, and no change is lost.
pub fn writers_exclude_each_other<S: Store>(make: impl FnOnce() -> S) {
    const WRITERS: u64 = 4;
    const ROUNDS: u64 = 25;
    let (store, first) = (make(), record("ann"));
    put(&store, &first);
    let holders = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let mut locked = lock(&store, &key("ann"));
                    assert_eq!(
                        holders.fetch_add(1, Ordering::SeqCst),
                        0,
                        "another thread holds the lock"
                    );
                    let old = locked.record().expect("the record stays").clone();
                    std::thread::yield_now();
                    let next = old.refreshed(old.token().clone());
                    locked
                        .save(Change::Put(Box::new(next)))
                        .expect("a record is stored");
                    holders.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
    });
    let changes = read(&store, &key("ann")).map(|last| last.generation() - first.generation());
    assert_eq!(changes, Some(WRITERS * ROUNDS), "changes kept");
}

/// A guard that is dropped without a save gives the lock back and changes nothing.
pub fn a_dropped_guard_changes_nothing<S: Store>(make: impl FnOnce() -> S) {
    let (store, whole) = (make(), record("ann"));
    put(&store, &whole);
    drop(lock(&store, &key("ann")));
    let again = store.lock(&key("ann"), Duration::ZERO);
    let again = again.expect("a dropped guard has given the lock back");
    assert_eq!(again.record().map(json), Some(json(&whole)));
    drop(again);
    assert_eq!(stored(&store, &key("ann")), Some(json(&whole)));
}

/// A panic of the holder gives the lock back, and the store goes on.
pub fn a_panic_gives_the_lock_back<S: Store>(make: impl FnOnce() -> S) {
    let (store, whole) = (make(), record("ann"));
    put(&store, &whole);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _locked = lock(&store, &key("ann"));
        // Not a panic of the store: the hook that prints panics need not hear of it.
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(panicked.is_err(), "the panic went through");
    let again = store.lock(&key("ann"), Duration::ZERO);
    let again = again.expect("a guard dropped by a panic has given the lock back");
    assert_eq!(again.record().map(json), Some(json(&whole)));
}

/// A deleted record is gone; deleting what is absent is fine.
pub fn a_deleted_record_is_gone<S: Store>(make: impl FnOnce() -> S) {
    let store = make();
    put(&store, &record("ann"));
    let mut locked = lock(&store, &key("ann"));
    locked.save(Change::Delete).expect("a record is deleted");
    assert!(locked.record().is_none(), "the guard still has it");
    locked.save(Change::Delete).expect("deleting twice is fine");
    drop(locked);
    assert!(read(&store, &key("ann")).is_none(), "a read still finds it");
    assert!(
        lock(&store, &key("ann")).record().is_none(),
        "a lock still finds it"
    );
    put(&store, &record("ann"));
    assert!(read(&store, &key("ann")).is_some(), "it can be stored again");
}

/// Records of different keys never mix. A store with one place refuses the second; no other error is allowed.
pub fn two_keys_never_share<S: Store>(make: impl FnOnce() -> S) {
    let (store, ann, bob) = (make(), record("ann"), record("bob"));
    put(&store, &ann);
    assert!(
        read(&store, &key("bob")).is_none(),
        "a read gave another key's record"
    );
    let mut locked = lock(&store, &key("bob"));
    assert!(locked.record().is_none(), "a lock gave another key's record");
    locked
        .save(Change::Delete)
        .expect("deleting what is absent is fine");
    let saved = locked.save(Change::Put(Box::new(bob.clone())));
    drop(locked);
    assert_eq!(
        stored(&store, &key("ann")),
        Some(json(&ann)),
        "another key's changes touched this record"
    );
    match saved {
        Ok(()) => assert_eq!(stored(&store, &key("bob")), Some(json(&bob))),
        Err(error) => {
            assert_eq!(error.kind(), StoreErrorKind::OtherRecord);
            assert!(read(&store, &key("bob")).is_none(), "a refused record was stored");
        }
    }
}

/// A lock is for one key: the record of another is refused, and nothing changes.
pub fn a_record_of_another_key_is_refused<S: Store>(make: impl FnOnce() -> S) {
    let (store, ann) = (make(), record("ann"));
    put(&store, &ann);
    let mut locked = lock(&store, &key("ann"));
    let saved = locked.save(Change::Put(Box::new(record("bob"))));
    assert_eq!(kind(saved, "a save for another key"), StoreErrorKind::NotLocked);
    assert_eq!(locked.record().map(json), Some(json(&ann)), "the guard changed");
    drop(locked);
    assert_eq!(stored(&store, &key("ann")), Some(json(&ann)));
    assert!(read(&store, &key("bob")).is_none(), "a refused record was stored");
}

/// `Replace` stores one record and forgets another, even in a store with one place.
pub fn a_record_replaces_another<S: Store>(make: impl FnOnce() -> S) {
    let (store, bob) = (make(), record("bob"));
    put(&store, &record("ann"));
    let mut locked = lock(&store, &key("bob"));
    let change = Change::Replace {
        record: Box::new(bob.clone()),
        forget: Box::new(key("ann")),
    };
    locked.save(change).expect("a record is replaced");
    assert_eq!(
        locked.record().map(json),
        Some(json(&bob)),
        "the guard has the new one"
    );
    drop(locked);
    assert_eq!(stored(&store, &key("bob")), Some(json(&bob)));
    assert!(read(&store, &key("ann")).is_none(), "the other was not forgotten");
}

/// `Replace` waits for whoever has the lock of the record to forget, or makes its save a conflict: what was forgotten does not come back.
pub fn a_replaced_record_is_not_written_back<S: Store>(make: impl FnOnce() -> S) {
    let (store, ann, bob) = (make(), record("ann"), record("bob"));
    put(&store, &ann);
    let mut held = lock(&store, &key("ann"));
    std::thread::scope(|scope| {
        let replacing = scope.spawn(|| {
            lock(&store, &key("bob")).save(Change::Replace {
                record: Box::new(bob.clone()),
                forget: Box::new(key("ann")),
            })
        });
        // A store with several places shows the new record before it waits, or nothing while it waits.
        let looked_enough = Instant::now() + Duration::from_secs(2);
        while !store.holds_one_record()
            && Instant::now() < looked_enough
            && read(&store, &key("bob")).is_none()
        {
            std::thread::yield_now();
        }
        let written = held.save(Change::Put(Box::new(ann.refreshed(ann.token().clone()))));
        if let Err(error) = written {
            assert_eq!(error.kind(), StoreErrorKind::Conflict, "the held guard's save");
        }
        drop(held);
        let replaced = replacing.join().expect("whoever replaces does not panic");
        replaced.expect("a record is replaced when the lock of the other is free");
    });
    assert!(read(&store, &key("ann")).is_none(), "the other was written back");
    assert_eq!(stored(&store, &key("bob")), Some(json(&bob)));
}

/// A record that must not be used any more is kept like any other, until its revocation is done.
pub fn a_tombstone_is_kept<S: Store>(make: impl FnOnce() -> S) {
    let store = make();
    let tombstone = record_of("ann", |members| {
        members["refresh"]["revoked_at"] = "2027-01-15T08:00:00Z".into();
    });
    assert!(
        tombstone.refresh_state().revoked_at.is_some(),
        "the sample is a tombstone"
    );
    put(&store, &tombstone);
    assert_eq!(stored(&store, &key("ann")), Some(json(&tombstone)), "read");
    assert_eq!(
        lock(&store, &key("ann")).record().map(json),
        Some(json(&tombstone)),
        "locked"
    );
}

/// The list has the key of each record and no other; a store that cannot list says so.
pub fn keys_lists_what_is_stored<S: Store>(make: impl FnOnce() -> S) {
    let store = make();
    let keys = || match store.keys() {
        Ok(keys) => Some(keys),
        Err(error) if matches!(error.kind(), StoreErrorKind::Unsupported(_)) => None,
        Err(error) => panic!("the keys cannot be listed: {error}"),
    };
    let Some(none) = keys() else { return };
    assert_eq!(none, [], "an empty store");
    put(&store, &record("ann"));
    let unused = lock(&store, &key("bob"));
    assert_eq!(keys(), Some(vec![key("ann")]), "one record");
    drop(unused);
    store.delete(&key("ann"), PATIENCE).expect("a record is deleted");
    assert_eq!(keys(), Some(Vec::new()), "after it was deleted");
}

/// Scopes are a set: a key with the same ones in another order is the same key.
pub fn the_order_of_scopes_does_not_count<S: Store>(make: impl FnOnce() -> S) {
    let (store, whole) = (make(), record("ann"));
    put(&store, &whole);
    let mut names: Vec<&str> = whole.key().scopes().iter().collect();
    names.reverse();
    let scopes = Scopes::try_from(names).expect("they were scopes before");
    let turned = key("ann").with_scopes(scopes);
    assert_eq!(stored(&store, &turned), Some(json(&whole)), "read");
    let mut locked = lock(&store, &turned);
    assert_eq!(locked.record().map(json), Some(json(&whole)), "locked");
    locked
        .save(Change::Put(Box::new(whole)))
        .expect("the record is that of the locked key");
}

/// A record of 100 KiB is kept: tokens with many claims are that large.
pub fn a_large_record_is_kept<S: Store>(make: impl FnOnce() -> S) {
    let store = make();
    let large = record_of("ann", |members| {
        members["token"]["access_token"] = "0123456789abcdef".repeat(100 * 64).into();
    });
    put(&store, &large);
    assert!(
        stored(&store, &key("ann")) == Some(json(&large)),
        "a large record came back changed"
    );
    let small = record_of("ann", |members| members["generation"] = 8.into());
    put(&store, &small);
    assert_eq!(
        stored(&store, &key("ann")),
        Some(json(&small)),
        "a small one after it"
    );
}

/// A record with a lower generation never replaces one with a higher: it is a conflict, and nothing changes. The same
/// generation may be saved again, as a refresh does that notes its attempt.
pub fn a_record_never_goes_back<S: Store>(make: impl FnOnce() -> S) {
    let (store, old) = (make(), record("ann"));
    let new = old.refreshed(old.token().clone());
    put(&store, &new);
    put(&store, &new);
    let mut locked = lock(&store, &key("ann"));
    let saved = locked.save(Change::Put(Box::new(old.clone())));
    assert_eq!(kind(saved, "a save of an older record"), StoreErrorKind::Conflict);
    assert_eq!(locked.record().map(json), Some(json(&new)), "the guard changed");
    locked
        .save(Change::Put(Box::new(old.succeeding(&new))))
        .expect("a new login counts on from the old one");
    drop(locked);
    let generation = read(&store, &key("ann")).map(|last| last.generation());
    assert_eq!(generation, Some(new.generation() + 1));
}

/// The lock for a login is the same lock, and gives the record where there is one.
pub fn a_lock_for_a_login_is_a_lock<S: Store>(make: impl FnOnce() -> S) {
    let (store, whole) = (make(), record("ann"));
    put(&store, &whole);
    let locked = store
        .lock_for_login(&key("ann"), PATIENCE)
        .expect("a lock that nobody holds can be had");
    assert_eq!(locked.record().map(json), Some(json(&whole)));
    let second = store.lock(&key("ann"), Duration::ZERO);
    assert!(
        matches!(kind(second, "a second lock"), StoreErrorKind::LockTimeout { .. }),
        "it excludes other locks"
    );
}
