//! An ID token beside the code: believed, or no code; and the same user in the one that follows.

use std::sync::Arc;

use grantflow_core::{
    AuthorizationCode, AuthorizationRequest, CallbackError, Client, Endpoint, Error, PendingAuthorization,
    ResponseType, Secret, TokenRequest,
};
use grantflow_jwt::Algorithm;
use grantflow_oidc::{IdTokenVerification, IdTokenVerifier, KeyCache, KeyRequest, exchange};
use serde_json::{Value, json};

use super::support::{CLIENT, ISSUER, NOW, Script, claims, ed25519, issuer, jwks, signed, signed_by, with};

const CODE: &str = "SplxlOBeZQQYbYS6WxSbIA";

fn endpoint(path: &str) -> Endpoint {
    Endpoint::new(format!("{ISSUER}/{path}")).unwrap()
}

fn client() -> Client {
    Client::new(CLIENT, endpoint("token"))
        .with_issuer(issuer())
        .with_authorization_endpoint(endpoint("authorize"))
}

fn verification() -> IdTokenVerification {
    IdTokenVerification::new([Algorithm::Rs256], &issuer(), CLIENT)
}

fn verifier(verification: IdTokenVerification) -> IdTokenVerifier {
    IdTokenVerifier::new(verification, KeyCache::new(KeyRequest::jwks(endpoint("jwks"))))
}

/// What was sent with a request for an ID token beside the code.
struct Sent {
    pending: PendingAuthorization,
    state: String,
    nonce: String,
}

fn begin(script: &Script) -> Sent {
    let client = client();
    let request = AuthorizationRequest::new(&client, "https://app.example/callback");
    let request = request.scopes("openid").unwrap();
    let request = request.response_type(ResponseType::CodeIdToken);
    let (url, pending) = script.with_cx(|cx| request.start(cx)).unwrap();
    let sent = |name: &str| {
        let (_, query) = url.as_str().split_once('?').unwrap();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let (_, value) = pairs.find(|(known, _)| known == name).unwrap();
        value.into_owned()
    };
    Sent {
        state: sent("state"),
        nonce: sent("nonce"),
        pending,
    }
}

impl Sent {
    /// What the server says beside the code, in order.
    fn claims(&self) -> Value {
        let claims = with(claims(), "nonce", json!(self.nonce));
        let claims = with(claims, "c_hash", json!(Algorithm::Rs256.half_hash(CODE)));
        with(claims, "s_hash", json!(Algorithm::Rs256.half_hash(&self.state)))
    }

    fn body(&self, id_token: &Secret) -> String {
        format!("code={CODE}&id_token={}&state={}", id_token.expose(), self.state)
    }
}

/// The answer whose ID token says what is made of these claims.
fn accept(
    verification: IdTokenVerification,
    changed: impl Fn(Value) -> Value,
) -> Result<AuthorizationCode, Error> {
    let script = Script::default().json(&jwks(&["1"]));
    let sent = begin(&script);
    let body = sent.body(&signed(&changed(sent.claims())));
    script.run(verifier(verification).accept(sent.pending, &body))
}

fn why<T: std::fmt::Debug>(accepted: Result<T, Error>) -> &'static str {
    match accepted {
        Err(Error::TokenRefused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_id_token_beside_the_code_says_whose_it_is() {
    let code = accept(verification(), |claims| claims).unwrap();
    assert_eq!(code.code().expose(), CODE);
    assert_eq!(code.user(), Some((ISSUER, "248289761001")));
}

#[test]
fn t09_no_code_is_given_where_the_id_token_beside_it_has_one_thing_wrong() {
    let other = json!(Algorithm::Rs256.half_hash("another"));
    let lacks = "it lacks a claim";
    for (name, value, expected) in [
        ("c_hash", other.clone(), "its c_hash is that of another code"),
        (
            "c_hash",
            Value::Null,
            "it lacks the hash of the code that it came with",
        ),
        ("c_hash", json!(7), "a claim is of the wrong type"),
        ("s_hash", other, "its s_hash is that of another state"),
        ("s_hash", json!(""), "its s_hash is that of another state"),
        (
            "nonce",
            json!("another"),
            "its nonce is not the one that was sent",
        ),
        ("nonce", Value::Null, "it lacks the nonce that was sent"),
        (
            "iss",
            json!("https://attacker.example"),
            "its issuer is somebody else",
        ),
        ("aud", json!("another"), "it is for somebody else"),
        ("exp", json!(NOW - 60), "it has expired"),
        ("exp", Value::Null, lacks),
        ("iat", Value::Null, lacks),
        ("sub", Value::Null, lacks),
    ] {
        let accepted = accept(verification(), |claims| with(claims, name, value.clone()));
        assert_eq!(why(accepted), expected, "{name}: {value}");
    }
}

#[test]
fn t09_a_hash_of_the_state_may_be_left_out_unless_the_profile_wants_it() {
    let without = |claims| with(claims, "s_hash", Value::Null);
    assert!(accept(verification(), without).is_ok());
    let strict = || verification().require_state_hash();
    assert!(accept(strict(), |claims| claims).is_ok());
    assert_eq!(why(accept(strict(), without)), "it lacks the hash of the state");
}

#[test]
fn t09_an_id_token_of_another_key_or_none_gives_no_code() {
    let script = Script::default().json(&jwks(&["1"]));
    let sent = begin(&script);
    let forged = sent.body(&signed_by(&ed25519(), Algorithm::EdDsa, &sent.claims()));
    let refused = script.run(verifier(verification()).accept(sent.pending, &forged));
    assert_eq!(why(refused), "its algorithm is not allowed");

    let script = Script::default();
    let sent = begin(&script);
    let without = format!("code={CODE}&state={}", sent.state);
    let refused = script.run(verifier(verification()).accept(sent.pending, &without));
    assert!(
        matches!(refused, Err(Error::Callback(CallbackError::NoIdToken))),
        "{refused:?}"
    );
    // Nor is it taken from an address, or for another login; no key is asked for.
    for (address, state, expected) in [
        ("https://app.example/callback#", None, CallbackError::Mode),
        ("", Some("another"), CallbackError::State),
    ] {
        let mut sent = begin(&script);
        let id_token = signed(&sent.claims());
        if let Some(state) = state {
            sent.state = state.to_owned();
        }
        let body = format!("{address}{}", sent.body(&id_token));
        let refused = script.run(verifier(verification()).accept(sent.pending, &body));
        assert!(
            matches!(&refused, Err(Error::Callback(why)) if *why == expected),
            "{refused:?}"
        );
    }
}

/// The exchange of a code that came beside an ID token, whose reply has one with a claim changed: by [`exchange`], then by a client with
/// the check.
fn finish(name: &str, value: &Value) -> [Result<(), Error>; 2] {
    [false, true].map(|checks| {
        let script = Script::default().json(&jwks(&["1"]));
        let (sent, verifier) = (begin(&script), verifier(verification()));
        let (body, claims) = (sent.body(&signed(&sent.claims())), sent.claims());
        let code = script.run(verifier.accept(sent.pending, &body)).unwrap();
        let id_token = signed(&with(claims, name, value.clone()));
        let reply = json!({ "access_token": "AT", "token_type": "Bearer", "id_token": id_token.expose() });
        script.then(Script::default().json(&reply.to_string()));
        if !checks {
            return script.run(exchange(&client(), code, &verifier)).map(|_| ());
        }
        let client = client().with_id_token_check(Arc::new(verifier));
        let exchanged = script.run(TokenRequest::authorization_code(&client, code).flow());
        exchanged.map(|_| ())
    })
}

/// Section 3.3.3.6: "the iss and sub Claim Values MUST be identical in both ID Tokens".
#[test]
fn t09_the_id_token_of_the_token_endpoint_is_of_the_same_user() {
    assert!(finish("name", &json!("Ann")).iter().all(Result::is_ok));
    // Hashes are optional there; what was sent is not.
    assert!(finish("c_hash", &Value::Null).iter().all(Result::is_ok));
    for (name, value, expected) in [
        (
            "sub",
            json!("somebody else"),
            "it is about somebody else than the one before",
        ),
        ("nonce", Value::Null, "it lacks the nonce that was sent"),
        ("c_hash", json!("another"), "its c_hash is that of another code"),
    ] {
        for result in finish(name, &value) {
            assert_eq!(why(result), expected, "{name}");
        }
    }
}
