//! Stores beside a map: whatever is put, deleted, given up and opened anew, they have what the map has.

use std::collections::HashMap;
use std::sync::Arc;

use grantflow_core::{Change, Key, Record, Store};
use grantflow_store::MemoryStore;

use crate::room::{PATIENCE, Room, each, json, record};

/// Of each kind of store.
const HISTORIES: u64 = 1024;
/// Of a history, at most.
const STEPS: u64 = 12;
const ACCOUNTS: [&str; 3] = ["ann", "bob", ""];

/// A stream of numbers (SplitMix64), the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}

/// A record of this account and generation, unlike any other of the test.
fn of(account: &str, generation: u64, mark: u64) -> Record {
    let text = json(&record(1));
    let mut members: serde_json::Value = serde_json::from_str(&text).unwrap();
    members["generation"] = generation.into();
    members["key"]["account"] = account.into();
    members["token"]["access_token"] = format!("AT-{mark}").into();
    Record::from_json(&members.to_string()).unwrap()
}

fn key_of(account: &str) -> Key {
    of(account, 1, 0).key().clone()
}

/// What is stored, as it was written.
type Model = HashMap<&'static str, Record>;

fn step(dice: &mut Dice, store: &dyn Store, model: &mut Model, accounts: &[&'static str]) {
    let account = accounts[usize::try_from(dice.below(accounts.len() as u64)).unwrap()];
    let (at, mark) = (key_of(account), dice.below(u64::MAX));
    let known = model.get(account).map_or(0, Record::generation);
    let next = of(account, known + 1 + dice.below(2), mark);
    match dice.below(8) {
        // A refresh: what is stored is found under the lock, and replaced once or twice.
        0 | 1 => {
            let mut locked = store.lock(&at, PATIENCE).unwrap();
            assert_eq!(locked.record().map(json), model.get(account).map(json));
            locked.save(Change::Put(Box::new(next.clone()))).unwrap();
            assert_eq!(locked.record().map(json), Some(json(&next)));
            model.insert(account, next);
            if dice.below(3) == 0 {
                locked.save(Change::Delete).unwrap();
                model.remove(account);
            }
        }
        // A login, over whatever is there.
        2 => {
            let mut locked = store.lock_for_login(&at, PATIENCE).unwrap();
            locked.save(Change::Put(Box::new(next.clone()))).unwrap();
            model.insert(account, next);
        }
        3 => {
            store.lock(&at, PATIENCE).unwrap().save(Change::Delete).unwrap();
            model.remove(account);
        }
        // Given up before anything was saved, as by one that dies.
        4 => drop(store.lock(&at, PATIENCE).unwrap()),
        5 => drop(store.lock_for_login(&at, PATIENCE).unwrap()),
        _ => {}
    }
    assert_eq!(
        store.read(&at).unwrap().as_ref().map(json),
        model.get(account).map(json)
    );
}

fn check(store: &dyn Store, model: &Model) {
    let mut listed: Vec<String> = store.records().unwrap().map(|one| json(&one.unwrap())).collect();
    let mut expected: Vec<String> = model.values().map(json).collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    let keys = store.keys().unwrap();
    assert_eq!(keys.len(), model.len());
    assert!(model.values().all(|record| keys.contains(record.key())));
}

/// `open` opens the same records anew.
fn histories(open: impl Fn() -> Arc<dyn Store>, accounts: &[&'static str]) {
    let mut model = Model::new();
    for seed in 0..HISTORIES {
        let mut dice = Dice(seed);
        let mut store = open();
        check(&*store, &model);
        for _ in 0..1 + dice.below(STEPS) {
            step(&mut dice, &*store, &mut model, accounts);
            if dice.below(6) == 0 {
                store = open();
            }
        }
        check(&*store, &model);
    }
}

#[test]
fn r01_a_store_in_memory_has_what_a_map_has() {
    let store = MemoryStore::new();
    histories(|| Arc::new(store.clone()), &ACCOUNTS);
}

#[test]
fn r01_a_store_in_files_has_what_a_map_has() {
    each(|of| {
        let room = Room::in_memory(of);
        // A file holds one record.
        let accounts: &[&str] = if of.has_many() { &ACCOUNTS } else { &["ann"] };
        histories(|| room.store(), accounts);
    });
}
