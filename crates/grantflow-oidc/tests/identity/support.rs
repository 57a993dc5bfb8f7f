//! Keys that RFCs publish, a clock that stands still, and parameters of requests.

use grantflow_core::{Cx, Issuer, Now, Request, Secret, Timestamp};
use grantflow_jwt::{Algorithm, Header, KeySet, SigningKey};
use serde_json::{Value, json};

/// Friday, 15 January 2027, 08:00:00.
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) fn rsa() -> SigningKey {
    SigningKey::from_pem(include_str!("../../../grantflow-jwt/tests/keys/rsa.pkcs8.pem")).unwrap()
}

pub(crate) fn p256() -> SigningKey {
    SigningKey::from_pem(include_str!("../../../grantflow-jwt/tests/keys/p256.pkcs8.pem")).unwrap()
}

pub(crate) fn ed25519() -> SigningKey {
    SigningKey::from_pem(include_str!(
        "../../../grantflow-jwt/tests/keys/ed25519.pkcs8.pem"
    ))
    .unwrap()
}

/// At [`NOW`], with random bytes that are counted up and so never the same.
pub(crate) fn at<R>(f: impl FnOnce(&mut Cx<'_>) -> R) -> R {
    let now = Now {
        wall: Timestamp::from_unix_seconds(NOW),
        ..Now::default()
    };
    let mut next = 0u8;
    let mut fill = |bytes: &mut [u8]| {
        next = next.wrapping_add(1);
        bytes.fill(next);
        Ok(())
    };
    f(&mut Cx::new(now, &mut fill))
}

/// The values of a parameter in the body of a request.
pub(crate) fn parameter(request: &Request, name: &str) -> Vec<String> {
    form_urlencoded::parse(request.body().as_bytes())
        .filter(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
        .collect()
}

pub(crate) const ISSUER: &str = "https://server.example.com";
pub(crate) const CLIENT: &str = "s6BhdRkqt3";
pub(crate) const NONCE: &str = "n-0S6_WzA2Mj";

pub(crate) fn issuer() -> Issuer {
    Issuer::new(ISSUER).unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW)
}

/// What the issuer says of a user in a token that is in order.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "248289761001", "aud": CLIENT, "nonce": NONCE, "iat": NOW, "exp": NOW + 300,
        "email": "ann@example.com", "email_verified": true,
    })
}

/// The claims with one that is another; `null` takes it away.
pub(crate) fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    claims
}

/// Signed with RS256 by the issuer's key, which is named `1`.
pub(crate) fn signed(claims: &Value) -> Secret {
    signed_by(&rsa().with_key_id("1"), Algorithm::Rs256, claims)
}

pub(crate) fn signed_by(key: &SigningKey, algorithm: Algorithm, claims: &Value) -> Secret {
    signed_under(key, &key.header(algorithm).unwrap(), claims)
}

pub(crate) fn signed_under(key: &SigningKey, header: &Header, claims: &Value) -> Secret {
    Secret::new(
        key.sign(header, claims.to_string().as_bytes())
            .unwrap()
            .into_exposed(),
    )
}

/// The issuer's keys.
pub(crate) fn keys() -> KeySet {
    KeySet::from(rsa().with_key_id("1").verifying_key().unwrap())
}
