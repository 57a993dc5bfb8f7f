//! [`Decryption`]: which encrypted tokens are opened, and how ([RFC 7516 section 5.2]).
//!
//! [RFC 7516 section 5.2]: https://www.rfc-editor.org/rfc/rfc7516#section-5.2

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::key::Agreement;
use super::{ContentEncryption, DecryptionKey, KeyManagement};
use crate::error::Refusal;
use crate::{Error, Jws, MAX_TOKEN_LENGTH, base64url, json};

/// Opens encrypted tokens that are for these keys, in these ways and no others.
///
/// What comes out was encrypted by anybody: the public half of the key is no secret. It has to be verified as if it had come in the
/// clear. The same refusal stands for a wrong key, a wrong tag and a point off the curve, so that nobody learns from it.
///
/// # Example
///
/// ```
/// use grantflow_jwt::{ContentEncryption, Decryption, DecryptionKey, KeyManagement};
///
/// # let pem = include_str!("../../tests/keys/p256.pkcs8.pem");
/// let key = DecryptionKey::from_pem(pem)?.with_key_id("2026-01");
/// let decryption = Decryption::new([key], [KeyManagement::EcdhEs], [ContentEncryption::A256Gcm]);
/// assert!(decryption.decrypt("a.b.c").is_err(), "it is in the clear");
/// # Ok::<(), grantflow_jwt::Error>(())
/// ```
#[derive(Debug)]
pub struct Decryption {
    keys: Vec<DecryptionKey>,
    managements: Vec<KeyManagement>,
    encryptions: Vec<ContentEncryption>,
}

impl Decryption {
    /// Takes tokens for these keys whose `alg` and `enc` are among these: best the ones that the client was registered for
    /// (`id_token_encrypted_response_alg`, `id_token_encrypted_response_enc`).
    pub fn new(
        keys: impl IntoIterator<Item = DecryptionKey>,
        managements: impl IntoIterator<Item = KeyManagement>,
        encryptions: impl IntoIterator<Item = ContentEncryption>,
    ) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            managements: managements.into_iter().collect(),
            encryptions: encryptions.into_iter().collect(),
        }
    }

    /// The signed token within an encrypted one. Nobody has verified it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if it is not encrypted, not for one of the keys, encrypted in another way or compressed, or holds anything but
    /// a token in three parts.
    pub fn decrypt(&self, token: &str) -> Result<Jws, Error> {
        if token.len() > MAX_TOKEN_LENGTH {
            return Err(Refusal::TooLong.into());
        }
        let mut parts = token.split('.');
        let mut part = || parts.next().ok_or(Refusal::Parts);
        let [protected, wrapped, nonce, text, tag] = [part()?, part()?, part()?, part()?, part()?];
        if parts.next().is_some() {
            return Err(Refusal::Parts.into());
        }
        let header = Header::read(protected)?;
        if !self.managements.contains(&header.management) || !self.encryptions.contains(&header.encryption) {
            return Err(Refusal::AlgorithmNotAllowed.into());
        }
        let decode = |part| base64url::decode(part).ok_or(Refusal::Base64("ciphertext"));
        let (nonce, tag) = (decode(nonce)?, decode(tag)?);
        // It is opened where it lies.
        let mut sealed = Zeroizing::new(decode(text)?);
        let nonce: [u8; NONCE_LEN] = nonce.as_slice().try_into().map_err(|_| Refusal::Decryption)?;
        let cipher = header.encryption.cipher();
        // RFC 7518 section 4.6: nothing is wrapped. Section 5.3: "The requested size of the Authentication Tag output MUST be 128 bits".
        if !wrapped.is_empty() || tag.len() != cipher.tag_len() {
            return Err(Refusal::Decryption.into());
        }
        let key = self.find(header.key_id.as_deref()).ok_or(Refusal::Decryption)?;
        let key = header.agree(key).ok_or(Refusal::Decryption)?;
        let key = UnboundKey::new(cipher, &key).map_err(|_| Refusal::Decryption)?;
        sealed.extend_from_slice(&tag);
        let aad = Aad::from(protected.as_bytes());
        let opened =
            LessSafeKey::new(key).open_in_place(Nonce::assume_unique_for_key(nonce), aad, &mut sealed);
        let opened = opened.map_err(|_| Refusal::Decryption)?;
        let inner = str::from_utf8(opened).map_err(|_| Refusal::Parts)?;
        // What is only encrypted is nobody's word.
        if inner.matches('.').count() != 2 {
            return Err(Refusal::Parts.into());
        }
        Ok(Jws::from_text(inner))
    }

    /// The key of that name, or the only one that could be meant.
    fn find(&self, key_id: Option<&str>) -> Option<&DecryptionKey> {
        let is_meant =
            |key: &&DecryptionKey| key_id.is_none() || key.key_id().is_none() || key.key_id() == key_id;
        let mut meant = self.keys.iter().filter(is_meant);
        let key = meant.next()?;
        meant.next().is_none().then_some(key)
    }
}

/// What the protected header says.
struct Header {
    management: KeyManagement,
    encryption: ContentEncryption,
    key_id: Option<String>,
    /// The other side's ephemeral point, uncompressed.
    point: Vec<u8>,
    apu: Zeroizing<Vec<u8>>,
    apv: Zeroizing<Vec<u8>>,
}

impl Header {
    fn read(part: &str) -> Result<Self, Refusal> {
        let text = base64url::decode(part).ok_or(Refusal::Base64("header"))?;
        let members = json::object(&text).ok_or(Refusal::Json("header"))?;
        if let Some(name) = FORBIDDEN.into_iter().find(|name| members.contains_key(*name)) {
            return Err(Refusal::HeaderParameter(name));
        }
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        // RFC 7519 section 5.2: "JWT", in capital letters by recommendation.
        if members.contains_key("cty") && !text("cty").is_some_and(|kind| kind.eq_ignore_ascii_case("JWT")) {
            return Err(Refusal::HeaderParameter("cty"));
        }
        Ok(Self {
            management: text("alg")
                .and_then(KeyManagement::named)
                .ok_or(Refusal::Algorithm)?,
            encryption: text("enc")
                .and_then(ContentEncryption::named)
                .ok_or(Refusal::Algorithm)?,
            key_id: text("kid").map(str::to_owned),
            point: members.get("epk").and_then(point).ok_or(Refusal::Decryption)?,
            apu: party(&members, "apu")?,
            apv: party(&members, "apv")?,
        })
    }

    fn agree(&self, key: &DecryptionKey) -> Option<Zeroizing<Vec<u8>>> {
        let with = Agreement {
            encryption: self.encryption,
            apu: &self.apu,
            apv: &self.apv,
        };
        key.agree(&self.point, &with)
    }
}

/// RFC 7518 section 4.6.1.1: a public JWK on the curve of our key.
fn point(epk: &Value) -> Option<Vec<u8>> {
    let number = |name: &str| base64url::decode(epk.get(name)?.as_str()?).filter(|number| number.len() == 32);
    let is = |name: &str, value: &str| epk.get(name).and_then(Value::as_str) == Some(value);
    if !is("kty", "EC") || !is("crv", "P-256") {
        return None;
    }
    Some([&[4], number("x")?.as_slice(), number("y")?.as_slice()].concat())
}

/// Who takes part; empty where it is not said.
fn party(members: &Map<String, Value>, name: &'static str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let Some(value) = members.get(name) else {
        return Ok(Zeroizing::default());
    };
    let bytes = value.as_str().and_then(base64url::decode);
    bytes.ok_or(Refusal::HeaderParameter(name))
}

/// Extensions, of which there are none here; compression, which tells what it compressed by its length; keys of the sender's choice.
const FORBIDDEN: [&str; 6] = ["crit", "zip", "b64", "jku", "jwk", "x5u"];
