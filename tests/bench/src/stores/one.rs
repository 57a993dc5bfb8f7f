//! One record in one file.

use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use grantflow_core::{Change, Store as _, StoreExt as _};
use grantflow_store::{DataKey, Encrypted, FileStore, GivenKeys};
use serde::Deserialize;

use super::place::{PATIENCE, Place, bytes, record};
use crate::cases::{Bar, Case, Group};
use crate::clock::Clock;
use crate::interleave::Timings;

/// The word for a process that updates one record.
pub const UPDATE: &str = "update-one-record";

/// How often each of two processes updates one record.
const UPDATES: u64 = 2_000;

/// What the limit reads: the same members, in plain strings.
#[derive(Deserialize)]
#[allow(dead_code, reason = "it is read, as ours is, and then dropped")]
struct Plain {
    grantflow_file: u32,
    crc32: String,
    record: PlainRecord,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is read, as ours is, and then dropped")]
struct PlainRecord {
    grantflow: u32,
    generation: u64,
    key: serde_json::Value,
    client: serde_json::Value,
    token: PlainToken,
    origins: Vec<String>,
    provenance: serde_json::Value,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is read, as ours is, and then dropped")]
struct PlainToken {
    access_token: String,
    token_type: String,
    refresh_token: String,
    issued_at: String,
    expires_at: String,
}

pub(super) fn measure(show: impl Fn(Group) -> Timings) {
    let place = Place::new("one");
    let path = Arc::new(place.path().join("credentials.json"));
    let store = FileStore::new(&*path);
    store.put(record(1), PATIENCE).expect("a record is stored");
    show(puts(place.path()));

    store.put(record(1), PATIENCE).expect("a record is stored");
    // A file that was changed within the last two seconds is read again.
    std::thread::sleep(std::time::Duration::from_millis(3_100)); // sleep: its times are the kernel's
    let reads = reads(place.path());
    let (unchanged, times) = (reads.find(UNCHANGED), show(reads));
    let micros = times.minimum(unchanged) / 1000.0;
    println!(
        "- {}: an unchanged file in at most 2 µs: {micros:.2} µs (median {:.2})",
        if micros <= 2.0 { "reached" } else { "NOT reached" },
        times.median(unchanged) / 1000.0
    );
    two_processes();
}

/// What must be done for one durable change, by whomever.
fn bare(dir: &Path, bytes: &[u8]) {
    let (new, name) = (dir.join("bare.new"), dir.join("bare"));
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .expect("a file");
    file.write_all(bytes).expect("it is written");
    file.sync_all().expect("it is synced");
    fs::rename(&new, &name).expect("it is renamed");
    fs::File::open(dir)
        .and_then(|dir| dir.sync_all())
        .expect("its name is synced");
}

fn puts(dir: &Path) -> Group {
    let (path, bare_dir) = (dir.join("credentials.json"), dir.to_owned());
    let written = bytes(&record(1));
    let store = FileStore::new(&path);
    let key = DataKey::generate().expect("a key");
    let sealed = Encrypted::new(FileStore::new(dir.join("sealed.json")), GivenKeys::new(key));
    let put = |store: Box<dyn grantflow_core::Store>| {
        let record = record(1);
        move |times: u64| {
            for _ in 0..times {
                store.put(record.clone(), PATIENCE).expect("a record is stored");
            }
        }
    };
    Group {
        name: "stores",
        title: "A record put into a file, on the wall",
        cases: vec![
            Case::new("limit: create, write, fsync, rename, fsync", move |times| {
                for _ in 0..times {
                    bare(&bare_dir, &written);
                }
            }),
            Case::new("ours: `FileStore` lock and put", put(Box::new(store))),
            Case::new("ours: the same, sealed", put(Box::new(sealed))),
        ],
        bars: vec![Bar {
            case: "ours: `FileStore` lock and put",
            limit: "limit: create, write, fsync, rename, fsync",
            times: 1.1,
            allocations: None,
            instructions: None,
        }],
        clock: Clock::Wall,
    }
}

const UNCHANGED: &str = "ours: `FileStore::read`, unchanged";

fn reads(dir: &Path) -> Group {
    let (path, changing) = (dir.join("credentials.json"), dir.join("changing.json"));
    // A file that says that it has just been changed is read every time.
    fs::copy(&path, &changing).expect("a copy");
    let ahead = SystemTime::now() + std::time::Duration::from_secs(24 * 3600);
    let file = fs::File::options().write(true).open(&changing);
    file.and_then(|file| file.set_modified(ahead)).expect("its time");
    let (store, again) = (FileStore::new(&changing), FileStore::new(path));
    let limit = changing;
    let key = record(1).key().clone();
    let same = key.clone();
    Group {
        name: "stores",
        title: "A record read from a file",
        cases: vec![
            Case::new("limit: `fs::read` and serde_json", move |times| {
                for _ in 0..times {
                    let bytes = fs::read(&limit).expect("it is read");
                    let plain: Plain = serde_json::from_slice(&bytes).expect("it is JSON");
                    black_box(plain);
                }
            }),
            Case::new("ours: `FileStore::read`", move |times| {
                for _ in 0..times {
                    black_box(store.read(&key).expect("it is read"));
                }
            }),
            Case::new(UNCHANGED, move |times| {
                for _ in 0..times {
                    black_box(again.read(&same).expect("it is read"));
                }
            }),
        ],
        bars: vec![Bar {
            case: "ours: `FileStore::read`",
            limit: "limit: `fs::read` and serde_json",
            times: 1.3,
            allocations: None,
            instructions: None,
        }],
        clock: Clock::Thread,
    }
}

/// Two processes, each of which counts the record up.
fn two_processes() {
    let place = Place::new("two");
    let path = place.path().join("credentials.json");
    let store = FileStore::new(&path);
    store.put(record(1), PATIENCE).expect("a record is stored");
    let program = std::env::current_exe().expect("this program");
    let start = Instant::now();
    let children: Vec<_> = (0..2)
        .map(|_| {
            let mut command = Command::new(&program);
            command
                .args([UPDATE.as_ref(), path.as_os_str()])
                .arg(UPDATES.to_string());
            command.spawn().expect("a process")
        })
        .collect();
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    let seconds = start.elapsed().as_secs_f64();
    let last = store
        .read(record(1).key())
        .expect("it is read")
        .expect("it is there");
    let lost = 2 * UPDATES + 1 - last.generation();
    let each_second = 2.0 * UPDATES as f64 / seconds;
    println!(
        "- {}: two processes on one record, none lost at 700 a second or more: {lost} of {} lost, {each_second:.0} a second",
        if lost == 0 && each_second >= 700.0 {
            "reached"
        } else {
            "NOT reached"
        },
        2 * UPDATES
    );
}

/// Counts the record up so many times.
///
/// # Panics
///
/// If a record cannot be stored.
pub fn update(path: &str, times: &str) {
    let store = FileStore::new(path);
    let key = record(1).key().clone();
    for _ in 0..times.parse::<u64>().expect("a number") {
        let mut locked = store.lock(&key, PATIENCE).expect("the lock");
        let old = locked.record().expect("a record").clone();
        let next = old.refreshed(old.token().clone());
        locked.save(Change::Put(Box::new(next))).expect("it is stored");
    }
}
