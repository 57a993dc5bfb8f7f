//! What the store in memory promises besides: replacing a record as the store of many does.

use std::thread;
use std::time::Duration;

use grantflow_core::{Change, Store as _, StoreErrorKind, StoreExt as _};
use grantflow_store::MemoryStore;

use super::multistore::{login_of, of_account, replace, replace_within};
use super::room::{PATIENCE, json};

fn stored(store: &MemoryStore, account: &str) -> Option<String> {
    store.read(of_account(account).key()).unwrap().as_ref().map(json)
}

fn with_bob() -> MemoryStore {
    let store = MemoryStore::new();
    store.put(of_account("bob"), PATIENCE).unwrap();
    store
}

#[test]
fn r12_a_replacement_of_what_is_in_use_keeps_both_and_says_so() {
    let (store, ann, bob) = (with_bob(), of_account("ann"), of_account("bob"));
    let in_use = store.lock(bob.key(), PATIENCE).unwrap();
    let error = replace_within(Duration::ZERO, &store, &ann, bob.key()).unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::LockTimeout { .. }),
        "{error}"
    );
    assert_eq!(stored(&store, "ann"), Some(json(&ann)));
    assert_eq!(stored(&store, "bob"), Some(json(&bob)));
    drop(in_use);
    // Once more, and it is done.
    replace(&store, &ann, bob.key()).unwrap();
    assert_eq!(
        (stored(&store, "ann"), stored(&store, "bob")),
        (Some(json(&ann)), None)
    );
}

#[test]
fn a_login_that_comes_while_its_record_is_to_be_forgotten_stays() {
    let (store, ann, bob) = (with_bob(), of_account("ann"), login_of("bob", 1));
    let mut in_use = store.lock(bob.key(), PATIENCE).unwrap();
    thread::scope(|scope| {
        let replacing = scope.spawn(|| replace(&store, &ann, bob.key()));
        // It is saved, so it has looked what there is to forget.
        while stored(&store, "ann").is_none() {
            thread::yield_now();
        }
        in_use.save(Change::Put(Box::new(bob.clone()))).unwrap();
        replacing.join().unwrap().unwrap();
    });
    drop(in_use);
    assert_eq!(stored(&store, "bob"), Some(json(&bob)));
    assert_eq!(stored(&store, "ann"), Some(json(&ann)));
}

/// Two logins, each in place of the other: none waits for ever.
#[test]
fn logins_that_replace_each_other_end_and_lose_no_login() {
    for round in 0..200 {
        let store = with_bob();
        store.put(of_account("ann"), PATIENCE).unwrap();
        let [ann, bob] = ["ann", "bob"].map(|account| login_of(account, round));
        let start = std::sync::Barrier::new(2);
        let one = |new, old| {
            start.wait();
            replace(&store, new, old).unwrap();
        };
        thread::scope(|scope| {
            let first = scope.spawn(|| one(&ann, bob.key()));
            one(&bob, ann.key());
            first.join().unwrap();
        });
        let left = [stored(&store, "ann"), stored(&store, "bob")];
        let logins = [json(&ann), json(&bob)];
        assert!(left.iter().any(Option::is_some), "round {round}: both are gone");
        assert!(
            left.iter().flatten().all(|record| logins.contains(record)),
            "round {round}"
        );
    }
}
