//! Whether bytes that are no record are what is left of one, which a login may set aside, or belong to somebody else.
//!
//! ```text
//! nothing, or zeros ──────────────────────────────▶ Corrupt (a file system that lost power leaves those)
//! a list of data keys, whole or not ──────────────▶ Foreign
//! begins as a record does, or has a part of one ──▶ Corrupt
//! anything else ──────────────────────────────────▶ Foreign
//! ```

use grantflow_core::error::Foreign;
use grantflow_core::{StoreError, StoreErrorKind};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Why;

/// Where those parts are looked for: no head of ours is longer.
const BEGINNING: usize = 512;

/// What stands in key files only.
const KEYS: [&[u8]; 2] = [b"\"grantflow_keys\"", b",\"keys\":[\""];

/// How everything of ours begins.
const HEAD: &[u8] = b"{\"grantflow";

/// What stands in records only, so that one whose beginning is damaged is still known.
const PARTS: [&[u8]; 5] = [
    b"\"grantflow_file\"",
    b"\"grantflow_sealed\"",
    b"\"grantflow_keyring\"",
    b"\"record\":{\"grantflow\":",
    b"\"envelope\":{\"key_id\":",
];

/// The members that tell credentials of other libraries.
#[derive(Deserialize)]
struct Members {
    _class: Option<IgnoredAny>,
    _module: Option<IgnoredAny>,
    file_version: Option<IgnoredAny>,
    #[serde(rename = "type")]
    kind: Option<IgnoredAny>,
    client_id: Option<IgnoredAny>,
    refresh_token: Option<IgnoredAny>,
    token_uri: Option<IgnoredAny>,
}

/// What bytes are that are no record.
pub(crate) fn damaged_or_foreign(bytes: &[u8]) -> StoreError {
    if bytes.is_empty() {
        return damaged("it is empty");
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return damaged("it is nothing but zeros");
    }
    if KEYS.iter().any(|part| has(bytes, part)) {
        return StoreError::new(StoreErrorKind::Foreign(Foreign::DataKeys));
    }
    if begins_as_ours(bytes) || PARTS.iter().any(|part| has(bytes, part)) {
        return damaged("it is not whole");
    }
    StoreError::new(StoreErrorKind::Foreign(foreign(bytes)))
}

/// What is left of a record, and how that shows.
pub(crate) fn damaged(why: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt).because(Why(why))
}

/// How a changed bit shows.
pub(crate) const CHECKSUM: &str = "its checksum is not that of what it holds";

/// A whole beginning, or as much of one as there is.
fn begins_as_ours(bytes: &[u8]) -> bool {
    bytes.starts_with(HEAD) || HEAD.starts_with(bytes)
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    let beginning = &bytes[..bytes.len().min(BEGINNING)];
    beginning.windows(part.len()).any(|window| window == part)
}

fn foreign(bytes: &[u8]) -> Foreign {
    if bytes.starts_with(b"-----BEGIN ") || bytes.starts_with(b"ssh-") {
        return Foreign::PrivateKey;
    }
    match serde_json::from_slice::<Members>(bytes) {
        Ok(members) if members.are_credentials() => Foreign::Credentials,
        _ => Foreign::Other,
    }
}

impl Members {
    fn are_credentials(&self) -> bool {
        let oauth2client = self._class.is_some() || self._module.is_some() || self.file_version.is_some();
        let google = self.kind.is_some() || (self.client_id.is_some() && self.refresh_token.is_some());
        oauth2client || google || (self.token_uri.is_some() && self.refresh_token.is_some())
    }
}
