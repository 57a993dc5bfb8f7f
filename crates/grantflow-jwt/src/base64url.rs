//! Base64url without padding, in its one canonical form ([RFC 7515 section 2], [RFC 4648 section 5]).
//!
//! [RFC 7515 section 2]: https://www.rfc-editor.org/rfc/rfc7515#section-2
//! [RFC 4648 section 5]: https://www.rfc-editor.org/rfc/rfc4648#section-5

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use zeroize::Zeroizing;

/// Appends the encoded bytes, which are ASCII, without another buffer between.
pub(crate) fn push(text: &mut Vec<u8>, bytes: &[u8]) {
    let end = text.len();
    text.resize(end.saturating_add(length(bytes.len())), 0);
    let room = text.get_mut(end..);
    let written = room.and_then(|room| BASE64.encode_slice(bytes, room).ok());
    text.truncate(end.saturating_add(written.expect("there is room for all of it")));
}

/// The encoded bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// How long the text of that many bytes is.
pub(crate) const fn length(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// The bytes; `None` with padding, with trailing bits that are not zero, or with any other character.
pub(crate) fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    // With room enough, so that no copy is left behind; and cleared if it fails half-way.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    BASE64.decode_vec(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v28_the_canonical_form_is_taken_and_no_other() {
        let good = [
            ("", ""),
            ("Zg", "f"),
            ("Zm8", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg", "foob"),
            ("Zm9vYmE", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ];
        for (text, bytes) in good {
            assert_eq!(decode(text).as_deref().map(Vec::as_slice), Some(bytes.as_bytes()));
            assert_eq!(encode(bytes.as_bytes()), text);
            let mut encoded = b"a.".to_vec();
            push(&mut encoded, bytes.as_bytes());
            assert_eq!(encoded, [b"a.", text.as_bytes()].concat());
        }
        let bad = [
            "Zg==", "Zm8=", "Zh", "Zm9=", "Zm9", "Z", "Zg ", " Zg", "Zg\n", "Zm9vY", "+/+/", "Zm9v.",
            "Z\u{e9}",
        ];
        for text in bad {
            assert!(decode(text).is_none(), "{text:?}");
        }
    }
}
