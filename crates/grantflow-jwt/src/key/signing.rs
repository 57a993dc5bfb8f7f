//! [`SigningKey`]: a private key or an HMAC secret, parsed once.
//!
//! Every buffer that held key material on its way here is cleared. What ring keeps of an RSA, EC or Ed25519 key it does not clear
//! when it is dropped; HMAC secrets are this crate's own, and cleared; what ring derives from one for a single signature is not.

use std::fmt;

use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};

use super::hmac::Secret;
use super::{der, jwk, pem, rsa};
use crate::algorithm::{Curve, KeyType};
use crate::error::BadKey;
use crate::jws::{Header, Jws, SigningInput};
use crate::{Algorithm, Error, VerifyingKey, random};

/// A key that signs.
///
/// `Debug` shows its type and its `kid`.
///
/// # Example
///
/// ```
/// use grantflow_jwt::{Algorithm, ClaimsSet, Header, SigningKey};
///
/// let key = SigningKey::from_hmac_secret(b"a secret of 32 bytes or of more.")?.with_key_id("2026-01");
/// let header = key.header(Algorithm::Hs256)?;
/// let claims = ClaimsSet::new().with("iss", "https://issuer.example")?;
/// let jws = key.sign(&header, claims.as_bytes())?;
/// assert_eq!(jws.expose().split('.').count(), 3);
/// # Ok::<(), grantflow_jwt::Error>(())
/// ```
pub struct SigningKey {
    private: Private,
    key_id: Option<String>,
    /// The only algorithm, where a JWK names one.
    only: Option<Algorithm>,
}

enum Private {
    Rsa(Box<RsaKeyPair>),
    Ec(Curve, Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
    Hmac(Secret),
}

impl SigningKey {
    /// Reads the first private key of a PEM text: PKCS #8, PKCS #1 or SEC 1 ([RFC 7468], [RFC 5958]). Other text around it is
    /// passed over.
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`].
    ///
    /// [RFC 7468]: https://www.rfc-editor.org/rfc/rfc7468#section-10
    /// [RFC 5958]: https://www.rfc-editor.org/rfc/rfc5958#section-2
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        for block in pem::blocks(text) {
            match block.label {
                "PRIVATE KEY" => return Self::from_pkcs8_der(&block.der()?),
                "RSA PRIVATE KEY" => return Self::from_pkcs1_der(&block.der()?),
                "EC PRIVATE KEY" => return Self::from_sec1_der(&block.der()?),
                "ENCRYPTED PRIVATE KEY" => return Err(BadKey::Encrypted.into()),
                _ => {}
            }
        }
        Err(BadKey::NotFound.into())
    }

    /// Reads the DER of PKCS #8 ([RFC 5958 section 2]).
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`].
    ///
    /// [RFC 5958 section 2]: https://www.rfc-editor.org/rfc/rfc5958#section-2
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, Error> {
        Ok(Self::of(Private::from_der(der::pkcs8(der)?)?))
    }

    /// Reads the DER of PKCS #1 ([RFC 8017 appendix A.1.2]).
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`].
    ///
    /// [RFC 8017 appendix A.1.2]: https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1.2
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, Error> {
        Ok(Self::of(Private::from_der(der::Private::Rsa(der))?))
    }

    /// Reads the DER of an elliptic curve key alone (SEC 1 section C.4). It has to name its curve.
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`].
    pub fn from_sec1_der(der: &[u8]) -> Result<Self, Error> {
        Ok(Self::of(Private::from_der(der::sec1(der, None)?)?))
    }

    /// Reads a private JWK, or a secret one (`oct`), with its `kid` and `alg` ([RFC 7517 section 4], [RFC 7518 section 6]).
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`].
    ///
    /// [RFC 7517 section 4]: https://www.rfc-editor.org/rfc/rfc7517#section-4
    /// [RFC 7518 section 6]: https://www.rfc-editor.org/rfc/rfc7518#section-6
    pub fn from_jwk(json: &str) -> Result<Self, Error> {
        let jwk = jwk::Jwk::read(json, "sign")?;
        let private = match jwk.key_type()? {
            KeyType::Rsa => Private::from_rsa(RsaKeyPair::from_components(&jwk.rsa_private()?))?,
            KeyType::Ec(curve) => Private::from_ec(curve, &jwk.private()?, &jwk.point(curve)?)?,
            KeyType::Ed25519 => Private::from_ed25519(&jwk.private()?, Some(&jwk.x()?))?,
            KeyType::Hmac => Private::Hmac(Secret::new(&jwk.secret()?)?),
        };
        let only = jwk.algorithm(private.key_type())?;
        Ok(Self {
            private,
            key_id: jwk.key_id(),
            only,
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
        Ok(Self::of(Private::Hmac(Secret::new(secret)?)))
    }

    fn of(private: Private) -> Self {
        Self {
            private,
            key_id: None,
            only: None,
        }
    }

    /// Makes a new key for ES256 or EdDSA: its PKCS #8, to be kept as a secret and read by [`from_pkcs8_der`](Self::from_pkcs8_der).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for another algorithm, [`Error::NotSigned`] if the system gives no randomness.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_jwt::{Algorithm, SigningKey};
    ///
    /// let kept = SigningKey::generate(Algorithm::Es256)?;
    /// assert!(SigningKey::from_pkcs8_der(&kept)?.fits(Algorithm::Es256));
    /// # Ok::<(), grantflow_jwt::Error>(())
    /// ```
    pub fn generate(algorithm: Algorithm) -> Result<Vec<u8>, Error> {
        let made = match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random::system())
            }
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random::system()),
            _ => return Err(Error::input("the algorithm", "is not one that keys are made for")),
        };
        Ok(made.map_err(|_| Error::NotSigned)?.as_ref().to_vec())
    }

    /// Names the key, as the `kid` of headers.
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

    /// Whether it signs with this algorithm.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        algorithm.key_type() == self.private.key_type() && self.only.is_none_or(|only| only == algorithm)
    }

    /// A header with the algorithm and, if the key has one, its `kid`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the algorithm takes another type of key.
    pub fn header(&self, algorithm: Algorithm) -> Result<Header, Error> {
        self.check(algorithm)?;
        match &self.key_id {
            Some(key_id) => Header::new(algorithm).with("kid", key_id),
            None => Ok(Header::new(algorithm)),
        }
    }

    /// Signs `payload` in the compact serialization ([RFC 7515 section 7.1]).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the header's algorithm takes another type of key, [`Error::NotSigned`] if the system gives no
    /// randomness.
    ///
    /// [RFC 7515 section 7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-7.1
    pub fn sign(&self, header: &Header, payload: &[u8]) -> Result<Jws, Error> {
        let input = SigningInput::new(header, payload);
        let signature = self.raw(header.algorithm(), input.as_bytes())?;
        Ok(input.with(signature.as_slice()))
    }

    /// Signs bytes as they are; the signature is in the form that JWS has ([RFC 7518 section 3]).
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    ///
    /// [RFC 7518 section 3]: https://www.rfc-editor.org/rfc/rfc7518#section-3
    pub fn sign_bytes(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.raw(algorithm, message)?.as_slice().to_vec())
    }

    /// Its public half; for an HMAC secret the secret itself.
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`] never, for a key that could be read.
    pub fn verifying_key(&self) -> Result<VerifyingKey, Error> {
        let key = match &self.private {
            Private::Rsa(pair) => VerifyingKey::from_der(der::rsa_public(pair.public_key().as_ref())?)?,
            Private::Ec(curve, pair) => {
                let point = pair.public_key().as_ref();
                VerifyingKey::from_der(der::Public::Ec { curve: *curve, point })?
            }
            Private::Ed25519(pair) => {
                VerifyingKey::from_der(der::Public::Ed25519(pair.public_key().as_ref()))?
            }
            Private::Hmac(secret) => VerifyingKey::from_secret(secret.clone()),
        };
        Ok(key.named(self.key_id.clone(), self.only))
    }

    fn check(&self, algorithm: Algorithm) -> Result<(), Error> {
        if self.fits(algorithm) {
            Ok(())
        } else {
            Err(Error::input(
                "the algorithm",
                "is not one that the key signs with",
            ))
        }
    }

    fn raw(&self, algorithm: Algorithm, message: &[u8]) -> Result<Signature, Error> {
        self.check(algorithm)?;
        match &self.private {
            Private::Rsa(pair) => {
                let encoding = encoding(algorithm).ok_or(BadKey::Unsupported)?;
                let mut signature = Signature::of_length(pair.public().modulus_len());
                let signed = pair.sign(encoding, &random::system(), message, signature.as_mut());
                signed.map_err(|_| Error::NotSigned)?;
                Ok(signature)
            }
            Private::Ec(_, pair) => {
                let signed = pair.sign(&random::system(), message);
                Ok(Signature::copy(signed.map_err(|_| Error::NotSigned)?.as_ref()))
            }
            Private::Ed25519(pair) => Ok(Signature::copy(pair.sign(message).as_ref())),
            Private::Hmac(secret) => Ok(Signature::copy(
                ring::hmac::sign(&secret.key(algorithm)?, message).as_ref(),
            )),
        }
    }
}

/// A signature on the stack.
struct Signature {
    bytes: [u8; rsa::MOST_BITS_TO_SIGN / 8],
    length: usize,
}

impl Signature {
    fn of_length(length: usize) -> Self {
        let bytes = [0; rsa::MOST_BITS_TO_SIGN / 8];
        Self { bytes, length }
    }

    fn copy(signature: &[u8]) -> Self {
        let mut copy = Self::of_length(signature.len());
        for (to, from) in copy.as_mut().iter_mut().zip(signature) {
            *to = *from;
        }
        copy
    }

    fn as_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

fn encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::Rs256 => Some(&RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Some(&RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Some(&RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Some(&RSA_PSS_SHA256),
        Algorithm::Ps384 => Some(&RSA_PSS_SHA384),
        Algorithm::Ps512 => Some(&RSA_PSS_SHA512),
        _ => None,
    }
}

impl Private {
    fn from_der(key: der::Private<'_>) -> Result<Self, BadKey> {
        match key {
            der::Private::Rsa(der) => {
                let (n, _) = der::rsa_private(der)?;
                rsa::check_size(n, rsa::MOST_BITS_TO_SIGN)?;
                Self::from_rsa(RsaKeyPair::from_der(der))
            }
            der::Private::Ec {
                curve,
                private,
                public,
            } => Self::from_ec(curve, private, public.ok_or(BadKey::NoPublicHalf)?),
            der::Private::Ed25519 { seed, public } => Self::from_ed25519(seed, public),
        }
    }

    fn from_rsa(pair: Result<RsaKeyPair, ring::error::KeyRejected>) -> Result<Self, BadKey> {
        pair.map(Box::new)
            .map(Self::Rsa)
            .map_err(|_| BadKey::Inconsistent)
    }

    fn from_ec(curve: Curve, private: &[u8], public: &[u8]) -> Result<Self, BadKey> {
        let algorithm = match curve {
            Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        };
        let pair =
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, public, &random::system());
        let pair = pair.map_err(|_| BadKey::Inconsistent)?;
        Ok(Self::Ec(curve, Box::new(pair)))
    }

    fn from_ed25519(seed: &[u8], public: Option<&[u8]>) -> Result<Self, BadKey> {
        let pair = match public {
            Some(public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            None => Ed25519KeyPair::from_seed_unchecked(seed),
        };
        pair.map(Box::new)
            .map(Self::Ed25519)
            .map_err(|_| BadKey::Inconsistent)
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

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.private.key_type();
        write!(f, "SigningKey({kind}, kid {:?})", self.key_id)
    }
}
