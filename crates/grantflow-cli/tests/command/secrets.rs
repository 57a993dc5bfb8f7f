//! Secrets reach standard output where they were asked for, the store, and the server; nothing else.

use grantflow_testserver::{Config, Endpoint, Fault, TestClient};

use crate::support::{Desk, browser, contains, done};

const SECRET: &str = "canary-7Yq!s3cr3t+/=";

fn desk() -> Desk {
    let client = TestClient::confidential_basic("canary-app", SECRET, ["http://127.0.0.1/callback"]);
    let desk = Desk::with(Config::new().auto_approve("ann").client(client));
    std::fs::write(desk.path("secret"), format!("{SECRET}\r\nsecond line\n")).unwrap();
    desk
}

fn words(desk: &Desk) -> Vec<String> {
    let origin = desk.issuer();
    [
        "login",
        "--issuer",
        origin,
        "--client-id",
        "canary-app",
        "--redirect-uri",
        "http://127.0.0.1/callback",
        "--origin",
        origin,
        "--scope",
        "profile",
        "--logging-level",
        "DEBUG",
        "--client-secret-file",
        "secret",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// As it is, percent-encoded, and in hex; base64 in each of its three positions, without the characters at its ends.
fn forms(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = secret
        .bytes()
        .map(|byte| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let mut forms = vec![secret.to_owned(), hex, percent];
    for shift in 0..3 {
        let padded: Vec<u8> = std::iter::repeat_n(b' ', shift).chain(secret.bytes()).collect();
        let encoded = base64(&padded);
        let inner: String = encoded
            .chars()
            .skip(4)
            .take(encoded.len().saturating_sub(8))
            .collect();
        forms.push(inner.replace('+', "-").replace('/', "_"));
        forms.push(inner);
    }
    forms
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks_exact(3) {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        text.extend([18, 12, 6, 0].map(|at| char::from(LETTERS[bits >> at & 63])));
    }
    text
}

#[test]
fn t59_t60_no_output_log_or_error_has_a_secret_in_it() {
    let desk = desk();
    let mut outputs = Vec::new();
    let mut note = |done: crate::support::Done| outputs.push(done.all());
    note(desk.run(&words(&desk)).ok());
    desk.expire();
    // Errors of every kind, of the server and of ours.
    for fault in [
        "error=invalid_grant_oh",
        "status=503",
        "malformed",
        "truncated",
        "html",
        "redirect",
    ] {
        desk.server.set_fault(Endpoint::Refresh, fault.parse().unwrap());
        for format in ["text", "json"] {
            let failed = desk.run(&["token", "--format", format]);
            assert_ne!(failed.code, Some(0), "{fault}");
            note(failed);
        }
        desk.server.clear_faults();
        let mut again = words(&desk);
        again.extend([
            "--store".to_owned(),
            format!("file:{}.json", fault.replace('=', "-")),
        ]);
        desk.server.push_fault(Endpoint::Token, fault.parse().unwrap());
        note(desk.run(&again));
    }
    let desk2 = self::desk();
    note(desk2.run(&words(&desk2)).ok());
    let token = desk2.run(&["token"]).ok();
    note(crate::support::Done {
        stdout: String::new(),
        ..token
    });
    note(desk2.run(&["info"]).ok());
    note(desk2.run(&["info", "--format", "json"]).ok());
    note(desk2.run(&["list"]).ok());
    note(desk2.run(&["curl", "https://evil.example/"]).fails(2));
    note(desk2.run(&["curl", desk2.issuer(), "--", "-L"]).fails(2));
    let mut other = words(&desk2);
    other[4] = "basic-app".to_owned();
    note(desk2.run(&other).fails(2));
    desk2.server.push_fault(Endpoint::Revocation, Fault::Status(503));
    note(desk2.run(&["revoke"]).fails(4));
    note(desk2.run(&["token"]).fails(3));
    let bytes = std::fs::read(desk2.file()).unwrap();
    std::fs::write(desk2.file(), &bytes[..bytes.len() / 2]).unwrap();
    note(desk2.run(&["token"]).fails(6));

    let all = outputs.join("\n");
    assert!(all.contains("DEBUG ureq"), "the log was not captured");
    let issued = desk.server.expose_issued();
    assert!(issued.len() > 4);
    let secrets = issued
        .into_iter()
        .chain(desk2.server.expose_issued())
        .chain([SECRET.to_owned()]);
    for secret in secrets {
        for form in forms(&secret) {
            assert!(!all.contains(&form), "{form} of {secret} was printed");
        }
    }
}

/// Holds the search itself: it finds what is there.
#[test]
fn the_search_for_secrets_finds_them() {
    assert!(forms("secret of some length").contains(&"secret of some length".to_owned()));
    let authorization = "Basic Y2FuYXJ5LWFwcDpjYW5hcnk3WXEhczNjcjN0";
    assert!(
        forms("canary7Yq!s3cr3t")
            .iter()
            .any(|form| authorization.contains(form))
    );
}

#[test]
fn t61_a_client_secret_comes_by_file_or_standard_input_and_is_in_no_command_line_or_environment() {
    use std::io::Write as _;
    let desk = desk();
    let mut by_input = words(&desk);
    *by_input.last_mut().unwrap() = "-".to_owned();
    for words in [words(&desk), by_input] {
        let scan = desk.path("scan");
        let mut command = desk.command(&words);
        let mut login =
            crate::support::Running::start(command.env("BROWSER", browser("scan")).env("SCAN", &scan));
        writeln!(login.stdin.as_mut().unwrap(), "{SECRET}").unwrap();
        login.end().ok();
        let seen = std::fs::read(&scan).unwrap();
        assert!(!cfg!(target_os = "linux") || contains(&seen, "canary-app"));
        assert!(!contains(&seen, SECRET));
        // The secret was right: the server takes a refresh.
        desk.expire();
        desk.run(&["token"]).ok();
        desk.run(&["revoke"]).ok();
        std::fs::remove_file(scan).unwrap();
    }
}

#[test]
fn standard_input_is_read_no_further_than_the_secret() {
    use std::io::Write as _;
    let desk = desk();
    let mut words = words(&desk);
    *words.last_mut().unwrap() = "-".to_owned();
    words.push("--no-local-server".to_owned());
    let mut login = crate::support::Running::start(&mut desk.command(&words));
    writeln!(login.stdin.as_mut().unwrap(), "{SECRET}").unwrap();
    let url = login.says("/authorize?").trim().to_owned();
    let location = desk.server.approve(&url).unwrap();
    writeln!(login.stdin.as_mut().unwrap(), "{location}").unwrap();
    login.end().ok();
}

#[test]
fn a_secret_that_is_wrong_is_a_refusal_by_the_server() {
    let desk = desk();
    std::fs::write(desk.path("secret"), "another\n").unwrap();
    let failed = done(&mut desk.command(&words(&desk))).fails(4);
    assert!(failed.stderr.contains("invalid_client"), "{failed:?}");
    assert!(!desk.file().exists());
}
