//! Many records in one directory: each for itself, and all in the list.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use grantflow_core::{Change, Key, Provenance, Record, Scopes, Store, StoreErrorKind, StoreExt as _, Token};
use grantflow_store::MultiStore;

use crate::room::{Kind, PATIENCE, Room, json, key, kind, other, record};

/// The kinds that hold many.
fn many(test: impl Fn(Kind)) {
    crate::room::each(|of| {
        if of.has_many() {
            test(of);
        }
    });
}

/// A record of this account.
pub(crate) fn of_account(account: &str) -> Record {
    let one = record(1);
    Record::new(
        key().with_account(account),
        one.client().clone(),
        Token::bearer(format!("access-{account}"), one.token().issued_at),
        one.provenance().clone(),
    )
}

fn furnished(of: Kind, accounts: &[&str]) -> Room {
    let room = Room::of(of);
    for account in accounts {
        room.store().put(of_account(account), PATIENCE).unwrap();
    }
    room
}

fn file(room: &Room, account: &str) -> std::path::PathBuf {
    room.join(format!("{}.json", key().with_account(account).digest()))
}

fn stored(room: &Room, account: &str) -> Option<String> {
    let record = room.store().read(&key().with_account(account)).unwrap();
    record.as_ref().map(json)
}

/// The accounts in the list, and how many could not be read.
fn listed(store: &dyn Store) -> (Vec<String>, usize) {
    let (mut accounts, mut bad) = (Vec::new(), 0);
    for record in store.records().unwrap() {
        match record {
            Ok(record) => accounts.push(record.key().account().to_owned()),
            Err(_) => bad += 1,
        }
    }
    accounts.sort();
    (accounts, bad)
}

#[test]
fn each_record_is_locked_for_itself() {
    many(|of| {
        let room = furnished(of, &["ann", "bob"]);
        let (one, two) = (room.store(), room.store());
        let _ann = one.lock(&key().with_account("ann"), PATIENCE).unwrap();
        for store in [&one, &two] {
            let locked = store.lock(&key().with_account("bob"), Duration::ZERO);
            assert_eq!(kind(locked), None, "another record is free");
            let locked = store.lock(&key().with_account("ann"), Duration::ZERO);
            assert!(matches!(kind(locked), Some(StoreErrorKind::LockTimeout { .. })));
        }
    });
}

#[test]
fn t70_a_record_that_cannot_be_read_harms_and_hides_no_other() {
    many(|of| {
        let room = furnished(of, &["ann", "bob", "cy"]);
        let bad = file(&room, "bob");
        for content in ["", "{\"", "{\"grantflow_file\":2"] {
            fs::write(&bad, content).unwrap();
            let store = room.store();
            assert_eq!(stored(&room, "ann"), Some(json(&of_account("ann"))));
            store.put(of_account("ann"), PATIENCE).unwrap();
            assert_eq!(listed(&*store), (vec!["ann".to_owned(), "cy".to_owned()], 1));
            // Who asks for all keys is told, since there is one more than can be named.
            let keys = store.keys().unwrap_err();
            assert_eq!(keys.kind(), StoreErrorKind::Corrupt);
            assert_eq!(keys.path(), Some(bad.as_path()));
            assert_eq!(fs::read(&bad).unwrap(), content.as_bytes());
        }
        // A new login of the bad one, and all is well.
        let store = room.store();
        let mut locked = store
            .lock_for_login(&key().with_account("bob"), PATIENCE)
            .unwrap();
        locked.save(Change::Put(Box::new(of_account("bob")))).unwrap();
        drop(locked);
        assert_eq!(listed(&*store).0, ["ann", "bob", "cy"]);
        assert_eq!(store.keys().unwrap().len(), 3);
    });
}

#[test]
fn t65_t68_the_file_of_another_key_is_refused_and_not_overwritten() {
    many(|of| {
        let room = furnished(of, &["ann", "bob"]);
        // The two are swapped.
        let (ann, bob) = (file(&room, "ann"), file(&room, "bob"));
        let (of_ann, of_bob) = (fs::read(&ann).unwrap(), fs::read(&bob).unwrap());
        fs::write(&ann, &of_bob).unwrap();
        fs::write(&bob, &of_ann).unwrap();
        let store = room.store();
        for (account, path, bytes) in [("ann", &ann, &of_bob), ("bob", &bob, &of_ann)] {
            let key = key().with_account(account);
            let answers = [
                store.read(&key).map(drop),
                store.lock(&key, PATIENCE).map(drop),
                store.lock_for_login(&key, PATIENCE).map(drop),
                store.put(of_account(account), PATIENCE),
                store.delete(&key, PATIENCE),
            ];
            for answer in answers {
                let error = answer.unwrap_err();
                assert_eq!(error.kind(), StoreErrorKind::OtherRecord);
                assert_eq!(error.path(), Some(path.as_path()));
            }
            assert_eq!(&fs::read(path).unwrap(), bytes, "it is as it was");
        }
        assert_eq!(
            listed(&*store),
            (vec![], 2),
            "neither is listed as what it is not"
        );
    });
}

#[test]
fn what_is_no_record_by_its_name_is_passed_over() {
    many(|of| {
        let room = furnished(of, &["ann"]);
        for name in [
            "README",
            "ann.json",
            "0.json",
            &format!("{}.json", "Z".repeat(64)),
        ] {
            fs::write(room.join(name), "of somebody else").unwrap();
        }
        fs::create_dir(room.join("directory")).unwrap();
        assert_eq!(listed(&*room.store()), (vec!["ann".to_owned()], 0));
        assert_eq!(room.store().keys().unwrap(), [key().with_account("ann")]);
    });
}

#[test]
fn a_directory_that_is_not_there_is_an_empty_store() {
    many(|of| {
        let room = Room::of(of);
        let dir = room.join("new");
        let store = of.open(&dir);
        assert!(store.read(&key()).unwrap().is_none());
        assert!(store.keys().unwrap().is_empty() && listed(&*store) == (vec![], 0));
        assert!(!dir.exists(), "reading makes nothing");
        let store = of.open(&dir.join("deeper"));
        assert_eq!(
            kind(store.put(record(1), PATIENCE)),
            Some(StoreErrorKind::Io),
            "its parent is not made"
        );
    });
}

#[test]
fn a_deleted_record_leaves_an_empty_lock_file_and_nothing_else() {
    many(|of| {
        let room = furnished(of, &["ann", "bob"]);
        let ann = key().with_account("ann");
        room.store().delete(&ann, PATIENCE).unwrap();
        let lock = room.join(format!("{}.json.lock", ann.digest()));
        assert_eq!(fs::metadata(&lock).unwrap().len(), 0);
        assert_eq!(room.names().len(), 3, "{:?}", room.names());
        assert_eq!(listed(&*room.store()), (vec!["bob".to_owned()], 0));
        // A lock that was given up leaves no more.
        drop(room.store().lock(&ann, PATIENCE).unwrap());
        assert_eq!(fs::metadata(&lock).unwrap().len(), 0);
        room.store().put(of_account("ann"), PATIENCE).unwrap();
        assert_eq!(stored(&room, "ann"), Some(json(&of_account("ann"))));
    });
}

pub(crate) fn replace(
    store: &dyn Store,
    record: &Record,
    forget: &Key,
) -> Result<(), grantflow_core::StoreError> {
    replace_within(PATIENCE, store, record, forget)
}

pub(crate) fn replace_within(
    patience: Duration,
    store: &dyn Store,
    record: &Record,
    forget: &Key,
) -> Result<(), grantflow_core::StoreError> {
    let mut locked = store.lock_for_login(record.key(), patience)?;
    locked.save(Change::Replace {
        record: Box::new(record.clone()),
        forget: Box::new(forget.clone()),
    })
}

#[test]
fn a_replacement_of_what_is_absent_or_of_itself_is_a_save() {
    many(|of| {
        let room = furnished(of, &["ann"]);
        let (ann, bob) = (key().with_account("ann"), key().with_account("bob"));
        replace(&*room.store(), &of_account("ann"), &ann).unwrap();
        replace(&*room.store(), &of_account("ann"), &bob).unwrap();
        assert_eq!(listed(&*room.store()), (vec!["ann".to_owned()], 0));
        assert!(!room.join(format!("{}.json.lock", bob.digest())).exists());
    });
}

#[test]
fn t70_a_login_that_replaces_what_cannot_be_read_sets_it_aside() {
    many(|of| {
        let room = furnished(of, &["bob"]);
        fs::write(file(&room, "bob"), "{\"grantflow_file\":2").unwrap();
        replace(&*room.store(), &of_account("ann"), &key().with_account("bob")).unwrap();
        assert_eq!(listed(&*room.store()), (vec!["ann".to_owned()], 0));
        let aside: Vec<String> = room
            .names()
            .into_iter()
            .filter(|name| name.contains(".corrupt-"))
            .collect();
        assert_eq!(aside.len(), 1);
        assert_eq!(fs::read(room.join(&aside[0])).unwrap(), b"{\"grantflow_file\":2");
    });
}

#[test]
fn r12_a_replacement_of_what_is_in_use_keeps_both_and_says_so() {
    many(|of| {
        let room = furnished(of, &["bob"]);
        let store = room.store();
        let bob = key().with_account("bob");
        let in_use = store.lock(&bob, PATIENCE).unwrap();
        let short = Duration::from_millis(80);
        let replaced = replace_within(short, &*room.store(), &of_account("ann"), &bob);
        assert!(matches!(kind(replaced), Some(StoreErrorKind::LockTimeout { .. })));
        assert_eq!(listed(&*store), (vec!["ann".to_owned(), "bob".to_owned()], 0));
        drop(in_use);
        // Once more, and it is done.
        replace(&*room.store(), &of_account("ann"), &bob).unwrap();
        assert_eq!(listed(&*store), (vec!["ann".to_owned()], 0));
    });
}

/// Two logins, each in place of the other: none hangs for ever, and no login of the two is lost.
#[test]
fn logins_that_replace_each_other_end_and_lose_no_login() {
    const ROUNDS: u64 = 50;
    let room = Room::of(Kind::Multi);
    for round in 0..ROUNDS {
        let logins = ["ann", "bob"].map(|account| login_of(account, round));
        for old in ["ann", "bob"].map(of_account) {
            room.store().delete(old.key(), PATIENCE).unwrap();
            room.store().put(old, PATIENCE).unwrap();
        }
        let [ann, bob] = &logins;
        let start = std::sync::Barrier::new(2);
        let one = |new: &Record, old: &Record| {
            start.wait();
            replace(&*room.store(), new, old.key())
        };
        let ended = std::thread::scope(|scope| {
            let first = scope.spawn(|| one(ann, bob));
            let second = one(bob, ann);
            [first.join().unwrap(), second]
        });
        for ended in ended {
            assert!(matches!(
                kind(ended),
                None | Some(StoreErrorKind::LockTimeout { .. })
            ));
        }
        let left: Vec<String> = ["ann", "bob"]
            .iter()
            .filter_map(|account| stored(&room, account))
            .collect();
        assert!(!left.is_empty(), "round {round}: both are gone");
        for record in left {
            assert!(
                logins.iter().any(|login| json(login) == record),
                "round {round}: an old one is left"
            );
        }
    }
}

#[test]
fn a_login_that_comes_while_its_record_is_to_be_forgotten_stays() {
    many(|of| {
        for round in 0..5 {
            let room = furnished(of, &["bob"]);
            let (ann, bob) = (of_account("ann"), login_of("bob", round));
            let store = room.store();
            let mut in_use = store.lock(bob.key(), PATIENCE).unwrap();
            std::thread::scope(|scope| {
                let replacing = scope.spawn(|| replace(&*room.store(), &ann, bob.key()));
                // It is saved, so it has looked what there is to forget.
                while stored(&room, "ann").is_none() {
                    std::thread::yield_now();
                }
                in_use.save(Change::Put(Box::new(bob.clone()))).unwrap();
                drop(in_use);
                replacing.join().unwrap().unwrap();
            });
            assert_eq!(stored(&room, "bob"), Some(json(&bob)), "round {round}");
            assert_eq!(stored(&room, "ann"), Some(json(&ann)), "round {round}");
        }
    });
}

/// A new login of the account, later than that of [`of_account`].
pub(crate) fn login_of(account: &str, round: u64) -> Record {
    let old = of_account(account);
    let now = old.provenance().obtained_at.plus(Duration::from_secs(60 + round));
    Record::new(
        old.key().clone(),
        old.client().clone(),
        Token::bearer(format!("login-{account}-{round}"), now),
        Provenance::new("authorization_code", now),
    )
    .succeeding(&old)
}

/// A save gives a file its name anew; whoever lists meanwhile still sees it.
#[test]
fn a_list_has_every_record_while_others_are_saved() {
    const RECORDS: usize = 300;
    let room = Room::of(Kind::Multi);
    let store = MultiStore::new(&*room);
    let accounts: Vec<String> = (0..RECORDS).map(|number| format!("user-{number:03}")).collect();
    for account in &accounts {
        store.put(of_account(account), PATIENCE).unwrap();
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for account in accounts.iter().cycle() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                store.put(of_account(account), PATIENCE).unwrap();
            }
        });
        for _ in 0..30 {
            let (found, bad) = listed(&store);
            let mut once = found.clone();
            once.dedup();
            if (once.len(), bad) != (RECORDS, 0) {
                over.store(true, Ordering::Relaxed);
                panic!("{} found, {bad} unreadable", once.len());
            }
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn records_are_found_by_the_names_that_oauth2client_had() {
    let room = Room::of(Kind::Multi);
    let store = MultiStore::new(&*room);
    let one = record(1);
    let put = |key: Key| {
        let (client, token) = (one.client().clone(), one.token().clone());
        let record = Record::new(key.clone(), client, token, one.provenance().clone());
        store.put(record, PATIENCE).unwrap();
        key
    };
    let plain = put(key().with_user_agent("agent/1.0"));
    let ann = put(key().with_user_agent("agent/1.0").with_account("ann"));
    let string = put(key().with_label("my key"));
    let parts = put(key().with_label_parts([("user", "ann"), ("tenant", "7")]));
    put(key().with_user_agent("agent/2.0"));

    let mut found = store
        .keys_by_client("s6BhdRkqt3", "agent/1.0", key().scopes())
        .unwrap();
    found.sort_by_key(|key| key.account().to_owned());
    assert_eq!(found, [plain, ann]);
    let none = store
        .keys_by_client("s6BhdRkqt3", "agent/1.0", &Scopes::none())
        .unwrap();
    assert_eq!(none, []);
    assert_eq!(
        store.keys_by_label("my key").unwrap(),
        std::slice::from_ref(&string)
    );
    let by_parts = |parts: &[(&'static str, &'static str)]| {
        store
            .keys_by_label_parts(&parts.iter().copied().collect::<BTreeMap<_, _>>())
            .unwrap()
    };
    assert_eq!(by_parts(&[("tenant", "7"), ("user", "ann")]), [parts]);
    assert_eq!(
        by_parts(&[("key", "my key")]),
        [string],
        "as a string, so a dictionary with one key"
    );
    assert_eq!(by_parts(&[("tenant", "7")]), []);
    assert_eq!(store.keys().unwrap().len(), 5);
}

/// What was granted for more scopes answers for no other set: whether it would do is decided above, where it is logged.
#[test]
fn t69_a_record_of_other_scopes_is_another_record() {
    many(|of| {
        let room = Room::of(of);
        let store = room.store();
        let wide = key().with_scopes(Scopes::parse("openid email").unwrap());
        let one = record(1);
        let (client, token) = (one.client().clone(), one.token().clone());
        let record = Record::new(wide.clone(), client, token, one.provenance().clone());
        store.put(record, PATIENCE).unwrap();
        assert!(store.read(&key()).unwrap().is_none());
        assert!(store.lock(&key(), PATIENCE).unwrap().record().is_none());
        assert_eq!(store.keys().unwrap(), [wide]);
    });
}

#[cfg(unix)]
mod places {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::room::chmod;

    fn is_refused(of: Kind, dir: &std::path::Path, what: &str) {
        let store = of.open(dir);
        let answers = [
            store.read(&key()).map(drop),
            store.lock(&key(), PATIENCE).map(drop),
            store.lock_for_login(&key(), PATIENCE).map(drop),
            store.keys().map(drop),
            store.records().map(drop),
        ];
        for answer in answers {
            let error = answer.unwrap_err();
            assert!(
                matches!(error.kind(), StoreErrorKind::Insecure(_)),
                "{what}: {error}"
            );
            assert_eq!(error.path(), Some(dir), "{what}");
        }
    }

    #[test]
    fn t57_t58_what_is_no_directory_of_ours_is_refused_by_name() {
        many(|of| {
            let room = furnished(of, &["ann"]);
            let before = room.names();
            let outside = Room::new();
            let path = outside.join("place");
            fs::write(&path, "a file").unwrap();
            is_refused(of, &path, "a file");
            assert_eq!(fs::read(&path).unwrap(), b"a file");
            fs::remove_file(&path).unwrap();
            symlink(&*room, &path).unwrap();
            is_refused(of, &path, "a symbolic link");
            fs::remove_file(&path).unwrap();
            symlink("nowhere", &path).unwrap();
            is_refused(of, &path, "a dangling link");
            fs::remove_file(&path).unwrap();
            rustix::fs::mknodat(
                rustix::fs::CWD,
                &path,
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
                0,
            )
            .unwrap();
            is_refused(of, &path, "a pipe");
            assert_eq!(outside.names(), ["place"], "nothing was made beside it");
            chmod(&room, 0o777);
            is_refused(of, &room, "a directory for all");
            chmod(&room, 0o700);
            assert_eq!(room.names(), before);
        });
    }

    #[test]
    fn t57_a_link_is_refused_with_a_slash_behind_it_too() {
        let room = furnished(Kind::Multi, &["ann"]);
        let outside = Room::new();
        symlink(&*room, outside.join("link")).unwrap();
        for path in ["link/", "link/.", "./link//"] {
            let store = MultiStore::new(format!("{}/{path}", outside.display()));
            assert!(
                matches!(kind(store.keys()), Some(StoreErrorKind::Insecure(_))),
                "{path}"
            );
        }
    }

    #[test]
    fn the_error_says_what_to_do() {
        let outside = Room::new();
        fs::write(outside.join("file"), "").unwrap();
        symlink("file", outside.join("link")).unwrap();
        let says = |name: &str| {
            MultiStore::new(outside.join(name))
                .keys()
                .unwrap_err()
                .to_string()
        };
        assert!(says("file").contains("it is not a directory; give the store a directory of its own"));
        assert!(says("link").contains("it is a symbolic link; give the store the directory itself"));
    }

    #[test]
    fn t56_one_record_that_others_may_read_is_refused_and_the_others_are_not() {
        many(|of| {
            let room = furnished(of, &["ann", "bob"]);
            chmod(&file(&room, "ann"), 0o644);
            let insecure = kind(room.store().read(&key().with_account("ann")));
            assert!(matches!(insecure, Some(StoreErrorKind::Insecure(_))));
            assert_eq!(stored(&room, "bob"), Some(json(&of_account("bob"))));
            assert_eq!(listed(&*room.store()), (vec!["bob".to_owned()], 1));
        });
    }
}

#[test]
fn r36_a_panic_under_one_lock_leaves_the_others_free() {
    many(|of| {
        let room = furnished(of, &["ann", "bob"]);
        let store = room.store();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _locked = store.lock(&key().with_account("ann"), PATIENCE).unwrap();
            std::panic::resume_unwind(Box::new("on purpose"));
        }));
        assert!(panicked.is_err());
        store.lock(&key().with_account("ann"), Duration::ZERO).unwrap();
        store.put(other(), PATIENCE).unwrap();
    });
}
