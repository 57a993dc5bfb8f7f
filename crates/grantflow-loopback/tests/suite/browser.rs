//! `$BROWSER` as real processes (threats T23 and T25).
//!
//! The browser is this test program itself, started with the name of one of its tests and the address behind it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{self, User, client, follow, nowhere, options};
use grantflow_core::{Client, Endpoint, Error};
use grantflow_loopback::{Answers, Environment, LoginError, Message, Paste, Prompt, run_flow_with};
use grantflow_store::MemoryStore;
use grantflow_testserver::{Browser, TestServer};
use grantflow_ureq::UreqTransport;

const ROLE: &str = "GRANTFLOW_TEST_ROLE";
const LOG: &str = "GRANTFLOW_TEST_LOG";

fn role() -> String {
    std::env::var(ROLE).unwrap_or_default()
}

/// The value of `$BROWSER`, which colons divide, that starts this program in a role; the address stands where `words` has `%s`.
fn this_program(role: &str, log: &Path, words: &str) -> String {
    let program = std::env::current_exe().unwrap();
    format!(
        "env {ROLE}={role} '{LOG}={}' '{}' --test-threads=1 browser_process --nocapture {words}",
        log.display(),
        program.display()
    )
}

/// Not a test of its own: what a browser does that is started by the others.
#[test]
fn browser_process() {
    let role = role();
    if role.is_empty() {
        return;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    std::fs::write(std::env::var_os(LOG).unwrap(), words.join("\n")).unwrap();
    if role == "fails" {
        std::process::exit(1);
    }
    let address = words.iter().find(|word| word.starts_with("http")).unwrap();
    let location = Browser::new().approve(address).unwrap();
    assert!(follow(&location).body.contains("Login received"));
}

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("grantflow-loopback-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn t25_browser_wins_over_ssh_and_display_and_gets_the_address_as_one_word() {
    let server = TestServer::start().unwrap();
    let directory = Directory::new("wins");
    let log = directory.0.join("words");
    let browser = this_program("consents", &log, "--skip %s --skip last");
    let options = options().environment(Environment::new().browser(browser).ssh(true));
    let user = User::is_not_asked();
    let client = client(&server, "native-app");
    let transport = UreqTransport::builder().no_proxy().build().unwrap();
    run_flow_with(&client, "read", MemoryStore::new(), transport, &options, &user).unwrap();
    let words = std::fs::read_to_string(log).unwrap();
    let words: Vec<&str> = words.lines().collect();
    assert_eq!(words[3..], ["--skip", &user.url(), "--skip", "last"]);
    assert!(user.said()[0].starts_with("Opened"));
}

#[test]
fn t25_no_shell_reads_the_address_and_a_browser_that_fails_is_made_up_for() {
    let directory = Directory::new("shell");
    let (log, touched) = (directory.0.join("words"), directory.0.join("touched"));
    let hostile = format!(
        "https://server.example/$(touch$IFS{});'|&&x=%s%25",
        touched.display()
    );
    let client = Client::new("app", Endpoint::new("https://server.example/token").unwrap())
        .with_authorization_endpoint(Endpoint::new(format!("{hostile}?a=1")).unwrap());
    let user = User::new(|_, answers| answers.cancel());
    let options = options().environment(Environment::new().browser(this_program("fails", &log, "")));
    let transport = UreqTransport::builder().no_proxy().build().unwrap();
    let error = run_flow_with(&client, "read", MemoryStore::new(), transport, &options, &user).unwrap_err();
    assert!(matches!(error, LoginError::Flow(Error::Cancelled)), "{error:?}");
    let words = std::fs::read_to_string(log).unwrap();
    let address = words.lines().last().unwrap();
    assert_eq!((address, words.lines().count()), (user.url().as_str(), 4));
    assert!(address.starts_with(&hostile), "{address}");
    assert!(!touched.exists());
    let said = user.said();
    assert!(
        said[0].starts_with("Opened") && said[1].contains("Failed"),
        "{said:?}"
    );
}

/// Gives up as soon as the browser was started.
struct GivesUp;

impl Prompt for GivesUp {
    fn say(&self, _: &Message<'_>) {}
    fn paste(&self, answers: Answers, _: Paste) {
        answers.cancel();
    }
}

/// Not a test of its own: a login to be watched.
#[test]
fn watched_login() {
    if role() != "watched" {
        return;
    }
    let options = options().environment(Environment::new().browser("true"));
    let transport = UreqTransport::builder().no_proxy().build().unwrap();
    let store = MemoryStore::new();
    let error = run_flow_with(&nowhere(), "read", store, transport, &options, &GivesUp).unwrap_err();
    assert!(matches!(error, LoginError::Flow(Error::Cancelled)), "{error:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn t23_the_port_is_bound_once_and_listened_at_before_the_browser_starts() {
    let directory = Directory::new("strace");
    let trace = directory.0.join("trace");
    let watched = Command::new("strace")
        .args(["-f", "-e", "trace=bind,listen,execve", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "browser::watched_login", "--nocapture"])
        .env(ROLE, "watched")
        .output();
    let text = std::fs::read_to_string(&trace).unwrap_or_default();
    if watched.is_err() || !text.contains("execve(") {
        return support::skip("t23", "strace cannot trace here");
    }
    assert!(watched.unwrap().status.success(), "{text}");
    let find = |what: &str| -> Vec<usize> {
        let lines = text.lines().enumerate().filter(|(_, line)| line.contains(what));
        lines.map(|(at, _)| at).collect()
    };
    let (bound, listening) = (find("bind("), find("listen("));
    // The first execve is the program's own; those that failed looked along the path.
    let browser: Vec<usize> = find("execve(")
        .into_iter()
        .filter(|at| text.lines().nth(*at).unwrap().contains("/true\""))
        .collect();
    assert_eq!((bound.len(), listening.len()), (1, 1), "{text}");
    assert!(
        text.lines().nth(bound[0]).unwrap().contains("127.0.0.1"),
        "{text}"
    );
    assert!(
        !browser.is_empty() && bound[0] < listening[0] && listening[0] < browser[0],
        "{text}"
    );
}
