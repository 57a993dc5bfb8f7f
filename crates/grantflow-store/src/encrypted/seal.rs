//! The sealed form of a record, version 1, frozen by a golden file in `tests/golden`.
//!
//! ```text
//! {"grantflow_sealed":1,"sha256":"<hex, of the bytes of the envelope>","envelope":
//!     {"key_id":"<16 hex>","key":"<digest of the record's key>","generation":7,"nonce":"<base64url>","text":"<base64url>"}}
//! ```
//!
//! The text is the record's JSON under AES-256-GCM, its tag at the end. What is in the clear beside it is authenticated with it
//! (NIST SP 800-38D: associated data), so that no row opens as another, nor with another generation. The checksum
//! tells damage, which a login may set aside, from change, which is left alone.
//!
//! Nonces are 96 random bits: a key may seal 2^32 records before two are alike with a chance of 2^-33 (section 8.3 there). At
//! one save a second that is 136 years.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use grantflow_core::{Protection, Record, StoreError, StoreErrorKind};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::data_key::random;
use super::{DataKey, KeyId, KeySource};
use crate::form::{CHECKSUM, Form, MAX_LENGTH, Why, checksum, damaged, damaged_or_foreign};

const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outer<'a> {
    grantflow_sealed: u32,
    sha256: &'a str,
    #[serde(borrow)]
    envelope: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    key_id: Cow<'a, str>,
    key: Cow<'a, str>,
    generation: u64,
    nonce: Cow<'a, str>,
    text: Cow<'a, str>,
}

/// What tells other files apart.
#[derive(Deserialize)]
struct Heading {
    #[serde(default)]
    grantflow_file: u32,
    #[serde(default)]
    grantflow_sealed: u32,
}

/// The sealed form, and the keys of its source as far as they are known.
#[derive(Debug)]
pub(super) struct Sealed {
    source: Box<dyn KeySource>,
    /// The one that seals first.
    known: Mutex<Vec<Arc<Opener>>>,
}

/// A data key, ready for use.
pub(super) struct Opener {
    id: KeyId,
    key: LessSafeKey,
}

impl Opener {
    pub(super) fn new(key: &DataKey) -> Result<Self, StoreError> {
        let unbound = UnboundKey::new(&AES_256_GCM, key.expose());
        // The length is right by its type.
        let unbound = unbound.map_err(|_| StoreError::new(StoreErrorKind::DataKey))?;
        Ok(Self {
            id: key.id(),
            key: LessSafeKey::new(unbound),
        })
    }

    /// Seals with a nonce that was never used with this key before.
    pub(super) fn seal(
        &self,
        record: &Record,
        nonce: [u8; NONCE_LEN],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let json = record.expose_json();
        let json = json.expose();
        let mut text = Zeroizing::new(Vec::with_capacity(json.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(json.as_bytes());
        let (digest, generation) = (record.key().digest(), record.generation());
        let aad = Aad::from(associated(self.id, &digest, generation));
        let sealed = self
            .key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut *text);
        // It fails for 64 GiB and more.
        sealed.map_err(|_| StoreError::new(StoreErrorKind::Full))?;
        let envelope = format!(
            r#"{{"key_id":"{}","key":"{digest}","generation":{generation},"nonce":"{}","text":"{}"}}"#,
            self.id,
            BASE64.encode(nonce),
            BASE64.encode(&*text)
        );
        let whole = format!(
            "{{\"grantflow_sealed\":{VERSION},\"sha256\":\"{}\",\"envelope\":{envelope}}}\n",
            checksum(&envelope)
        );
        Ok(Zeroizing::new(whole.into_bytes()))
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opener").field(&self.id).finish()
    }
}

/// What is authenticated beside the text: the key by its digest, which has the length of each part in it.
fn associated(id: KeyId, digest: &str, generation: u64) -> Vec<u8> {
    [
        b"grantflow sealed 1\0".as_slice(),
        &id.to_u64().to_be_bytes(),
        &generation.to_be_bytes(),
        digest.as_bytes(),
    ]
    .concat()
}

impl Sealed {
    pub(super) fn new(source: Box<dyn KeySource>) -> Self {
        Self {
            source,
            known: Mutex::default(),
        }
    }

    pub(super) fn source(&self) -> &dyn KeySource {
        &*self.source
    }

    fn known(&self) -> Vec<Arc<Opener>> {
        // Its one change is an assignment: a panic elsewhere leaves it whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the keys of the source, the one that seals first. What is known besides still opens.
    pub(super) fn learn(&self, keys: &[DataKey]) -> Result<Vec<Arc<Opener>>, StoreError> {
        let mut learned: Vec<Arc<Opener>> = Vec::with_capacity(keys.len());
        for key in keys {
            learned.push(Arc::new(Opener::new(key)?));
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for opener in known.iter() {
            if learned.iter().all(|other| other.id != opener.id) {
                learned.push(Arc::clone(opener));
            }
        }
        known.clone_from(&learned);
        Ok(learned)
    }

    fn load(&self) -> Result<Vec<DataKey>, StoreError> {
        self.source.keys().map_err(of_the_source)
    }

    /// The key that seals; a first one is made if the source has none.
    fn sealing(&self) -> Result<Arc<Opener>, StoreError> {
        if let Some(opener) = self.known().first() {
            return Ok(Arc::clone(opener));
        }
        let mut keys = self.load()?;
        if keys.is_empty() {
            keys = self
                .source
                .add(DataKey::generate()?, None)
                .map_err(of_the_source)?;
        }
        let none = || StoreError::new(StoreErrorKind::DataKey);
        self.learn(&keys)?.first().map(Arc::clone).ok_or_else(none)
    }

    /// The key of this name; the source is asked again, since another process may have changed keys.
    fn opening(&self, id: KeyId) -> Result<Arc<Opener>, StoreError> {
        let named = |known: Vec<Arc<Opener>>| known.into_iter().find(|opener| opener.id == id);
        if let Some(opener) = named(self.known()) {
            return Ok(opener);
        }
        let known = self.learn(&self.load()?)?;
        named(known).ok_or_else(|| undecryptable(id, "no such data key is at hand"))
    }
}

/// An error of the source, which must not be taken for one of the record: that may be set aside, and is not to blame.
fn of_the_source(error: StoreError) -> StoreError {
    if error.kind() != StoreErrorKind::Corrupt {
        return error;
    }
    let kind = StoreError::new(StoreErrorKind::DataKey);
    match error.path() {
        Some(path) => kind.at(path),
        None => kind,
    }
}

fn undecryptable(id: KeyId, why: &'static str) -> StoreError {
    let key_id = id.to_u64();
    StoreError::new(StoreErrorKind::Undecryptable { key_id }).because(Why(why))
}

impl Form for Sealed {
    fn prepare(&self) -> Result<(), StoreError> {
        self.sealing().map(drop)
    }

    fn write(&self, record: &Record) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce)?;
        self.sealing()?.seal(record, nonce)
    }

    fn read(&self, bytes: &[u8]) -> Result<Record, StoreError> {
        let corrupt = || damaged("what it holds was not written by this library");
        if bytes.len() as u64 > MAX_LENGTH {
            return Err(damaged_or_foreign(bytes));
        }
        let Ok(outer) = serde_json::from_slice::<Outer<'_>>(bytes) else {
            return Err(unreadable(bytes));
        };
        if outer.grantflow_sealed != VERSION {
            return Err(unreadable(bytes));
        }
        if checksum(outer.envelope.get()) != outer.sha256 {
            return Err(damaged(CHECKSUM));
        }
        let envelope: Envelope<'_> = serde_json::from_str(outer.envelope.get()).map_err(|_| corrupt())?;
        let id = KeyId::new(u64::from_str_radix(&envelope.key_id, 16).map_err(|_| corrupt())?);
        let nonce = BASE64.decode(&*envelope.nonce).map_err(|_| corrupt())?;
        let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| corrupt())?;
        let mut text = Zeroizing::new(BASE64.decode(&*envelope.text).map_err(|_| corrupt())?);
        let aad = Aad::from(associated(id, &envelope.key, envelope.generation));
        let opened = self.opening(id)?.key.open_in_place(nonce, aad, &mut text);
        let opened = opened.map_err(|_| undecryptable(id, "it was changed after it was sealed"))?;
        let record = Record::from_json(std::str::from_utf8(opened).map_err(|_| corrupt())?)?;
        // What was sealed in is authentic; a writer that sealed something else beside it is not ours.
        if record.key().digest() == envelope.key && record.generation() == envelope.generation {
            Ok(record)
        } else {
            Err(corrupt())
        }
    }

    fn protection(&self) -> Protection {
        Protection::Sealed
    }
}

/// What is there, if it is none of ours that is sealed.
fn unreadable(bytes: &[u8]) -> StoreError {
    StoreError::new(match serde_json::from_slice(bytes) {
        Ok(Heading { grantflow_sealed, .. }) if grantflow_sealed > VERSION => StoreErrorKind::Newer,
        Ok(Heading { grantflow_file, .. }) if grantflow_file > 0 => StoreErrorKind::InTheClear,
        _ => return damaged_or_foreign(bytes),
    })
}
