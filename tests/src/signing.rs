//! Keys that RFCs publish, for clients of the suites to sign with.

use grantflow_jwt::{Algorithm, SigningKey};
use grantflow_oidc::RequestObject;
use serde_json::{Value, json};

/// RFC 8037 appendix A.1, with its private half.
#[must_use]
pub fn ed25519() -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "new",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    })
}

/// A key of nobody, under the name of [`ed25519`].
#[must_use]
pub fn foreign() -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "new",
        "x": "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w",
        "d": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
    })
}

/// Without its private half.
///
/// # Panics
///
/// If it is no key.
#[must_use]
pub fn public(mut key: Value) -> Value {
    key.as_object_mut().expect("a key is an object").remove("d");
    key
}

/// To sign with, by EdDSA.
///
/// # Panics
///
/// If it is no key.
#[must_use]
pub fn key(key: &Value) -> SigningKey {
    SigningKey::from_jwk(&key.to_string()).expect("a key of an RFC")
}

/// What signs authorization requests with it.
///
/// # Panics
///
/// If it is no key.
#[must_use]
pub fn request_object(of: &Value) -> RequestObject {
    RequestObject::new(key(of), Algorithm::EdDsa).expect("the algorithm is the key's")
}
