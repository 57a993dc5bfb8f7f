//! Why there is no signature, no key, or no verified token: sorted by who must act.
//!
//! No message holds a part of a token or of a key.

use std::fmt;

/// What went wrong, by who must act.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The token is not to be believed. Whoever sent it must act.
    Refused(Refusal),
    /// No key fits the token, or more than one does. The set may be old: fetch it again, then ask again.
    UnknownKey,
    /// A key cannot be used. Whoever keeps it must act.
    BadKey(BadKey),
    /// What the caller gave cannot be used.
    InvalidInput {
        /// Which value.
        what: &'static str,
        /// What is wrong with it, as the rest of a sentence.
        problem: &'static str,
    },
    /// The key is in order, but nothing was signed: the system gave no randomness, or a remote signer gave no signature.
    NotSigned,
}

impl Error {
    pub(crate) const fn input(what: &'static str, problem: &'static str) -> Self {
        Self::InvalidInput { what, problem }
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is longer than [`MAX_TOKEN_LENGTH`](crate::MAX_TOKEN_LENGTH).
    TooLong,
    /// It has not exactly three parts.
    Parts,
    /// A part, `"header"`, `"payload"`, `"signature"` or `"ciphertext"`, is not canonical base64url.
    Base64(&'static str),
    /// The header or the payload is not a JSON object, or has a member twice.
    Json(&'static str),
    /// The algorithm is `none` or an unknown one.
    Algorithm,
    /// The algorithm is known but was not allowed.
    AlgorithmNotAllowed,
    /// The header has a parameter that changes how it would have to be verified or opened: `crit`, `b64`, `jku`, `jwk`, `x5u`, `zip`.
    HeaderParameter(&'static str),
    /// The signature is not the key's.
    Signature,
    /// It is encrypted for another key, or was changed on the way.
    Decryption,
    /// The `typ` is not the one that was asked for.
    Type,
    /// A claim is not there.
    MissingClaim(&'static str),
    /// A claim has the wrong JSON type.
    ClaimType(&'static str),
    /// `iss` is somebody else.
    Issuer,
    /// `aud` is somebody else.
    Audience,
    /// `azp` is somebody else, or not there although the token has several audiences.
    AuthorizedParty,
    /// `exp` has passed.
    Expired,
    /// `nbf` is still to come.
    NotYetValid,
    /// `iat` is still to come.
    IssuedInFuture,
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BadKey {
    /// It is not in the form that was promised.
    Malformed,
    /// The PEM text holds no key of the kind that was asked for.
    NotFound,
    /// It is encrypted; `openssl pkcs8 -in OLD -out NEW` decrypts it.
    Encrypted,
    /// The password of its file is another.
    Password,
    /// Its type or curve is none that this crate signs or verifies with.
    Unsupported,
    /// An RSA key of fewer than 2048 or more than 8192 bits (to sign: 4096), or an HMAC secret shorter than its hash.
    Size,
    /// Its halves do not belong together, its numbers are not those of a key, or ring does not sign with such: the exponent of an RSA
    /// key is less than 65537, or its primes are not half as long as it.
    Inconsistent,
    /// An EC key without its public half; `openssl pkey -in OLD -out NEW` adds it.
    NoPublicHalf,
    /// An HMAC secret that is a public key, in PEM, DER, JWK or the form of SSH: whoever knows the public key could sign.
    PublicKeyAsSecret,
    /// Its JWK says that it is for something else (`use`, `key_ops`, `alg`).
    Purpose,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "the token is refused: {refusal}"),
            Self::UnknownKey => f.write_str("no key, or more than one, fits the token"),
            Self::BadKey(problem) => write!(f, "the key cannot be used: {problem}"),
            Self::InvalidInput { what, problem } => write!(f, "{what} {problem}"),
            Self::NotSigned => f.write_str("nothing was signed"),
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("it is too long"),
            Self::Parts => f.write_str("it has not exactly three parts"),
            Self::Base64(part) => write!(f, "its {part} is not canonical base64url"),
            Self::Json(part) => write!(
                f,
                "its {part} is not a JSON object whose members are all different"
            ),
            Self::Algorithm => f.write_str("its algorithm is `none` or unknown"),
            Self::AlgorithmNotAllowed => f.write_str("its algorithm is not allowed here"),
            Self::HeaderParameter(name) => write!(f, "its header has `{name}`"),
            Self::Signature => f.write_str("its signature is not that of the key"),
            Self::Decryption => f.write_str("it is not encrypted for us, or was changed"),
            Self::Type => f.write_str("its `typ` is another"),
            Self::MissingClaim(name) => write!(f, "it has no `{name}`"),
            Self::ClaimType(name) => write!(f, "its `{name}` has the wrong JSON type"),
            Self::Issuer => f.write_str("its `iss` is somebody else"),
            Self::Audience => f.write_str("its `aud` is somebody else"),
            Self::AuthorizedParty => {
                f.write_str("its `azp` is somebody else, or missing beside several audiences")
            }
            Self::Expired => f.write_str("it has expired"),
            Self::NotYetValid => f.write_str("it is not valid yet"),
            Self::IssuedInFuture => f.write_str("it was issued in the future"),
        }
    }
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is not in the form that was promised",
            Self::NotFound => "the PEM text holds none of the kind that was asked for",
            Self::Encrypted => "it is encrypted (`openssl pkcs8 -in OLD -out NEW` decrypts it)",
            Self::Password => "its file has another password",
            Self::Unsupported => "its type or curve is not supported",
            Self::Size => "it is too short, or too long",
            Self::Inconsistent => "its numbers are not those of one key, or of none to sign with",
            Self::NoPublicHalf => "its public half is missing (`openssl pkey -in OLD -out NEW` adds it)",
            Self::PublicKeyAsSecret => "a public key is no HMAC secret",
            Self::Purpose => "its JWK says that it is for something else",
        })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<BadKey> for Error {
    fn from(problem: BadKey) -> Self {
        Self::BadKey(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stays_within_64_bytes_and_crosses_threads() {
        fn crosses<T: Clone + Send + Sync + 'static>() {}
        crosses::<Error>();
        assert!(size_of::<Error>() <= 64);
    }
}
