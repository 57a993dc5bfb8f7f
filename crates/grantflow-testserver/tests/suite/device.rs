//! Logins on devices: codes, the page, polls, and what goes wrong with them.
#![expect(clippy::unwrap_used, reason = "a test fails where its server does not start")]

use std::time::Duration;

use crate::support::*;
use grantflow_testserver::{BrowseError, Config, Endpoint, Fault, TestServer};

fn codes(server: &TestServer) -> Reply {
    let form = [("client_id", "native-app"), ("scope", "read openid")];
    let reply = post(&server.url("/device_authorization"), &form);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply
}

fn poll(server: &TestServer, codes: &Reply) -> Reply {
    poll_as(server, "native-app", codes)
}

fn poll_as(server: &TestServer, client: &str, codes: &Reply) -> Reply {
    let device_code = codes.text("device_code");
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", client),
        ("device_code", &device_code),
    ];
    post(&server.url("/token"), &form)
}

/// A poll after the interval, by the server's clock.
fn later(server: &TestServer, codes: &Reply) -> Reply {
    server.advance(Duration::from_secs(5));
    poll(server, codes)
}

#[test]
fn codes_are_as_in_rfc_8628() {
    let server = TestServer::start().unwrap();
    let codes = codes(&server);
    let json = codes.json();
    assert_eq!(
        (json["interval"].as_u64(), json["expires_in"].as_u64()),
        (Some(5), Some(1800))
    );
    assert_eq!(codes.text("verification_uri"), server.url("/device"));
    let user_code = codes.text("user_code");
    let complete = format!("{}?user_code={user_code}", server.url("/device"));
    assert_eq!(codes.text("verification_uri_complete"), complete);
    assert_eq!(user_code.len(), 9);
    assert!(
        get(&complete).body.contains(&user_code),
        "it is there to be compared"
    );
    let refused = post(&server.url("/device_authorization"), &[("client_id", "nobody")]);
    assert_eq!(
        (refused.status, refused.error()),
        (401, "invalid_client".to_owned())
    );
}

#[test]
fn a_login_is_pending_until_the_user_allows_and_its_code_works_once() {
    let server = TestServer::start().unwrap();
    let codes = codes(&server);
    let pending = poll(&server, &codes);
    assert_eq!(
        (pending.status, pending.error()),
        (400, "authorization_pending".to_owned())
    );
    // In lower case and without the dash.
    let typed = codes.text("user_code").replace('-', "").to_lowercase();
    assert!(
        server
            .approve_device(&typed)
            .unwrap()
            .contains("Device connected")
    );
    let granted = later(&server, &codes);
    assert_eq!(granted.status, 200);
    assert!(!granted.text("refresh_token").is_empty() && !granted.text("id_token").is_empty());
    assert_eq!(me(&server, &granted.text("access_token")).text("sub"), "ann");
    assert_eq!(later(&server, &codes).error(), "invalid_grant");
    let stats = server.stats();
    assert_eq!(
        (stats.device_authorizations, stats.polls, stats.consents),
        (1, 3, 1)
    );
    assert_eq!((stats.early_polls, stats.token_errors), (0, 1));
}

#[test]
fn a_login_that_the_user_denies_is_denied() {
    let server = TestServer::start().unwrap();
    let codes = codes(&server);
    assert!(
        server
            .deny_device(&codes.text("user_code"))
            .unwrap()
            .contains("Access denied")
    );
    assert_eq!(poll(&server, &codes).error(), "access_denied");
    assert_eq!(server.stats().denials, 1);
}

#[test]
fn a_code_ends_and_a_code_that_ended_cannot_be_entered() {
    let server = TestServer::start().unwrap();
    let codes = codes(&server);
    server.advance(Duration::from_secs(1800));
    assert_eq!(poll(&server, &codes).error(), "expired_token");
    for code in [&*codes.text("user_code"), "BCDF-GHJK", ""] {
        let refused = server.approve_device(code);
        assert!(
            matches!(refused, Err(BrowseError::Page { status: 422, .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn who_polls_too_early_has_to_slow_down() {
    let server = TestServer::start().unwrap();
    let codes = codes(&server);
    poll(&server, &codes);
    assert_eq!(poll(&server, &codes).error(), "slow_down");
    // Five seconds are not enough any more.
    assert_eq!(later(&server, &codes).error(), "slow_down");
    server.advance(Duration::from_secs(15));
    assert_eq!(poll(&server, &codes).error(), "authorization_pending");
    assert_eq!(server.stats().early_polls, 2);
}

#[test]
fn a_code_is_of_its_client_alone() {
    let server = TestServer::start().unwrap();
    let codes = codes(&server);
    server.approve_device(&codes.text("user_code")).unwrap();
    assert_eq!(poll_as(&server, "basic-app", &codes).error(), "invalid_client");
    let other = Config::new().client(grantflow_testserver::TestClient::public(
        "other-app",
        ["http://127.0.0.1/"],
    ));
    let server = other.start().unwrap();
    let codes = self::codes(&server);
    assert_eq!(poll_as(&server, "other-app", &codes).error(), "invalid_grant");
}

#[test]
fn whoever_is_approved_without_a_page_is_so_on_a_device_too() {
    let server = Config::new().auto_approve("bob").start().unwrap();
    let granted = poll(&server, &codes(&server));
    assert_eq!(me(&server, &granted.text("access_token")).text("sub"), "bob");
}

#[test]
fn faults_are_those_of_real_servers() {
    let server = TestServer::start().unwrap();
    server.push_fault(Endpoint::Device, Fault::NoInterval);
    assert!(codes(&server).json()["interval"].is_null());
    server.push_fault(Endpoint::Device, Fault::VerificationUrl);
    let codes = codes(&server);
    assert_eq!(codes.text("verification_url"), server.url("/device"));
    assert!(codes.json()["verification_uri"].is_null());

    server.push_fault(Endpoint::Poll, Fault::PendingAs200);
    let pending = poll(&server, &codes);
    assert_eq!(
        (pending.status, pending.error()),
        (200, "authorization_pending".to_owned())
    );
    server.push_fault(Endpoint::Poll, Fault::SlowDown(7));
    let slow_down = later(&server, &codes);
    assert_eq!(
        (slow_down.error(), slow_down.json()["interval"].as_u64()),
        ("slow_down".to_owned(), Some(7))
    );
    // A fault of the token endpoint strikes polls too.
    server.push_fault(Endpoint::Token, Fault::Unavailable(3));
    let busy = later(&server, &codes);
    assert_eq!((busy.status, busy.header("retry-after")), (503, "3"));
    assert_eq!(server.stats().polls, 1, "the others were spared");
}
