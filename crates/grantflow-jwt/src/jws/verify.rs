//! Verification of a signature ([RFC 7515 section 5.2]), before anything that the token says is believed.
//!
//! ```text
//! length ─▶ three parts ─▶ header ─▶ algorithm allowed ─▶ key ─▶ signature ─▶ payload
//! ```
//!
//! [RFC 7515 section 5.2]: https://www.rfc-editor.org/rfc/rfc7515#section-5.2

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use zeroize::Zeroizing;

use crate::error::Refusal;
use crate::{Algorithm, Error, KeySet, base64url};

/// No longer token is looked at: 16 KiB.
pub const MAX_TOKEN_LENGTH: usize = 16 * 1024;

/// A payload whose signature was verified. Only [`KeySet::verify`] makes one.
///
/// What the payload says is not checked: for that there is [`Verification`](crate::Verification). Whether a token was there before
/// is told by its `jti`, never by its text: a signature of ECDSA has a twin that verifies as well.
pub struct VerifiedJws {
    header: Parameters,
    algorithm: Algorithm,
    payload: Zeroizing<Vec<u8>>,
}

impl VerifiedJws {
    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `kid` of the header.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The `typ` of the header: what kind of token it says it is ([RFC 8725 section 3.11]).
    ///
    /// [RFC 8725 section 3.11]: https://www.rfc-editor.org/rfc/rfc8725#section-3.11
    #[must_use]
    pub fn token_type(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl fmt::Debug for VerifiedJws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "VerifiedJws({}, [{} bytes])",
            self.algorithm,
            self.payload.len()
        )
    }
}

/// The parameters that are understood, and those that must not be there. All others "MUST be ignored when not understood".
#[derive(Deserialize)]
struct Parameters {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "there")]
    crit: bool,
    #[serde(default, deserialize_with = "there")]
    b64: bool,
    #[serde(default, deserialize_with = "there")]
    jku: bool,
    #[serde(default, deserialize_with = "there")]
    jwk: bool,
    #[serde(default, deserialize_with = "there")]
    x5u: bool,
}

/// Whatever the value is, `null` among them.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Parameters {
    fn read(text: &str) -> Result<(Self, Algorithm), Refusal> {
        let json = base64url::decode(text).ok_or(Refusal::Base64("header"))?;
        // RFC 7515 section 5.2: "a UTF-8-encoded representation of a completely valid JSON object". Of the bytes of members that it
        // ignores serde_json would take any.
        let json = str::from_utf8(&json).map_err(|_| Refusal::Json("header"))?;
        // A struct would also be read from an array.
        if !json.trim_ascii_start().starts_with('{') {
            return Err(Refusal::Json("header"));
        }
        let read: Self = serde_json::from_str(json).map_err(|_| Refusal::Json("header"))?;
        // Keys come from the caller, never from the token; and no extension of JWS is known here.
        let refused = [
            ("crit", read.crit),
            ("b64", read.b64),
            ("jku", read.jku),
            ("jwk", read.jwk),
            ("x5u", read.x5u),
        ];
        if let Some((name, _)) = refused.iter().find(|(_, there)| *there) {
            return Err(Refusal::HeaderParameter(name));
        }
        let algorithm = Algorithm::named(&read.alg).ok_or(Refusal::Algorithm)?;
        Ok((read, algorithm))
    }
}

impl KeySet {
    /// Verifies the signature of a token in the compact serialization.
    ///
    /// `allowed` says which algorithms may be used ([RFC 8725 section 3.1]: "Libraries MUST enable the caller to specify a supported
    /// set of algorithms and MUST NOT use any other algorithms"); the key has to be one of that algorithm, too.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], or [`Error::UnknownKey`] if the set has not exactly one key for it.
    ///
    /// [RFC 8725 section 3.1]: https://www.rfc-editor.org/rfc/rfc8725#section-3.1
    pub fn verify(
        &self,
        token: &str,
        allowed: impl IntoIterator<Item = Algorithm>,
    ) -> Result<VerifiedJws, Error> {
        let (input, signature) = split(token)?;
        let (header, payload) = input.split_once('.').ok_or(Refusal::Parts)?;
        let (header, algorithm) = Parameters::read(header)?;
        if !allowed.into_iter().any(|allowed| allowed == algorithm) {
            return Err(Refusal::AlgorithmNotAllowed.into());
        }
        let signature = base64url::decode(signature).ok_or(Refusal::Base64("signature"))?;
        let key = self.find(header.kid.as_deref(), algorithm)?;
        key.verify_bytes(algorithm, input.as_bytes(), &signature)?;
        let payload = base64url::decode(payload).ok_or(Refusal::Base64("payload"))?;
        Ok(VerifiedJws {
            header,
            algorithm,
            payload,
        })
    }
}

/// Signing input and signature. Nothing is allocated, and a token that is too long is not read at all.
fn split(token: &str) -> Result<(&str, &str), Refusal> {
    if token.len() > MAX_TOKEN_LENGTH {
        return Err(Refusal::TooLong);
    }
    let mut dots = token.match_indices('.').map(|(at, _)| at);
    match (dots.next(), dots.next(), dots.next()) {
        (Some(_), Some(second), None) => {
            let (input, signature) = token.split_at_checked(second).ok_or(Refusal::Parts)?;
            Ok((input, signature.strip_prefix('.').ok_or(Refusal::Parts)?))
        }
        _ => Err(Refusal::Parts),
    }
}
