//! `--service-account`: a key file, a server that verifies what it signs, and files that are not believed.

use std::time::Duration;

use grantflow_testserver::{Config, TestServer, TestServiceAccount};
use serde_json::json;

use crate::support::{Desk, Done};

const EMAIL: &str = "svc@project.iam.gserviceaccount.com";

/// A key that RFC 7515 publishes.
fn key(form: &str) -> String {
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../grantflow-jwt/tests/keys");
    std::fs::read_to_string(format!("{keys}/rsa.{form}.pem")).unwrap()
}

/// A desk whose server knows the account, and the account's key file on it.
fn desk() -> Desk {
    let account = TestServiceAccount::new(EMAIL, &key("public-pkcs1")).unwrap();
    let desk = Desk::with(Config::new().service_account(account.speaks_for("ann@example.com")));
    write_key(&desk, &token_endpoint(&desk.server));
    desk
}

fn token_endpoint(server: &TestServer) -> String {
    server.url("/token")
}

fn write_key(desk: &Desk, token_uri: &str) {
    let file = json!({
        "type": "service_account", "client_email": EMAIL, "private_key_id": "1", "private_key": key("pkcs8"),
        "token_uri": token_uri,
    });
    std::fs::write(desk.path("key.json"), file.to_string()).unwrap();
}

/// `token --service-account key.json`, these words, and the server named as one to trust.
fn token(desk: &Desk, words: &[&str]) -> Done {
    let endpoint = token_endpoint(&desk.server);
    let all = [
        "token",
        "--service-account",
        "key.json",
        "--token-endpoint",
        &endpoint,
    ];
    desk.run(&[&all[..], words].concat())
}

#[test]
fn a_key_file_becomes_a_token_without_a_login() {
    let desk = desk();
    let done = token(&desk, &["--scope", "read", "write", "--format", "json"]).ok();
    let token_of_it = done.json()["access_token"].as_str().unwrap().to_owned();
    assert!(token_of_it.starts_with("gft_at_"), "{done:?}");
    assert_eq!(done.stderr, "");
    assert!(!desk.file().exists());
    assert_eq!(desk.server.stats().assertions, 1);
    let header = desk.run(&[
        "header",
        "--service-account",
        "key.json",
        "--token-endpoint",
        &token_endpoint(&desk.server),
        "--scope",
        "read",
    ]);
    assert!(header.ok().stdout.starts_with("Authorization: Bearer gft_at_"));
}

#[test]
fn t38_a_key_file_that_names_another_server_is_refused_and_nobody_is_asked() {
    let desk = desk();
    let words = ["token", "--service-account", "key.json", "--scope", "read"];
    let refused = desk.run(&words).fails(2);
    assert!(refused.stderr.contains("token_uri"), "{refused:?}");
    assert!(refused.stderr.contains("--token-endpoint"), "{refused:?}");
    let elsewhere = TestServer::start().unwrap();
    let endpoint = token_endpoint(&elsewhere);
    desk.run(&[&words[..], &["--token-endpoint", &endpoint]].concat())
        .fails(2);
    assert_eq!(desk.server.stats().connections, 0);
    assert_eq!(elsewhere.stats().connections, 0);
    for secret in ["PRIVATE", &key("pkcs8")[60..90]] {
        assert!(!refused.all().contains(secret));
    }
}

#[test]
fn a_user_is_spoken_for_only_by_an_account_that_may() {
    let desk = desk();
    token(&desk, &["--scope", "read", "--subject", "ann@example.com"]).ok();
    let refused = token(&desk, &["--scope", "read", "--subject", "bob@example.com"]).fails(4);
    assert!(refused.stderr.contains("unauthorized_client"), "{refused:?}");
}

/// There is nobody to log in: 4, and what to look at.
#[test]
fn a_key_that_the_server_does_not_know_is_no_login_that_ended() {
    let desk = Desk::new();
    write_key(&desk, &token_endpoint(&desk.server));
    let refused = token(&desk, &["--scope", "read"]).fails(4);
    assert!(refused.stderr.contains("invalid_grant"), "{refused:?}");
    assert!(refused.stderr.contains("key.json"), "{refused:?}");
    assert!(!refused.stderr.contains("login"), "{refused:?}");
    let endpoint = token_endpoint(&desk.server);
    let words = [
        "header",
        "--service-account",
        "key.json",
        "--scope",
        "read",
        "--token-endpoint",
    ];
    desk.run(&[&words[..], &[&*endpoint]].concat()).fails(4);
}

#[test]
fn a_token_for_one_api_is_signed_without_any_server() {
    let desk = desk();
    let done = token(&desk, &["--audience", "https://pubsub.googleapis.com/"]).ok();
    assert_eq!(done.stdout.trim().split('.').count(), 3);
    assert_eq!(desk.server.stats().connections, 0);
    for words in [
        &["--audience", "a", "--scope", "b"][..],
        &["--audience", "a", "--subject", "b"],
        &["--scope", "a", "--issuer", "https://as.example"],
        &["--scope", "a", "--account", "work"],
        &[],
    ] {
        token(&desk, words).fails(2);
    }
    desk.run(&["token", "--audience", "a"]).fails(2);
}

#[test]
fn a_token_is_kept_only_where_a_store_is_named() {
    let desk = desk();
    let words = ["--scope", "read", "--store", "multistore:kept"];
    let first = token(&desk, &words).ok().stdout;
    assert_eq!(token(&desk, &words).ok().stdout, first);
    assert_eq!(desk.server.stats().assertions, 1);
    // Another user's token is another one.
    let of_ann = [&words[..], &["--subject", "ann@example.com"]].concat();
    assert_ne!(token(&desk, &of_ann).ok().stdout, first);
    assert_ne!(token(&desk, &["--scope", "read"]).ok().stdout, first);
    assert_eq!(desk.server.stats().assertions, 3);
    let listed = desk.run(&["list", "--store", "multistore:kept"]).ok();
    assert!(listed.stdout.contains(EMAIL), "{listed:?}");
}

#[test]
fn a_clock_that_is_wrong_costs_one_request_more() {
    let desk = desk();
    desk.server.advance(Duration::from_secs(7200));
    token(&desk, &["--scope", "read"]).ok();
    let stats = desk.server.stats();
    assert_eq!((stats.assertions, stats.token_errors), (1, 1));
}

#[test]
fn a_file_that_cannot_be_used_is_named_and_not_shown() {
    let desk = desk();
    desk.run(&["token", "--service-account", "none.json", "--scope", "a"])
        .fails(2);
    for text in [
        "",
        "{}",
        r#"{"type":"authorized_user","refresh_token":"1//secret"}"#,
    ] {
        std::fs::write(desk.path("key.json"), text).unwrap();
        let failed = token(&desk, &["--scope", "a"]).fails(2);
        assert!(failed.stderr.contains("key.json"), "{failed:?}");
        assert!(!failed.stderr.contains("secret"), "{failed:?}");
    }
    assert_eq!(desk.server.stats().connections, 0);
}
