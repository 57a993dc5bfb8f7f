//! Assertions: what they say, whom they speak for, and clocks that differ.

use grantflow_core::flow::TokenSource as _;
use grantflow_core::{Error, run};

use crate::world::{EMAIL, GRANTED, START, TOKEN_URI, World, key, verified};

const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/devstorage.read_only",
    "https://www.googleapis.com/auth/pubsub",
];
const NOT_YET: &str =
    r#"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token"}"#;

#[test]
fn an_assertion_says_who_asks_for_what_and_nothing_else_is_sent() {
    let source = key().credentials(SCOPES).unwrap();
    let world = World::at(START).replies(200, GRANTED, None);
    let token = run(source.token(), &world).unwrap();
    assert_eq!(token.access_token.expose(), "ya29.AT");
    let [(address, form)] = &world.sent()[..] else {
        panic!("one request")
    };
    assert_eq!(address, TOKEN_URI);
    assert_eq!(form.keys().collect::<Vec<_>>(), ["assertion", "grant_type"]);
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let claims = verified(&form["assertion"], TOKEN_URI, START);
    assert_eq!(
        claims.claim::<String>("scope").unwrap().unwrap(),
        SCOPES.join(" ")
    );
    assert_eq!(claims.claim::<i64>("iat").unwrap(), Some(START));
    assert_eq!(claims.claim::<i64>("exp").unwrap(), Some(START + 3600));
    assert_eq!(claims.subject(), None);
}

/// The whole text, so that no claim, order or header changes unseen: that of oauth2client for the same key and time.
#[test]
fn the_header_and_the_order_of_claims_are_those_of_oauth2client() {
    let source = key().credentials(["a", "b"]).unwrap().with_subject("u@x");
    let world = World::at(START).replies(200, GRANTED, None);
    run(source.token(), &world).unwrap();
    let form = &world.sent()[0].1;
    let decoded = |part: usize| {
        use base64::Engine as _;
        let part = form["assertion"].split('.').nth(part).unwrap();
        let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(decoded(0), r#"{"typ":"JWT","alg":"RS256","kid":"ABCDEF"}"#);
    assert_eq!(
        decoded(1),
        format!(
            r#"{{"aud":"{TOKEN_URI}","scope":"a b","iat":{START},"exp":{},"iss":"{EMAIL}","sub":"u@x"}}"#,
            START + 3600
        )
    );
}

#[test]
fn one_users_token_is_never_anothers() {
    let of = |user: Option<&str>| {
        let source = key().credentials(SCOPES).unwrap();
        match user {
            Some(user) => source.with_subject(user),
            None => source,
        }
    };
    let keys = [
        of(None),
        of(Some("alice@example.com")),
        of(Some("bob@example.com")),
    ];
    for (at, one) in keys.iter().enumerate() {
        for other in &keys[at + 1..] {
            assert_ne!(one.key().digest(), other.key().digest());
        }
    }
    let world = World::at(START).replies(200, GRANTED, None);
    run(of(Some("alice@example.com")).token(), &world).unwrap();
    let claims = verified(&world.sent()[0].1["assertion"], TOKEN_URI, START);
    assert_eq!(claims.subject(), Some("alice@example.com"));
}

#[test]
fn a_claim_that_is_added_replaces_ours_and_makes_another_key() {
    let plain = key().credentials(SCOPES).unwrap();
    let source = plain.clone().with_claim("exp", START + 60).unwrap();
    let source = source.with_claim("target_audience", ["a", "b"]).unwrap();
    assert_ne!(plain.key().digest(), source.key().digest());
    let world = World::at(START).replies(200, GRANTED, None);
    run(source.token(), &world).unwrap();
    let claims = verified(&world.sent()[0].1["assertion"], TOKEN_URI, START);
    assert_eq!(claims.claim::<i64>("exp").unwrap(), Some(START + 60));
    let audiences = claims.claim::<Vec<String>>("target_audience").unwrap();
    assert_eq!(audiences.unwrap(), ["a", "b"]);
}

/// 2023-11-15 00:13:20, two hours after the start of the test.
const TWO_HOURS_AHEAD: &str = "Wed, 15 Nov 2023 00:13:20 GMT";

#[test]
fn a_server_whose_clock_is_ahead_gets_an_assertion_of_its_time_once() {
    let source = key().credentials(SCOPES).unwrap();
    let world = World::at(START)
        .replies(400, NOT_YET, Some(TWO_HOURS_AHEAD))
        .replies(200, GRANTED, Some(TWO_HOURS_AHEAD));
    assert!(run(source.token(), &world).is_ok());
    let issued: Vec<_> = world
        .sent()
        .iter()
        .zip([START, START + 7200])
        .map(|((_, form), now)| {
            let claims = verified(&form["assertion"], TOKEN_URI, now);
            claims.claim::<i64>("iat").unwrap().unwrap()
        })
        .collect();
    assert_eq!(issued, [START, START + 7200]);

    let world = World::at(START)
        .replies(400, NOT_YET, Some(TWO_HOURS_AHEAD))
        .replies(400, NOT_YET, Some(TWO_HOURS_AHEAD));
    let refused = run(source.token(), &world).unwrap_err();
    assert!(matches!(refused, Error::Server(_)));
    assert_eq!(world.sent().len(), 2);
}

#[test]
fn a_clock_that_is_right_or_cannot_be_is_no_reason_to_ask_again() {
    let source = key().credentials(SCOPES).unwrap();
    for date in [
        None,
        // Two seconds apart; three days; not a date.
        Some("Tue, 14 Nov 2023 22:13:22 GMT"),
        Some("Fri, 17 Nov 2023 22:13:20 GMT"),
        Some("yesterday"),
    ] {
        let world = World::at(START).replies(400, NOT_YET, date);
        assert!(run(source.token(), &world).is_err(), "{date:?}");
        assert_eq!(world.sent().len(), 1, "{date:?}");
    }
    // Another refusal has nothing to do with clocks.
    let refusal = r#"{"error":"invalid_scope"}"#;
    let world = World::at(START).replies(400, refusal, Some(TWO_HOURS_AHEAD));
    assert!(run(source.token(), &world).is_err());
    assert_eq!(world.sent().len(), 1);
}
