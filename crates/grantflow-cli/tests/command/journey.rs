//! From the first login to the revocation, as `docs/cli.md` tells it.

use grantflow_testserver::Config;
use serde_json::json;

use crate::support::{Desk, find_program, skip};

#[test]
fn a_user_logs_in_calls_an_api_and_revokes() {
    let desk = Desk::new();
    let login = desk
        .login(&["--scope", "profile", "--origin", desk.issuer()])
        .ok();
    assert!(login.stdout.contains("state             valid\n"), "{login:?}");
    assert!(login.stderr.contains("You are logged in."), "{login:?}");

    let token = desk.run(&["token"]).ok();
    assert!(
        token.stdout.starts_with("gft_at_") && token.stdout.ends_with('\n'),
        "{token:?}"
    );
    assert_eq!(token.stderr, "");
    let header = desk.run(&["header"]).ok();
    assert_eq!(header.stdout, format!("Authorization: Bearer {}", token.stdout));

    if find_program("curl").is_some() {
        let api = desk.server.url("/api/me");
        let me = desk.run(&["curl", &api, "--", "-sS"]).ok();
        assert!(me.stdout.contains("\"sub\":\"ann\""), "{me:?}");
        assert_eq!(me.stderr, "");
        assert_eq!(desk.server.stats().api_unauthorized, 0);
    } else {
        skip("curl is not installed");
    }

    let info = desk.run(&["info"]).ok();
    assert!(info.stdout.contains("scopes            profile\n"), "{info:?}");
    assert!(
        info.stdout.contains("source            authorization_code\n"),
        "{info:?}"
    );
    let list = desk.run(&["list"]).ok();
    let lines: Vec<Vec<&str>> = list
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0],
        ["CLIENT", "ISSUER", "STATE", "EXPIRES", "PROTECTION", "SCOPES"]
    );
    assert_eq!(lines[1][..4], ["native-app", desk.issuer(), "valid", "in"]);
    assert_eq!(lines[1][6..], ["plaintext", "profile"]);

    let revoke = desk.run(&["revoke"]).ok();
    assert!(revoke.stdout.starts_with("revoked"), "{revoke:?}");
    assert_eq!(desk.server.stats().revocations, 1);
    let token = desk.run(&["token"]).fails(3);
    assert!(token.stderr.contains("grantflow login"), "{token:?}");
    assert_eq!(token.stdout, "");
    assert!(desk.run(&["list"]).ok().stdout.starts_with("no credentials in "));
}

#[test]
fn a_program_does_the_same_and_reads_json() {
    let desk = Desk::new();
    let json = |words: &[&str]| {
        let mut all = vec!["--format", "json"];
        all.extend_from_slice(words);
        desk.run(&all)
    };
    let login = json(&desk.login_words(&["--scope", "profile", "--origin", desk.issuer()])).ok();
    let description = login.json();
    assert_eq!(description["state"], "valid");
    assert_eq!(description["scopes"], json!(["profile"]));
    assert_eq!(description["origins"], json!([desk.issuer()]));
    assert_eq!(description["refreshable"], true);
    assert_eq!(description["source"], "authorization_code");
    assert_eq!(description["store"], format!("file:{}", desk.file().display()));

    let token = json(&["token"]).ok().json();
    let access = token["access_token"].as_str().unwrap();
    assert!(token["expires_in"].as_u64().unwrap() > 3500, "{token}");
    let header = json(&["header"]).ok().json();
    assert_eq!(
        header,
        json!({"name": "Authorization", "value": format!("Bearer {access}")})
    );
    assert_eq!(json(&["info"]).ok().json()["client_id"], "native-app");
    let list = json(&["list"]).ok().json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert!(list[0]["generation"].is_u64(), "{list}");

    assert_eq!(json(&["revoke"]).ok().json()["revoked"], true);
    let failed = json(&["token"]).fails(3);
    assert_eq!(failed.stdout, "");
    assert_eq!(failed.error()["exit_code"], 3);
    assert_eq!(failed.stderr.lines().count(), 1);
    assert_eq!(json(&["list"]).ok().json(), json!([]));
}

#[test]
fn who_is_logged_in_is_not_asked_again() {
    let desk = Desk::new();
    desk.login(&["--scope", "profile"]).ok();
    let again = desk.login(&["--scope", "profile"]).ok();
    assert!(again.stderr.contains("nobody was asked"), "{again:?}");
    assert_eq!(desk.server.stats().authorization_requests, 1);
}

#[test]
fn an_origin_is_added_to_stored_credentials_without_a_login() {
    let desk = Desk::new();
    desk.login(&["--origin", "https://a.example"]).ok();
    let second = desk
        .run(&[
            "--format",
            "json",
            "login",
            "--issuer",
            desk.issuer(),
            "--client-id",
            "native-app",
            "--origin",
            "https://*.b.example",
            "--origin",
            "https://c.example",
        ])
        .ok();
    assert_eq!(desk.server.stats().authorization_requests, 1);
    assert_eq!(
        second.json()["origins"],
        json!(["https://a.example", "https://*.b.example", "https://c.example"])
    );
    let info = desk.run(&["info", "--format", "json"]).ok();
    assert_eq!(info.json()["origins"], second.json()["origins"]);
}

#[test]
fn more_scopes_are_added_to_those_of_before_and_origins_stay() {
    let desk = Desk::new();
    desk.login(&["--scope", "profile", "--origin", "https://a.example"])
        .ok();
    let words = desk.login_words(&["--scope", "email", "notes", "--format", "json"]);
    let wider = desk.run(&words).ok().json();
    assert_eq!(wider["scopes"], json!(["profile", "email", "notes"]));
    assert_eq!(wider["origins"], json!(["https://a.example"]));
    assert_eq!(desk.server.stats().consents, 2);
}

#[test]
fn several_scopes_may_stand_in_one_word() {
    let desk = Desk::new();
    let words = desk.login_words(&["--scope", " profile email ", "--format", "json"]);
    assert_eq!(
        desk.run(&words).ok().json()["scopes"],
        json!(["profile", "email"])
    );
}

#[test]
fn t34_scopes_that_were_not_granted_are_named() {
    let desk = Desk::with(Config::new().auto_approve("ann").grant_only(["profile"]));
    let login = desk.login(&["--scope", "profile", "email"]).ok();
    assert!(login.stderr.contains("Not granted: email"), "{login:?}");
    assert!(
        login.stdout.contains("\nscopes            profile\n"),
        "{login:?}"
    );
    assert!(
        login.stdout.contains("requested scopes  profile email\n"),
        "{login:?}"
    );
}

#[test]
fn a_client_secrets_file_names_client_and_server() {
    let desk = Desk::new();
    let secrets = json!({"installed": {
        "client_id": "post-app", "client_secret": "post-app-secret",
        "auth_uri": desk.server.url("/authorize"), "token_uri": desk.server.url("/token"),
        "redirect_uris": ["http://127.0.0.1/callback"],
    }});
    std::fs::write(desk.path("client_secrets.json"), secrets.to_string()).unwrap();
    let login = desk.run(&[
        "login",
        "--client-secrets",
        "client_secrets.json",
        "--scope",
        "profile",
    ]);
    let login = login.ok();
    assert!(login.stdout.contains("client id         post-app\n"), "{login:?}");
}

#[test]
fn r09_processes_that_meet_an_expired_token_refresh_it_once_between_them() {
    const PROCESSES: usize = 8;
    for _ in 0..3 {
        let desk = Desk::with_expired();
        let children: Vec<_> = (0..PROCESSES)
            .map(|_| {
                let mut command = desk.command(&["token"]);
                command.stdout(std::process::Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let outputs = children
            .into_iter()
            .map(|child| child.wait_with_output().unwrap());
        let tokens: Vec<_> = outputs
            .map(|output| {
                assert!(output.status.success());
                output.stdout
            })
            .collect();
        assert!(
            tokens
                .iter()
                .all(|token| *token == tokens[0] && !token.is_empty())
        );
        let stats = desk.server.stats();
        assert_eq!((stats.refreshes, stats.refresh_replays), (1, 0));
    }
}
