//! What a real keyring does, and what becomes of it: locked, killed, silent, or not there at all.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use grantflow_core::{Record, Store, StoreErrorKind, StoreExt as _};
use grantflow_store::{Keyring, KeyringStore};
use zbus::blocking::Connection;
use zbus::blocking::fdo::DBusProxy;
use zbus::zvariant::{ObjectPath, OwnedValue};

use crate::room::{PATIENCE, json, key, kind, record, record_with};
use crate::session::{self, SECRETS, command, fresh_user, is_there, keyring, wait_for_secrets};

const APPLICATION: &str = "grantflow-test";
const TASK: &str = "GRANTFLOW_TEST_TASK";

/// The limit of calls in tests of what hangs.
const SHORT: Duration = Duration::from_secs(3);

/// The attributes of all items of the application.
fn items() -> Vec<HashMap<String, String>> {
    let bus = Connection::session().unwrap();
    let query = HashMap::from([("service", APPLICATION)]);
    let service = Some("org.freedesktop.Secret.Service");
    let found = bus.call_method(
        Some(SECRETS),
        "/org/freedesktop/secrets",
        service,
        "SearchItems",
        &query,
    );
    let body = found.unwrap().body();
    let (unlocked, _): (Vec<ObjectPath<'_>>, Vec<ObjectPath<'_>>) = body.deserialize().unwrap();
    let attributes = |path: &ObjectPath<'_>| {
        let wanted = ("org.freedesktop.Secret.Item", "Attributes");
        let properties = Some("org.freedesktop.DBus.Properties");
        // Another test may have deleted it.
        let got = bus
            .call_method(Some(SECRETS), path, properties, "Get", &wanted)
            .ok()?;
        let value: OwnedValue = got.body().deserialize().unwrap();
        Some(HashMap::try_from(value).unwrap())
    };
    unlocked.iter().filter_map(attributes).collect()
}

/// The users of all items of the application.
fn users() -> Vec<String> {
    items()
        .into_iter()
        .filter_map(|mut item| item.remove("username"))
        .collect()
}

/// A record that is at least so long.
fn large_record(length: usize) -> Record {
    // A member that only a later version knows, of characters that JSON leaves as they are.
    record_with(1, &format!(r#","later":"{}""#, "aé€😀".repeat(length / 10)))
}

#[test]
fn t64_a_record_of_100_kib_is_kept_in_parts_of_which_none_is_left() {
    let Some(keyring) = keyring() else { return };
    let locks = tempfile::tempdir().unwrap();
    let user = fresh_user();
    let store = KeyringStore::new(keyring, APPLICATION, &user, locks.path());
    let large = large_record(100 * 1024);
    store.put(large.clone(), PATIENCE).unwrap();
    assert_eq!(json(&store.read(&key()).unwrap().unwrap()), json(&large));
    let digest = digest_of(&locks);
    assert!(parts_of(&digest) > 40);
    // Anew, shorter, and gone.
    store.put(large.clone(), PATIENCE).unwrap();
    assert_eq!(json(&store.read(&key()).unwrap().unwrap()), json(&large));
    assert!(store.expose_item().unwrap().unwrap().expose().len() >= 100 * 1024);
    store.put(record(9), PATIENCE).unwrap();
    assert_eq!(json(&store.read(&key()).unwrap().unwrap()), json(&record(9)));
    assert_eq!(parts_of(&digest), 0);
    assert!(users().contains(&user));
    store.delete(&key(), PATIENCE).unwrap();
    assert!(store.read(&key()).unwrap().is_none());
    assert!(!users().contains(&user));
    assert_eq!(parts_of(&digest), 0);
}

fn parts_of(digest: &str) -> usize {
    let name = format!("grantflow-part:{digest}:");
    users().iter().filter(|user| user.starts_with(&name)).count()
}

/// The digest of an item's names, as the name of its lock file has it.
fn digest_of(locks: &tempfile::TempDir) -> String {
    let entry = std::fs::read_dir(locks.path()).unwrap().next().unwrap().unwrap();
    let name = entry.file_name().into_string().unwrap();
    name.strip_prefix("keyring-")
        .unwrap()
        .strip_suffix(".lock")
        .unwrap()
        .to_owned()
}

#[test]
fn t64_two_pairs_of_names_never_share_an_item() {
    let Some(keyring) = keyring() else { return };
    let locks = tempfile::tempdir().unwrap();
    let user = fresh_user();
    let stores = [("a", "b"), ("a:", "b"), ("a", ":b"), ("ab", ""), ("a", "")]
        .map(|(application, user)| (format!("{APPLICATION}{application}"), user))
        .map(|(application, name)| {
            KeyringStore::new(
                keyring.clone(),
                &application,
                &format!("{user}{name}"),
                locks.path(),
            )
        });
    for (number, store) in (1..).zip(&stores) {
        store.put(record(number), PATIENCE).unwrap();
    }
    for (number, store) in (1..).zip(&stores) {
        assert_eq!(json(&store.read(&key()).unwrap().unwrap()), json(&record(number)));
    }
}

#[test]
fn t64_an_item_has_the_attributes_of_pythons_keyring_and_no_more() {
    let Some(keyring) = keyring() else { return };
    let locks = tempfile::tempdir().unwrap();
    let user = fresh_user();
    let store = KeyringStore::new(keyring, APPLICATION, &user, locks.path());
    store.put(record(1), PATIENCE).unwrap();
    store.put(record(2), PATIENCE).unwrap();
    let expected = HashMap::from([
        ("application", "Python keyring library"),
        ("service", APPLICATION),
        ("username", &user),
    ]);
    let expected: HashMap<_, _> = expected
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut found: Vec<_> = items()
        .into_iter()
        .filter(|item| item.get("username") == Some(&user))
        .collect();
    // GNOME Keyring's own, where it says it.
    for item in &mut found {
        item.remove("xdg:schema");
    }
    assert_eq!(found, [expected]);
}

#[test]
fn a_probe_of_a_real_keyring_leaves_nothing_behind() {
    let Some(keyring) = keyring() else { return };
    let probe = keyring.probe(APPLICATION).unwrap();
    assert!(probe.vendor.contains("Secret Service"), "{probe:?}");
    assert!(probe.is_durable);
    assert!(!users().iter().any(|user| user.starts_with("grantflow-probe-")));
}

/// This binary in a session of its own, with a task: what it said.
fn run(task: &str, keyring: &str) -> Vec<String> {
    let output = command(keyring)
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "real::the_other_process",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(TASK, task)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let said: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix('@'))
        .map(str::to_owned)
        .collect();
    assert!(said.last().is_some_and(|last| last == "end"), "{text}");
    said
}

#[expect(
    clippy::explicit_write,
    reason = "the harness keeps what `eprintln!` prints to itself"
)]
fn say(what: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "@{what}").unwrap();
}

/// No test of its own: without a task there is nothing to do.
#[test]
fn the_other_process() {
    let Some(task) = std::env::var_os(TASK) else {
        return;
    };
    let locks = tempfile::tempdir().unwrap();
    let keyring = Keyring::system().time_limit(SHORT);
    let store = KeyringStore::new(keyring.clone(), APPLICATION, "ann", locks.path());
    let tries = || {
        say(&format!("read {:?}", kind(store.read(&key()))));
        say(&format!("lock {:?}", kind(store.lock(&key(), PATIENCE))));
        say(&format!("put {:?}", kind(store.put(record(2), PATIENCE))));
        say(&format!("probe {:?}", kind(keyring.probe(APPLICATION))));
    };
    match task.to_str().unwrap() {
        "locked" => {
            let bus = Connection::session().unwrap();
            wait_for_secrets(&bus);
            store.put(record(1), PATIENCE).unwrap();
            let objects = vec![ObjectPath::try_from("/org/freedesktop/secrets/aliases/default").unwrap()];
            let service = Some("org.freedesktop.Secret.Service");
            bus.call_method(
                Some(SECRETS),
                "/org/freedesktop/secrets",
                service,
                "Lock",
                &objects,
            )
            .unwrap();
            tries();
        }
        "killed" => {
            let bus = Connection::session().unwrap();
            wait_for_secrets(&bus);
            store.put(record(1), PATIENCE).unwrap();
            let names = DBusProxy::new(&bus).unwrap();
            let id = names
                .get_connection_unix_process_id(SECRETS.try_into().unwrap())
                .unwrap();
            let mut changes = names
                .receive_name_owner_changed_with_args(&[(0, SECRETS)])
                .unwrap();
            let id = rustix::process::Pid::from_raw(id.try_into().unwrap()).unwrap();
            rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
            changes.next().unwrap();
            // The bus starts a new one, which is locked.
            tries();
            // The user logs in again.
            let mut unlock = Command::new("gnome-keyring-daemon")
                .args(["--replace", "--unlock", "--components=secrets"])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::io::Write::write_all(&mut unlock.stdin.take().unwrap(), b"password").unwrap();
            unlock.wait().unwrap();
            wait_for_secrets(&bus);
            let again = store.read(&key()).map(|found| found.map(|found| json(&found)));
            say(&format!(
                "again {}",
                again.is_ok_and(|again| again == Some(json(&record(1))))
            ));
        }
        "nobody" => tries(),
        "silent" => {
            let silent = Connection::session().unwrap();
            silent.request_name(SECRETS).unwrap();
            let begun = Instant::now();
            say(&format!("read {:?}", kind(store.read(&key()))));
            say(&format!("within the limit {}", begun.elapsed() >= SHORT));
            say(&format!("lock {:?}", kind(store.lock(&key(), PATIENCE))));
        }
        task => panic!("no task {task}"),
    }
    say("end");
}

#[test]
fn r26_a_locked_keyring_is_a_typed_error() {
    if is_there() {
        let said = run("locked", "unlocked");
        assert_eq!(
            said,
            [
                "read Some(Locked)",
                "lock Some(Locked)",
                "put Some(Locked)",
                "probe Some(Locked)",
                "end"
            ]
        );
    }
}

#[test]
fn r27_a_daemon_that_was_killed_is_a_typed_error_until_the_next_one_is_unlocked() {
    if is_there() {
        let said = run("killed", "unlocked");
        let (last, tries) = said.split_at(4);
        for said in last {
            let (_, kind) = said.split_once(' ').unwrap();
            assert!(
                ["Some(Locked)", "Some(Absent)", "Some(Unavailable)"].contains(&kind),
                "{said}"
            );
        }
        assert_eq!(tries, ["again true", "end"]);
    }
}

#[test]
fn r26_a_service_that_never_answers_times_out() {
    if is_there() {
        let said = run("silent", "none");
        assert_eq!(
            said,
            [
                "read Some(TimedOut)",
                "within the limit true",
                "lock Some(TimedOut)",
                "end"
            ]
        );
    }
}

#[test]
fn t63_r27_without_a_bus_there_is_no_password_manager_and_nothing_is_written_elsewhere() {
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "real::the_other_process",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(TASK, "nobody")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .env("XDG_RUNTIME_DIR", place.path())
        .env("HOME", place.path())
        .env("TMPDIR", place.path());
    let text = String::from_utf8(command.output().unwrap().stderr).unwrap();
    let said: Vec<_> = text.lines().filter(|line| line.starts_with('@')).collect();
    assert_eq!(
        said,
        [
            "@read Some(Absent)",
            "@lock Some(Absent)",
            "@put Some(Absent)",
            "@probe Some(Absent)",
            "@end"
        ],
        "{text}"
    );
    let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The session is there, whichever test came first.
#[test]
fn a_read_of_what_was_never_there_is_none() {
    let Some(_) = keyring() else { return };
    let store = session::in_session();
    assert_eq!(kind(store.read(&key())), None::<StoreErrorKind>);
}
