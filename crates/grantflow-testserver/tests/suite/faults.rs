//! Faults: what the client sees, and what the server has done by then.
#![expect(clippy::unwrap_used, reason = "a test fails where its server does not start")]

use std::io::Read as _;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::support::*;
use grantflow_testserver::{Config, Endpoint, Fault, RetryAfter, Rotation, TestServer};

/// A server with a short grace period, a good refresh token, and a fault for the next refresh.
fn with_fault(fault: Fault) -> (TestServer, String) {
    let server = Config::new()
        .rotate(Rotation::Grace(Duration::from_secs(60)))
        .start()
        .unwrap();
    let (_, token) = login(&server);
    server.push_fault(Endpoint::Refresh, fault);
    (server, token)
}

/// Whether the refresh token is spent, seen from a client that tries again.
fn was_committed(server: &TestServer, token: &str) -> bool {
    let before = server.stats().graced_refreshes;
    assert_eq!(
        refresh(server, token).status,
        200,
        "the fault was for one request"
    );
    server.stats().graced_refreshes > before
}

#[test]
fn drop_before_commit_closes_the_connection_and_spends_nothing() {
    let (server, token) = with_fault(Fault::DropBeforeCommit);
    assert!(try_refresh(&server, &token).is_err());
    assert_eq!((server.stats().refreshes, server.stats().token_requests), (0, 2));
    assert!(!was_committed(&server, &token));
}

#[test]
fn drop_after_commit_closes_the_connection_on_a_spent_token() {
    let (server, token) = with_fault(Fault::DropAfterCommit);
    assert!(try_refresh(&server, &token).is_err());
    let log = server.log();
    let last = log.last().unwrap();
    assert_eq!(
        (last.status, last.fault.as_deref()),
        (None, Some("drop-after-commit"))
    );
    assert_eq!(server.stats().refreshes, 1);
    assert!(was_committed(&server, &token));
}

#[test]
fn a_lost_reply_without_grace_costs_the_family() {
    let server = TestServer::start().unwrap();
    let (_, token) = login(&server);
    server.push_fault(Endpoint::Refresh, Fault::DropAfterCommit);
    assert!(try_refresh(&server, &token).is_err());
    assert_eq!(refresh(&server, &token).error(), "invalid_grant");
    assert_eq!(
        (server.stats().refresh_replays, server.stats().families_revoked),
        (1, 1)
    );
}

#[test]
fn a_status_comes_without_a_commit_or_after_it() {
    let (server, token) = with_fault(Fault::Status(503));
    let reply = refresh(&server, &token);
    assert_eq!((reply.status, reply.body.contains("gft_")), (503, false));
    assert!(!was_committed(&server, &token));

    let (server, token) = with_fault(Fault::StatusAfterCommit(502));
    assert_eq!(refresh(&server, &token).status, 502);
    assert!(was_committed(&server, &token));
}

#[test]
fn too_many_requests_says_when_to_come_again_in_both_forms() {
    let (server, token) = with_fault(Fault::TooManyRequests(RetryAfter::Seconds(7)));
    let reply = refresh(&server, &token);
    assert_eq!((reply.status, reply.header("retry-after")), (429, "7"));
    assert!(!was_committed(&server, &token));

    let (server, token) = with_fault(Fault::TooManyRequests(RetryAfter::Date(Duration::from_secs(
        86_400,
    ))));
    let reply = refresh(&server, &token);
    let date = httpdate::parse_http_date(reply.header("retry-after")).unwrap();
    assert!(date > SystemTime::now() + Duration::from_secs(80_000));
    assert_eq!(reply.status, 429);

    let (server, token) = with_fault(Fault::TooManyRequests(RetryAfter::Unstated));
    assert_eq!(refresh(&server, &token).header("retry-after"), "");
}

#[test]
fn an_error_is_refused_in_the_way_of_the_endpoint() {
    let (server, token) = with_fault(Fault::Error("invalid_grant".to_owned()));
    let reply = refresh(&server, &token);
    assert_eq!((reply.status, reply.error().as_str()), (400, "invalid_grant"));
    assert_eq!(
        server.log().last().unwrap().error.as_deref(),
        Some("invalid_grant")
    );
    assert!(!was_committed(&server, &token));

    let (access, _) = login(&server);
    server.push_fault(Endpoint::Api, Fault::Error("insufficient_scope".to_owned()));
    let reply = me(&server, &access);
    assert_eq!(reply.status, 403);
    assert!(
        reply
            .header("www-authenticate")
            .contains("error=\"insufficient_scope\"")
    );

    server.push_fault(
        Endpoint::Authorization,
        Fault::Error("temporarily_unavailable".to_owned()),
    );
    let location = server
        .approve(&authorization_url(&server, &good_request()))
        .unwrap();
    assert_eq!(parameter(&location, "error"), "temporarily_unavailable");
    assert_eq!(parameter(&location, "iss"), server.issuer());
}

#[test]
fn malformed_is_half_of_the_reply() {
    let (server, token) = with_fault(Fault::Malformed);
    let reply = refresh(&server, &token);
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "application/json")
    );
    assert!(serde_json::from_str::<serde_json::Value>(&reply.body).is_err());
    assert!(was_committed(&server, &token));
}

#[test]
fn truncated_breaks_inside_the_body() {
    let (server, token) = with_fault(Fault::Truncated);
    let mut response = open_refresh(&server, &token);
    assert_eq!(response.status(), 200);
    let length: usize = response.headers()["content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let mut read = Vec::new();
    response
        .body_mut()
        .as_reader()
        .read_to_end(&mut read)
        .unwrap_err();
    assert_eq!(read.len(), length / 2);
    assert!(was_committed(&server, &token));
}

#[test]
fn empty_and_html_are_no_token_replies() {
    let (server, token) = with_fault(Fault::Empty);
    let reply = refresh(&server, &token);
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert!(was_committed(&server, &token));

    let (server, token) = with_fault(Fault::Html);
    let reply = refresh(&server, &token);
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert!(was_committed(&server, &token));
}

#[test]
fn huge_is_valid_after_all_its_spaces() {
    let (server, token) = with_fault(Fault::Huge(3_000_000));
    let reply = refresh(&server, &token);
    assert!(reply.body.len() > 3_000_000);
    assert!(reply.text("access_token").starts_with("gft_at_"));
}

#[test]
fn endless_goes_on_until_the_client_hangs_up() {
    let (server, token) = with_fault(Fault::Endless);
    let mut response = open_refresh(&server, &token);
    let mut read = Vec::new();
    response
        .body_mut()
        .as_reader()
        .take(5_000_000)
        .read_to_end(&mut read)
        .unwrap();
    assert_eq!(read.len(), 5_000_000);
    drop(response);
    assert!(
        was_committed(&server, &token),
        "the server serves others meanwhile"
    );
}

/// A refresh whose body has not been read.
fn open_refresh(server: &TestServer, token: &str) -> ureq::http::Response<ureq::Body> {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "native-app"),
        ("refresh_token", token),
    ];
    agent().post(server.url("/token")).send_form(form).unwrap()
}

#[test]
fn a_redirect_shows_clients_that_follow_it() {
    let (server, token) = with_fault(Fault::Redirect);
    let reply = refresh(&server, &token);
    assert_eq!((reply.status, reply.header("location")), (307, "/elsewhere"));
    assert!(!server.log().iter().any(|entry| entry.path == "/elsewhere"));
    assert!(!was_committed(&server, &token));
}

#[test]
fn a_held_reply_waits_for_its_release() {
    let (server, token) = with_fault(Fault::Hold);
    thread::scope(|scope| {
        let client = scope.spawn(|| refresh(&server, &token));
        assert!(server.wait_until(PATIENCE, |stats| stats.held == 1));
        assert_eq!(server.stats().refreshes, 1, "the request was carried out");
        assert!(!client.is_finished());
        server.release();
        assert_eq!(client.join().unwrap().status, 200);
    });
}

#[test]
fn waiting_for_what_does_not_happen_ends() {
    let server = TestServer::start().unwrap();
    assert!(!server.wait_until(Duration::ZERO, |stats| stats.held == 1));
}

#[test]
fn a_delay_keeps_the_reply_back_and_not_the_commit() {
    for by_fault in [true, false] {
        let server = TestServer::start().unwrap();
        let (_, token) = login(&server);
        if by_fault {
            server.push_fault(Endpoint::Refresh, Fault::Delay(LONG));
        } else {
            server.set_delay(LONG);
        }
        let client = refresh_elsewhere(&server, token);
        assert!(server.wait_until(PATIENCE, |stats| stats.refreshes == 1));
        drop(server);
        assert!(client.join().unwrap().is_err(), "no reply had left");
    }
}

#[test]
fn a_delay_before_the_commit_keeps_both_back() {
    let server = TestServer::start().unwrap();
    let (_, token) = login(&server);
    server.push_fault(Endpoint::Refresh, Fault::DelayBeforeCommit(LONG));
    let client = refresh_elsewhere(&server, token.clone());
    assert!(server.wait_until(PATIENCE, |stats| stats.faults == 1));
    assert_eq!(server.stats().refreshes, 0);
    assert_eq!(
        refresh(&server, &token).status,
        200,
        "another request overtakes it"
    );
    drop(server);
    assert!(client.join().unwrap().is_err());
}

fn refresh_elsewhere(server: &TestServer, token: String) -> thread::JoinHandle<Result<Reply, ureq::Error>> {
    let url = server.url("/token");
    thread::spawn(move || {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "native-app"),
            ("refresh_token", &token),
        ];
        try_post(&url, &form, &[])
    })
}

#[test]
fn faults_are_played_in_order_then_the_standing_one_then_none() {
    let server = TestServer::start().unwrap();
    server.set_fault(Endpoint::Metadata, Fault::Status(500));
    server.push_fault(Endpoint::Metadata, Fault::Status(501));
    server.push_fault(Endpoint::Metadata, Fault::Status(502));
    let status = || get(&server.url("/.well-known/oauth-authorization-server")).status;
    assert_eq!([status(), status(), status(), status()], [501, 502, 500, 500]);
    assert_eq!(get(&server.url("/")).status, 200, "other paths are spared");
    server.clear_faults();
    assert_eq!(status(), 200);
    assert_eq!(server.stats().faults, 4);
}

#[test]
fn a_fault_for_refreshes_spares_the_login_and_one_for_tokens_does_not() {
    let server = TestServer::start().unwrap();
    server.set_fault(Endpoint::Refresh, Fault::Status(503));
    let (_, token) = login(&server);
    assert_eq!(refresh(&server, &token).status, 503);
    server.clear_faults();
    server.set_fault(Endpoint::Token, Fault::Status(503));
    assert_eq!(exchange(&server, &code(&server)).status, 503);
    assert_eq!(refresh(&server, &token).status, 503);
}

#[test]
fn the_authorization_response_can_lie() {
    let server = TestServer::start().unwrap();
    let answer = |fault| {
        server.push_fault(Endpoint::Authorization, fault);
        server
            .approve(&authorization_url(&server, &good_request()))
            .unwrap()
    };
    assert_eq!(
        parameter(&answer(Fault::WrongIssuer), "iss"),
        "https://attacker.example"
    );
    assert_eq!(parameter(&answer(Fault::NoIssuer), "iss"), "");
    let location = answer(Fault::WrongState);
    assert_eq!(
        (
            parameter(&location, "state").as_str(),
            parameter(&location, "iss")
        ),
        ("wrong", server.issuer().into())
    );
}

#[test]
fn the_metadata_can_lie() {
    let server = TestServer::start().unwrap();
    let issuer = |fault| {
        server.push_fault(Endpoint::Metadata, fault);
        get(&server.url("/.well-known/oauth-authorization-server"))
            .json()
            .get("issuer")
            .cloned()
    };
    assert_eq!(
        issuer(Fault::WrongIssuer),
        Some("https://attacker.example".into())
    );
    assert_eq!(issuer(Fault::NoIssuer), None);
}

#[test]
fn every_fault_is_read_from_its_name_and_writes_it() {
    for (name, _) in Fault::NAMES {
        let name = name
            .replace("=S", "=1.5")
            .replace("=CODE", "=503")
            .replace("=BYTES", "=9")
            .replace("=FLAW", "=no-kid")
            .replace("=NAME", "=e");
        let whole = ["429=1.5", "503=1.5", "slow-down=1.5"].contains(&&*name);
        let name = if whole { name.replace(".5", "") } else { name };
        assert_eq!(name.parse::<Fault>().unwrap().to_string(), name);
    }
    for wrong in [
        "",
        "nonsense",
        "delay",
        "delay=x",
        "delay=-1",
        "status=99",
        "status=600",
        "hold=1",
        "huge=-1",
    ] {
        assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
    }
    for (name, endpoint) in Endpoint::NAMES {
        assert_eq!(name.parse(), Ok(*endpoint));
    }
    assert!("nowhere".parse::<Endpoint>().is_err());
}

const LONG: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(60);
