//! Tokens encrypted for a client (RFC 7516, ECDH-ES of RFC 7518 section 4.6), by code that shares nothing with the client's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The key that a client's tokens are encrypted for.
#[derive(Clone)]
pub(crate) struct EncryptionKey {
    id: Option<String>,
    /// Uncompressed.
    point: Vec<u8>,
}

impl EncryptionKey {
    /// From a public JWK on P-256.
    pub(crate) fn from_jwk(jwk: &str) -> Option<Self> {
        let jwk: Value = serde_json::from_str(jwk).ok()?;
        let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).ok();
        let fits = jwk["kty"] == "EC" && jwk["crv"] == "P-256";
        let point = fits.then(|| Some([vec![4], number("x")?, number("y")?].concat()))??;
        let id = jwk["kid"].as_str().map(str::to_owned);
        (point.len() == 65).then_some(Self { id, point })
    }

    /// The signed token in an encrypted one: ECDH-ES, A256GCM. `None` if the key is no point of the curve.
    pub(crate) fn encrypt(&self, token: &str) -> Option<String> {
        let random = SystemRandom::new();
        let ours = EphemeralPrivateKey::generate(&ECDH_P256, &random).ok()?;
        let public = ours.compute_public_key().ok()?;
        let (x, y) = public.as_ref()[1..].split_at(32);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut header = json!({
            "alg": "ECDH-ES", "enc": ENCRYPTION, "cty": "JWT",
            "epk": { "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) },
        });
        if let Some(id) = &self.id {
            header["kid"] = id.as_str().into();
        }
        let theirs = UnparsedPublicKey::new(&ECDH_P256, &self.point);
        let key = agree_ephemeral(ours, &theirs, derive).ok()?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).ok()?);
        let protected = encode(header.to_string().as_bytes());
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce).ok()?;
        let mut text = token.as_bytes().to_vec();
        let aad = Aad::from(protected.as_bytes());
        let nonce_once = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce_once, aad, &mut text).ok()?;
        Some(format!(
            "{protected}..{}.{}.{}",
            encode(&nonce),
            encode(&text),
            encode(tag.as_ref())
        ))
    }
}

/// Concat KDF: one round, and nobody named.
fn derive(shared: &[u8]) -> [u8; 32] {
    let name = ENCRYPTION.as_bytes();
    let length = [0, 0, 0, 7];
    let (nobody, bits) = ([0; 8], 256u32.to_be_bytes());
    let parts = [&[0, 0, 0, 1], shared, &length, name, &nobody, &bits];
    Sha256::digest(parts.concat()).into()
}

const ENCRYPTION: &str = "A256GCM";
