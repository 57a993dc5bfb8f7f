//! The command against a certified provider: a person with Chromium, userinfo, refresh with rotation, revocation, login needed.

mod bound;

use std::process::Stdio;
use std::time::{Duration, Instant};

use grantflow_core::{RevocationRequest, TokenRequest, TokenTypeHint};
use grantflow_suites::app::{App, refresh_token};
use grantflow_suites::child::Running;
use grantflow_suites::chromium::Chromium;
use grantflow_suites::desk::{Desk, code, said, succeeds};
use grantflow_suites::provider::{CONFIDENTIAL_SECRET, Provider};
use serde_json::{Value, json};

#[track_caller]
fn at_work(options: &Value) -> Option<(Desk, Provider)> {
    Some((Desk::new()?, Provider::start(options)?))
}

fn stand_in(user: &str) -> String {
    format!("'{}' {user}", env!("CARGO_BIN_EXE_stand-in-browser"))
}

#[test]
fn a_person_logs_in_and_the_command_goes_on_alone_until_the_server_ends_the_grant() {
    let Some((desk, provider)) = at_work(&json!({ "access_token_ttl": 3 })) else {
        return;
    };
    let Some(chromium) = Chromium::start() else { return };
    let window = chromium.window();
    let login = Running::start(desk.login(provider.issuer(), "native").stderr(Stdio::piped()));
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

    let me = provider.url("/me");
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

    let app = App::discover(provider.issuer(), "native", |client| client).expect("the server tells");
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
    let said = said(&output);
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
    let Some((desk, provider)) = at_work(&json!({})) else {
        return;
    };
    let secret = desk.home().join("secret");
    std::fs::write(&secret, CONFIDENTIAL_SECRET).expect("there is room");
    let mut login = desk.login(provider.issuer(), "confidential");
    login
        .arg("--client-secret-file")
        .arg(&secret)
        .env("BROWSER", stand_in("bob"));
    let output = login.output().expect("the command starts");
    succeeds(&output);
    let info = desk.json(&["info"]);
    assert_eq!(
        (&info["state"], &info["refreshable"]),
        (&json!("valid"), &json!(true)),
        "{info}"
    );

    let record = desk.record();
    assert_eq!(desk.json(&["revoke"])["revoked"], true);
    assert_eq!(code(&desk.run(&["token"])), 3, "nothing is left here");
    let app = App::discover(provider.issuer(), "confidential", |client| {
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
    let Some((desk, provider)) = at_work(&json!({})) else {
        return;
    };
    let mut login = desk.login(provider.issuer(), "native");
    let output = login
        .env("BROWSER", stand_in("ann --deny"))
        .output()
        .expect("the command starts");
    assert_eq!(code(&output), 5, "{}", said(&output));
    assert!(!desk.file().exists(), "nothing was stored");
    assert_eq!(code(&desk.run(&["token"])), 3);
}

#[test]
fn an_answer_is_posted_or_signed_where_the_client_is_registered_for_that() {
    let Some((desk, provider)) = at_work(&json!({})) else {
        return;
    };
    for mode in ["query", "form_post", "query.jwt", "form_post.jwt"] {
        let mut login = desk.login(provider.issuer(), "native");
        login
            .args(["--response-mode", mode])
            .env("BROWSER", stand_in("ann"));
        let output = login.output().expect("the command starts");
        succeeds(&output);
        assert_eq!(desk.json(&["revoke"])["revoked"], true);
    }
}
