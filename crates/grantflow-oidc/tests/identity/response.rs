//! Signed answers to authorization requests: believed, or refused with one thing wrong.

use grantflow_core::{
    AuthorizationCode, AuthorizationRequest, CallbackError, Client, Endpoint, Error, PendingAuthorization,
    ResponseMode, Secret,
};
use grantflow_jwt::{Algorithm, Header};
use grantflow_oidc::{KeyCache, KeyRequest, ResponseVerifier};
use serde_json::{Value, json};

use super::support::{
    CLIENT, ISSUER, NOW, Script, ed25519, issuer, jwks, p256, rsa, signed, signed_by, signed_under, with,
};

fn endpoint(path: &str) -> Endpoint {
    Endpoint::new(format!("{ISSUER}/{path}")).unwrap()
}

fn verifier() -> ResponseVerifier {
    let keys = KeyCache::new(KeyRequest::jwks(endpoint("jwks")));
    ResponseVerifier::new([Algorithm::Rs256], &issuer(), CLIENT, keys)
}

fn begin(script: &Script, mode: ResponseMode) -> (PendingAuthorization, String) {
    let client = Client::new(CLIENT, endpoint("token"))
        .with_issuer(issuer())
        .with_iss_promised(true)
        .with_authorization_endpoint(endpoint("authorize"));
    let request = AuthorizationRequest::new(&client, "https://app.example/callback").response_mode(mode);
    let (url, pending) = script.with_cx(|cx| request.start(cx)).unwrap();
    let (_, rest) = url.as_str().split_once("&state=").unwrap();
    (pending, rest.split('&').next().unwrap().to_owned())
}

/// What a server answers in a token that is in order.
fn answer(state: &str) -> Value {
    json!({ "iss": ISSUER, "aud": CLIENT, "exp": NOW + 600, "code": "SplxlOBeZQQYbYS6WxSbIA", "state": state })
}

/// The redirect with a token that is made from the state.
fn accept(token: impl Fn(&str) -> Secret) -> (Result<AuthorizationCode, Error>, Script) {
    let script = Script::default().json(&jwks(&["1"]));
    let (pending, state) = begin(&script, ResponseMode::QueryJwt);
    let redirect = format!("https://app.example/callback?response={}", token(&state).expose());
    let accepted = script.run(verifier().accept(pending, &redirect));
    (accepted, script)
}

fn why(accepted: Result<AuthorizationCode, Error>) -> &'static str {
    match accepted {
        Err(Error::TokenRefused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signed_answer_gives_a_code_in_an_address_and_in_a_body() {
    for (mode, address) in [
        (ResponseMode::QueryJwt, "/callback?"),
        (ResponseMode::FormPostJwt, ""),
    ] {
        let script = Script::default().json(&jwks(&["1"]));
        let (pending, state) = begin(&script, mode);
        let redirect = format!("{address}response={}", signed(&answer(&state)).expose());
        let code = script.run(verifier().accept(pending, &redirect)).unwrap();
        assert_eq!(code.code().expose(), "SplxlOBeZQQYbYS6WxSbIA");
    }
}

#[test]
fn t09_a_signed_answer_with_one_claim_wrong_is_refused() {
    let lacks = "it lacks a claim";
    for (name, value, expected) in [
        (
            "iss",
            json!("https://attacker.example"),
            "its issuer is somebody else",
        ),
        ("iss", Value::Null, lacks),
        ("aud", json!("another"), "it is for somebody else"),
        ("aud", Value::Null, lacks),
        ("exp", json!(NOW - 60), "it has expired"),
        ("exp", Value::Null, lacks),
    ] {
        let (accepted, _) = accept(|state| signed(&with(answer(state), name, value.clone())));
        assert_eq!(why(accepted), expected, "{name}: {value}");
    }
    let (none, _) = accept(|state| signed(&with(answer(state), "code", Value::Null)));
    assert!(
        matches!(none, Err(Error::Callback(CallbackError::NoCode))),
        "{none:?}"
    );
    let (denied, _) = accept(|state| {
        let answer = with(answer(state), "code", Value::Null);
        signed(&with(answer, "error", json!("access_denied")))
    });
    assert!(matches!(denied, Err(Error::Denied(_))), "{denied:?}");
    let (both, _) = accept(|state| signed(&with(answer(state), "error", json!("access_denied"))));
    assert!(
        matches!(both, Err(Error::Callback(CallbackError::CodeAndError))),
        "{both:?}"
    );
    // A code that is no text is none.
    let (number, _) = accept(|state| signed(&with(answer(state), "code", json!(7))));
    assert!(
        matches!(number, Err(Error::Callback(CallbackError::NoCode))),
        "{number:?}"
    );
}

#[test]
fn t09_a_signed_answer_that_was_forged_is_refused() {
    let not_allowed = "its algorithm is not allowed";
    let (es, _) = accept(|state| signed_by(&p256().with_key_id("1"), Algorithm::Es256, &answer(state)));
    assert_eq!(why(es), not_allowed);
    let (ed, _) = accept(|state| signed_by(&ed25519(), Algorithm::EdDsa, &answer(state)));
    assert_eq!(why(ed), not_allowed);
    let (none, _) = accept(|state| {
        let token = signed(&answer(state));
        let payload = token.expose().split('.').nth(1).unwrap();
        Secret::new(format!("eyJhbGciOiJub25lIn0.{payload}."))
    });
    assert_eq!(why(none), not_allowed);
    let (broken, _) = accept(|state| {
        let token = signed(&answer(state));
        let (rest, signature) = token.expose().rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        Secret::new(format!("{rest}.{first}{}", &signature[1..]))
    });
    assert_eq!(why(broken), "its signature is not the key's");
    let (own_key, _) = accept(|state| {
        let header = Header::new(Algorithm::Rs256)
            .with("jku", "https://attacker.example/jwks")
            .unwrap();
        signed_under(&rsa(), &header, &answer(state))
    });
    assert_eq!(why(own_key), "its header wants to be verified in another way");
}

#[test]
fn t18_an_answer_to_another_login_is_refused_before_a_key_is_asked_for() {
    for state in [json!("another"), json!(""), json!(7), Value::Null] {
        let (accepted, script) = accept(|_| signed(&with(answer(""), "state", state.clone())));
        assert!(
            matches!(accepted, Err(Error::Callback(CallbackError::State))),
            "{state}"
        );
        assert_eq!(script.left(), 1, "{state}: no key was asked for");
    }
}
