//! The keys that the server signs with, and the document that publishes them ([RFC 7517]).
//!
//! Two RSA keys are part of this crate, since nothing here makes such keys: the server signs with one after the other. They are
//! no secret. Keys on P-256 are made when they are needed.
//!
//! [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ring::{hmac, signature};
use serde_json::{Value, json};

use crate::message::Reply;
use crate::site::Turn;

/// How an ID token is signed (RFC 7518 section 3.1): what a client is registered for as `id_token_signed_response_alg`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdTokenAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[default]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// HMAC with SHA-256, keyed by the client secret.
    Hs256,
    /// Not at all, which OpenID Connect allows for tokens that come straight from the token endpoint.
    None,
}

impl IdTokenAlgorithm {
    /// The name in JOSE.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::Hs256 => "HS256",
            Self::None => "none",
        }
    }
}

/// A key of the server.
pub(crate) struct SigningKey {
    pub(crate) id: String,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

/// All of them; for each algorithm the last one signs.
pub(crate) struct Keys {
    published: Vec<SigningKey>,
    /// How many there have been of each kind.
    made: usize,
}

const RSA: [&[u8]; 2] = [
    include_bytes!("keys/rsa-a.pkcs8"),
    include_bytes!("keys/rsa-b.pkcs8"),
];

impl Keys {
    pub(crate) fn new() -> Self {
        let mut keys = Self {
            published: Vec::new(),
            made: 0,
        };
        keys.rotate();
        keys
    }

    /// Makes new keys; those of before stay published.
    pub(crate) fn rotate(&mut self) {
        self.made += 1;
        let rsa = RsaKeyPair::from_pkcs8(RSA[(self.made - 1) % RSA.len()]).expect("a key of this crate");
        self.published.push(SigningKey {
            id: format!("rs-{}", self.made),
            pair: Pair::Rsa(rsa),
        });
        self.published.push(SigningKey {
            id: format!("es-{}", self.made),
            pair: Pair::Ec(ec_pair()),
        });
    }

    /// Publishes only those that sign now.
    pub(crate) fn forget_old(&mut self) {
        let signing = self.published.split_off(self.published.len().saturating_sub(2));
        self.published = signing;
    }

    /// The key that signs with this algorithm.
    pub(crate) fn signing(&self, algorithm: IdTokenAlgorithm) -> Option<&SigningKey> {
        self.published
            .iter()
            .rev()
            .find(|key| key.algorithm() == algorithm)
    }

    fn document(&self) -> Value {
        json!({ "keys": self.published.iter().map(SigningKey::public).collect::<Vec<_>>() })
    }
}

impl SigningKey {
    /// A key that is published nowhere, under the name of this one.
    pub(crate) fn foreign(&self) -> Self {
        let pair = match self.pair {
            // The other one of the two is published at most under another name.
            Pair::Rsa(ref ours) => {
                let theirs = RSA.map(|bytes| RsaKeyPair::from_pkcs8(bytes).expect("a key of this crate"));
                let other = theirs
                    .into_iter()
                    .find(|pair| pair.public().as_ref() != ours.public().as_ref());
                Pair::Rsa(other.expect("there are two"))
            }
            Pair::Ec(_) => Pair::Ec(ec_pair()),
        };
        Self {
            id: self.id.clone(),
            pair,
        }
    }

    fn algorithm(&self) -> IdTokenAlgorithm {
        match self.pair {
            Pair::Rsa(_) => IdTokenAlgorithm::Rs256,
            Pair::Ec(_) => IdTokenAlgorithm::Es256,
        }
    }

    /// RFC 7517 section 4, RFC 7518 section 6.
    pub(crate) fn public(&self) -> Value {
        let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut key = match &self.pair {
            Pair::Rsa(pair) => {
                let public: signature::RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({ "kty": "RSA", "n": base64(&public.n), "e": base64(&public.e) })
            }
            Pair::Ec(pair) => {
                // Uncompressed: 4, then the two numbers of 32 bytes each.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": base64(x), "y": base64(y) })
            }
        };
        key["kid"] = self.id.clone().into();
        key["use"] = "sig".into();
        key["alg"] = self.algorithm().name().into();
        key
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .expect("a buffer of the right length");
                signature
            }
            Pair::Ec(pair) => pair
                .sign(&SystemRandom::new(), message)
                .expect(RANDOMNESS)
                .as_ref()
                .to_vec(),
        }
    }
}

/// HMAC with SHA-256.
pub(crate) fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message).as_ref().to_vec()
}

fn ec_pair() -> EcdsaKeyPair {
    let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
    let bytes = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect(RANDOMNESS);
    EcdsaKeyPair::from_pkcs8(algorithm, bytes.as_ref(), &random).expect("a key just made")
}

const RANDOMNESS: &str = "every supported operating system has a random number generator";

/// `/jwks`: what clients may keep for five minutes.
pub(crate) fn jwks(turn: &mut Turn<'_>) -> Reply {
    Reply::json(200, &turn.state.keys().document()).header("cache-control", "max-age=300")
}
