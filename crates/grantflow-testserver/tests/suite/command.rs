//! The `grantflow-testserver` command as a process.
#![expect(clippy::unwrap_used, reason = "a test fails where its process does not start")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::*;
use grantflow_testserver::Browser;
use serde_json::Value;

struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    ready: Value,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        Self {
            child,
            stdout,
            ready: serde_json::from_str(&line).unwrap(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.ready["issuer"].as_str().unwrap())
    }

    fn authorization_url(&self) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(good_request())
            .finish();
        self.url(&format!("/authorize?{query}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grantflow-testserver"));
    command.args(arguments);
    command
}

#[test]
fn it_says_in_one_line_where_it_is_and_whom_it_knows() {
    let running = Running::start(&[
        "--client",
        "mine=https://mine.example/cb",
        "--client",
        "mine=mine:/cb",
    ]);
    assert_eq!(running.ready["pid"], running.child.id());
    assert_eq!(
        running.url(""),
        format!("http://127.0.0.1:{}", running.ready["port"])
    );
    let clients = running.ready["clients"].as_array().unwrap();
    let ids: Vec<&str> = clients
        .iter()
        .filter_map(|client| client["client_id"].as_str())
        .collect();
    assert_eq!(ids, ["native-app", "basic-app", "post-app", "web-app", "mine"]);
    assert_eq!(clients[2]["client_secret"], "post-app-secret");
    assert_eq!(
        clients[4]["redirect_uris"],
        serde_json::json!(["https://mine.example/cb", "mine:/cb"])
    );
}

#[test]
fn it_serves_a_login_stats_and_the_log() {
    let running = Running::start(&["--rotate", "grace=2.5", "--expires", "7", "--delay", "0.001"]);
    let location = Browser::new().approve(&running.authorization_url()).unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "native-app"),
        ("code", &parameter(&location, "code")),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let reply = post(&running.url("/token"), &form);
    assert_eq!(reply.json()["expires_in"], 7);
    assert_eq!(get(&running.url("/stats")).json()["code_exchanges"], 1);
    let log = get(&running.url("/log")).json();
    assert_eq!(log.as_array().unwrap().last().unwrap()["path"], "/token");
}

#[test]
fn its_faults_strike_where_and_as_often_as_they_are_told() {
    let running = Running::start(&[
        "--auto-approve",
        "ann",
        "--fault",
        "metadata:status=503*2",
        "--fault",
        "429=3",
    ]);
    let metadata = || get(&running.url("/.well-known/oauth-authorization-server")).status;
    assert_eq!([metadata(), metadata(), metadata()], [503, 503, 200]);
    let token = || post(&running.url("/token"), &[]).header("retry-after").to_owned();
    assert_eq!([token(), token()], ["3", "3"]);
    assert_eq!(
        get(&running.authorization_url()).status,
        303,
        "auto-approval is on"
    );
}

#[test]
fn wrong_flags_are_refused_before_anything_is_printed() {
    for arguments in [
        ["--fault", "nonsense"],
        ["--fault", "nowhere:hold"],
        ["--fault", "hold*0"],
        ["--fault", "wrong-issuer"],
        ["--rotate", "sometimes"],
        ["--expires", "-1"],
        ["--delay", "soon"],
        ["--client", "no-uri"],
    ] {
        let output = command(&arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn help_explains_every_fault() {
    let output = command(&["--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for (name, meaning) in grantflow_testserver::Fault::NAMES {
        assert!(help.contains(name) && help.contains(meaning), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_in_order_and_without_another_word() {
    for signal in ["INT", "TERM"] {
        let mut running = Running::start(&[]);
        let pid = running.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        assert!(running.child.wait().unwrap().success(), "{signal}");
        let mut rest = String::new();
        running.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}
