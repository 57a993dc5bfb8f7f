//! Tokens that others signed, read and verified ([RFC 7515]), with `ring` and by code that shares nothing with the client's.
//!
//! [RFC 7515]: https://www.rfc-editor.org/rfc/rfc7515

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use serde_json::Value;

/// A token in its three parts.
pub(crate) struct Jws<'a> {
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
    signed: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    #[serde(default)]
    pub(crate) kid: Option<String>,
    #[serde(default)]
    pub(crate) typ: Option<String>,
    #[serde(default)]
    pub(crate) jwk: Option<Value>,
}

impl<'a> Jws<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let decode = |part| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self {
            header: serde_json::from_slice(&decode(header)?).ok()?,
            payload: decode(payload)?,
            signed,
            signature: decode(signature)?,
        })
    }

    pub(crate) fn is_signed_with(&self, key: &PublicKey) -> bool {
        let (message, signature) = (self.signed.as_bytes(), self.signature.as_slice());
        let with = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key)
                .verify(message, signature)
                .is_ok()
        };
        match (key, self.header.alg.as_str()) {
            (PublicKey::RsaDer(key), "RS256") => with(&RSA_PKCS1_2048_8192_SHA256, key),
            (PublicKey::Rsa(key), "RS256") => key
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            (PublicKey::Rsa(key), "PS256") => {
                key.verify(&RSA_PSS_2048_8192_SHA256, message, signature).is_ok()
            }
            (PublicKey::P256(point), "ES256") => with(&ECDSA_P256_SHA256_FIXED, point),
            (PublicKey::Ed25519(key), "EdDSA") => with(&ED25519, key),
            _ => false,
        }
    }

    /// With HMAC and SHA-256.
    pub(crate) fn is_signed_with_secret(&self, secret: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        self.header.alg == "HS256" && hmac::verify(&key, self.signed.as_bytes(), &self.signature).is_ok()
    }
}

/// A key of somebody else.
#[derive(Clone)]
pub(crate) enum PublicKey {
    /// RSAPublicKey of PKCS #1, in DER.
    RsaDer(Vec<u8>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// Uncompressed.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// From a JSON Web Key (RFC 7518 section 6, RFC 8037).
    pub(crate) fn from_jwk(key: &Value) -> Option<Self> {
        let member = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok();
        match (key["kty"].as_str()?, key["crv"].as_str()) {
            ("RSA", _) => Some(Self::Rsa(RsaPublicKeyComponents {
                n: member("n")?,
                e: member("e")?,
            })),
            ("EC", Some("P-256")) => Some(Self::P256([vec![4], member("x")?, member("y")?].concat())),
            ("OKP", Some("Ed25519")) => Some(Self::Ed25519(member("x")?)),
            _ => None,
        }
    }
}
