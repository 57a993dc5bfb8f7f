//! The written form of a file, version 1, frozen by the golden files in `tests/golden`.
//!
//! ```text
//! {"grantflow_file":1,"sha256":"<hex, of the bytes of the record>","record":{…}}
//! ```
//!
//! The record is the core's form, which carries a version of its own and keeps members it does not know. The checksum is not
//! against attackers: without it a flipped bit inside a token would be taken for a token. The envelope never grows: whatever
//! else a later version has to say belongs into the record, or raises the number.

use grantflow_core::{Protection, Record, StoreError, StoreErrorKind};
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{Form, MAX_LENGTH, checksum};

const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    grantflow_file: u32,
    sha256: &'a str,
    #[serde(borrow)]
    record: &'a RawValue,
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
        let head = format!(
            r#"{{"grantflow_file":{VERSION},"sha256":"{}","record":"#,
            checksum(json)
        );
        // Enough from the start, so that no copy of the secrets is left behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + json.len() + 2));
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(json.as_bytes());
        bytes.extend_from_slice(b"}\n");
        Ok(bytes)
    }

    fn read(&self, bytes: &[u8]) -> Result<Record, StoreError> {
        if bytes.len() as u64 > MAX_LENGTH {
            return Err(StoreError::new(StoreErrorKind::Corrupt));
        }
        if let Some(record) = as_written(bytes) {
            return Record::from_json(record);
        }
        // serde_json's errors print values, so they go no further.
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(bytes) else {
            return Err(StoreError::new(unreadable(bytes)));
        };
        if envelope.grantflow_file != VERSION {
            return Err(StoreError::new(unreadable(bytes)));
        }
        if checksum(envelope.record.get()) != envelope.sha256 {
            return Err(StoreError::new(StoreErrorKind::Corrupt));
        }
        Record::from_json(envelope.record.get())
    }

    fn protection(&self) -> Protection {
        Protection::Plaintext
    }
}

/// The record in a file that is byte for byte as this version writes it, if its checksum is right. Any other is read with care.
fn as_written(bytes: &[u8]) -> Option<&str> {
    let rest = str::from_utf8(bytes)
        .ok()?
        .strip_prefix(r#"{"grantflow_file":1,"sha256":""#)?;
    let (sum, rest) = rest.split_at_checked(64)?;
    let record = rest.strip_prefix(r#"","record":"#)?.strip_suffix("}\n")?;
    (checksum(record) == sum).then_some(record)
}

/// What is there, if it is none of ours in the clear.
fn unreadable(bytes: &[u8]) -> StoreErrorKind {
    match serde_json::from_slice(bytes) {
        Ok(Heading { grantflow_file, .. }) if grantflow_file > VERSION => StoreErrorKind::Newer,
        Ok(Heading { grantflow_sealed, .. }) if grantflow_sealed > 0 => {
            StoreErrorKind::Unsupported("read a sealed record without its data key")
        }
        _ => StoreErrorKind::Corrupt,
    }
}
