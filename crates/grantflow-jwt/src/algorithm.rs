//! The algorithms of JWS ([RFC 7518 section 3.1], [RFC 8037 section 3.1]), each bound to one type of key.
//!
//! [RFC 7518 section 3.1]: https://www.rfc-editor.org/rfc/rfc7518#section-3.1
//! [RFC 8037 section 3.1]: https://www.rfc-editor.org/rfc/rfc8037#section-3.1

use std::fmt;
use std::ops::RangeInclusive;

use ring::digest;

use crate::Error;
use crate::base64url;
use crate::key::der;

/// How a token is signed: the `alg` of its header.
///
/// `none` is not among them, nor is ES512, which `ring` does not have.
///
/// # Example
///
/// ```
/// use grantflow_jwt::Algorithm;
///
/// assert_eq!(Algorithm::named("ES256"), Some(Algorithm::Es256));
/// assert_eq!(Algorithm::named("none"), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256; the salt is as long as the hash.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// The algorithm of that name, in that spelling; `None` for any other, `none` among them.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The left half of the hash of `text`, in base64url: what the claims `at_hash` and `c_hash` say of an access token and of a
    /// code ([OpenID Connect Core section 3.1.3.6]). The hash is that of the algorithm; for Ed25519, SHA-512.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_jwt::Algorithm;
    ///
    /// let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    /// assert_eq!(Algorithm::Rs256.half_hash(access_token), "77QmUPtjPfzWtF2AnpK9RQ");
    /// ```
    ///
    /// [OpenID Connect Core section 3.1.3.6]: https://openid.net/specs/openid-connect-core-1_0.html#CodeIDToken
    #[must_use]
    pub fn half_hash(self, text: &str) -> String {
        let hash = match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 | Self::Hs256 => &digest::SHA256,
            Self::Rs384 | Self::Ps384 | Self::Es384 | Self::Hs384 => &digest::SHA384,
            Self::Rs512 | Self::Ps512 | Self::Hs512 | Self::EdDsa => &digest::SHA512,
        };
        let digest = digest::digest(hash, text.as_bytes());
        let (left, _) = digest.as_ref().split_at(digest.as_ref().len() / 2);
        base64url::encode(left)
    }

    /// The digest of a message that is to be signed, for services that take it instead of the message; `None` for EdDSA, which signs
    /// the message itself, and for HMAC.
    #[must_use]
    pub fn digest(self, message: &[u8]) -> Option<Vec<u8>> {
        let hash = match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => &digest::SHA256,
            Self::Rs384 | Self::Ps384 | Self::Es384 => &digest::SHA384,
            Self::Rs512 | Self::Ps512 => &digest::SHA512,
            Self::EdDsa | Self::Hs256 | Self::Hs384 | Self::Hs512 => return None,
        };
        Some(digest::digest(hash, message).as_ref().to_vec())
    }

    /// A signature of ECDSA in the form that JWS has, the two numbers one after the other ([RFC 7518 section 3.4]), from the DER that
    /// most others write ([RFC 3279 section 2.2.3]).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the algorithm is another, or if that is not DER of two positive numbers that fit its curve.
    ///
    /// [RFC 7518 section 3.4]: https://www.rfc-editor.org/rfc/rfc7518#section-3.4
    /// [RFC 3279 section 2.2.3]: https://www.rfc-editor.org/rfc/rfc3279#section-2.2.3
    pub fn signature_from_der(self, der: &[u8]) -> Result<Vec<u8>, Error> {
        let KeyType::Ec(curve) = self.key_type() else {
            return Err(Error::input("the algorithm", "is not ECDSA"));
        };
        let numbers = der::ecdsa_signature(der).and_then(|(r, s)| {
            let (before_r, before_s) = (zeros(curve, r)?, zeros(curve, s)?);
            Some([before_r, r, before_s, s].concat())
        });
        numbers.ok_or(Error::input(
            "the signature",
            "is not DER of one of the algorithm",
        ))
    }

    /// How long its signatures are: for RSA as long as the key, of 2048 bits or more.
    pub(crate) const fn signature_lengths(self) -> RangeInclusive<usize> {
        match self.key_type() {
            KeyType::Rsa => 256..=1024,
            KeyType::Ec(Curve::P256) => 64..=64,
            KeyType::Ec(Curve::P384) => 96..=96,
            KeyType::Ed25519 => 64..=64,
            KeyType::Hmac => match self {
                Self::Hs256 => 32..=32,
                Self::Hs384 => 48..=48,
                _ => 64..=64,
            },
        }
    }

    /// The one type of key it takes.
    pub(crate) const fn key_type(self) -> KeyType {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => KeyType::Rsa,
            Self::Es256 => KeyType::Ec(Curve::P256),
            Self::Es384 => KeyType::Ec(Curve::P384),
            Self::EdDsa => KeyType::Ed25519,
            Self::Hs256 | Self::Hs384 | Self::Hs512 => KeyType::Hmac,
        }
    }
}

/// What a number needs before it to be as long as one of the curve.
fn zeros(curve: Curve, number: &[u8]) -> Option<&'static [u8]> {
    const ZEROS: &[u8] = &[0; 48];
    ZEROS.get(..curve.size().checked_sub(number.len())?)
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a key is; each algorithm takes keys of one type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyType {
    Rsa,
    Ec(Curve),
    Ed25519,
    Hmac,
}

/// A curve of ECDSA.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Curve {
    P256,
    P384,
}

impl Curve {
    /// The length of a coordinate, of a private key, and of half a signature.
    pub(crate) const fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa => "RSA",
            Self::Ec(Curve::P256) => "P-256",
            Self::Ec(Curve::P384) => "P-384",
            Self::Ed25519 => "Ed25519",
            Self::Hmac => "HMAC",
        })
    }
}
