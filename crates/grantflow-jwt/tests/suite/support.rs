//! Vectors and keys from files, and tokens made by hand.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use grantflow_jwt::{Algorithm, Header, KeySet, NumericDate, SigningKey, Verification, VerifyingKey};
use serde_json::Value;

pub(crate) const NOW: NumericDate = NumericDate::from_unix_seconds(1_700_000_000);

fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

pub(crate) fn vector(name: &str) -> Value {
    serde_json::from_str(&file(&format!("vectors/{name}.json"))).unwrap()
}

pub(crate) fn pem(name: &str) -> String {
    file(&format!("keys/{name}.pem"))
}

pub(crate) fn private(vector: &Value) -> SigningKey {
    SigningKey::from_jwk(&vector["private"].to_string()).unwrap()
}

pub(crate) fn public(vector: &Value) -> VerifyingKey {
    VerifyingKey::from_jwk(&vector["public"].to_string()).unwrap()
}

/// Of every type one.
pub(crate) fn signing_keys() -> Vec<SigningKey> {
    let pem = |name| SigningKey::from_pem(&pem(name)).unwrap();
    let hmac = SigningKey::from_hmac_secret(&[7; 64]).unwrap();
    vec![
        pem("rsa.pkcs8"),
        pem("p256.pkcs8"),
        pem("p384.pkcs8"),
        pem("ed25519.pkcs8"),
        hmac,
    ]
}

/// The RSA key of RFC 7515 as the issuer's.
pub(crate) fn issuer() -> SigningKey {
    SigningKey::from_pem(&pem("rsa.pkcs8")).unwrap().with_key_id("1")
}

pub(crate) fn issuer_keys() -> KeySet {
    KeySet::from(issuer().verifying_key().unwrap())
}

pub(crate) fn verification() -> Verification {
    Verification::new([Algorithm::Rs256], "https://issuer.example", "me")
}

pub(crate) const CLAIMS: &str =
    r#"{"iss":"https://issuer.example","sub":"ann","aud":"me","exp":1700003600,"iat":1700000000}"#;

/// Signed by the issuer, whatever the claims are.
pub(crate) fn token(claims: &str) -> String {
    let header = issuer().header(Algorithm::Rs256).unwrap();
    issuer().sign(&header, claims.as_bytes()).unwrap().into_exposed()
}

/// Signed by any key, whatever the header is.
pub(crate) fn token_with(key: &SigningKey, algorithm: Algorithm, header: &str, claims: &str) -> String {
    let input = format!("{}.{}", encode(header), encode(claims));
    let signature = key.sign_bytes(algorithm, input.as_bytes()).unwrap();
    format!("{input}.{}", encode(signature))
}

pub(crate) fn header(algorithm: Algorithm) -> Header {
    Header::new(algorithm)
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    BASE64.decode(text).unwrap()
}

pub(crate) fn parts(token: &str) -> [String; 3] {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}
