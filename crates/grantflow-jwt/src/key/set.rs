//! [`KeySet`]: the public keys of an issuer ([RFC 7517 section 5]).
//!
//! [RFC 7517 section 5]: https://www.rfc-editor.org/rfc/rfc7517#section-5

use serde::Deserialize;
use serde_json::value::RawValue;

use super::VerifyingKey;
use crate::error::BadKey;
use crate::{Algorithm, Error};

/// Public keys, of which a token names one.
///
/// # Example
///
/// ```
/// use grantflow_jwt::{Algorithm, KeySet};
///
/// let json = r#"{"keys":[
///     {"kty":"future","kid":"0"},
///     {"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
/// ]}"#;
/// let keys = KeySet::from_json(json)?;
/// assert_eq!((keys.len(), keys.skipped()), (1, 1));
/// assert!(keys.find(Some("1"), Algorithm::EdDsa).is_ok());
/// # Ok::<(), grantflow_jwt::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
    skipped: usize,
}

#[derive(Deserialize)]
struct Jwks<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeySet {
    /// Reads a JWK Set. Keys that cannot be used here are passed over: "Implementations SHOULD ignore JWKs within a JWK Set that
    /// use `kty` values that are not understood by them, that are missing required members, or for which values are out of the
    /// supported ranges."
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`] if it is not a JSON object with an array `keys`.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let jwks: Jwks<'_> = serde_json::from_str(json).map_err(|_| BadKey::Malformed)?;
        let all = jwks.keys.len();
        let keys: Vec<_> = jwks
            .keys
            .iter()
            .filter_map(|key| VerifyingKey::from_jwk(key.get()).ok())
            .collect();
        let skipped = all.saturating_sub(keys.len());
        Ok(Self { keys, skipped })
    }

    /// How many keys can be used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys were passed over.
    #[must_use]
    pub const fn skipped(&self) -> usize {
        self.skipped
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter()
    }

    /// The one key for a token with this `kid`, or with none.
    ///
    /// Only keys that take the algorithm count. Those with this `kid` go before those without any; a token without `kid` may
    /// be any key's. If several are left, none is taken: to try them all would let whoever writes the set or the token choose
    /// how much work there is.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownKey`] if no key fits, or more than one.
    pub fn find(&self, key_id: Option<&str>, algorithm: Algorithm) -> Result<&VerifyingKey, Error> {
        let fitting = || self.keys.iter().filter(|key| key.fits(algorithm));
        if key_id.is_some() && fitting().any(|key| key.key_id() == key_id) {
            only(fitting().filter(|key| key.key_id() == key_id))
        } else if key_id.is_some() {
            only(fitting().filter(|key| key.key_id().is_none()))
        } else {
            only(fitting())
        }
    }
}

fn only<'a>(mut keys: impl Iterator<Item = &'a VerifyingKey>) -> Result<&'a VerifyingKey, Error> {
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(Error::UnknownKey),
    }
}

impl From<VerifyingKey> for KeySet {
    fn from(key: VerifyingKey) -> Self {
        Self::from_iter([key])
    }
}

impl FromIterator<VerifyingKey> for KeySet {
    fn from_iter<I: IntoIterator<Item = VerifyingKey>>(keys: I) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            skipped: 0,
        }
    }
}
