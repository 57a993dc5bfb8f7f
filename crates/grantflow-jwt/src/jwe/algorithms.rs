//! How the key of an encrypted token is agreed upon, and what that key does ([RFC 7518 section 4.1], [section 5.1]).
//!
//! [RFC 7518 section 4.1]: https://www.rfc-editor.org/rfc/rfc7518#section-4.1
//! [section 5.1]: https://www.rfc-editor.org/rfc/rfc7518#section-5.1

use ring::aead;

/// How the two sides come to one key (`alg`). RSA1_5 and `dir` are no such way here: the one tells an attacker what it decrypts to, the
/// other has one secret on both sides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyManagement {
    /// `ECDH-ES`: an ephemeral key and ours, and nothing wrapped ([RFC 7518 section 4.6]).
    ///
    /// [RFC 7518 section 4.6]: https://www.rfc-editor.org/rfc/rfc7518#section-4.6
    EcdhEs,
}

impl KeyManagement {
    /// The name in JOSE.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdhEs => "ECDH-ES",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        (name == Self::EcdhEs.name()).then_some(Self::EcdhEs)
    }
}

/// How the content is encrypted and kept from being changed (`enc`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ContentEncryption {
    /// `A128GCM`: AES-GCM with a key of 128 bits ([RFC 7518 section 5.3]).
    ///
    /// [RFC 7518 section 5.3]: https://www.rfc-editor.org/rfc/rfc7518#section-5.3
    A128Gcm,
    /// `A256GCM`: the same with 256 bits.
    A256Gcm,
}

impl ContentEncryption {
    /// The name in JOSE.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        let mut all = [Self::A128Gcm, Self::A256Gcm].into_iter();
        all.find(|known| known.name() == name)
    }

    pub(super) fn cipher(self) -> &'static aead::Algorithm {
        match self {
            Self::A128Gcm => &aead::AES_128_GCM,
            Self::A256Gcm => &aead::AES_256_GCM,
        }
    }
}
