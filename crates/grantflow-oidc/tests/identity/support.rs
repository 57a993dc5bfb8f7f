//! Keys that RFCs publish, a clock that stands still, and parameters of requests.

use grantflow_core::{Cx, Now, Request, Timestamp};
use grantflow_jwt::SigningKey;

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
