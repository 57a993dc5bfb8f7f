//! [`TerminalPrompt`] in a process of its own, whose standard input and output are pipes (threats T26 and T27).
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use crate::support::{options, parameter};
use grantflow_core::{Client, Endpoint, Error};
use grantflow_loopback::{LoginError, TerminalPrompt, run_flow_with};
use grantflow_store::MemoryStore;
use grantflow_testserver::TestServer;
use grantflow_ureq::UreqTransport;

const SERVER: &str = "GRANTFLOW_TEST_SERVER";

/// Not a test of its own: the program at whose terminal the others sit. It prints how the login ended, and the next line of its
/// standard input.
#[test]
fn login_process() {
    let Ok(issuer) = std::env::var(SERVER) else { return };
    let endpoint = |path| Endpoint::allow_http_for_loopback(format!("{issuer}{path}")).unwrap();
    let client =
        Client::new("native-app", endpoint("/token")).with_authorization_endpoint(endpoint("/authorize"));
    let options = options().no_local_server();
    let transport = UreqTransport::builder().no_proxy().build().unwrap();
    let ended = run_flow_with(
        &client,
        "read",
        MemoryStore::new(),
        transport,
        &options,
        &TerminalPrompt::new(),
    );
    let ended = match ended {
        Ok(_) => "logged in".to_owned(),
        Err(LoginError::NoAnswer) => "no answer".to_owned(),
        Err(error @ LoginError::Flow(Error::Denied(_))) => error.to_string(),
        Err(error) => panic!("{error:?}"),
    };
    let mut next = String::new();
    std::io::stdin().read_line(&mut next).unwrap();
    writeln!(std::io::stdout(), "\nended: {ended}\nnext line: {next}").unwrap();
}

struct Terminal {
    process: Child,
    shown: BufReader<std::process::ChildStderr>,
    seen: String,
}

impl Terminal {
    fn open(server: &TestServer) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "terminal::login_process", "--nocapture"])
            .env(SERVER, server.issuer())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let shown = BufReader::new(process.stderr.take().unwrap());
        Self {
            process,
            shown,
            seen: String::new(),
        }
    }

    fn read_until(&mut self, what: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.shown.read_line(&mut line).unwrap(), 0, "{}", self.seen);
            self.seen.push_str(&line);
            if line.contains(what) {
                return line.trim().to_owned();
            }
        }
    }

    fn enter(&mut self, text: &str) {
        self.process
            .stdin
            .as_mut()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    /// What was shown, and what was printed, once the process has ended.
    fn end(mut self) -> (String, String) {
        drop(self.process.stdin.take());
        self.shown.read_to_string(&mut self.seen).unwrap();
        let output = self.process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", self.seen);
        (self.seen, String::from_utf8(output.stdout).unwrap())
    }
}

#[test]
fn t27_the_whole_address_is_taken_and_a_code_alone_is_not() {
    let server = TestServer::start().unwrap();
    let mut terminal = Terminal::open(&server);
    let url = terminal.read_until("/authorize?");
    let location = server.approve(&url).unwrap();
    terminal.enter(&format!("{}\n", parameter(&location, "code")));
    terminal.read_until("not where this login ended");
    terminal.enter(&format!("  {location} \r\nfor the next reader\n"));
    terminal.read_until("You are logged in.");
    let (shown, printed) = terminal.end();
    assert!(
        printed.contains("ended: logged in\nnext line: for the next reader\n"),
        "{printed}"
    );
    // Standard output is the program's alone.
    assert!(
        !printed.contains("http") && shown.contains("paste it here"),
        "{printed}"
    );
}

#[test]
fn t27_an_input_that_ends_is_an_error_and_not_a_crash() {
    let server = TestServer::start().unwrap();
    let mut terminal = Terminal::open(&server);
    terminal.read_until("/authorize?");
    assert!(terminal.end().1.contains("ended: no answer"));
}

#[test]
fn t26_what_a_server_says_reaches_the_terminal_without_escape_sequences() {
    let server = TestServer::start().unwrap();
    let mut terminal = Terminal::open(&server);
    let url = terminal.read_until("/authorize?");
    let hostile = "%1b%5d0%3btitle%07%0d%c2%9b31m%e2%80%aefdp.exe%e2%80%8b%0a";
    terminal.enter(&format!(
        "{}?error=access_denied&error_description={hostile}&state={}\n",
        server.url("/back"),
        parameter(&url, "state")
    ));
    let (shown, printed) = terminal.end();
    let told = shown.lines().last().unwrap();
    assert_eq!(
        told,
        r"Access was not granted: \u{1b}]0;title\u{7}\u{d}\u{9b}31m\u{202e}fdp.exe\u{200b}\u{a} (access_denied)"
    );
    assert!(!format!("{shown}{printed}").contains(['\u{1b}', '\r', '\u{9b}', '\u{202e}', '\u{200b}']));
}
