//! The password manager: a real GNOME Keyring on a bus of its own, without any display.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use zbus::blocking::Connection;
use zbus::blocking::fdo::DBusProxy;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

use crate::support::{Desk, Done, done, skip};

const SECRETS: &str = "org.freedesktop.secrets";

/// A bus with an unlocked keyring on it, until the input ends; nothing of it stays.
const SCRIPT: &str = r#"
place=$(mktemp -d)
export HOME="$place" XDG_DATA_HOME="$place" XDG_RUNTIME_DIR="$place" XDG_CONFIG_HOME="$place"
unset DISPLAY WAYLAND_DISPLAY
dbus-run-session -- sh -c '
    printf password | gnome-keyring-daemon --foreground --unlock --components=secrets >/dev/null 2>&1 &
    echo "$DBUS_SESSION_BUS_ADDRESS"
    cat >/dev/null
    kill $! 2>/dev/null
'
rm -rf "$place"
"#;

/// The session of a test.
struct Session {
    child: Child,
    address: String,
    bus: Connection,
}

impl Session {
    /// `None`, after saying so, where there can be none.
    fn begin() -> Option<Self> {
        let runs = |program: &str| {
            let ran = Command::new(program).arg("--version").output();
            ran.is_ok_and(|ran| ran.status.success())
        };
        if !runs("dbus-run-session") || !runs("gnome-keyring-daemon") {
            skip("dbus-run-session or gnome-keyring-daemon is not installed");
            return None;
        }
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let bus = zbus::blocking::connection::Builder::address(address.as_str()).unwrap();
        let bus = bus.build().unwrap();
        // Before somebody has the name, a call would start another keyring.
        let names = DBusProxy::new(&bus).unwrap();
        let mut changes = names
            .receive_name_owner_changed_with_args(&[(0, SECRETS)])
            .unwrap();
        if !names.name_has_owner(SECRETS.try_into().unwrap()).unwrap() {
            changes.next().unwrap();
        }
        Some(Self { child, address, bus })
    }

    /// The command in this session.
    fn run(&self, desk: &Desk, words: &[&str]) -> Done {
        done(desk.command(words).env("DBUS_SESSION_BUS_ADDRESS", &self.address))
    }

    /// Puts a text where Python's `keyring` puts it: what it writes is compared in the suite of the stores.
    fn keep(&self, application: &str, user: &str, text: &str) {
        let (bus, service) = (&self.bus, "org.freedesktop.Secret.Service");
        let plain = ("plain", Value::from(""));
        let opened = bus
            .call_method(
                Some(SECRETS),
                "/org/freedesktop/secrets",
                Some(service),
                "OpenSession",
                &plain,
            )
            .unwrap();
        let (_, session): (OwnedValue, OwnedObjectPath) = opened.body().deserialize().unwrap();
        let attributes = HashMap::from([
            ("service", application),
            ("username", user),
            ("application", "Python keyring library"),
        ]);
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Value::from("a password")),
            ("org.freedesktop.Secret.Item.Attributes", Value::from(attributes)),
        ]);
        let secret = (session, Vec::<u8>::new(), text.as_bytes(), "text/plain");
        let collection = "/org/freedesktop/secrets/collection/login";
        let interface = Some("org.freedesktop.Secret.Collection");
        bus.call_method(
            Some(SECRETS),
            collection,
            interface,
            "CreateItem",
            &(properties, secret, true),
        )
        .unwrap();
    }

    /// The items of an application.
    fn users(&self, application: &str) -> Vec<OwnedObjectPath> {
        let (path, service) = ("/org/freedesktop/secrets", Some("org.freedesktop.Secret.Service"));
        let query = HashMap::from([("service", application)]);
        let found = self
            .bus
            .call_method(Some(SECRETS), path, service, "SearchItems", &query)
            .unwrap();
        let (unlocked, _): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = found.body().deserialize().unwrap();
        unlocked
    }

    /// Locks the keyring, which nobody can unlock without a display.
    fn lock(&self) {
        let login = ObjectPath::try_from("/org/freedesktop/secrets/collection/login").unwrap();
        self.bus
            .call_method(
                Some(SECRETS),
                "/org/freedesktop/secrets",
                Some("org.freedesktop.Secret.Service"),
                "Lock",
                &vec![login],
            )
            .unwrap();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn grade(value: &serde_json::Value, about: &str) -> (String, String) {
    let all = value["findings"].as_array().unwrap().iter();
    let of = all.filter(|finding| finding["about"] == about);
    let worst = of.max_by_key(|finding| finding["grade"] == "problem").unwrap();
    let text = |member: &str| worst[member].as_str().unwrap().to_owned();
    (text("grade"), text("found"))
}

#[test]
fn a_user_keeps_credentials_in_the_password_manager() {
    let Some(session) = Session::begin() else { return };
    let desk = Desk::new();
    let store = ["--store", "keyring:grantflow-test/ann@example.com/work"];
    let run = |words: &[&str]| session.run(&desk, &[words, &store].concat());
    let failed = run(&["token"]).fails(3);
    assert!(failed.stderr.contains("grantflow login"), "{failed:?}");
    let login = run(&desk.login_words(&["--scope", "profile", "--format", "json"]))
        .ok()
        .json();
    assert_eq!(
        (&login["protection"], &login["store"]),
        (&json!("os-encrypted"), &json!(store[1]))
    );
    let token = run(&["token"]).ok().stdout;
    assert!(run(&["header"]).ok().stdout.contains(token.trim()));
    assert!(run(&["list"]).ok().stdout.contains("os-encrypted"));
    let doctor = run(&["doctor", "--format", "json"]).ok().json();
    assert_eq!(grade(&doctor, "keyring").0, "ok", "{doctor}");
    // A name for people, and not where the library comes from.
    assert!(!grade(&doctor, "keyring").1.contains("://"), "{doctor}");
    assert_eq!(grade(&doctor, "credentials").0, "ok", "{doctor}");

    // Out and in again, and nothing of it in a file of ours.
    run(&["export", "--as", "oauth2client", "old.json"]).ok();
    let failed = run(&desk.login_words(&["--account", "bob"])).fails(2);
    assert!(failed.stderr.contains("multistore:"), "{failed:?}");
    run(&["import", "old.json", "--replace"]).ok();
    assert_eq!(run(&["info", "--format", "json"]).ok().json()["source"], "import");
    let locks = desk.names("home/.local/share/grantflow");
    assert_eq!(locks.len(), 1, "{locks:?}");
    assert!(
        locks[0].starts_with("keyring-") && locks[0].ends_with(".lock"),
        "{locks:?}"
    );
    run(&["revoke"]).ok();
    assert_eq!(desk.server.stats().revocations, 1);
    run(&["token"]).fails(3);
}

#[test]
fn a_key_in_the_password_manager_seals_what_is_in_files() {
    let Some(session) = Session::begin() else { return };
    let desk = Desk::new();
    let options = [
        "--store",
        "multistore+sealed:many",
        "--sealing-key",
        "keyring:grantflow-test/key",
    ];
    let run = |words: &[&str]| session.run(&desk, &[words, &options].concat());
    let doctor = run(&["doctor", "--format", "json"]).ok().json();
    assert!(
        grade(&doctor, "sealing key")
            .1
            .contains("the first login makes one"),
        "{doctor}"
    );
    for account in ["ann", "bob"] {
        run(&desk.login_words(&["--account", account])).ok();
    }
    run(&["token", "--account", "bob"]).ok();
    assert_eq!(run(&["list"]).ok().stdout.matches("sealed").count(), 2);
    let doctor = run(&["doctor", "--format", "json"]).ok().json();
    assert!(grade(&doctor, "sealing key").1.contains("seals with"), "{doctor}");

    session.lock();
    let failed = run(&["token", "--account", "bob"]).fails(6);
    assert!(failed.stderr.contains("locked"), "{failed:?}");
    let doctor = run(&["doctor", "--format", "json"]).fails(6).json();
    assert_eq!(grade(&doctor, "keyring").0, "problem", "{doctor}");
    assert_eq!(desk.names("many").len(), 4);
}

#[test]
fn what_oauth2client_kept_in_the_password_manager_is_imported_from_there() {
    let Some(session) = Session::begin() else { return };
    let desk = Desk::new();
    let old = json!({
        "_class": "OAuth2Credentials", "_module": "oauth2client.client", "access_token": "at-canary",
        "client_id": "old-app", "client_secret": "cs-canary", "refresh_token": "rt-canary", "token_expiry": "2030-01-02T03:04:05Z",
        "token_uri": format!("{}/token", desk.issuer()), "user_agent": null, "revoke_uri": null, "id_token": null,
        "scopes": ["openid"], "invalid": false,
    });
    session.keep("grantflow-test", "ann", &old.to_string());
    let item = "keyring:grantflow-test/ann";
    let failed = session.run(&desk, &["token", "--store", item]).fails(6);
    assert!(failed.stderr.contains("grantflow import keyring:"), "{failed:?}");
    let failed = session
        .run(&desk, &["import", "keyring:grantflow-test/nobody"])
        .fails(2);
    assert!(failed.stderr.contains("keeps nothing"), "{failed:?}");
    session.run(&desk, &["import", item, "--store", item]).fails(6);

    let mut told = session
        .run(&desk, &["import", item, "--store", "multistore:many"])
        .ok()
        .all();
    told += &session
        .run(&desk, &["import", item, "--store", item, "--replace"])
        .ok()
        .all();
    let info = session
        .run(&desk, &["info", "--store", item, "--format", "json"])
        .ok()
        .json();
    assert_eq!(
        (&info["client_id"], &info["state"]),
        (&json!("old-app"), &json!("valid"))
    );
    session.run(&desk, &["import", item]).fails(2);
    assert!(!told.contains("canary"), "{told}");
    // What was there is set aside, and not lost.
    assert_eq!(session.users("grantflow-test").len(), 2);
}

#[test]
fn r26_a_locked_password_manager_is_said_to_be_and_nothing_is_stored_elsewhere() {
    let Some(session) = Session::begin() else { return };
    let desk = Desk::new();
    let store = ["--store", "keyring:grantflow-test/ann"];
    let run = |words: &[&str]| session.run(&desk, &[words, &store].concat());
    run(&desk.login_words(&[])).ok();
    session.lock();
    for words in [
        &["token"][..],
        &["list"],
        &["revoke"],
        &desk.login_words(&["--scope", "more"]),
    ] {
        let failed = run(words).fails(6);
        assert!(
            failed.stderr.contains("the password manager is locked"),
            "{words:?}: {failed:?}"
        );
        assert!(failed.stderr.contains("unlock"), "{words:?}: {failed:?}");
    }
    let doctor = run(&["doctor", "--format", "json"]).fails(6).json();
    let (grade, found) = grade(&doctor, "keyring");
    assert!(grade == "problem" && found.contains("locked"), "{doctor}");
    assert_eq!(desk.server.stats().authorization_requests, 1);
    assert_eq!(desk.names("."), ["home", "tmp"]);
}

#[test]
fn r27_t63_without_a_password_manager_nothing_is_stored_elsewhere() {
    let desk = Desk::new();
    let store = ["--store", "keyring:grantflow-test/ann"];
    let run = |words: &[&str]| {
        let mut command = desk.command(&[words, &store].concat());
        done(command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere"))
    };
    for words in [&["token"][..], &["list"], &desk.login_words(&[])] {
        let failed = run(words).fails(6);
        assert!(
            failed.stderr.contains("there is no password manager"),
            "{words:?}: {failed:?}"
        );
    }
    assert_eq!(run(&["token", "--format", "json"]).error()["exit_code"], 6);
    let doctor = run(&["doctor", "--format", "json"]).fails(6).json();
    assert_eq!(grade(&doctor, "keyring").0, "problem");
    assert_eq!(desk.server.stats().authorization_requests, 0);
    assert_eq!(desk.names("."), ["home", "tmp"]);
    // Who needs none is not troubled.
    let mut doctor = desk.command(&["doctor", "--format", "json"]);
    let doctor = done(doctor.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere"))
        .ok()
        .json();
    assert!(
        grade(&doctor, "keyring").1.starts_with("this store needs none"),
        "{doctor}"
    );
}
