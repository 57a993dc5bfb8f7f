//! The wire form of a JWK ([RFC 7517 section 4], [RFC 7518 section 6], [RFC 8037 section 2]).
//!
//! [RFC 7517 section 4]: https://www.rfc-editor.org/rfc/rfc7517#section-4
//! [RFC 7518 section 6]: https://www.rfc-editor.org/rfc/rfc7518#section-6
//! [RFC 8037 section 2]: https://www.rfc-editor.org/rfc/rfc8037#section-2

use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::rsa;
use crate::algorithm::{Curve, KeyType};
use crate::error::BadKey;
use crate::{Algorithm, base64url};

/// Its numbers are borrowed from the text, so that no copy of them is left behind: base64url needs no escapes.
#[derive(Deserialize)]
pub(crate) struct Jwk<'a> {
    kty: &'a str,
    crv: Option<&'a str>,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    n: Option<&'a str>,
    e: Option<&'a str>,
    x: Option<&'a str>,
    y: Option<&'a str>,
    d: Option<&'a str>,
    p: Option<&'a str>,
    q: Option<&'a str>,
    dp: Option<&'a str>,
    dq: Option<&'a str>,
    qi: Option<&'a str>,
    k: Option<&'a str>,
}

type Bytes = Zeroizing<Vec<u8>>;

impl<'a> Jwk<'a> {
    /// Reads one that may be used for `operation`, `"sign"` or `"verify"`.
    pub(crate) fn read(json: &'a str, operation: &str) -> Result<Self, BadKey> {
        Self::read_for(json, "sig", operation)
    }

    /// The same for another purpose.
    pub(crate) fn read_for(json: &'a str, purpose: &str, operation: &str) -> Result<Self, BadKey> {
        let jwk: Self = serde_json::from_str(json).map_err(|_| BadKey::Malformed)?;
        let fits = jwk.purpose.as_deref().is_none_or(|known| known == purpose)
            && jwk
                .key_ops
                .as_ref()
                .is_none_or(|all| all.iter().any(|known| known == operation));
        if fits { Ok(jwk) } else { Err(BadKey::Purpose) }
    }

    pub(crate) fn key_type(&self) -> Result<KeyType, BadKey> {
        match (self.kty, self.crv) {
            ("RSA", _) => Ok(KeyType::Rsa),
            ("EC", Some("P-256")) => Ok(KeyType::Ec(Curve::P256)),
            ("EC", Some("P-384")) => Ok(KeyType::Ec(Curve::P384)),
            ("OKP", Some("Ed25519")) => Ok(KeyType::Ed25519),
            ("oct", _) => Ok(KeyType::Hmac),
            _ => Err(BadKey::Unsupported),
        }
    }

    /// The `alg`, which has to be one for keys of that type.
    pub(crate) fn algorithm(&self, key_type: KeyType) -> Result<Option<Algorithm>, BadKey> {
        match self.alg.as_deref().map(Algorithm::named) {
            None => Ok(None),
            Some(Some(algorithm)) if algorithm.key_type() == key_type => Ok(Some(algorithm)),
            Some(_) => Err(BadKey::Purpose),
        }
    }

    pub(crate) fn key_id(&self) -> Option<String> {
        self.kid.clone()
    }

    /// Modulus and exponent.
    pub(crate) fn rsa_public(&self) -> Result<(Vec<u8>, Vec<u8>), BadKey> {
        let number = |text| Ok(rsa::without_leading_zeros(&decode(text)?).to_vec());
        Ok((number(self.n)?, number(self.e)?))
    }

    /// All numbers of an RSA key. Without its primes a key would have to be factored first; ring does not.
    pub(crate) fn rsa_private(&self) -> Result<KeyPairComponents<Vec<u8>, Bytes>, BadKey> {
        let (n, e) = self.rsa_public()?;
        rsa::check_size(&n, rsa::MOST_BITS_TO_SIGN)?;
        Ok(KeyPairComponents {
            public_key: PublicKeyComponents { n, e },
            d: decode(self.d)?,
            p: decode(self.p)?,
            q: decode(self.q)?,
            dP: decode(self.dp)?,
            dQ: decode(self.dq)?,
            qInv: decode(self.qi)?,
        })
    }

    /// The private half of an EC or Ed25519 key.
    pub(crate) fn private(&self) -> Result<Bytes, BadKey> {
        decode(self.d)
    }

    /// The public half of an Ed25519 key.
    pub(crate) fn x(&self) -> Result<Bytes, BadKey> {
        decode(self.x)
    }

    /// The public half of an EC key, uncompressed. "The length of this octet string MUST be the full size of a coordinate".
    pub(crate) fn point(&self, curve: Curve) -> Result<Vec<u8>, BadKey> {
        let (x, y) = (decode(self.x)?, decode(self.y)?);
        if x.len() != curve.size() || y.len() != curve.size() {
            return Err(BadKey::Malformed);
        }
        Ok([&[4], x.as_slice(), y.as_slice()].concat())
    }

    /// The secret of a symmetric key.
    pub(crate) fn secret(&self) -> Result<Bytes, BadKey> {
        decode(self.k)
    }
}

fn decode(text: Option<&str>) -> Result<Bytes, BadKey> {
    text.and_then(base64url::decode).ok_or(BadKey::Malformed)
}
