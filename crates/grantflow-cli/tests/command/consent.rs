//! Logins that end otherwise, or come another way.

use std::io::Write as _;
use std::net::TcpListener;

use grantflow_testserver::{Config, Endpoint, Fault};

use crate::support::{Desk, Running, browser, done};

#[test]
fn a_user_who_says_no_is_told_that_nothing_was_stored() {
    let desk = Desk::with(Config::new());
    let denied = done(
        desk.command(&desk.login_words(&[]))
            .env("BROWSER", browser("deny")),
    )
    .fails(5);
    assert!(denied.stderr.contains("denied"), "{denied:?}");
    assert_eq!(desk.server.stats().denials, 1);
    assert!(!desk.file().exists());
    assert_eq!(denied.stdout, "");
}

#[test]
fn a_refusal_leaves_what_was_stored() {
    let desk = Desk::new();
    desk.login(&["--scope", "profile"]).ok();
    let before = std::fs::read(desk.file()).unwrap();
    desk.server
        .push_fault(Endpoint::Authorization, Fault::Error("access_denied".to_owned()));
    desk.login(&["--scope", "email"]).fails(5);
    assert_eq!(std::fs::read(desk.file()).unwrap(), before);
    desk.run(&["token"]).ok();
}

#[test]
fn t26_words_of_the_server_reach_no_terminal_as_they_came() {
    const HOSTILE: &str =
        "error=access_denied&error_description=%1B%5D0%3Bpwned%07%C2%9B31m%0Dgone%E2%80%AE%E2%80%8B%0A%7F";
    let is_steering = |c: char| {
        c != '\n' && (c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'))
    };
    for format in ["text", "json"] {
        let desk = Desk::new();
        let words = desk.login_words(&["--format", format]);
        let denied = done(desk.command(&words).env("BROWSER", browser(HOSTILE))).fails(5);
        assert!(!denied.all().contains(is_steering), "{denied:?}");
        assert!(denied.stderr.contains("pwned"), "{denied:?}");

        let code = "invalid_\u{1b}]0;x\u{7}\u{202e}\u{9b}".to_owned();
        desk.server.push_fault(Endpoint::Token, Fault::Error(code));
        let refused = desk.run(&words).fails(4);
        assert!(!refused.all().contains(is_steering), "{refused:?}");
    }
}

#[test]
fn t26_a_name_that_a_user_typed_or_stored_reaches_no_terminal_as_it_came() {
    let desk = Desk::new();
    desk.login(&["--account", "a\u{1b}[2J\u{202e}b"]).ok();
    for format in ["text", "json"] {
        let info = desk.run(&["info", "--format", format]).ok();
        assert!(!info.stdout.contains(['\u{1b}', '\u{202e}']), "{info:?}");
    }
    let info = desk.run(&["info", "--format", "json"]).ok();
    assert_eq!(info.json()["account"], "a\u{1b}[2J\u{202e}b");
}

#[test]
fn t26_an_error_shows_what_steers_a_terminal_and_does_not_send_it() {
    let desk = Desk::new();
    let hostile = "no\u{1b}]0;x\u{7}such\u{202e}file";
    for words in [
        &["login", "--client-secrets", hostile][..],
        &["token", "--ca-file", hostile],
        &["curl", "https://api.example/", "--", hostile],
        &["curl", "https://api.example/", "--", "-s", "--", hostile],
        &["token", "--store", hostile],
        &["login", "--issuer", hostile],
        &[hostile],
    ] {
        for format in ["--format=text", "--format=json"] {
            let words: Vec<&str> = [format].iter().chain(words).copied().collect();
            let failed = desk.run(&words).fails(2);
            assert!(
                !failed.all().contains(['\u{1b}', '\u{202e}']),
                "{words:?}: {failed:?}"
            );
        }
    }
}

#[test]
fn t27_the_whole_address_is_pasted_and_a_code_alone_is_refused() {
    let desk = Desk::new();
    let mut login = Running::start(&mut desk.command(&desk.login_words(&["--no-local-server"])));
    let url = login.says("/authorize?").trim().to_owned();
    let location = desk.server.approve(&url).unwrap();
    let code = location
        .split("code=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    let stdin = login.stdin.as_mut().unwrap();
    writeln!(stdin, "{code}").unwrap();
    login.says("not where this login ended");
    writeln!(login.stdin.as_mut().unwrap(), "{location}").unwrap();
    login.end().ok();
    assert_eq!(desk.server.stats().code_exchanges, 1);
}

#[test]
fn a_login_that_nobody_can_answer_ends() {
    let desk = Desk::new();
    let login = desk.login(&["--no-local-server"]).fails(3);
    assert!(login.stderr.contains("nobody can answer"), "{login:?}");
}

#[test]
fn t24_a_port_that_is_taken_is_an_error_and_no_other_is_tried() {
    let desk = Desk::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let login = desk.login(&["--auth-host-port", &port]).fails(1);
    assert!(
        login.stderr.contains(&port) && login.stderr.contains("--auth-host-port"),
        "{login:?}"
    );
    assert_eq!(desk.server.stats().authorization_requests, 0);
}

#[test]
fn the_spellings_of_oauth2client_are_taken() {
    let desk = Desk::new();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    desk.login(&[
        "--auth_host_name",
        "127.0.0.1",
        "--auth_host_port",
        &free.to_string(),
        "--logging_level",
        "info",
    ])
    .ok();
}

#[test]
fn a_redirect_address_with_a_path_is_used_with_another_port() {
    let desk = Desk::new();
    let words = desk.login_words(&["--redirect-uri", "http://127.0.0.1/callback"]);
    let login = done(&mut desk.command(&words)).ok();
    assert!(login.stderr.contains("%2Fcallback&"), "{login:?}");
}

#[test]
fn the_browser_has_its_final_page_before_the_command_ends_however_it_went() {
    use crate::support::browser;
    let desk = Desk::new();
    for (behaviour, code, page) in [
        ("allow", 0, "Login received"),
        ("error=access_denied", 5, "Access was not granted"),
        ("error=server_error", 4, "Access was not granted"),
    ] {
        let file = desk.path("page");
        let words = desk.login_words(&["--store", "file:other.json"]);
        let mut command = desk.command(&words);
        command.env("BROWSER", browser(behaviour)).env("PAGE", &file);
        let _ = std::fs::remove_file(desk.path("other.json"));
        done(&mut command).fails(code);
        // The browser ends by itself.
        let end = std::time::Instant::now() + crate::support::PATIENCE;
        while !file.exists() && std::time::Instant::now() < end {
            std::thread::yield_now();
        }
        let shown = std::fs::read_to_string(&file).unwrap();
        assert!(shown.contains(page), "{behaviour}: {shown}");
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn t25_a_browser_that_does_not_start_leaves_the_address_to_the_user() {
    let desk = Desk::new();
    let words = desk.login_words(&[]);
    let login = Running::start(desk.command(&words).env("BROWSER", "/no/such/browser"));
    let url = login.says("/authorize?").trim().to_owned();
    let location = desk.server.approve(&url).unwrap();
    desk.server.browser().follow(&location).unwrap();
    login.end().ok();
}

#[test]
fn a_denial_is_told_once_with_what_the_server_says_of_it() {
    for format in ["text", "json"] {
        let desk = Desk::new();
        let words = desk.login_words(&["--format", format]);
        let said = "error=access_denied&error_description=not%20today";
        let denied = done(desk.command(&words).env("BROWSER", browser(said))).fails(5);
        assert_eq!(denied.stderr.matches("access_denied").count(), 1, "{denied:?}");
        assert_eq!(denied.stderr.matches("not today").count(), 1, "{denied:?}");
        assert!(!denied.stderr.contains("was not granted"), "{denied:?}");
    }
}

#[test]
fn a_redirect_with_a_code_and_an_error_is_told_as_such() {
    let desk = Desk::new();
    let words = desk.login_words(&[]);
    let both = browser("code=x&error=access_denied");
    let refused = done(desk.command(&words).env("BROWSER", both)).fails(7);
    assert!(refused.stderr.contains("both a code and an error"), "{refused:?}");
}

#[test]
fn a_client_authenticates_in_the_way_that_is_named() {
    let desk = Desk::new();
    std::fs::write(desk.path("secret"), "post-app-secret\n").unwrap();
    let words = [
        &["login", "--issuer", desk.issuer(), "--client-id", "post-app"][..],
        &[
            "--redirect-uri",
            "http://127.0.0.1/callback",
            "--client-secret-file",
            "secret",
        ],
    ]
    .concat();
    // The metadata lists both ways; the client is registered for one.
    let failed = desk.run(&words).fails(4);
    assert!(failed.stderr.contains("--client-auth"), "{failed:?}");
    desk.run(&[&words[..], &["--client-auth", "basic"]].concat())
        .fails(4);
    desk.run(&[&words[..], &["--client-auth", "post"]].concat()).ok();
    desk.expire();
    desk.run(&["token"]).ok();
    // A way without a secret is none.
    for words in [
        desk.login_words(&["--client-auth", "post", "--store", "file:x.json"]),
        desk.login_words(&["--client-auth", "jwt", "--store", "file:x.json"]),
    ] {
        let failed = desk.run(&words).fails(2);
        assert!(failed.stderr.contains("--client-auth"), "{failed:?}");
    }
}
