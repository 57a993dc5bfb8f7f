//! The written form of a file, version 1, frozen by the golden files in `tests/golden`.
//!
//! ```text
//! {"grantflow_file":1,"sha256":"<hex, of the bytes of the record>","record":{…}}
//! ```
//!
//! The record is the core's form, which carries a version of its own and keeps members it does not know. The checksum is not
//! against attackers: without it a flipped bit inside a token would be taken for a token. The envelope never grows: whatever
//! else a later version has to say belongs into the record, or raises the number.

use std::fmt::Write as _;

use grantflow_core::{Record, StoreError, StoreErrorKind};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const VERSION: u32 = 1;

/// How long a file may be; no record comes near it, since a reply is at most 1 MiB.
pub(super) const MAX_FILE: u64 = 16 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    grantflow_file: u32,
    sha256: &'a str,
    #[serde(borrow)]
    record: &'a RawValue,
}

#[derive(Deserialize)]
struct Version {
    grantflow_file: u32,
}

/// The bytes of a file that holds the record.
pub(super) fn write(record: &Record) -> Zeroizing<String> {
    let json = record.expose_json();
    let json = json.expose();
    // Enough from the start, so that no copy of the secrets is left behind.
    let mut text = Zeroizing::new(String::with_capacity(json.len() + 128));
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        r#"{{"grantflow_file":{VERSION},"sha256":"{}","record":{json}}}"#,
        checksum(json)
    );
    text
}

/// Reads what [`write`] wrote, or a later version of it.
pub(super) fn read(bytes: &[u8]) -> Result<Record, StoreError> {
    if bytes.len() as u64 > MAX_FILE {
        return Err(StoreError::new(StoreErrorKind::Corrupt));
    }
    // serde_json's errors print values, so they go no further.
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(bytes) else {
        let version = serde_json::from_slice(bytes).map_or(0, |Version { grantflow_file }| grantflow_file);
        return Err(StoreError::new(unreadable(version)));
    };
    if envelope.grantflow_file != VERSION {
        return Err(StoreError::new(unreadable(envelope.grantflow_file)));
    }
    if checksum(envelope.record.get()) != envelope.sha256 {
        return Err(StoreError::new(StoreErrorKind::Corrupt));
    }
    Record::from_json(envelope.record.get())
}

fn unreadable(version: u32) -> StoreErrorKind {
    if version > VERSION {
        StoreErrorKind::Newer
    } else {
        StoreErrorKind::Corrupt
    }
}

fn checksum(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
