//! Logins on a device: the ID token that comes with no redirect.

use std::sync::Arc;

use grantflow_core::{Client, DeviceAuthorizationRequest, Endpoint, Error, Scopes};
use grantflow_jwt::Algorithm;
use grantflow_oidc::{IdTokenVerification, IdTokenVerifier, KeyCache, KeyRequest};
use serde_json::{Value, json};

use super::support::{CLIENT, ISSUER, NONCE, NOW, Script, claims, issuer, jwks, signed, with};

const ACCESS_TOKEN: &str = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
const AT_HASH: &str = "77QmUPtjPfzWtF2AnpK9RQ";

fn client() -> Client {
    let endpoint = |path: &str| Endpoint::new(format!("{ISSUER}/{path}")).unwrap();
    let client = Client::new(CLIENT, endpoint("token"))
        .with_issuer(issuer())
        .with_device_authorization_endpoint(endpoint("device_authorization"));
    let verification = IdTokenVerification::of_client([Algorithm::Rs256], &client).unwrap();
    let keys = KeyCache::new(KeyRequest::jwks(endpoint("jwks")));
    client.with_id_token_check(Arc::new(IdTokenVerifier::new(verification, keys)))
}

/// A login that is allowed at once, with an ID token that has one claim changed.
fn log_in(name: &str, value: Value) -> Result<String, Error> {
    let claims = with(with(claims(), "nonce", Value::Null), "at_hash", json!(AT_HASH));
    let id_token = signed(&with(claims, name, value));
    let granted =
        json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": id_token.expose() });
    let script = Script::default()
        .json(&format!(
            r#"{{"device_code":"D","user_code":"U","verification_uri":"{ISSUER}/device","expires_in":1800}}"#
        ))
        .json(&granted.to_string())
        .json(&jwks(&["1"]));
    let login = DeviceAuthorizationRequest::new(&client()).scopes(Scopes::parse("openid").unwrap());
    let token = script.run(login.flow().and_then(|grant, _| Ok(grant.poll())));
    token.map(|token| token.access_token.expose().to_owned())
}

#[test]
fn a_device_is_given_its_token_once_its_id_token_has_passed() {
    assert_eq!(log_in("name", json!("Ann")).unwrap(), ACCESS_TOKEN);
}

#[test]
fn t45_a_device_is_given_no_token_with_an_id_token_that_has_one_thing_wrong() {
    for (name, value, expected) in [
        ("nonce", json!(NONCE), "it has a nonce, and none was sent"),
        ("iat", json!(NOW - 90_000), "it was made long before this login"),
        (
            "at_hash",
            json!("LDktKdoQak3Pk0cnXxCltA"),
            "its at_hash is that of another access token",
        ),
        ("aud", json!("another"), "it is for somebody else"),
    ] {
        match log_in(name, value) {
            Err(Error::TokenRefused(why)) => assert_eq!(why, expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}
