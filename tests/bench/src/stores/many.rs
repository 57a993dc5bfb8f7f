//! Many records in one place, beside SQLite with its journal on disk after each change.

use std::fs;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use grantflow_core::{Record, Store as _, StoreExt as _};
use grantflow_store::MultiStore;
use rusqlite::Connection;

use super::place::{PATIENCE, Place, furnish, record, renewed};
use crate::cases::{Bar, Case, Group};
use crate::clock::Clock;
use crate::interleave::Timings;

/// How many records there are, and what the cases are called.
pub(super) const SIZES: [(usize, [&str; 2]); 3] = [
    (10, ["ours: 10 records", "SQLite: 10 records"]),
    (1_000, ["ours: 1,000 records", "SQLite: 1,000 records"]),
    (100_000, ["ours: 100,000 records", "SQLite: 100,000 records"]),
];

/// From one user to the next, so that no two in a row are neighbours.
const STRIDE: usize = 7_919;

pub(super) fn measure(show: impl Fn(Group) -> Timings) {
    let place = Place::new("many");
    for (records, _) in SIZES {
        let dir = place.path().join(records.to_string());
        fs::create_dir(&dir).expect("a directory");
        furnish(&dir, records);
        database(&place, records, true);
    }
    let bar = |times| Bar {
        case: SIZES[2].1[0],
        limit: SIZES[0].1[0],
        times,
        allocations: None,
        instructions: None,
    };
    show(Group {
        name: "stores",
        title: "A record of many put, on the wall",
        cases: SIZES
            .iter()
            .flat_map(|size| puts(&place, size.0, size.1))
            .collect(),
        bars: vec![bar(1.3)],
        clock: Clock::Wall,
    });
    show(Group {
        name: "stores",
        title: "A record of many read",
        cases: SIZES
            .iter()
            .flat_map(|size| reads(&place, size.0, size.1))
            .collect(),
        bars: vec![bar(1.3)],
        clock: Clock::Thread,
    });
    list(&place);
    deleted(&place);
}

/// The users, one after the other, far apart.
fn users(records: usize) -> impl Fn() -> usize + Send + Sync {
    let next = AtomicUsize::new(0);
    move || next.fetch_add(STRIDE, Ordering::Relaxed) % records
}

fn puts(place: &Place, records: usize, names: [&'static str; 2]) -> [Case; 2] {
    let store = MultiStore::new(place.path().join(records.to_string()));
    let (ours, theirs) = (users(records), users(records));
    let database = Mutex::new(database(place, records, false));
    let (one, other) = (AtomicUsize::new(0), AtomicUsize::new(0));
    [
        Case::new(names[0], move |times| {
            for _ in 0..times {
                store
                    .put(renewed(ours(), one.fetch_add(1, Ordering::Relaxed)), PATIENCE)
                    .expect("a record is stored");
            }
        }),
        Case::new(names[1], move |times| {
            let database = database.lock().expect("no other");
            for _ in 0..times {
                insert(
                    &database,
                    &renewed(theirs(), other.fetch_add(1, Ordering::Relaxed)),
                );
            }
        }),
    ]
}

fn reads(place: &Place, records: usize, names: [&'static str; 2]) -> [Case; 2] {
    let store = MultiStore::new(place.path().join(records.to_string()));
    let (ours, theirs) = (users(records), users(records));
    let database = Mutex::new(database(place, records, false));
    [
        Case::new(names[0], move |times| {
            for _ in 0..times {
                let read = store.read(record(ours()).key()).expect("it is read");
                black_box(read.expect("it is there"));
            }
        }),
        Case::new(names[1], move |times| {
            let database = database.lock().expect("no other");
            let mut select = database
                .prepare_cached("SELECT record FROM records WHERE key = ?1")
                .expect("a statement");
            for _ in 0..times {
                let digest = record(theirs()).key().digest();
                let json: String = select.query_row([digest], |row| row.get(0)).expect("it is there");
                black_box(Record::from_json(&json).expect("a record"));
            }
        }),
    ]
}

fn database(place: &Place, records: usize, fill: bool) -> Connection {
    let database = Connection::open(place.path().join(format!("{records}.sqlite"))).expect("a database");
    database
        .pragma_update(None, "journal_mode", "WAL")
        .expect("a journal");
    database
        .pragma_update(None, "synchronous", "FULL")
        .expect("synced");
    if fill {
        let create = "CREATE TABLE records (key TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID";
        database.execute_batch(create).expect("a table");
        database.execute_batch("BEGIN").expect("a transaction");
        for user in 0..records {
            insert(&database, &record(user));
        }
        database.execute_batch("COMMIT").expect("a transaction");
    }
    database
}

fn insert(database: &Connection, record: &Record) {
    let mut insert = database
        .prepare_cached("INSERT OR REPLACE INTO records VALUES (?1, ?2)")
        .expect("a statement");
    let json = record.expose_json();
    insert
        .execute([&record.key().digest(), json.expose()])
        .expect("a row");
}

/// All 100,000: how long, and how much memory besides.
fn list(place: &Place) {
    let (records, _) = SIZES[2];
    let store = MultiStore::new(place.path().join(records.to_string()));
    high_water();
    let before = high_water();
    let start = Instant::now();
    let listed = store.records().expect("a list").filter(Result::is_ok).count();
    let seconds = start.elapsed().as_secs_f64();
    let kib = high_water().zip(before).map(|(after, before)| after - before);
    println!(
        "- {}: {listed} of {records} records listed in at most 2 s: {seconds:.2} s, {} KiB more memory at most",
        if listed == records && seconds <= 2.0 {
            "reached"
        } else {
            "NOT reached"
        },
        kib.map_or("?".to_owned(), |kib| kib.to_string())
    );
}

/// The most memory this process had, in KiB, from now on or since the last call.
fn high_water() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    // From here on it counts anew.
    fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(kib)
}

/// What a deleted record leaves.
fn deleted(place: &Place) {
    use std::os::unix::fs::MetadataExt as _;
    let store = MultiStore::new(place.path().join("10"));
    let key = record(3).key().clone();
    let lock = place
        .path()
        .join("10")
        .join(format!("{}.json.lock", key.digest()));
    let blocks = || fs::metadata(&lock).map_or(0, |found| found.blocks());
    let before = blocks();
    store.delete(&key, PATIENCE).expect("it is deleted");
    println!(
        "- the lock file of a record has {before} blocks of 512 bytes, that of a deleted one {}",
        blocks()
    );
}
