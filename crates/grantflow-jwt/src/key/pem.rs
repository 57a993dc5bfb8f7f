//! PEM: labelled base64 between other text ([RFC 7468]).
//!
//! What stands before, between and after the blocks is passed over, so that `Bag Attributes` and the parameters of a curve do no harm.
//!
//! [RFC 7468]: https://www.rfc-editor.org/rfc/rfc7468

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::error::BadKey;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// What stands between two lines of dashes.
pub(crate) struct Block<'a> {
    pub(crate) label: &'a str,
    body: &'a str,
}

impl Block<'_> {
    /// The bytes of the block.
    pub(crate) fn der(&self) -> Result<Zeroizing<Vec<u8>>, BadKey> {
        // RFC 1421's headers are there in encrypted keys alone, and no base64 has a colon.
        if self.body.contains(':') {
            return Err(BadKey::Encrypted);
        }
        let mut text = Zeroizing::new(String::with_capacity(self.body.len()));
        text.extend(self.body.split_ascii_whitespace());
        // As much room as the text has, so that no copy is left behind; and cleared if it fails half-way.
        let mut der = Zeroizing::new(Vec::with_capacity(text.len()));
        BASE64
            .decode_vec(text.as_bytes(), &mut der)
            .map_err(|_| BadKey::Malformed)?;
        Ok(der)
    }
}

/// Every block of the text, from the first on.
pub(crate) fn blocks(mut text: &str) -> impl Iterator<Item = Block<'_>> {
    std::iter::from_fn(move || {
        let (_, rest) = text.split_once(BEGIN)?;
        let (label, rest) = rest.split_once(DASHES)?;
        let (body, rest) = rest.split_once("-----END ")?;
        let rest = rest.strip_prefix(label)?.strip_prefix(DASHES)?;
        text = rest;
        Some(Block { label, body })
    })
}

/// Whether there is a block in the text.
pub(crate) fn is_pem(text: &str) -> bool {
    text.contains(BEGIN)
}
