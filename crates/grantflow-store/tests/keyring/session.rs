//! A session of one's own: a bus, and on it a keyring that is unlocked.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use grantflow_core::{Key, Locked, Protection, Record, Store, StoreError};
use grantflow_store::{Keyring, KeyringStore, MemoryStore};
use zbus::blocking::Connection;
use zbus::blocking::fdo::DBusProxy;

use crate::room::skip;

pub(crate) const SECRETS: &str = "org.freedesktop.secrets";

/// Long enough for a daemon on a busy machine; the tests of the limit itself set a short one.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs `"$@"` on a bus of its own, with an unlocked keyring or without any if `KEYRING` is `none`; nothing of it stays.
/// What the bus starts by itself lives in the same place.
const SCRIPT: &str = r#"
place=$(mktemp -d)
export HOME="$place" XDG_DATA_HOME="$place" XDG_RUNTIME_DIR="$place" XDG_CONFIG_HOME="$place"
unset DISPLAY WAYLAND_DISPLAY
dbus-run-session -- sh -c '
    if [ "$KEYRING" != none ]; then
        printf password | gnome-keyring-daemon --foreground --unlock --components=secrets >/dev/null 2>&1 &
    fi
    "$@"
    status=$?
    [ "$KEYRING" = none ] || kill $! 2>/dev/null
    exit $status
' sh "$@"
status=$?
rm -rf "$place"
exit $status
"#;

/// What runs a program in a session.
pub(crate) fn command(keyring: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", SCRIPT, "sh"])
        .env("KEYRING", keyring)
        .stdin(Stdio::null());
    command
}

/// Whether there are the programs for a session; if not, the test is reported as skipped.
pub(crate) fn is_there() -> bool {
    let runs = |program: &str| {
        let ran = Command::new(program).arg("--version").output();
        ran.is_ok_and(|ran| ran.status.success())
    };
    let there = runs("dbus-run-session") && runs("gnome-keyring-daemon");
    if !there {
        skip(
            "keyring",
            "dbus-run-session or gnome-keyring-daemon is not installed",
        );
    }
    there
}

/// Waits until somebody on the bus has the name of the Secret Service: before, a call would start another one.
pub(crate) fn wait_for_secrets(bus: &Connection) {
    let names = DBusProxy::new(bus).unwrap();
    let mut changes = names
        .receive_name_owner_changed_with_args(&[(0, SECRETS)])
        .unwrap();
    if !names.name_has_owner(SECRETS.try_into().unwrap()).unwrap() {
        changes.next().unwrap();
    }
}

/// The session of this process, begun by the first test that needs it; it ends when its input does.
fn session() -> bool {
    static SESSION: OnceLock<Option<Child>> = OnceLock::new();
    let session = SESSION.get_or_init(|| {
        if !is_there() {
            return None;
        }
        let mut child = command("unlocked")
            .args(["sh", "-c", r#"echo "$DBUS_SESSION_BUS_ADDRESS"; cat >/dev/null"#])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut address).unwrap();
        let bus = zbus::blocking::connection::Builder::address(address.trim()).unwrap();
        wait_for_secrets(&bus.build().unwrap());
        let variable = format!("DBUS_SESSION_BUS_ADDRESS='{}'\n", address.trim());
        dotenvy::from_read_override(variable.as_bytes()).unwrap();
        Some(child)
    });
    session.is_some()
}

/// A store in the session, and the directory of its locks.
#[derive(Debug)]
pub(crate) struct InSession {
    store: Arc<dyn Store>,
    _locks: tempfile::TempDir,
}

/// A keyring in this process's session; `None`, after saying so, where there can be none.
pub(crate) fn keyring() -> Option<Keyring> {
    session().then(|| Keyring::system().time_limit(LIMIT))
}

/// Names that no other test has.
pub(crate) fn fresh_user() -> String {
    static USERS: AtomicUsize = AtomicUsize::new(0);
    let number = USERS.fetch_add(1, Ordering::Relaxed);
    format!("user {number} of {}", std::process::id())
}

/// A new store on a real keyring. Where there is none, the test was reported as skipped, and shows nothing on memory.
pub(crate) fn in_session() -> InSession {
    make(|store| Arc::new(store))
}

#[cfg(feature = "encrypted")]
pub(crate) fn sealed_in_session() -> InSession {
    use grantflow_store::{DataKey, Encrypted, GivenKeys};
    make(|store| {
        Arc::new(Encrypted::new(
            store,
            GivenKeys::new(DataKey::from_bytes([7; 32])),
        ))
    })
}

fn make(wrap: impl FnOnce(KeyringStore) -> Arc<dyn Store>) -> InSession {
    let locks = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = match keyring() {
        Some(keyring) => wrap(KeyringStore::new(
            keyring,
            "grantflow-test",
            &fresh_user(),
            locks.path(),
        )),
        None => Arc::new(MemoryStore::new()),
    };
    InSession { store, _locks: locks }
}

impl Store for InSession {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.store.read(key)
    }
    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        self.store.lock(key, patience)
    }
    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        self.store.lock_for_login(key, patience)
    }
    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        self.store.keys()
    }
    fn holds_one_record(&self) -> bool {
        self.store.holds_one_record()
    }
    fn protection(&self) -> Protection {
        self.store.protection()
    }
}
