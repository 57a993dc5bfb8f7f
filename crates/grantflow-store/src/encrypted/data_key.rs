//! Data keys: what they are, how they are named, and where they come from.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantflow_core::{Secret, StoreError, StoreErrorKind};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

/// The length of a data key in bytes.
const LENGTH: usize = 32;

/// A key that seals records: 32 random bytes.
///
/// A password is none: it would have to be stretched first, and be good.
#[derive(Clone)]
pub struct DataKey {
    bytes: Zeroizing<[u8; LENGTH]>,
    id: KeyId,
}

/// The name of a data key: the beginning of a hash of it, so that no key goes by the name of another.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct KeyId(u64);

impl DataKey {
    /// A new key, of the system's randomness.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unavailable`] if the system gives none.
    pub fn generate() -> Result<Self, StoreError> {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        random(&mut *bytes)?;
        Ok(Self::of(bytes))
    }

    /// The key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self::of(Zeroizing::new(bytes))
    }

    /// Reads 32 bytes as base64 (either alphabet, with padding or without) or as hex: what `openssl rand` prints.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::DataKey`] if it is anything else. The text is in no error.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_store::DataKey;
    ///
    /// // In a program: std::env::var("MY_APP_DATA_KEY")?
    /// let key = DataKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?;
    /// assert_eq!(key.id().to_string().len(), 16);
    /// # Ok::<(), grantflow_core::StoreError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let text = text.trim();
        let bytes = match text.len() {
            64 => from_hex(text),
            _ => from_base64(text),
        };
        let bytes = bytes.ok_or_else(|| StoreError::new(StoreErrorKind::DataKey).because(NoKey))?;
        Ok(Self::of(bytes))
    }

    fn of(bytes: Zeroizing<[u8; LENGTH]>) -> Self {
        let mut named = Zeroizing::new(*b"grantflow data key id 1\0________________________________");
        named[24..].copy_from_slice(&*bytes);
        let hash = digest(&SHA256, &*named);
        let mut id = [0; 8];
        for (to, from) in id.iter_mut().zip(hash.as_ref()) {
            *to = *from;
        }
        Self {
            bytes,
            id: KeyId(u64::from_be_bytes(id)),
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key as base64url, as [`parse`](Self::parse) reads it: for those who keep keys, and for nobody else.
    #[must_use]
    pub fn expose_text(&self) -> Secret {
        Secret::new(BASE64_URL_SAFE_NO_PAD.encode(self.bytes.as_slice()))
    }

    pub(super) fn expose(&self) -> &[u8; LENGTH] {
        &self.bytes
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DataKey").field(&self.id).finish()
    }
}

impl KeyId {
    pub(super) fn new(id: u64) -> Self {
        Self(id)
    }

    /// As [`StoreErrorKind::Undecryptable`] has it.
    #[must_use]
    pub fn to_u64(self) -> u64 {
        self.0
    }
}

/// 16 hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Why a text is no data key, without the text.
#[derive(Debug)]
struct NoKey;

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a data key is 32 random bytes, in base64 or hex")
    }
}

impl std::error::Error for NoKey {}

/// Fills with the system's randomness.
pub(super) fn random(bytes: &mut [u8]) -> Result<(), StoreError> {
    let filled = SystemRandom::new().fill(bytes);
    filled.map_err(|_| StoreError::new(StoreErrorKind::Unavailable).because(NoRandomness))
}

#[derive(Debug)]
struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system gives no randomness")
    }
}

impl std::error::Error for NoRandomness {}

fn from_base64(text: &str) -> Option<Zeroizing<[u8; LENGTH]>> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['+', '/']) {
        &alphabet::STANDARD
    } else {
        &alphabet::URL_SAFE
    };
    let bytes = Zeroizing::new(GeneralPurpose::new(alphabet, CONFIG).decode(text).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

fn from_hex(text: &str) -> Option<Zeroizing<[u8; LENGTH]>> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    let digits = text.as_bytes().chunks_exact(2);
    for (byte, digits) in bytes.iter_mut().zip(digits) {
        // `from_str_radix` takes a sign, too.
        let digits = std::str::from_utf8(digits).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}
