//! Each way to fail has its exit code, a message, and loses nothing.

use grantflow_testserver::{Config, Endpoint, Fault};

use crate::support::Desk;

#[test]
fn t29_an_issuer_without_tls_is_taken_on_a_loopback_literal_only() {
    let desk = Desk::new();
    for issuer in [
        "http://example.com",
        "http://localhost:1",
        "http://127.0.0.1.evil.example",
        "http://0x7f.1",
        "http://192.0.2.1",
        "ftp://127.0.0.1",
        "127.0.0.1",
        "",
        "https://user@example.com",
        "https://example.com/#x",
        "https://example.com/?x",
    ] {
        let login = desk
            .run(&["login", "--issuer", issuer, "--client-id", "x"])
            .fails(2);
        assert!(login.stderr.contains("--issuer"), "{issuer}: {login:?}");
    }
}

#[test]
fn what_cannot_be_used_is_a_usage_error_that_names_it() {
    let desk = Desk::new();
    let issuer = desk.issuer();
    std::fs::write(desk.path("empty"), "\nsecret on the second line\n").unwrap();
    std::fs::write(desk.path("not.json"), "{").unwrap();
    std::fs::write(desk.path("control"), "a\0b\n").unwrap();
    for (words, named) in [
        (&["login"][..], "--client-secrets"),
        (&["login", "--issuer", issuer], "--client-id"),
        (&["login", "--client-id", "x"], "--issuer"),
        (&["login", "--issuer", issuer, "--client-id", ""], "--client-id"),
        (
            &[
                "login",
                "--client-secrets",
                "a",
                "--issuer",
                issuer,
                "--client-id",
                "x",
            ],
            "--issuer",
        ),
        (&["login", "--client-secrets", "no-such-file"], "no-such-file"),
        (&["login", "--client-secrets", "not.json"], "not JSON"),
        (
            &[
                "login",
                "--issuer",
                issuer,
                "--client-id",
                "x",
                "--client-secret-file",
                "empty",
            ],
            "client secret",
        ),
        (
            &[
                "login",
                "--issuer",
                issuer,
                "--client-id",
                "x",
                "--client-secret-file",
                "-",
            ],
            "client secret",
        ),
        (
            &[
                "login",
                "--issuer",
                issuer,
                "--client-id",
                "x",
                "--client-secret-file",
                "none",
            ],
            "client secret",
        ),
        (
            &[
                "login",
                "--issuer",
                issuer,
                "--client-id",
                "x",
                "--client-secret-file",
                "control",
            ],
            "control character",
        ),
        (
            &[
                "login",
                "--issuer",
                issuer,
                "--client-id",
                "x",
                "--client-secret",
                "canary",
            ],
            "--client-secret",
        ),
        (
            &[
                "login",
                "--issuer",
                issuer,
                "--client-id",
                "x",
                "--origin",
                "http://example.com",
            ],
            "--origin",
        ),
        (
            &[
                "login",
                "--issuer",
                issuer,
                "--client-id",
                "x",
                "--origin",
                "https://*.com",
            ],
            "--origin",
        ),
        (
            &[
                "login",
                "--issuer",
                issuer,
                "--client-id",
                "x",
                "--scope",
                "\u{e4}",
            ],
            "scope",
        ),
        (
            &[
                "login",
                "--issuer",
                issuer,
                "--client-id",
                "x",
                "--redirect-uri",
                "https://evil.example/",
            ],
            "--redirect-uri",
        ),
        (
            &[
                "login",
                "--issuer",
                issuer,
                "--client-id",
                "x",
                "--auth-host-name",
                "0.0.0.0",
            ],
            "--auth-host-name",
        ),
        (
            &[
                "login",
                "--issuer",
                issuer,
                "--client-id",
                "x",
                "--auth-host-port",
                "70000",
            ],
            "--auth-host-port",
        ),
        (
            &[
                "login",
                "--issuer",
                issuer,
                "--client-id",
                "x",
                "--logging-level",
                "loud",
            ],
            "--logging-level",
        ),
        (&["token", "--ca-file", "no-such-file"], "no-such-file"),
        (&["token", "--ca-file", "not.json"], "no certificate"),
        (&["token", "--format", "xml"], "--format"),
        (&["fly"], "fly"),
        (&["completions", "tcl"], "tcl"),
    ] {
        let failed = desk.run(words).fails(2);
        assert!(failed.stderr.contains(named), "{words:?}: {failed:?}");
        assert_eq!(failed.stdout, "", "{words:?}");
        let json: Vec<&str> = words.iter().copied().chain(["--format=json"]).collect();
        if words.contains(&"--format") {
            continue;
        }
        let failed = desk.run(&json).fails(2);
        assert_eq!(failed.error()["exit_code"], 2, "{words:?}: {failed:?}");
        assert_eq!(failed.stderr.lines().count(), 1, "{words:?}: {failed:?}");
    }
    assert_eq!(desk.server.stats().authorization_requests, 0);
    assert!(!desk.file().exists());
}

#[test]
fn help_and_version_are_results() {
    let desk = Desk::new();
    let help = desk.run(&["--help"]).ok();
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "7 ", "130 "] {
        assert!(help.stdout.contains(&format!("\n  {code}")), "{code}: {help:?}");
    }
    assert!(desk.run(&["--version"]).ok().stdout.starts_with("grantflow "));
    desk.run(&["login", "--help"]).ok();
    desk.run::<&str>(&[]).fails(2);
}

#[test]
fn without_credentials_a_login_is_needed() {
    let desk = Desk::new();
    for words in [
        &["token"][..],
        &["header"],
        &["info"],
        &["curl", "https://api.example.com/"],
    ] {
        let failed = desk.run(words).fails(3);
        assert!(failed.stderr.contains("grantflow login"), "{words:?}: {failed:?}");
    }
    assert_eq!(desk.names("."), ["home", "tmp"]);
    assert_eq!(desk.names("home"), [""; 0]);
}

#[test]
fn a_grant_that_the_server_ended_needs_a_login() {
    let desk = Desk::with_expired();
    desk.server.revoke_everything();
    for _ in 0..2 {
        let failed = desk.run(&["token"]).fails(3);
        assert!(failed.stderr.contains("grantflow login"), "{failed:?}");
    }
    // The refusal is remembered: a script in a loop does not ask the server for ever.
    assert_eq!(desk.server.stats().token_requests, 2);
    assert!(
        desk.run(&["info"])
            .ok()
            .stdout
            .contains("state             refused\n")
    );
    desk.login(&[]).ok();
    desk.run(&["token"]).ok();
}

#[test]
fn a_token_that_ended_and_cannot_be_refreshed_needs_a_login() {
    let desk = Desk::with(Config::new().auto_approve("ann").without_refresh_tokens());
    desk.login(&[]).ok();
    desk.run(&["token"]).ok();
    desk.expire();
    desk.run(&["token"]).fails(3);
    assert!(
        desk.run(&["info"])
            .ok()
            .stdout
            .contains("state             ended\n")
    );
}

#[test]
fn a_server_that_is_down_is_a_failure_of_the_network_and_nothing_is_lost() {
    let desk = Desk::with_expired();
    let Desk { server, dir } = desk;
    let issuer = server.issuer().to_owned();
    drop(server);
    // Another server, which is never asked, to have a desk.
    let desk = Desk {
        server: Config::new().start().unwrap(),
        dir,
    };
    let failed = desk.run(&["token"]).fails(4);
    assert!(failed.stderr.contains("cannot connect"), "{failed:?}");
    desk.run(&["revoke"]).fails(4);
    let login = [
        "login",
        "--issuer",
        &issuer,
        "--client-id",
        "other",
        "--store",
        "file:other.json",
    ];
    desk.run(&login).fails(4);
    assert!(!desk.path("other.json").exists());
}

#[test]
fn a_server_that_is_down_for_a_while_costs_no_login() {
    let desk = Desk::with_expired();
    desk.server.set_fault(Endpoint::Refresh, Fault::Status(503));
    desk.run(&["token"]).fails(4);
    desk.server.clear_faults();
    desk.run(&["token"]).ok();
}

#[test]
fn t28_t31_t71_replies_that_make_no_sense_are_failures_of_the_server_and_are_not_shown() {
    for fault in [
        "redirect",
        "html",
        "malformed",
        "truncated",
        "empty",
        "endless",
        "huge=2000000",
        "status=500",
    ] {
        let desk = Desk::new();
        desk.server.set_fault(Endpoint::Metadata, fault.parse().unwrap());
        let failed = desk.login(&[]).fails(4);
        assert!(
            !failed.stderr.to_lowercase().contains("<html"),
            "{fault}: {failed:?}"
        );
        let paths: Vec<_> = desk
            .server
            .log()
            .into_iter()
            .map(|request| request.path)
            .collect();
        assert!(
            paths.iter().all(|path| path.starts_with("/.well-known/")),
            "{fault}: {paths:?}"
        );

        let desk = Desk::new();
        desk.server.set_fault(Endpoint::Token, fault.parse().unwrap());
        let failed = desk.login(&[]).fails(4);
        assert!(
            !failed.stderr.to_lowercase().contains("<html"),
            "{fault}: {failed:?}"
        );
        assert!(!desk.file().exists(), "{fault}");
    }
}

#[test]
fn an_answer_in_another_servers_name_is_refused() {
    for fault in ["wrong-issuer", "no-issuer"] {
        let desk = Desk::new();
        desk.server
            .push_fault(Endpoint::Authorization, fault.parse().unwrap());
        let failed = desk.login(&[]).fails(7);
        assert!(failed.stderr.contains("authorization server"), "{failed:?}");
        assert_eq!(desk.server.stats().token_requests, 0);
        assert!(!desk.file().exists());
    }
    let desk = Desk::new();
    desk.server.push_fault(Endpoint::Metadata, Fault::WrongIssuer);
    desk.login(&[]).fails(7);
    assert_eq!(desk.server.stats().authorization_requests, 0);
}

#[test]
fn t54_a_revocation_that_fails_leaves_nothing_usable_and_is_finished_later() {
    let desk = Desk::new();
    desk.login(&[]).ok();
    desk.server.push_fault(Endpoint::Revocation, Fault::Status(503));
    let failed = desk.run(&["revoke"]).fails(4);
    assert!(
        failed.stderr.contains("run `grantflow revoke` again"),
        "{failed:?}"
    );
    desk.run(&["token"]).fails(3);
    assert!(
        desk.run(&["info"])
            .ok()
            .stdout
            .contains("state             revoked\n")
    );
    desk.run(&["revoke"]).ok();
    assert_eq!(desk.server.stats().revocations, 1);
    assert!(!desk.file().exists());
}

#[test]
fn t54_where_the_server_revokes_nothing_the_credentials_can_be_deleted_here() {
    let desk = Desk::new();
    let secrets = serde_json::json!({"installed": {
        "client_id": "post-app", "client_secret": "post-app-secret",
        "auth_uri": desk.server.url("/authorize"), "token_uri": desk.server.url("/token"),
        "redirect_uris": ["http://127.0.0.1/callback"],
    }});
    std::fs::write(desk.path("client_secrets.json"), secrets.to_string()).unwrap();
    let login = [
        "login",
        "--client-secrets",
        "client_secrets.json",
        "--scope",
        "profile",
    ];
    desk.run(&login).ok();
    let failed = desk.run(&["revoke"]).fails(1);
    assert!(failed.stderr.contains("`grantflow revoke --local`"), "{failed:?}");
    desk.run(&["token"]).ok();
    let deleted = desk.run(&["revoke", "--local", "--format", "json"]).ok().json();
    assert_eq!(deleted["revoked"], false);
    assert!(!desk.file().exists());
    desk.run(&["token"]).fails(3);
    assert_eq!(desk.server.stats().revocations, 0);
    // To log in afresh.
    desk.run(&login).ok();
}

#[test]
fn t54_what_could_not_be_revoked_can_be_deleted_here() {
    let desk = Desk::new();
    desk.login(&[]).ok();
    desk.server.set_fault(Endpoint::Revocation, Fault::Status(503));
    desk.run(&["revoke"]).fails(4);
    let deleted = desk.run(&["revoke", "--local"]).ok();
    assert!(deleted.stdout.contains("the server was not told"), "{deleted:?}");
    assert!(!desk.file().exists());
}

#[test]
fn an_issuer_that_the_server_calls_otherwise_is_told_with_that_name() {
    let desk = Desk::new();
    let issuer = format!("{}/", desk.issuer());
    let failed = desk
        .run(&["login", "--issuer", &issuer, "--client-id", "native-app"])
        .fails(7);
    assert!(
        failed.stderr.contains(&format!(
            "names another issuer than the one asked: {}\n",
            desk.issuer()
        )),
        "{failed:?}"
    );
    assert!(
        failed.stderr.contains(&format!("--issuer {}\n", desk.issuer())),
        "{failed:?}"
    );
}

#[test]
fn metadata_that_are_not_there_are_told_with_the_address() {
    let desk = Desk::new();
    let issuer = format!("{}/foo", desk.issuer());
    let failed = desk
        .run(&["login", "--issuer", &issuer, "--client-id", "native-app"])
        .fails(4);
    let address = format!("{issuer}/.well-known/openid-configuration");
    assert!(
        failed.stderr.contains("no metadata") && failed.stderr.contains(&address),
        "{failed:?}"
    );
    assert!(failed.stderr.contains("--issuer"), "{failed:?}");
}

#[test]
fn where_nothing_is_stored_there_is_nothing_to_revoke() {
    let desk = Desk::new();
    for words in [&["revoke"][..], &["revoke", "--local"]] {
        let failed = desk.run(words).fails(3);
        assert!(failed.stderr.contains("there is nothing to revoke"), "{failed:?}");
        assert!(!failed.stderr.contains("login"), "{failed:?}");
    }
    desk.login(&["--account", "ann"]).ok();
    let failed = desk.run(&["revoke", "--account", "bob"]).fails(3);
    assert!(failed.stderr.contains("there is nothing to revoke"), "{failed:?}");
    assert!(
        failed.stderr.contains("--account ann") && !failed.stderr.contains("login"),
        "{failed:?}"
    );
}
