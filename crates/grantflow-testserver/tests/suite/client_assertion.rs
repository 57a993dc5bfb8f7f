//! Clients that prove themselves by an assertion: one that is right, and one wrong thing at a time.
#![expect(clippy::unwrap_used, reason = "a test fails where its server does not start")]

use std::time::SystemTime;

use crate::support::{REDIRECT_URI, post};
use grantflow_jwt::{Algorithm, ClaimsSet, SigningKey};
use grantflow_testserver::{Config, TestClient, TestServer};
use serde_json::{Value, json};

/// RFC 8037 appendix A.1.
const PRIVATE: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"k","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const PUBLIC: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const SECRET: &str = "a secret of at least thirty-two bytes";
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn server() -> TestServer {
    let signing = TestClient::private_key_jwt("signing-app", PUBLIC, [REDIRECT_URI]).unwrap();
    let secret = TestClient::client_secret_jwt("secret-app", SECRET, [REDIRECT_URI]);
    Config::new().client(signing).client(secret).start().unwrap()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// What a right assertion says.
fn claims(server: &TestServer, id: &str, jti: &str) -> Value {
    json!({ "iss": id, "sub": id, "aud": server.issuer(), "iat": now(), "exp": now() + 60, "jti": jti })
}

fn signed(key: &SigningKey, algorithm: Algorithm, claims: &Value) -> String {
    let claims = ClaimsSet::from_json(&claims.to_string()).unwrap();
    key.sign(&key.header(algorithm).unwrap(), claims.as_bytes())
        .unwrap()
        .into_exposed()
}

fn ed25519(claims: &Value) -> String {
    signed(&SigningKey::from_jwk(PRIVATE).unwrap(), Algorithm::EdDsa, claims)
}

/// What the server says to a client that would refresh with an unknown token: `invalid_grant` once it knows the client.
fn present(server: &TestServer, changes: &[(&str, &str)], assertion: &str) -> String {
    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", "gft_rt_unknown"),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ];
    form.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    form.extend(changes);
    post(&server.url("/token"), &form).error()
}

#[test]
fn an_assertion_with_the_clients_key_or_secret_is_taken_once() {
    let server = server();
    let key = ed25519(&claims(&server, "signing-app", "1"));
    assert_eq!(present(&server, &[], &key), "invalid_grant");
    assert_eq!(present(&server, &[], &key), "invalid_client", "a replay");
    let secret = SigningKey::from_hmac_secret(SECRET.as_bytes()).unwrap();
    let secret = signed(&secret, Algorithm::Hs256, &claims(&server, "secret-app", "1"));
    assert_eq!(
        present(&server, &[("client_id", "secret-app")], &secret),
        "invalid_grant"
    );
    assert_eq!(server.stats().client_assertions, 2);
    let log = server.log();
    assert_eq!(log[0].client_auth.as_deref(), Some("private_key_jwt"));
    assert_eq!(log[2].client_auth.as_deref(), Some("client_secret_jwt"));
}

#[test]
fn one_wrong_thing_is_enough_to_refuse_it() {
    let server = server();
    let wrong: [(&str, Value); 11] = [
        ("iss", json!("somebody-else")),
        ("sub", json!("secret-app")),
        ("aud", json!(server.url("/token"))),
        ("aud", json!([server.issuer()])),
        ("aud", Value::Null),
        ("exp", json!(now() - 1)),
        ("exp", json!(now() + 7200)),
        ("exp", Value::Null),
        ("iat", json!(now() + 3600)),
        ("jti", Value::Null),
        ("sub", json!("unknown-app")),
    ];
    for (number, (name, value)) in wrong.into_iter().enumerate() {
        let mut claims = claims(&server, "signing-app", &number.to_string());
        claims[name] = value.clone();
        assert_eq!(
            present(&server, &[], &ed25519(&claims)),
            "invalid_client",
            "{name} {value}"
        );
    }
    let right = claims(&server, "signing-app", "right");
    let mut forged = ed25519(&right);
    let last = if forged.pop() == Some('A') { 'B' } else { 'A' };
    forged.push(last);
    assert_eq!(present(&server, &[], &forged), "invalid_client");
    let secret = SigningKey::from_hmac_secret(PUBLIC.as_bytes()).unwrap();
    let confused = signed(&secret, Algorithm::Hs256, &right);
    assert_eq!(
        present(&server, &[], &confused),
        "invalid_client",
        "an HMAC keyed by what is public"
    );
    let other = SigningKey::from_jwk(PRIVATE).unwrap().with_key_id("unknown");
    let unknown = signed(&other, Algorithm::EdDsa, &right);
    assert_eq!(
        present(&server, &[], &unknown),
        "invalid_client",
        "an unknown key id"
    );
    assert_eq!(server.stats().client_assertions, 0);
}

#[test]
fn two_ways_at_once_or_another_type_are_bad_requests() {
    let server = server();
    let right = ed25519(&claims(&server, "signing-app", "1"));
    for changes in [
        [("client_secret", "x")],
        [(
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        )],
        [("client_id", "secret-app")],
    ] {
        assert_eq!(
            present(&server, &changes, &right),
            "invalid_request",
            "{changes:?}"
        );
    }
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_id", "signing-app"),
    ];
    assert_eq!(
        post(&server.url("/token"), &form).error(),
        "invalid_client",
        "without any"
    );
}
