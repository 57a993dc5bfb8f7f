//! The written form of a file, version 2, frozen by the golden files in `tests/golden`; version 1 is read, too.
//!
//! ```text
//! {"grantflow_file":2,"crc32":"<hex, of the bytes of the record>","record":{…}}
//! {"grantflow_file":1,"sha256":"<hex, of the bytes of the record>","record":{…}}
//! ```
//!
//! The record is the core's form, which carries a version of its own and keeps members it does not know. The checksum is not
//! against attackers, who could make it fit: without it a flipped bit inside a token would be taken for a token. Without the
//! instructions that some processors have for it, SHA-256 took more than half of the time to read a file. The envelope never
//! grows: whatever else a later version has to say belongs into the record, or raises the number.

use grantflow_core::{Protection, Record, StoreError, StoreErrorKind};
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{CHECKSUM, Form, MAX_LENGTH, checksum, damaged, damaged_or_foreign};

const VERSION: u32 = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    grantflow_file: u32,
    #[serde(borrow, default)]
    sha256: Option<&'a str>,
    #[serde(borrow, default)]
    crc32: Option<&'a str>,
    #[serde(borrow)]
    record: &'a RawValue,
}

impl Envelope<'_> {
    /// Whether the checksum is the one of its version, and right.
    fn is_whole(&self) -> bool {
        let record = self.record.get();
        match (self.grantflow_file, self.sha256, self.crc32) {
            (1, Some(sum), None) => checksum(record) == sum,
            (2, None, Some(sum)) => crc32(record) == sum.as_bytes(),
            _ => false,
        }
    }
}

/// What tells other files apart.
#[derive(Deserialize)]
struct Heading {
    #[serde(default)]
    grantflow_file: u32,
    #[serde(default)]
    grantflow_sealed: u32,
}

/// The form in the clear.
#[derive(Debug)]
pub(super) struct Plain;

impl Form for Plain {
    fn write(&self, record: &Record) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let json = record.expose_json();
        let json = json.expose();
        let sum = crc32(json);
        let parts = [HEAD.as_bytes(), &sum, MIDDLE.as_bytes(), json.as_bytes(), b"}\n"];
        // Enough from the start, so that no copy of the secrets is left behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
        for part in parts {
            bytes.extend_from_slice(part);
        }
        Ok(bytes)
    }

    fn read(&self, bytes: &[u8]) -> Result<Record, StoreError> {
        if bytes.len() as u64 > MAX_LENGTH {
            return Err(damaged_or_foreign(bytes));
        }
        if let Some(record) = as_written(bytes) {
            return Record::from_json(record);
        }
        // serde_json's errors print values, so they go no further.
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(bytes) else {
            return Err(unreadable(bytes));
        };
        if envelope.grantflow_file > VERSION {
            return Err(StoreError::new(StoreErrorKind::Newer));
        }
        if !envelope.is_whole() {
            return Err(damaged(CHECKSUM));
        }
        Record::from_json(envelope.record.get())
    }

    fn protection(&self) -> Protection {
        Protection::Plaintext
    }
}

/// What stands before the checksum, as this version writes it, and between it and the record.
const HEAD: &str = r#"{"grantflow_file":2,"crc32":""#;
const MIDDLE: &str = r#"","record":"#;

/// The record in a file that is byte for byte as this version writes it, if its checksum is right. Any other is read with care.
fn as_written(bytes: &[u8]) -> Option<&str> {
    let rest = str::from_utf8(bytes).ok()?.strip_prefix(HEAD)?;
    let (sum, rest) = rest.split_at_checked(8)?;
    let record = rest.strip_prefix(MIDDLE)?.strip_suffix("}\n")?;
    (crc32(record) == sum.as_bytes()).then_some(record)
}

/// CRC-32 (IEEE 802.3) in hex.
fn crc32(text: &str) -> [u8; 8] {
    let sum = crc32fast::hash(text.as_bytes());
    std::array::from_fn(|digit| b"0123456789abcdef"[(sum >> (28 - 4 * digit)) as usize & 15])
}

/// What is there, if it is none of ours in the clear.
fn unreadable(bytes: &[u8]) -> StoreError {
    StoreError::new(match serde_json::from_slice(bytes) {
        Ok(Heading { grantflow_file, .. }) if grantflow_file > VERSION => StoreErrorKind::Newer,
        Ok(Heading { grantflow_sealed, .. }) if grantflow_sealed > 0 => StoreErrorKind::Sealed,
        _ => return damaged_or_foreign(bytes),
    })
}
