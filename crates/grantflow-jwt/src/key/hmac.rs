//! HMAC secrets ([RFC 7518 section 3.2]).
//!
//! [RFC 7518 section 3.2]: https://www.rfc-editor.org/rfc/rfc7518#section-3.2

use ring::hmac;
use zeroize::Zeroizing;

use super::{VerifyingKey, der, pem};
use crate::error::BadKey;
use crate::{Algorithm, Error};

/// A secret that both sides know.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes any bytes but those of a public key: an attacker knows them, too (CVE-2022-29217).
    pub(crate) fn new(secret: &[u8]) -> Result<Self, BadKey> {
        let text = str::from_utf8(secret).unwrap_or_default();
        let of_ssh = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];
        let is_public = pem::is_pem(text)
            || of_ssh.iter().any(|start| text.trim_start().starts_with(start))
            || VerifyingKey::from_jwk(text).is_ok()
            || der::spki(secret).is_ok()
            || der::rsa_public(secret).is_ok()
            || der::certificate(secret).is_ok();
        if is_public {
            Err(BadKey::PublicKeyAsSecret)
        } else if secret.len() < hash(Algorithm::Hs256).map_or(0, |(_, least)| least) {
            Err(BadKey::Size)
        } else {
            Ok(Self(Zeroizing::new(secret.to_vec())))
        }
    }

    /// The key for one of the three hashes. "A key of the same size as the hash output […] or larger MUST be used".
    pub(crate) fn key(&self, algorithm: Algorithm) -> Result<hmac::Key, Error> {
        let (hash, least) =
            hash(algorithm).ok_or(Error::input("the algorithm", "takes another type of key"))?;
        if self.0.len() < least {
            return Err(BadKey::Size.into());
        }
        Ok(hmac::Key::new(hash, &self.0))
    }
}

fn hash(algorithm: Algorithm) -> Option<(hmac::Algorithm, usize)> {
    match algorithm {
        Algorithm::Hs256 => Some((hmac::HMAC_SHA256, 32)),
        Algorithm::Hs384 => Some((hmac::HMAC_SHA384, 48)),
        Algorithm::Hs512 => Some((hmac::HMAC_SHA512, 64)),
        _ => None,
    }
}
