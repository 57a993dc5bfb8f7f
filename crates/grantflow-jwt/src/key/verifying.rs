//! [`VerifyingKey`]: a public key, or an HMAC secret, and the algorithms it may be used with.

use std::fmt;

use ring::digest;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

use serde_json::Value;

use super::hmac::Secret;
use super::{der, jwk, pem, rsa};
use crate::algorithm::{Curve, KeyType};
use crate::base64url::encode as text;
use crate::error::{BadKey, Refusal};
use crate::{Algorithm, Error};

/// A key that verifies.
///
/// It takes the algorithms of its type and no others, so that a public key is never taken for an HMAC secret
/// ([RFC 8725 section 3.1]); one from a JWK with `alg` takes that one only.
///
/// # Example
///
/// ```
/// use grantflow_jwt::{Algorithm, VerifyingKey};
///
/// let json = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let key = VerifyingKey::from_jwk(json)?;
/// assert!(key.fits(Algorithm::EdDsa) && !key.fits(Algorithm::Hs256));
/// assert_eq!(key.thumbprint().as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
/// # Ok::<(), grantflow_jwt::Error>(())
/// ```
///
/// [RFC 8725 section 3.1]: https://www.rfc-editor.org/rfc/rfc8725#section-3.1
#[derive(Clone)]
pub struct VerifyingKey {
    public: Public,
    key_id: Option<String>,
    /// The only algorithm, where a JWK names one.
    only: Option<Algorithm>,
}

#[derive(Clone)]
enum Public {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// An uncompressed point. Whether it is on the curve, ring sees whenever it verifies.
    Ec(Curve, Vec<u8>),
    Ed25519([u8; 32]),
    Hmac(Secret),
}

impl VerifyingKey {
    /// Reads the first public key of a PEM text: SPKI, PKCS #1, or that of a certificate ([RFC 7468]).
    ///
    /// A certificate is only where the key stands: nobody looks at who signed it, when it ends, or whom it names. Trust has to
    /// come from where it was fetched.
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`].
    ///
    /// [RFC 7468]: https://www.rfc-editor.org/rfc/rfc7468
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        for block in pem::blocks(text) {
            match block.label {
                "PUBLIC KEY" => return Self::from_spki_der(&block.der()?),
                "RSA PUBLIC KEY" => return Ok(Self::from_der(der::rsa_public(&block.der()?)?)?),
                "CERTIFICATE" => return Self::from_certificate_der(&block.der()?),
                _ => {}
            }
        }
        Err(BadKey::NotFound.into())
    }

    /// Reads the DER of a `SubjectPublicKeyInfo` ([RFC 5280 section 4.1]).
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`].
    ///
    /// [RFC 5280 section 4.1]: https://www.rfc-editor.org/rfc/rfc5280#section-4.1
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        Ok(Self::from_der(der::spki(der)?)?)
    }

    /// Reads the subject's key from the DER of a certificate ([RFC 5280 section 4.1]), and nothing else of it.
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`].
    ///
    /// [RFC 5280 section 4.1]: https://www.rfc-editor.org/rfc/rfc5280#section-4.1
    pub fn from_certificate_der(der: &[u8]) -> Result<Self, Error> {
        Ok(Self::from_der(der::certificate(der)?)?)
    }

    /// Reads a public JWK, with its `kid` and `alg` ([RFC 7517 section 4]). A secret one (`oct`) is refused: it has no place
    /// among public keys.
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`].
    ///
    /// [RFC 7517 section 4]: https://www.rfc-editor.org/rfc/rfc7517#section-4
    pub fn from_jwk(json: &str) -> Result<Self, Error> {
        let jwk = jwk::Jwk::read(json, "verify")?;
        let kind = jwk.key_type()?;
        let public = match kind {
            KeyType::Rsa => {
                let (n, e) = jwk.rsa_public()?;
                Public::from_der(der::Public::Rsa { n: &n, e: &e })?
            }
            KeyType::Ec(curve) => {
                let point = jwk.point(curve)?;
                Public::from_der(der::Public::Ec { curve, point: &point })?
            }
            KeyType::Ed25519 => Public::from_der(der::Public::Ed25519(&jwk.x()?))?,
            KeyType::Hmac => return Err(BadKey::Unsupported.into()),
        };
        Ok(Self {
            public,
            key_id: jwk.key_id(),
            only: jwk.algorithm(kind)?,
        })
    }

    /// Takes a secret that both sides know, of at least 32 bytes: as many as the hash of the algorithm has
    /// ([RFC 7518 section 3.2]).
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`] for fewer bytes, and for a public key, which is no secret.
    ///
    /// [RFC 7518 section 3.2]: https://www.rfc-editor.org/rfc/rfc7518#section-3.2
    pub fn from_hmac_secret(secret: &[u8]) -> Result<Self, Error> {
        Ok(Self::from_secret(Secret::new(secret)?))
    }

    pub(crate) fn from_secret(secret: Secret) -> Self {
        Self {
            public: Public::Hmac(secret),
            key_id: None,
            only: None,
        }
    }

    pub(crate) fn from_der(key: der::Public<'_>) -> Result<Self, BadKey> {
        Ok(Self {
            public: Public::from_der(key)?,
            key_id: None,
            only: None,
        })
    }

    pub(crate) fn named(self, key_id: Option<String>, only: Option<Algorithm>) -> Self {
        Self { key_id, only, ..self }
    }

    /// Names the key, as it is in the `kid` of headers.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// Its `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Whether it verifies signatures of this algorithm.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        algorithm.key_type() == self.public.key_type() && self.only.is_none_or(|only| only == algorithm)
    }

    /// Verifies a signature, in the form that JWS has, over bytes as they are ([RFC 7518 section 3]).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the algorithm takes another type of key, [`Error::Refused`] if the signature is not that of the
    /// key.
    ///
    /// [RFC 7518 section 3]: https://www.rfc-editor.org/rfc/rfc7518#section-3
    pub fn verify_bytes(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        if !self.fits(algorithm) {
            return Err(Error::input("the algorithm", "is not one that the key verifies"));
        }
        let verified = match &self.public {
            Public::Rsa(key) => {
                let parameters = parameters(algorithm).ok_or(BadKey::Unsupported)?;
                key.verify(parameters, message, signature)
            }
            Public::Ec(Curve::P256, point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Public::Ec(Curve::P384, point) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature)
            }
            Public::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            // In constant time.
            Public::Hmac(secret) => ring::hmac::verify(&secret.key(algorithm)?, message, signature),
        };
        verified.map_err(|_| Refusal::Signature.into())
    }

    /// The SHA-256 thumbprint ([RFC 7638 section 3]), in base64url; `None` for an HMAC secret, whose thumbprint would let it
    /// be guessed.
    ///
    /// [RFC 7638 section 3]: https://www.rfc-editor.org/rfc/rfc7638#section-3
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        let members = self.public.members()?;
        Some(text(digest::digest(&digest::SHA256, members.as_bytes()).as_ref()))
    }

    /// A public JWK, with `kid` and `alg` where they are known ([RFC 7517 section 4]); `None` for an HMAC secret, which has no place
    /// among public keys.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_jwt::VerifyingKey;
    ///
    /// let json = r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1"}"#;
    /// assert_eq!(VerifyingKey::from_jwk(json)?.to_jwk().as_deref(), Some(json));
    /// # Ok::<(), grantflow_jwt::Error>(())
    /// ```
    ///
    /// [RFC 7517 section 4]: https://www.rfc-editor.org/rfc/rfc7517#section-4
    #[must_use]
    pub fn to_jwk(&self) -> Option<String> {
        let mut json = self.public.members()?;
        json.pop(); // the brace at the end
        let added = [
            ("kid", self.key_id.as_deref()),
            ("alg", self.only.map(Algorithm::name)),
        ];
        for (name, value) in added {
            if let Some(value) = value {
                json.push_str(&format!(r#","{name}":{}"#, Value::from(value)));
            }
        }
        json.push('}');
        Some(json)
    }
}

impl Public {
    /// The required members of a JWK in the order of their names, without white space; `None` for a secret.
    fn members(&self) -> Option<String> {
        Some(match self {
            Self::Rsa(key) => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(&key.e), text(&key.n)),
            Self::Ec(curve, point) => {
                let (x, y) = point.get(1..)?.split_at_checked(curve.size())?;
                let name = KeyType::Ec(*curve);
                format!(
                    r#"{{"crv":"{name}","kty":"EC","x":"{}","y":"{}"}}"#,
                    text(x),
                    text(y)
                )
            }
            Self::Ed25519(key) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(key)),
            Self::Hmac(_) => return None,
        })
    }
}

fn parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

impl Public {
    fn from_der(key: der::Public<'_>) -> Result<Self, BadKey> {
        match key {
            der::Public::Rsa { n, e } => {
                rsa::check_size(n, rsa::MOST_BITS)?;
                let (n, e) = (n.to_vec(), e.to_vec());
                Ok(Self::Rsa(RsaPublicKeyComponents { n, e }))
            }
            der::Public::Ec { curve, point } => match point {
                [4, coordinates @ ..] if coordinates.len() == 2 * curve.size() => {
                    Ok(Self::Ec(curve, point.to_vec()))
                }
                [2 | 3, ..] => Err(BadKey::Unsupported), // compressed
                _ => Err(BadKey::Malformed),
            },
            der::Public::Ed25519(key) => Ok(Self::Ed25519(key.try_into().map_err(|_| BadKey::Malformed)?)),
        }
    }

    fn key_type(&self) -> KeyType {
        match self {
            Self::Rsa(_) => KeyType::Rsa,
            Self::Ec(curve, _) => KeyType::Ec(*curve),
            Self::Ed25519(_) => KeyType::Ed25519,
            Self::Hmac(_) => KeyType::Hmac,
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.public.key_type();
        write!(f, "VerifyingKey({kind}, kid {:?})", self.key_id)
    }
}
