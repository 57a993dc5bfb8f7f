//! Signed answers about tokens: believed of the issuer, for this client, made just now; or refused.

use grantflow_core::error::ReplyProblem;
use grantflow_core::{Client, Endpoint, Error, Introspection, Secret, TokenTypeHint};
use grantflow_jwt::{Algorithm, SigningKey};
use grantflow_oidc::{KeyCache, KeyRequest, SignedIntrospectionRequest};
use serde_json::{Value, json};

use super::support::{
    CLIENT, ISSUER, NOW, Script, at, ed25519, issuer, jwks, p256, parameter, rsa, signed_under, with,
};

const TYPE: &str = "token-introspection+jwt";
const MEDIA_TYPE: &str = "application/token-introspection+jwt";

fn client() -> Client {
    let endpoint = |path: &str| Endpoint::new(format!("{ISSUER}/{path}")).unwrap();
    Client::new(CLIENT, endpoint("token"))
        .with_issuer(issuer())
        .with_secret_post("secret")
        .with_introspection_endpoint(endpoint("introspect"))
}

fn request(client: &Client) -> Result<SignedIntrospectionRequest, Error> {
    let keys = KeyCache::new(KeyRequest::jwks(Endpoint::new(format!("{ISSUER}/jwks")).unwrap()));
    let (token, hint) = (Secret::new("2YotnFZFEjr1zCsicMWpAA"), TokenTypeHint::AccessToken);
    SignedIntrospectionRequest::new(client, &token, hint, [Algorithm::Rs256], &keys)
}

/// RFC 9701 section 5.
fn told() -> Value {
    json!({
        "iss": ISSUER, "aud": CLIENT, "iat": NOW,
        "token_introspection": { "active": true, "iss": "https://other.example", "exp": NOW - 1, "sub": "Z5O3upPC88QrAjx00dis", "x": [1] },
    })
}

fn signed(key: &SigningKey, typ: Option<&str>, claims: &Value) -> Secret {
    let algorithm = if key.header(Algorithm::Rs256).is_ok() {
        Algorithm::Rs256
    } else {
        Algorithm::EdDsa
    };
    let header = key.header(algorithm).unwrap();
    let header = match typ {
        Some(typ) => header.with("typ", typ).unwrap(),
        None => header,
    };
    signed_under(key, &header, claims)
}

fn answered_as(media_type: &str, body: &str) -> Result<Introspection, Error> {
    let script = Script::default().replies(200, &[("content-type", media_type)], body);
    script.then(Script::default().json(&jwks(&["1"])));
    script.run(request(&client()).unwrap().flow())
}

fn answered(typ: Option<&str>, claims: &Value) -> Result<Introspection, Error> {
    let token = signed(&rsa().with_key_id("1"), typ, claims);
    answered_as(MEDIA_TYPE, token.expose())
}

#[test]
fn a_signed_answer_is_asked_for_and_says_what_an_unsigned_one_would() {
    let http = at(|cx| request(&client()).unwrap().to_http(cx)).unwrap();
    assert_eq!(http.headers()["accept"], MEDIA_TYPE);
    assert_eq!(http.headers().get_all("accept").iter().count(), 1);
    assert_eq!(parameter(&http, "token"), ["2YotnFZFEjr1zCsicMWpAA"]);
    for typ in [
        TYPE,
        "application/token-introspection+jwt",
        "Token-Introspection+JWT",
    ] {
        let told = answered(Some(typ), &told()).unwrap();
        assert!(told.active);
        assert_eq!(told.subject.as_deref(), Some("Z5O3upPC88QrAjx00dis"));
        assert_eq!(told.extras.get::<Vec<u8>>("x"), Some(vec![1]));
    }
    let inactive = with(
        told(),
        "token_introspection",
        json!({ "active": false, "sub": "x" }),
    );
    let inactive = answered(Some(TYPE), &inactive).unwrap();
    assert!(!inactive.active && inactive.subject.is_none());
    let list = with(told(), "aud", json!(["https://other.example", CLIENT]));
    assert!(answered(Some(TYPE), &list).unwrap().active);
    assert!(answered(Some(TYPE), &with(told(), "iat", json!(NOW - 119))).is_ok());
}

#[test]
fn t45_a_signed_answer_with_one_thing_wrong_is_refused() {
    let why = |result: Result<Introspection, Error>| match result {
        Err(Error::TokenRefused(why)) => why,
        other => panic!("{other:?}"),
    };
    // No other token of the issuer is such an answer, and this one is no other token.
    for typ in [None, Some("JWT"), Some("at+jwt"), Some("introspection+jwt")] {
        assert_eq!(
            why(answered(typ, &told())),
            "it is a token of another kind",
            "{typ:?}"
        );
    }
    for (name, value, expected) in [
        (
            "iss",
            json!("https://other.example"),
            "its issuer is somebody else",
        ),
        ("iss", Value::Null, "it lacks a claim"),
        ("iss", json!(1), "a claim is of the wrong type"),
        ("aud", json!("another"), "it is for somebody else"),
        ("aud", json!(["another"]), "it is for somebody else"),
        ("aud", Value::Null, "it lacks a claim"),
        ("iat", json!(NOW + 61), "it was issued in the future"),
        (
            "iat",
            json!(NOW - 121),
            "it was made long before it was asked for",
        ),
        ("iat", Value::Null, "it lacks a claim"),
        ("iat", json!("now"), "a claim is of the wrong type"),
    ] {
        assert_eq!(
            why(answered(Some(TYPE), &with(told(), name, value))),
            expected,
            "{name}"
        );
    }
    let foreign = signed(&ed25519().with_key_id("1"), Some(TYPE), &told());
    assert_eq!(
        why(answered_as(MEDIA_TYPE, foreign.expose())),
        "its algorithm is not allowed"
    );
    let good = signed(&rsa().with_key_id("1"), Some(TYPE), &told());
    let (body, signature) = good.expose().rsplit_once('.').unwrap();
    let other = signed(
        &rsa().with_key_id("1"),
        Some(TYPE),
        &with(told(), "iat", json!(NOW - 1)),
    );
    let (_, other) = other.expose().rsplit_once('.').unwrap();
    assert_ne!(signature, other);
    assert_eq!(
        why(answered_as(MEDIA_TYPE, &format!("{body}.{other}"))),
        "its signature is not the key's"
    );
    assert!(p256().header(Algorithm::Rs256).is_err());
}

#[test]
fn an_answer_that_is_not_signed_or_says_nothing_is_none() {
    let problem = |result: Result<Introspection, Error>| match result {
        Err(Error::BadReply(bad)) => bad.problem(),
        other => panic!("{other:?}"),
    };
    // What nobody signed is not taken, however active it says the token is.
    assert_eq!(
        problem(answered_as("application/json", r#"{"active":true}"#)),
        ReplyProblem::MediaType
    );
    let token = signed(&rsa().with_key_id("1"), Some(TYPE), &told());
    assert_eq!(
        problem(answered_as("application/jwt", token.expose())),
        ReplyProblem::MediaType
    );
    let missing = ReplyProblem::Missing("token_introspection");
    for value in [Value::Null, json!("active"), json!([])] {
        assert_eq!(
            problem(answered(Some(TYPE), &with(told(), "token_introspection", value))),
            missing
        );
    }
    let odd = with(told(), "token_introspection", json!({ "active": "true" }));
    assert_eq!(
        problem(answered(Some(TYPE), &odd)),
        ReplyProblem::Invalid("active")
    );
    let script = Script::default().replies(
        401,
        &[("content-type", "application/json")],
        r#"{"error":"invalid_client"}"#,
    );
    let refused = script.run(request(&client()).unwrap().flow());
    assert!(
        matches!(&refused, Err(Error::Server(refusal)) if refusal.code().as_str() == "invalid_client"),
        "{refused:?}"
    );
    let endpoint = Endpoint::new(format!("{ISSUER}/token")).unwrap();
    assert!(matches!(
        request(&Client::new(CLIENT, endpoint)),
        Err(Error::InvalidInput(_))
    ));
}
