//! [`DecryptionKey`]: our half of an agreement, and the key that comes of it ([RFC 7518 section 4.6]).
//!
//! ring agrees with ephemeral keys alone, and ours is there for long: so it is `p256` that multiplies.
//!
//! [RFC 7518 section 4.6]: https://www.rfc-editor.org/rfc/rfc7518#section-4.6

use std::fmt;

use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use ring::digest;
use zeroize::Zeroizing;

use super::ContentEncryption;
use crate::algorithm::{Curve, KeyType};
use crate::error::BadKey;
use crate::key::{der, jwk::Jwk, pem};
use crate::{Error, base64url};

/// A private key on P-256 that others encrypt for. It is for nothing else: no key should sign and decrypt.
pub struct DecryptionKey {
    secret: SecretKey,
    key_id: Option<String>,
}

impl DecryptionKey {
    /// Reads the first private key of a PEM text: PKCS #8 or SEC 1.
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`].
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        for block in pem::blocks(text) {
            match block.label {
                "PRIVATE KEY" => return Ok(Self::from_der(&der::pkcs8(&block.der()?)?)?),
                "EC PRIVATE KEY" => return Ok(Self::from_der(&der::sec1(&block.der()?, None)?)?),
                "ENCRYPTED PRIVATE KEY" => return Err(BadKey::Encrypted.into()),
                _ => {}
            }
        }
        Err(BadKey::NotFound.into())
    }

    /// Reads a private JWK with its `kid`. One that says that it is for signatures is refused.
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`].
    pub fn from_jwk(json: &str) -> Result<Self, Error> {
        let jwk = Jwk::read_for(json, "enc", "deriveBits")?;
        if jwk.key_type()? != KeyType::Ec(Curve::P256) {
            return Err(BadKey::Unsupported.into());
        }
        let key_id = jwk.key_id();
        let key = Self::new(&jwk.private()?, Some(&jwk.point(Curve::P256)?))?;
        Ok(Self { key_id, ..key })
    }

    fn from_der(key: &der::Private<'_>) -> Result<Self, BadKey> {
        match key {
            der::Private::Ec {
                curve: Curve::P256,
                private,
                public,
            } => Self::new(private, *public),
            _ => Err(BadKey::Unsupported),
        }
    }

    fn new(private: &[u8], public: Option<&[u8]>) -> Result<Self, BadKey> {
        let secret = SecretKey::from_slice(private).map_err(|_| BadKey::Malformed)?;
        let point = secret.public_key().to_sec1_point(false);
        if public.is_some_and(|public| public != point.as_bytes()) {
            return Err(BadKey::Inconsistent);
        }
        let key_id = None;
        Ok(Self { secret, key_id })
    }

    /// Names the key: a token that has this `kid` is for it.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// The name.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The public half as a JWK, for the registration of a client (`jwks`).
    #[must_use]
    pub fn public_jwk(&self) -> String {
        let point = self.secret.public_key().to_sec1_point(false);
        // Uncompressed: 4, then the two numbers of 32 bytes each.
        let numbers = point.as_bytes().get(1..).unwrap_or_default();
        let (x, y) = numbers.split_at(numbers.len() / 2);
        let mut jwk = serde_json::json!({
            "kty": "EC", "crv": "P-256", "x": base64url::encode(x), "y": base64url::encode(y),
            "use": "enc", "alg": super::KeyManagement::EcdhEs.name(),
        });
        if let Some(key_id) = &self.key_id {
            jwk["kid"] = key_id.as_str().into();
        }
        jwk.to_string()
    }

    /// The content's key: that of both public halves and one private ([RFC 7518 section 4.6.2]); `None` if the other half is no point of
    /// the curve.
    ///
    /// [RFC 7518 section 4.6.2]: https://www.rfc-editor.org/rfc/rfc7518#section-4.6.2
    pub(super) fn agree(&self, point: &[u8], with: &Agreement<'_>) -> Option<Zeroizing<Vec<u8>>> {
        let theirs = PublicKey::from_sec1_bytes(point).ok()?;
        let shared = self.secret.diffie_hellman(&theirs);
        Some(with.derive(shared.raw_secret_bytes()))
    }
}

/// What goes into the derivation beside the shared secret.
pub(super) struct Agreement<'a> {
    pub(super) encryption: ContentEncryption,
    pub(super) apu: &'a [u8],
    pub(super) apv: &'a [u8],
}

impl Agreement<'_> {
    /// Concat KDF with SHA-256 (NIST SP 800-56A section 5.8.1): one round, which is as long as the longest key.
    fn derive(&self, shared: &[u8]) -> Zeroizing<Vec<u8>> {
        let length = self.encryption.cipher().key_len();
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&1u32.to_be_bytes());
        hash.update(shared);
        for part in [self.encryption.name().as_bytes(), self.apu, self.apv] {
            // No part is longer than a token.
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            hash.update(&length.to_be_bytes());
            hash.update(part);
        }
        let bits = u32::try_from(length * 8).unwrap_or(u32::MAX);
        hash.update(&bits.to_be_bytes());
        let key = hash.finish();
        Zeroizing::new(key.as_ref().iter().copied().take(length).collect())
    }
}

/// Shows its name only.
impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// RFC 7518 appendix C, by Bob's key and Alice's ephemeral one.
    #[test]
    fn the_agreed_key_is_that_of_rfc_7518_appendix_c() {
        let vector: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/rfc7518-appendix-c.json")).unwrap();
        let bob = DecryptionKey::from_jwk(&vector["bob"].to_string()).unwrap();
        let number = |name: &str| base64url::decode(vector["epk"][name].as_str().unwrap()).unwrap();
        let point = [&[4], number("x").as_slice(), number("y").as_slice()].concat();
        let with = Agreement {
            encryption: ContentEncryption::A128Gcm,
            apu: b"Alice",
            apv: b"Bob",
        };
        let key = bob.agree(&point, &with).unwrap();
        assert_eq!(base64url::encode(&key), vector["key"].as_str().unwrap());
    }

    #[test]
    fn a_half_that_is_no_point_of_the_curve_agrees_to_nothing() {
        let pem = include_str!("../../tests/keys/p256.pkcs8.pem");
        let key = DecryptionKey::from_pem(pem).unwrap();
        let with = Agreement {
            encryption: ContentEncryption::A256Gcm,
            apu: b"",
            apv: b"",
        };
        let point = key.secret.public_key().to_sec1_point(false).as_bytes().to_vec();
        assert!(key.agree(&point, &with).is_some());
        let mut off = point.clone();
        off[64] ^= 1;
        for wrong in [&off[..], &[0], &[], &point[..64]] {
            assert!(key.agree(wrong, &with).is_none());
        }
    }
}
