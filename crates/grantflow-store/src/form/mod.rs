//! How a record becomes the bytes that a store keeps, and comes back from them.
//!
//! ```text
//! Record ─▶ form ─▶ bytes ─▶ a file, an item of a password manager
//! ```
//!
//! A store that keeps bytes takes its form as a value: what is sealed below it, and how, is no concern of the store.

mod foreign;
mod plain;

use std::fmt;
use std::sync::Arc;

pub(crate) use foreign::{CHECKSUM, damaged, damaged_or_foreign};
use grantflow_core::{Protection, Record, StoreError};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// How long the bytes of a record may be; none comes near it, since a reply is at most 1 MiB.
pub(crate) const MAX_LENGTH: u64 = 16 * 1024 * 1024;

/// One way to write records as bytes.
pub(crate) trait Form: fmt::Debug + Send + Sync {
    /// Makes sure that a record can be written, before a request leaves whose reply has to be kept.
    fn prepare(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The bytes of a record, which no reader takes for another one's.
    fn write(&self, record: &Record) -> Result<Zeroizing<Vec<u8>>, StoreError>;

    /// Reads what [`write`](Self::write) wrote, or a later version of it. Whose record it is, the caller still has to compare.
    fn read(&self, bytes: &[u8]) -> Result<Record, StoreError>;

    /// How the bytes are protected.
    fn protection(&self) -> Protection;
}

/// In the clear: for places that keep what is theirs from others.
pub(crate) fn plain() -> Arc<dyn Form> {
    Arc::new(plain::Plain)
}

/// SHA-256 in hex, against damage, not against people.
pub(crate) fn checksum(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |number: u8| char::from(DIGITS[usize::from(number & 15)]);
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        hex.extend([digit(byte >> 4), digit(byte)]);
    }
    hex
}

/// Why something cannot be read, for people.
#[derive(Debug)]
pub(crate) struct Why(pub(crate) &'static str);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Why {}
