//! Each flow through both drivers: the same script, the same effects.

#![expect(clippy::unwrap_used, reason = "tests")]

mod acquire;
mod backchannel;
mod bound;
mod certificate;
mod checked;
mod device;
mod life;
mod overtaken;
mod sources;
mod unsaved;

use super::scripted::{GRANTED, NOW, Scripted, both, ends_in, key};
use super::{AccessTokenFlow, Unless, access_token, authorized, discover, keep, revoke};
use crate::error::StoreErrorKind;
use crate::{Body, Client, Error, Key, NotAuthorized, Record, Request, Scopes, Secret, Timestamp};

fn request(uri: &str) -> Request {
    http::Request::post(uri).body(Body::from("data")).unwrap()
}

fn tokens(record: &Record) -> (&str, &str) {
    let token = record.token();
    (
        token.access_token.expose(),
        token.refresh_token.as_ref().map_or("", Secret::expose),
    )
}

#[test]
fn a_token_that_lives_is_given_out_without_a_request() {
    let (access, host) = both(
        || Scripted::default().stores(ends_in(60)),
        || access_token(key(), Unless::Expired),
    );
    assert!(!access.unwrap().refreshed);
    assert_eq!(host.log(), ["lock", "unlock"]);
}

#[test]
fn r01_an_expired_token_is_refreshed_and_saved_before_the_lock_is_given_back() {
    let script = || Scripted::default().stores(ends_in(0)).replies(200, GRANTED);
    let (access, host) = both(script, || access_token(key(), Unless::Expired));
    let access = access.unwrap();
    assert!(access.refreshed && access.unsaved.is_none());
    assert_eq!(
        host.log(),
        ["lock", "journal", "send POST /token", "save 2", "unlock"]
    );
    assert_eq!(
        host.bodies(),
        ["grant_type=refresh_token&refresh_token=RT1&client_id=cid"]
    );
    assert_eq!(tokens(&host.stored().unwrap()), ("AT2", "RT2"));
    assert_eq!(
        access.record.token().expires_at,
        Some(Timestamp::from_unix_seconds(NOW.unix_seconds() + 3600))
    );
}

#[test]
fn q65_q66_a_request_carries_the_token_where_its_provider_wants_it_and_is_sent_again_when_it_is_refused() {
    let client = super::scripted::client();
    let mut quirks = client.quirks().clone();
    quirks.token_header = Some("x-api-token".to_owned());
    quirks.refused_statuses.push(403);
    let record = ends_in(60).with_client(client.with_quirks(quirks));
    let script = || {
        Scripted::default()
            .stores(record.clone())
            .replies(403, "")
            .replies(200, GRANTED)
            .replies(200, "{}")
    };
    let (reply, host) = both(script, || authorized(key(), request("https://api.example/me")));
    assert_eq!(reply.unwrap().status(), 200);
    assert_eq!(tokens(&host.stored().unwrap()).0, "AT2");
    let (name, token) = host.stored().unwrap().header().unwrap();
    assert_eq!((name.as_str(), token.to_str().unwrap()), ("x-api-token", "AT2"));
}

#[test]
fn q30_scopes_and_resource_are_sent_with_a_refresh_where_the_provider_wants_them() {
    let refreshed_as = |client: Client| {
        let key = Key::new(&client, Scopes::parse("b a").unwrap()).with_resource("https://api.example");
        let old = ends_in(0);
        let record = Record::new(key.clone(), client, old.token().clone(), old.provenance().clone());
        let script = || Scripted::default().stores(record.clone()).replies(200, GRANTED);
        let (access, host) = both(script, || access_token(key.clone(), Unless::Expired));
        assert!(access.unwrap().refreshed);
        host.bodies().remove(0)
    };
    let plain = super::scripted::client();
    let mut quirks = plain.quirks().clone();
    quirks.scopes_on_refresh = true;
    assert_eq!(
        refreshed_as(plain.clone()),
        "grant_type=refresh_token&refresh_token=RT1&resource=https%3A%2F%2Fapi.example&client_id=cid"
    );
    assert_eq!(
        refreshed_as(plain.with_quirks(quirks)),
        "grant_type=refresh_token&refresh_token=RT1&scope=b+a&resource=https%3A%2F%2Fapi.example&client_id=cid"
    );
}

#[test]
fn r09_a_token_that_another_process_refreshed_is_adopted() {
    let script = || Scripted::default().stores(ends_in(60).refreshed(ends_in(60).token().clone()));
    let (access, host) = both(script, || access_token(key(), Unless::Generation(1)));
    assert_eq!(access.unwrap().record.generation(), 2);
    assert_eq!(host.log(), ["lock", "unlock"]);
}

#[test]
fn r25_a_refused_token_is_refreshed_though_it_lives_unless_another_is_stored() {
    let script = || Scripted::default().stores(ends_in(60)).replies(200, GRANTED);
    let (_, host) = both(script, || access_token(key(), Unless::Is(Secret::new("AT1"))));
    assert_eq!(
        host.log(),
        ["lock", "journal", "send POST /token", "save 2", "unlock"]
    );
    let (_, host) = both(
        || Scripted::default().stores(ends_in(60)),
        || access_token(key(), Unless::Is(Secret::new("AT0"))),
    );
    assert_eq!(host.log(), ["lock", "unlock"]);
}

#[test]
fn nothing_stored_needs_the_user_and_gives_the_lock_back() {
    let (access, host) = both(Scripted::default, || access_token(key(), Unless::Expired));
    let error = access.unwrap_err();
    assert!(error.needs_user() && matches!(error, Error::NotAuthorized(NotAuthorized::NothingStored)));
    assert_eq!(host.log(), ["lock", "unlock"]);
}

#[test]
fn a_token_without_a_refresh_token_needs_the_user_when_it_has_ended() {
    let mut token = ends_in(0).token().clone();
    token.refresh_token = None;
    let record = Record::new(
        key(),
        super::scripted::client(),
        token,
        ends_in(0).provenance().clone(),
    );
    let (access, _) = both(
        || Scripted::default().stores(record.clone()),
        || access_token(key(), Unless::Expired),
    );
    assert!(matches!(
        access.unwrap_err(),
        Error::NotAuthorized(NotAuthorized::NoRefreshToken)
    ));
}

#[test]
fn t55_a_refused_grant_is_remembered_and_not_asked_for_again() {
    let refused = r#"{"error":"invalid_grant","error_description":"Token has been revoked."}"#;
    let script = || Scripted::default().stores(ends_in(0)).replies(400, refused);
    let (access, host) = both(script, || access_token(key(), Unless::Expired));
    assert!(access.unwrap_err().needs_user());
    assert_eq!(
        host.log(),
        ["lock", "journal", "send POST /token", "save refused", "unlock"]
    );
    let remembered = host.stored().unwrap();
    assert_eq!(tokens(&remembered), ("AT1", "RT1"));

    let (access, host) = both(
        || Scripted::default().stores(remembered.clone()),
        || access_token(key(), Unless::Expired),
    );
    assert!(matches!(
        access.unwrap_err(),
        Error::NotAuthorized(NotAuthorized::Refused)
    ));
    assert_eq!(host.log(), ["lock", "unlock"]);
}

#[test]
fn r12_a_lock_that_cannot_be_had_is_an_error_and_no_request_leaves() {
    let timeout = StoreErrorKind::LockTimeout { holder: Some(7) };
    let script = || Scripted::default().stores(ends_in(0)).fails_to_lock(timeout);
    let flow = || {
        AccessTokenFlow::new(key(), Unless::Expired)
            .patience(std::time::Duration::ZERO)
            .flow()
    };
    let (access, host) = both(script, flow);
    assert!(access.unwrap_err().is_transient());
    assert_eq!(host.log(), ["try lock"]);
}

#[test]
fn q10_a_refresh_reply_without_a_refresh_token_or_scopes_keeps_the_old_ones() {
    for reply in [
        r#"{"access_token":"AT2"}"#,
        r#"{"access_token":"AT2","refresh_token":null,"scope":null}"#,
        r#"{"access_token":"AT2","refresh_token":"","scope":""}"#,
    ] {
        let (access, host) = both(
            || Scripted::default().stores(ends_in(0)).replies(200, reply),
            || access_token(key(), Unless::Expired),
        );
        assert_eq!(tokens(&host.stored().unwrap()), ("AT2", "RT1"), "{reply}");
        assert_eq!(access.unwrap().record.scopes(), key().scopes(), "{reply}");
    }
}

#[test]
fn q50_other_scopes_than_asked_are_reported_not_refused() {
    let reply = r#"{"access_token":"AT2","scope":"b c"}"#;
    let (access, _) = both(
        || Scripted::default().stores(ends_in(0)).replies(200, reply),
        || access_token(key(), Unless::Expired),
    );
    assert_eq!(access.unwrap().record.scopes().to_string(), "b c");
}

#[test]
fn r25_a_401_costs_one_refresh_and_one_replay() {
    let script = || {
        Scripted::default()
            .stores(ends_in(60))
            .replies(401, "{}")
            .replies(200, GRANTED)
            .replies(200, "{}")
    };
    let (reply, host) = both(script, || authorized(key(), request("https://api.example/x")));
    assert_eq!(reply.unwrap().status(), 200);
    assert_eq!(host.authorizations(), ["Bearer AT1", "Bearer AT2"]);
    assert_eq!(host.bodies()[2], "data");

    let script = || {
        Scripted::default()
            .stores(ends_in(60))
            .replies(401, "{}")
            .replies(200, GRANTED)
            .replies(401, "{}")
    };
    let (reply, _) = both(script, || authorized(key(), request("https://api.example/x")));
    assert_eq!(reply.unwrap().status(), 401);
}

#[test]
fn t51_the_token_goes_to_no_other_origin() {
    let script = || Scripted::default().stores(ends_in(60));
    let (reply, host) = both(script, || {
        authorized(key(), request("https://evil.example/x?secret=1"))
    });
    let error = reply.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the token is not for https://evil.example: if it is meant for it, `Credentials::allow_origins` says so"
    );
    assert_eq!(host.log(), ["lock", "unlock"]);
}

#[test]
fn a_new_login_goes_on_counting_where_the_old_one_ended() {
    let (kept, host) = both(
        || Scripted::default().stores(ends_in(0)),
        || keep(ends_in(60), None),
    );
    assert_eq!(kept.unwrap().generation(), 2);
    assert_eq!(host.log(), ["lock", "save 2", "unlock"]);
}

#[test]
fn t54_revoking_makes_the_record_unusable_before_the_server_is_asked_and_deletes_it_after() {
    let script = || Scripted::default().stores(ends_in(60)).replies(200, "");
    let (revoked, host) = both(script, || revoke(key()));
    revoked.unwrap();
    assert_eq!(
        host.log(),
        ["lock", "save tombstone", "send POST /revoke", "delete", "unlock"]
    );
    assert!(host.bodies()[0].starts_with("token=RT1&token_type_hint=refresh_token"));
    assert!(host.stored().is_none());
}

#[test]
fn t54_a_server_that_fails_leaves_a_tombstone_and_revoking_again_finishes() {
    let (revoked, host) = both(
        || Scripted::default().stores(ends_in(60)).replies(503, ""),
        || revoke(key()),
    );
    assert!(revoked.unwrap_err().is_transient());
    let tombstone = host.stored().unwrap();
    let (access, host) = both(
        || Scripted::default().stores(tombstone.clone()),
        || access_token(key(), Unless::Expired),
    );
    assert!(matches!(
        access.unwrap_err(),
        Error::NotAuthorized(NotAuthorized::Revoked)
    ));
    assert_eq!(host.log(), ["lock", "unlock"]);
    let (revoked, host) = both(
        || Scripted::default().stores(tombstone.clone()).replies(200, ""),
        || revoke(key()),
    );
    revoked.unwrap();
    assert!(host.stored().is_none());
}

#[test]
fn t54_a_tombstone_that_cannot_be_stored_stops_before_the_server_is_asked() {
    let script = || {
        Scripted::default()
            .stores(ends_in(60))
            .fails_to_save(StoreErrorKind::Full)
    };
    let (revoked, host) = both(script, || revoke(key()));
    assert!(matches!(revoked.unwrap_err(), Error::Store(_)));
    assert_eq!(host.log(), ["lock", "save tombstone", "unlock"]);
}

const METADATA: &str = r#"{"issuer":"https://as.example","token_endpoint":"https://as.example/t"}"#;

#[test]
fn metadata_are_looked_for_at_the_second_place_only_where_the_first_has_none() {
    let issuer = || crate::Issuer::new("https://as.example").unwrap();
    let (found, host) = both(
        || Scripted::default().replies(200, METADATA),
        || discover(&issuer()),
    );
    assert_eq!(found.unwrap().token_endpoint().as_str(), "https://as.example/t");
    assert_eq!(host.log(), ["send GET /.well-known/oauth-authorization-server"]);

    let (found, host) = both(
        || Scripted::default().replies(404, "").replies(200, METADATA),
        || discover(&issuer()),
    );
    assert!(found.is_ok());
    assert_eq!(host.log()[1], "send GET /.well-known/openid-configuration");

    let (found, host) = both(
        || Scripted::default().replies(404, "").replies(404, ""),
        || discover(&issuer()),
    );
    assert!(found.is_err());
    assert_eq!(host.log().len(), 2);

    let (found, host) = both(|| Scripted::default().replies(503, ""), || discover(&issuer()));
    assert!(found.unwrap_err().is_transient());
    assert_eq!(host.log().len(), 1);
}

#[test]
fn v25_an_issuer_with_a_path_has_three_places_in_the_order_of_the_model_context_protocol() {
    let issuer = || crate::Issuer::new("https://as.example/t/1").unwrap();
    let (found, host) = both(
        || {
            Scripted::default()
                .replies(404, "")
                .replies(400, "{}")
                .replies(404, "")
        },
        || discover(&issuer()),
    );
    assert!(found.is_err());
    assert_eq!(
        host.log(),
        [
            "send GET /.well-known/oauth-authorization-server/t/1",
            "send GET /.well-known/openid-configuration/t/1",
            "send GET /t/1/.well-known/openid-configuration",
        ]
    );
    let (found, host) = both(
        || Scripted::default().replies_page().replies(200, METADATA),
        || discover(&crate::Issuer::new("https://as.example").unwrap()),
    );
    assert!(found.is_ok(), "a page for every address is no metadata");
    assert_eq!(host.log().len(), 2);
    let (found, host) = both(
        || Scripted::default().replies(200, METADATA),
        || discover(&issuer()),
    );
    assert!(found.is_err(), "another issuer is not looked for elsewhere");
    assert_eq!(host.log().len(), 1);
    let (found, host) = both(|| Scripted::default().replies(429, ""), || discover(&issuer()));
    assert!(found.unwrap_err().is_transient());
    assert_eq!(host.log().len(), 1);
}

#[test]
fn a_secret_is_sent_as_the_metadata_say() {
    let method = |methods: &str| {
        let json = METADATA.replacen('{', &format!("{{{methods}"), 1);
        let (found, _) = both(
            || Scripted::default().replies(200, &json),
            || discover(&crate::Issuer::new("https://as.example").unwrap()),
        );
        found
            .unwrap()
            .confidential_client("cid", "s")
            .authentication()
            .method()
            .to_owned()
    };
    assert_eq!(method(""), "client_secret_basic");
    assert_eq!(
        method(r#""token_endpoint_auth_methods_supported":["none","client_secret_post"],"#),
        "client_secret_post"
    );
    let both_ways =
        r#""token_endpoint_auth_methods_supported":["client_secret_post","client_secret_basic"],"#;
    assert_eq!(method(both_ways), "client_secret_basic");
}
