//! The text of a token: `BASE64URL(header) . BASE64URL(payload) . BASE64URL(signature)`.

use std::fmt;

use zeroize::Zeroizing;

use super::Header;
use crate::base64url;

/// A token that has been signed. Whoever has it may use it, so `Debug` shows its length only, and it is cleared on drop.
pub struct Jws(Zeroizing<String>);

impl Jws {
    /// A token that others signed, as far as one can see.
    #[cfg(feature = "jwe")]
    pub(crate) fn from_text(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The token itself: the one way out.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The token itself; no copy is made.
    #[must_use]
    pub fn into_exposed(mut self) -> String {
        std::mem::take(&mut *self.0)
    }
}

impl fmt::Debug for Jws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jws([{} bytes])", self.0.len())
    }
}

/// All of a token but its signature, with room for the shortest that there can be, which is the usual one ([RFC 7515 section 5.1]).
///
/// [RFC 7515 section 5.1]: https://www.rfc-editor.org/rfc/rfc7515#section-5.1
pub(crate) struct SigningInput(Zeroizing<Vec<u8>>);

impl SigningInput {
    pub(crate) fn new(header: &Header, payload: &[u8]) -> Self {
        let signature = *header.algorithm().signature_lengths().start();
        let parts = [header.as_str().len(), payload.len(), signature].map(base64url::length);
        let room = parts.iter().fold(2usize, |sum, part| sum.saturating_add(*part));
        let mut text = Vec::with_capacity(room);
        header.push_encoded(&mut text);
        text.push(b'.');
        base64url::push(&mut text, payload);
        Self(Zeroizing::new(text))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn with(mut self, signature: &[u8]) -> Jws {
        self.0.push(b'.');
        base64url::push(&mut self.0, signature);
        let text = String::from_utf8(std::mem::take(&mut *self.0));
        Jws(Zeroizing::new(text.expect("base64url and dots are ASCII")))
    }
}
