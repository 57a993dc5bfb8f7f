//! The life of tokens: exchange, refresh, rotation, replay.
#![expect(clippy::unwrap_used, reason = "a test fails where its server does not start")]

use std::time::Duration;

use crate::support::*;
use grantflow_testserver::{Config, ExpiresIn, Rotation, TestServer};
use serde_json::Value;

#[test]
fn a_login_ends_with_a_token_that_opens_the_api() {
    let server = TestServer::start().unwrap();
    let reply = exchange(&server, &code(&server));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.text("token_type"), "Bearer");
    assert_eq!(reply.text("scope"), "read write");
    assert_eq!(reply.json()["expires_in"], 3600);
    assert!(reply.text("access_token").starts_with("gft_at_"));
    assert!(reply.text("refresh_token").starts_with("gft_rt_"));

    let me = me(&server, &reply.text("access_token"));
    assert_eq!(me.status, 200);
    assert_eq!(
        me.json(),
        serde_json::json!({ "sub": "ann", "scope": "read write", "client_id": "native-app" })
    );
}

#[test]
fn a_code_works_once_and_its_replay_revokes_what_it_brought() {
    let server = TestServer::start().unwrap();
    let code = code(&server);
    let first = exchange(&server, &code);
    let second = exchange(&server, &code);
    assert_eq!((second.status, second.error().as_str()), (400, "invalid_grant"));
    assert_eq!(me(&server, &first.text("access_token")).status, 401);
    assert_eq!(
        refresh(&server, &first.text("refresh_token")).error(),
        "invalid_grant"
    );
    assert_eq!(
        (server.stats().code_replays, server.stats().families_revoked),
        (1, 1)
    );
}

#[test]
fn a_code_expires_after_a_minute() {
    let server = TestServer::start().unwrap();
    let code = code(&server);
    server.advance(Duration::from_secs(60));
    assert_eq!(exchange(&server, &code).error(), "invalid_grant");
}

#[test]
fn a_code_is_bound_to_client_redirect_uri_and_verifier() {
    let server = TestServer::start().unwrap();
    let code = code(&server);
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[("code_verifier", "")], "invalid_request"),
        (&[("code_verifier", "short")], "invalid_request"),
        (&[("code_verifier", CHALLENGE)], "invalid_grant"),
        (&[("redirect_uri", "")], "invalid_grant"),
        (
            &[("redirect_uri", "http://127.0.0.1:5001/callback")],
            "invalid_grant",
        ),
        (
            &[("client_id", "post-app"), ("client_secret", "post-app-secret")],
            "invalid_grant",
        ),
        (&[("code", "gft_ac_unknown")], "invalid_grant"),
    ];
    for (changes, error) in cases {
        let reply = exchange_with(&server, &code, changes);
        assert_eq!(
            (reply.status, reply.error().as_str()),
            (400, error),
            "{changes:?}"
        );
    }
    assert_eq!(exchange(&server, &code).status, 200, "no failure spends the code");
}

#[test]
fn each_refresh_brings_a_successor() {
    let server = TestServer::start().unwrap();
    let (access, first) = login(&server);
    let reply = refresh(&server, &first);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_ne!(reply.text("refresh_token"), first);
    assert_ne!(reply.text("access_token"), access);
    assert_eq!(refresh(&server, &reply.text("refresh_token")).status, 200);
    assert_eq!((server.stats().refreshes, server.stats().refresh_replays), (2, 0));
}

#[test]
fn a_spent_refresh_token_that_comes_again_revokes_its_family() {
    let server = TestServer::start().unwrap();
    let (access, first) = login(&server);
    let (other_access, other) = login(&server);
    let second = refresh(&server, &first);
    assert_eq!(refresh(&server, &first).error(), "invalid_grant");
    assert_eq!(
        refresh(&server, &second.text("refresh_token")).error(),
        "invalid_grant"
    );
    assert_eq!(me(&server, &second.text("access_token")).status, 401);
    assert_eq!(me(&server, &access).status, 401);
    assert_eq!(
        (server.stats().refresh_replays, server.stats().families_revoked),
        (1, 1)
    );

    assert_eq!(
        me(&server, &other_access).status,
        200,
        "another login is another family"
    );
    assert_eq!(refresh(&server, &other).status, 200);
}

#[test]
fn every_replay_is_counted_and_a_family_is_revoked_once() {
    let server = TestServer::start().unwrap();
    let (_, first) = login(&server);
    refresh(&server, &first);
    for _ in 0..3 {
        assert_eq!(refresh(&server, &first).error(), "invalid_grant");
    }
    assert_eq!(
        (server.stats().refresh_replays, server.stats().families_revoked),
        (3, 1)
    );
}

#[test]
fn of_many_refreshes_with_one_token_at_once_one_succeeds() {
    let server = TestServer::start().unwrap();
    let (_, token) = login(&server);
    let replies: Vec<u16> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| refresh(&server, &token).status))
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(replies.iter().filter(|status| **status == 200).count(), 1);
    let stats = server.stats();
    assert_eq!(
        (stats.refreshes, stats.refresh_replays, stats.families_revoked),
        (1, 19, 1)
    );
}

#[test]
fn inside_the_grace_period_a_spent_token_gets_the_same_successor() {
    let server = Config::new()
        .rotate(Rotation::Grace(Duration::from_secs(10)))
        .start()
        .unwrap();
    let (_, first) = login(&server);
    let lost = refresh(&server, &first);
    server.advance(Duration::from_secs(9));
    let again = refresh(&server, &first);
    assert_eq!(again.status, 200);
    assert_eq!(again.text("refresh_token"), lost.text("refresh_token"));
    assert_ne!(again.text("access_token"), lost.text("access_token"));
    let stats = server.stats();
    assert_eq!(
        (stats.refreshes, stats.graced_refreshes, stats.refresh_replays),
        (2, 1, 0)
    );
}

#[test]
fn outside_the_grace_period_a_spent_token_revokes_its_family() {
    let server = Config::new()
        .rotate(Rotation::Grace(Duration::from_secs(10)))
        .start()
        .unwrap();
    let (_, first) = login(&server);
    let second = refresh(&server, &first);
    server.advance(Duration::from_secs(10));
    assert_eq!(refresh(&server, &first).error(), "invalid_grant");
    assert_eq!(
        refresh(&server, &second.text("refresh_token")).error(),
        "invalid_grant"
    );
    assert_eq!(
        (server.stats().refresh_replays, server.stats().families_revoked),
        (1, 1)
    );
}

#[test]
fn a_successor_in_use_ends_the_grace_of_its_predecessor() {
    let server = Config::new()
        .rotate(Rotation::Grace(Duration::from_secs(10)))
        .start()
        .unwrap();
    let (_, first) = login(&server);
    let second = refresh(&server, &first);
    refresh(&server, &second.text("refresh_token"));
    assert_eq!(refresh(&server, &first).error(), "invalid_grant");
    assert_eq!(server.stats().families_revoked, 1);
}

#[test]
fn without_rotation_a_refresh_token_stays_and_is_not_repeated() {
    let server = Config::new().rotate(Rotation::Never).start().unwrap();
    let (_, token) = login(&server);
    for _ in 0..2 {
        let reply = refresh(&server, &token);
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json()["refresh_token"], Value::Null);
    }
}

#[test]
fn a_refresh_can_narrow_the_scope_but_not_widen_it() {
    let server = TestServer::start().unwrap();
    let (_, token) = login(&server);
    let form = |token: &str, scope: &str| {
        post(
            &server.url("/token"),
            &[
                ("grant_type", "refresh_token"),
                ("client_id", "native-app"),
                ("refresh_token", token),
                ("scope", scope),
            ],
        )
    };
    assert_eq!(form(&token, "read admin").error(), "invalid_scope");
    let narrow = form(&token, "read");
    assert_eq!((narrow.status, narrow.text("scope").as_str()), (200, "read"));
    assert_eq!(me(&server, &narrow.text("access_token")).text("scope"), "read");
    let wide = form(&narrow.text("refresh_token"), "read write");
    assert_eq!((wide.status, wide.text("scope").as_str()), (200, "read write"));
}

#[test]
fn another_clients_refresh_token_is_refused_and_not_spent() {
    let server = TestServer::start().unwrap();
    let (_, token) = login(&server);
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "post-app"),
        ("client_secret", "post-app-secret"),
        ("refresh_token", &token),
    ];
    assert_eq!(post(&server.url("/token"), &form).error(), "invalid_grant");
    assert_eq!(refresh(&server, &token).status, 200);
}

#[test]
fn access_tokens_end_when_their_time_is_up() {
    let server = Config::new().expires_in(Duration::from_secs(5)).start().unwrap();
    let (access, _) = login(&server);
    assert_eq!(me(&server, &access).status, 200);
    server.advance(Duration::from_secs(5));
    assert_eq!(me(&server, &access).status, 401);
}

#[test]
fn expires_in_can_be_left_unsaid() {
    let lifetime = Duration::from_secs(5);
    let server = Config::new()
        .expires_in(ExpiresIn::Unstated(lifetime))
        .start()
        .unwrap();
    let reply = exchange(&server, &code(&server));
    assert_eq!(reply.json()["expires_in"], Value::Null);
    server.advance(lifetime);
    assert_eq!(me(&server, &reply.text("access_token")).status, 401);
}

#[test]
fn expired_access_tokens_leave_the_refresh_token_good() {
    let server = TestServer::start().unwrap();
    let (access, token) = login(&server);
    server.expire_access_tokens();
    assert_eq!(me(&server, &access).status, 401);
    assert_eq!(
        me(&server, &refresh(&server, &token).text("access_token")).status,
        200
    );
}

#[test]
fn revoke_everything_leaves_nothing_good() {
    let server = TestServer::start().unwrap();
    let (access, token) = login(&server);
    server.revoke_everything();
    assert_eq!(me(&server, &access).status, 401);
    assert_eq!(refresh(&server, &token).error(), "invalid_grant");
    assert_eq!(
        server.stats().refresh_replays,
        0,
        "the token was live, only its grant had ended"
    );
    assert_eq!(login(&server).0.len(), access.len(), "a new login works");
}

#[test]
fn a_server_without_refresh_tokens_issues_none() {
    let server = Config::new().without_refresh_tokens().start().unwrap();
    assert_eq!(
        exchange(&server, &code(&server)).json()["refresh_token"],
        Value::Null
    );
}

#[test]
fn options_change_while_the_server_runs() {
    let server = TestServer::start().unwrap();
    server.set_expires_in(Duration::from_secs(7));
    server.set_rotation(Rotation::Grace(Duration::from_secs(10)));
    let reply = exchange(&server, &code(&server));
    assert_eq!(reply.json()["expires_in"], 7);
    let token = reply.text("refresh_token");
    assert_eq!(
        refresh(&server, &token).text("refresh_token"),
        refresh(&server, &token).text("refresh_token")
    );
}

#[test]
fn a_code_that_is_bound_to_a_key_is_exchanged_with_no_other() {
    let server = TestServer::start().unwrap();
    let bound = [("dpop_jkt", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")];
    let location = server
        .approve(&authorization_url(&server, &request_with(&bound)))
        .unwrap();
    let code = parameter(&location, "code");
    assert_eq!(exchange(&server, &code).error(), "invalid_grant");
}
