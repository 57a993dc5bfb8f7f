//! The command against a certified provider: a person with Chromium, userinfo, refresh with rotation, revocation, login needed.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use grantflow_core::{Record, RevocationRequest, Store as _, TokenRequest, TokenTypeHint};
use grantflow_store::FileStore;
use grantflow_suites::app::{App, refresh_token};
use grantflow_suites::child::Running;
use grantflow_suites::chromium::Chromium;
use grantflow_suites::provider::{CONFIDENTIAL_SECRET, Provider};
use grantflow_suites::skip::built;
use serde_json::{Value, json};

/// A user's machine with a provider: the command, and where it keeps credentials.
struct Desk {
    program: PathBuf,
    provider: Provider,
    home: tempfile::TempDir,
}

impl Desk {
    fn new(options: &Value) -> Option<Self> {
        Some(Self {
            program: built("grantflow")?,
            provider: Provider::start(options)?,
            home: tempfile::tempdir().expect("a temporary directory can be made"),
        })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for name in [
            "BROWSER",
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "SSH_CONNECTION",
            "GRANTFLOW_STORE",
        ] {
            command.env_remove(name);
        }
        command
            .args(words)
            .env("HOME", self.home.path())
            .env("XDG_DATA_HOME", self.home.path());
        command
            .arg("--store")
            .arg(format!("file:{}", self.file().display()));
        command
    }

    fn login(&self, client: &str) -> Command {
        let issuer = self.provider.issuer();
        let scope = ["--scope", "openid", "--scope", "email"];
        let mut command = self.command(&[
            "login",
            "--issuer",
            issuer,
            "--client-id",
            client,
            "--origin",
            issuer,
        ]);
        command
            .args(scope)
            .args(["--redirect-uri", "http://127.0.0.1/cb"]);
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the command starts")
    }

    /// The value that a command prints for programs.
    #[track_caller]
    fn json(&self, words: &[&str]) -> Value {
        let output = self.run(&[words, &["--format", "json"]].concat());
        assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("credentials.json")
    }

    /// The record, by the library beside the command.
    fn record(&self) -> Record {
        let store = FileStore::new(self.file());
        let keys = store.keys().expect("it can be read");
        let record = store.read(&keys[0]).expect("it can be read");
        record.expect("it is there")
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn stand_in(user: &str) -> String {
    format!("'{}' {user}", env!("CARGO_BIN_EXE_stand-in-browser"))
}

#[test]
fn a_person_logs_in_and_the_command_goes_on_alone_until_the_server_ends_the_grant() {
    let Some(desk) = Desk::new(&json!({ "access_token_ttl": 3 })) else {
        return;
    };
    let Some(chromium) = Chromium::start() else { return };
    let window = chromium.window();
    let login = Running::start(desk.login("native").stderr(Stdio::piped()));
    let address = login.wait_for(|line| {
        let (_, address) = line.split_once("http://")?;
        let address = address.split_whitespace().next()?;
        address.contains("/auth?").then(|| format!("http://{address}"))
    });
    window.open(&address);
    window.type_into("input[name=login]", "ann");
    window.type_into("input[name=password]", "password");
    window.click("button[type=submit]");
    window.wait_for("consent page", || {
        (window.text("button[type=submit]") == "Continue").then_some(())
    });
    window.click("button[type=submit]");
    window.wait_for("last page", || {
        (window.text("h1") == "Login received").then_some(())
    });
    let (ended, lines) = login.finish();
    assert!(ended.success(), "{lines:?}");

    let me = desk.provider.url("/me");
    let userinfo = desk.run(&["curl", &me]);
    assert!(
        String::from_utf8_lossy(&userinfo.stdout).contains("ann@example.com"),
        "{userinfo:?}"
    );

    // Each process looks at the clock for itself, so this takes as long as the token lives.
    let (first, before) = (desk.json(&["token"]), desk.record());
    let end = Instant::now() + Duration::from_secs(60);
    while desk.json(&["token"])["access_token"] == first["access_token"] {
        assert!(Instant::now() < end, "the token does not end");
    }
    let after = desk.record();
    assert!(after.generation() > before.generation());
    assert!(
        !refresh_token(&after).eq_ct(&refresh_token(&before)),
        "the server rotates"
    );
    assert_eq!(code(&desk.run(&["curl", &me])), 0);

    let app = App::discover(desk.provider.issuer(), "native", |client| client).expect("the server tells");
    let revocation = RevocationRequest::new(
        app.client(),
        &refresh_token(&desk.record()),
        TokenTypeHint::RefreshToken,
    );
    app.run(revocation.flow())
        .expect("the user ends the grant at the server");
    let output = loop {
        let output = desk.run(&["token", "--format", "json"]);
        assert!(Instant::now() < end, "the token does not end");
        if code(&output) != 0 {
            break output;
        }
    };
    assert_eq!(code(&output), 3, "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let error: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("it is JSON");
    assert_eq!(error["exit_code"], 3);
    assert!(
        error["error"]
            .as_str()
            .is_some_and(|error| error.contains("login")),
        "{error}"
    );
    assert_eq!(desk.json(&["info"])["state"], "refused");
}

#[test]
fn a_confidential_client_logs_in_with_its_secret_from_a_file_and_revokes() {
    let Some(desk) = Desk::new(&json!({})) else { return };
    let secret = desk.home.path().join("secret");
    std::fs::write(&secret, CONFIDENTIAL_SECRET).expect("there is room");
    let mut login = desk.login("confidential");
    login
        .arg("--client-secret-file")
        .arg(&secret)
        .env("BROWSER", stand_in("bob"));
    let output = login.output().expect("the command starts");
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
    let info = desk.json(&["info"]);
    assert_eq!(
        (&info["state"], &info["refreshable"]),
        (&json!("valid"), &json!(true)),
        "{info}"
    );

    let record = desk.record();
    assert_eq!(desk.json(&["revoke"])["revoked"], true);
    assert_eq!(code(&desk.run(&["token"])), 3, "nothing is left here");
    let app = App::discover(desk.provider.issuer(), "confidential", |client| {
        client.with_secret_basic(CONFIDENTIAL_SECRET)
    });
    let app = app.expect("the server tells");
    let replay = app.run(TokenRequest::refresh(app.client(), refresh_token(&record)).flow());
    assert!(
        replay.is_err_and(|error| error.needs_user()),
        "nothing is left there"
    );
}

#[test]
fn a_denied_consent_has_an_exit_code_of_its_own() {
    let Some(desk) = Desk::new(&json!({})) else { return };
    let mut login = desk.login("native");
    let output = login
        .env("BROWSER", stand_in("ann --deny"))
        .output()
        .expect("the command starts");
    assert_eq!(code(&output), 5, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!desk.file().exists(), "nothing was stored");
    assert_eq!(code(&desk.run(&["token"])), 3);
}
