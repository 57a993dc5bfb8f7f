//! The keys of an issuer: how long they are kept, when they are asked for again, and by whom.

use std::time::Duration;

use grantflow_core::error::ReplyProblem;
use grantflow_core::{Body, Endpoint, Error, Step, TransportError, TransportErrorKind};
use grantflow_jwt::Algorithm;
use grantflow_oidc::{
    IdTokenVerification, IdTokenVerifier, KeyCache, KeyRequest, Occasion, PublishedKeys, VerifiedIdToken,
};
use serde_json::json;

use super::support::{CLIENT, Script, at, claims, issuer, jwks, name, p256, rsa, signed_by, until_sent};

fn endpoint() -> Endpoint {
    Endpoint::new("https://server.example.com/jwks").unwrap()
}

fn verifier() -> IdTokenVerifier {
    let verification = IdTokenVerification::new(IdTokenVerification::USUAL, &issuer(), CLIENT);
    IdTokenVerifier::new(verification, KeyCache::new(KeyRequest::jwks(endpoint())))
}

/// The flow that verifies a token, good in all but the name of its key. It ends late, so that the clock can be moved.
fn verify(verifier: &IdTokenVerifier, key_id: &str) -> Step<VerifiedIdToken> {
    let claims = super::support::with(claims(), "exp", json!(super::support::NOW + 1_000_000));
    let token = signed_by(&rsa().with_key_id(key_id), Algorithm::Rs256, &claims);
    verifier.verify(&token, Occasion::alone())
}

fn no_key(result: Result<VerifiedIdToken, Error>) -> bool {
    matches!(
        result,
        Err(Error::TokenRefused("no key, or more than one, fits it"))
    )
}

fn parse(
    request: &KeyRequest,
    status: u16,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<PublishedKeys, Error> {
    let mut reply = http::Response::builder().status(status);
    for (name, value) in headers {
        reply = reply.header(*name, *value);
    }
    let reply = reply.body(Body::from(body)).unwrap();
    at(|cx| request.parse(&reply, cx))
}

#[test]
fn keys_are_good_as_long_as_the_server_says_within_bounds() {
    let hour = 3600;
    for (headers, seconds) in [
        (vec![], hour),
        (vec![("cache-control", "public")], hour),
        (vec![("cache-control", "max-age=1800")], 1800),
        (
            vec![("cache-control", "public, Max-Age = 1800, must-revalidate")],
            1800,
        ),
        (vec![("cache-control", "max-age=\"1800\"")], 1800),
        (
            vec![("cache-control", "public"), ("cache-control", "max-age=1800")],
            1800,
        ),
        (vec![("cache-control", "s-maxage=1800")], hour),
        (vec![("cache-control", "max-age=0")], 300),
        (vec![("cache-control", "max-age=299")], 300),
        (vec![("cache-control", "max-age=86401")], 86_400),
        (vec![("cache-control", "max-age=99999999999999999999999")], 86_400),
        (vec![("cache-control", "max-age=-1")], 300),
        (vec![("cache-control", "max-age=soon")], 300),
        (vec![("cache-control", "no-store, max-age=1800")], 300),
        (vec![("cache-control", "no-cache")], 300),
        (vec![("cache-control", "max-age=1800"), ("age", "600")], 1200),
        (vec![("cache-control", "max-age=1800"), ("age", "1700")], 300),
        (vec![("cache-control", "max-age=1800"), ("age", "old")], 1800),
    ] {
        let published = parse(&KeyRequest::jwks(endpoint()), 200, &headers, &jwks(&["1"])).unwrap();
        assert_eq!(published.fresh_for, Duration::from_secs(seconds), "{headers:?}");
    }
}

#[test]
fn t47_what_is_no_set_of_keys_is_an_error_and_weak_keys_are_none() {
    let weak =
        json!({ "keys": [{ "kty": "RSA", "kid": "1", "e": "AQAB", "n": "AQ".repeat(85) }] }).to_string();
    let secret = json!({ "keys": [{ "kty": "oct", "kid": "1", "k": "A".repeat(64) }] }).to_string();
    let good = jwks(&["1"]);
    let spki = include_str!("../../../grantflow-jwt/tests/keys/rsa-1024.spki.pem");
    let weak_pem = json!({ "1": spki }).to_string();
    let (jwks, map) = (KeyRequest::jwks(endpoint()), KeyRequest::certificates(endpoint()));
    for (request, status, body, expected) in [
        (&jwks, 302, &*good, ReplyProblem::Redirect),
        (&jwks, 404, &good, ReplyProblem::Status),
        (&jwks, 503, &good, ReplyProblem::Status),
        (&jwks, 200, "", ReplyProblem::Invalid("keys")),
        (&jwks, 200, "[]", ReplyProblem::Invalid("keys")),
        (&jwks, 200, "{}", ReplyProblem::Invalid("keys")),
        (&jwks, 200, "<html>", ReplyProblem::Invalid("keys")),
        (&jwks, 200, r#"{"keys":[]}"#, ReplyProblem::Missing("keys")),
        (&jwks, 200, &weak, ReplyProblem::Missing("keys")),
        (&jwks, 200, &secret, ReplyProblem::Missing("keys")),
        (&jwks, 200, &" ".repeat(1 + (1 << 20)), ReplyProblem::TooLarge),
        (&map, 200, &good, ReplyProblem::Invalid("keys")),
        (&map, 200, "{}", ReplyProblem::Missing("keys")),
        (&map, 200, &weak_pem, ReplyProblem::Missing("keys")),
    ] {
        match parse(request, status, &[], body) {
            Err(Error::BadReply(bad)) => assert_eq!(bad.problem(), expected, "{status} {body:.40}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn googles_map_of_certificates_serves_as_well_as_a_key_set() {
    let certificates = json!({
        "rsa": include_str!("../../../grantflow-jwt/tests/keys/rsa.certificate.pem"),
        "p256": include_str!("../../../grantflow-jwt/tests/keys/p256.certificate.pem"),
        "broken": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    });
    let script = Script::default().json(&certificates.to_string());
    let verification = IdTokenVerification::new(IdTokenVerification::USUAL, &issuer(), CLIENT);
    let verifier = IdTokenVerifier::new(verification, KeyCache::new(KeyRequest::certificates(endpoint())));
    for (key, algorithm) in [
        (rsa().with_key_id("rsa"), Algorithm::Rs256),
        (p256().with_key_id("p256"), Algorithm::Es256),
    ] {
        let token = signed_by(&key, algorithm, &claims());
        assert!(script.run(verifier.verify(&token, Occasion::alone())).is_ok());
    }
    let swapped = signed_by(&rsa().with_key_id("p256"), Algorithm::Rs256, &claims());
    assert!(no_key(script.run(verifier.verify(&swapped, Occasion::alone()))));
    assert_eq!(script.asked().len(), 1);
}

#[test]
fn fresh_keys_cost_no_request_and_old_ones_cost_one() {
    let half_an_hour = [("cache-control", "max-age=1800")];
    let script = Script::default().replies(200, &half_an_hour, &jwks(&["1"]));
    let verifier = verifier();
    for _ in 0..3 {
        assert!(script.run(verify(&verifier, "1")).is_ok());
        script.advance(599);
    }
    assert_eq!(script.asked(), ["https://server.example.com/jwks"]);
    script.advance(3);
    script.then(Script::default().replies(200, &half_an_hour, &jwks(&["1"])));
    // Clones share the keys.
    assert!(script.run(verify(&verifier.clone(), "1")).is_ok());
    assert!(script.run(verify(&verifier, "1")).is_ok());
    assert_eq!(script.asked().len(), 2);
}

#[test]
fn t47_ten_thousand_unknown_keys_cost_one_request_a_minute() {
    let script = Script::default().json(&jwks(&["1"]));
    let verifier = verifier();
    assert!(script.run(verify(&verifier, "1")).is_ok());
    script.advance(60);
    script.then(Script::default().json(&jwks(&["1"])));
    // One signature is enough: no key is found, so none is looked at.
    let parts = signed_by(&rsa(), Algorithm::Rs256, &claims()).expose().to_owned();
    let (_, rest) = parts.split_once('.').unwrap();
    for unknown in 0..10_000 {
        let header = format!(r#"{{"alg":"RS256","kid":"x{unknown}"}}"#);
        let header = {
            use base64::Engine as _;
            base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(header)
        };
        let token = grantflow_core::Secret::new(format!("{header}.{rest}"));
        assert!(
            no_key(script.run(verifier.verify(&token, Occasion::alone()))),
            "{unknown}"
        );
        if unknown % 1000 == 999 {
            script.advance(5);
        }
    }
    assert_eq!(
        script.asked().len(),
        2,
        "one for the first token, one for all of the others"
    );
    script.advance(10);
    script.then(Script::default().json(&jwks(&["1", "x1"])));
    assert!(script.run(verify(&verifier, "x1")).is_ok(), "a minute later");
}

#[test]
fn t47_q60_a_key_that_is_new_is_fetched_once_and_then_known() {
    let script = Script::default().json(&jwks(&["1"]));
    let verifier = verifier();
    assert!(script.run(verify(&verifier, "1")).is_ok());
    script.advance(59);
    assert!(no_key(script.run(verify(&verifier, "2"))), "too early");
    script.advance(1);
    script.then(Script::default().json(&jwks(&["1", "2"])));
    for _ in 0..3 {
        assert!(script.run(verify(&verifier, "2")).is_ok());
        assert!(script.run(verify(&verifier, "1")).is_ok());
    }
    assert_eq!(script.asked().len(), 2);
}

#[test]
fn old_keys_serve_while_the_server_is_down_and_for_a_day() {
    let script = Script::default().json(&jwks(&["1"]));
    let verifier = verifier();
    assert!(script.run(verify(&verifier, "1")).is_ok());
    script.advance(3600);
    script.then(Script::default().cannot_connect());
    for _ in 0..100 {
        assert!(script.run(verify(&verifier, "1")).is_ok());
    }
    assert_eq!(script.asked().len(), 2, "it is left alone for a while");
    script.advance(10);
    script.then(Script::default().replies(500, &[], ""));
    assert!(script.run(verify(&verifier, "1")).is_ok());
    assert_eq!(script.asked().len(), 3);
    script.advance(86_400);
    script.then(Script::default().cannot_connect());
    let refused = script.run(verify(&verifier, "1"));
    assert!(matches!(refused, Err(Error::Transport(_))), "{refused:?}");
    script.advance(10);
    script.then(Script::default().json(&jwks(&["1"])));
    assert!(script.run(verify(&verifier, "1")).is_ok());
}

#[test]
fn a_server_that_failed_is_left_alone_for_ten_seconds_and_its_error_given_again() {
    let script = Script::default().cannot_connect();
    let verifier = verifier();
    for _ in 0..100 {
        let refused = script.run(verify(&verifier, "1"));
        assert!(
            matches!(&refused, Err(error @ Error::Transport(_)) if error.is_transient()),
            "{refused:?}"
        );
    }
    script.advance(9);
    assert!(script.run(verify(&verifier, "1")).is_err());
    assert_eq!(script.asked().len(), 1);
    script.advance(1);
    script.then(Script::default().json(&jwks(&["1"])));
    assert!(script.run(verify(&verifier, "1")).is_ok());
}

#[test]
fn an_unknown_key_while_the_server_is_down_may_be_a_good_one_later() {
    let script = Script::default().json(&jwks(&["1"]));
    let verifier = verifier();
    assert!(script.run(verify(&verifier, "1")).is_ok());
    script.advance(60);
    script.then(Script::default().cannot_connect());
    for _ in 0..100 {
        let unsure = script.run(verify(&verifier, "2"));
        assert!(
            matches!(&unsure, Err(error @ Error::Transport(_)) if error.is_transient()),
            "{unsure:?}"
        );
        assert!(script.run(verify(&verifier, "1")).is_ok());
    }
    assert_eq!(script.asked().len(), 2);
    script.advance(60);
    script.then(Script::default().json(&jwks(&["2"])));
    assert!(script.run(verify(&verifier, "2")).is_ok());
}

#[test]
fn t47_callers_at_once_share_one_request() {
    let script = Script::default();
    let verifier = verifier();
    let (request, first) = until_sent(&script, verify(&verifier, "1"));
    assert_eq!(request.uri(), "https://server.example.com/jwks");
    // The others wait, and look again when it is here.
    let mut waiting: Vec<_> = (0..10).map(|_| script.begin(verify(&verifier, "1"))).collect();
    assert!(waiting.iter().all(|step| name(step) == "wait"));
    let reply = http::Response::new(Body::from(&*jwks(&["1"])));
    let step = script.with_cx(|cx| first.resume(Ok(reply), cx)).unwrap();
    assert!(script.run(step).is_ok());
    assert!(waiting.drain(..).all(|step| script.run(step).is_ok()));
    // Old keys are used by those who find that somebody asks already.
    script.advance(3600);
    let (_, second) = until_sent(&script, verify(&verifier, "1"));
    assert!(script.run(verify(&verifier, "1")).is_ok());
    // One who needs a newer key waits for it.
    let waits = script.begin(verify(&verifier, "2"));
    assert_eq!(name(&waits), "wait");
    let reply = http::Response::new(Body::from(&*jwks(&["1", "2"])));
    let step = script.with_cx(|cx| second.resume(Ok(reply), cx)).unwrap();
    assert!(script.run(step).is_ok());
    assert!(script.run(waits).is_ok());
    assert!(
        script.asked().is_empty(),
        "all of it by the two requests that the test answered"
    );
}

#[test]
fn a_flow_that_was_dropped_on_the_way_leaves_the_next_one_to_ask() {
    let script = Script::default();
    let verifier = verifier();
    let sent = until_sent(&script, verify(&verifier, "1"));
    assert_eq!(name(&script.begin(verify(&verifier, "1"))), "wait");
    drop(sent);
    script.then(Script::default().json(&jwks(&["1"])));
    assert!(script.run(verify(&verifier, "1")).is_ok());
}

#[test]
fn who_waits_for_a_request_that_never_ends_gives_up() {
    let script = Script::default();
    let verifier = verifier();
    let _never = until_sent(&script, verify(&verifier, "1"));
    let given_up = script.run(verify(&verifier, "1"));
    let timeout = TransportErrorKind::Timeout;
    let is_timeout = |error: &TransportError| error.kind() == timeout;
    assert!(
        matches!(&given_up, Err(Error::Transport(error)) if is_timeout(error)),
        "{given_up:?}"
    );
}

#[test]
fn a_forged_token_is_refused_without_asking_for_other_keys() {
    let script = Script::default().json(&jwks(&["1"]));
    let verifier = verifier();
    script.run(verify(&verifier, "1")).unwrap();
    script.advance(3000);
    let expired = signed_by(
        &rsa().with_key_id("1"),
        Algorithm::Rs256,
        &super::support::with(claims(), "exp", json!(1)),
    );
    let foreign = signed_by(&p256().with_key_id("2"), Algorithm::Es256, &claims());
    let only_rs256 = IdTokenVerification::new([Algorithm::Rs256], &issuer(), CLIENT);
    let strict = IdTokenVerifier::new(only_rs256, KeyCache::new(KeyRequest::jwks(endpoint())));
    let refused = script.run(verifier.verify(&expired, Occasion::alone()));
    assert!(
        matches!(refused, Err(Error::TokenRefused("it has expired"))),
        "{refused:?}"
    );
    script.then(Script::default().json(&jwks(&["1"])));
    let refused = script.run(strict.verify(&foreign, Occasion::alone()));
    assert!(
        matches!(refused, Err(Error::TokenRefused("its algorithm is not allowed"))),
        "{refused:?}"
    );
    assert_eq!((script.asked().len(), script.left()), (2, 0));
}
