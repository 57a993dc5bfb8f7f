//! Queries of addresses, written into one buffer and read with no tolerance ([RFC 6749 appendix B]).
//!
//! [RFC 6749 appendix B]: https://www.rfc-editor.org/rfc/rfc6749#appendix-B

use std::borrow::Cow;

use crate::error::InvalidInput;
use crate::form::encode;
use crate::{Endpoint, Error};

use super::CallbackError;

/// An address whose query is being written.
pub(super) struct QueryWriter {
    text: Vec<u8>,
    separator: u8,
}

impl QueryWriter {
    /// Begins with `endpoint` and keeps what its query has (quirk 41), except what `replaced` names: that is about to be written.
    ///
    /// A parameter that is `refused` is an error: it would be there twice, or take over the flow.
    pub(super) fn after(
        endpoint: &Endpoint,
        capacity: usize,
        refused: impl Fn(&str) -> bool,
        replaced: impl Fn(&str) -> bool,
    ) -> Result<Self, Error> {
        let (address, query) = endpoint
            .as_str()
            .split_once('?')
            .unwrap_or((endpoint.as_str(), ""));
        let mut writer = Self {
            text: Vec::with_capacity(address.len() + query.len() + capacity),
            separator: b'?',
        };
        writer.text.extend_from_slice(address.as_bytes());
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let name = form_urlencoded::parse(piece.as_bytes()).next();
            let name = name.map_or(Cow::default(), |(name, _)| name);
            if refused(&name) {
                return Err(InvalidInput::new(
                    "authorization_endpoint",
                    "has a parameter in its query that belongs to the flow",
                )
                .into());
            }
            if !replaced(&name) {
                writer.separate();
                writer.text.extend_from_slice(piece.as_bytes());
            }
        }
        Ok(writer)
    }

    /// Writes parameters without an address.
    pub(super) fn alone(capacity: usize) -> Self {
        Self {
            text: Vec::with_capacity(capacity),
            separator: b'&',
        }
    }

    /// A parameter of any name.
    pub(super) fn push_any(&mut self, name: &str, value: &str) {
        self.separate();
        encode(name, &mut self.text);
        self.text.push(b'=');
        encode(value, &mut self.text);
    }

    /// A parameter of the flow, whose name needs no encoding.
    pub(super) fn push(&mut self, name: &'static str, value: &str) {
        self.push_with(name, |text| encode(value, text));
    }

    /// A parameter of the flow whose value needs no encoding either.
    pub(super) fn push_plain(&mut self, name: &'static str, value: &str) {
        self.push_with(name, |text| text.extend_from_slice(value.as_bytes()));
    }

    /// A parameter of the flow whose value is written by `value`: ASCII, encoded where that is needed.
    pub(super) fn push_with(&mut self, name: &'static str, value: impl FnOnce(&mut Vec<u8>)) {
        self.separate();
        self.text.extend_from_slice(name.as_bytes());
        self.text.push(b'=');
        value(&mut self.text);
    }

    fn separate(&mut self) {
        if !self.text.is_empty() {
            self.text.push(self.separator);
        }
        self.separator = b'&';
    }

    pub(super) fn finish(self) -> String {
        String::from_utf8(self.text).expect("texts were written, and ASCII between them")
    }
}

/// The parameters of a redirect, decoded once and each of them there once.
pub(super) struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    /// Reads the query of a redirect.
    ///
    /// Refuses what two readers could read differently, whatever its name: bytes that are no UTF-8, a `%` without two digits, NUL.
    pub(super) fn parse(query: &'a str) -> Result<Self, CallbackError> {
        let mut parameters = Vec::with_capacity(USUAL);
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let pair = decode(name).zip(decode(value));
            parameters.push(pair.ok_or(CallbackError::Malformed)?);
        }
        // Sorted, so that a long query of an attacker costs no quadratic time.
        parameters.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        if parameters.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(CallbackError::Repeated);
        }
        Ok(Self(parameters))
    }

    /// All of them, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value of a parameter; an empty one counts as absent (quirk 42).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        self.0
            .get(at)
            .map(|(_, value)| &**value)
            .filter(|value| !value.is_empty())
    }
}

/// Undoes the form encoding once (quirk 35); `None` for what it never gives.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('\0') {
        return None;
    }
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match hex(rest.next()?)? << 4 | hex(rest.next()?)? {
                0 => return None,
                byte => byte,
            },
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    // At most 15, so it fits.
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// `code`, `state`, `iss`, `scope` and what providers add to them.
const USUAL: usize = 8;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn t08_values_decode_once_and_nonsense_is_refused() {
        for (text, decoded) in [
            ("", Some("")),
            ("plain", Some("plain")),
            ("a+b%20c", Some("a b c")),
            ("%2B", Some("+")),
            ("%252F", Some("%2F")),
            ("%c3%A9", Some("\u{e9}")),
            ("\u{e9}", Some("\u{e9}")),
            ("%FF", None),
            ("%C3", None),
            ("%00", None),
            ("a%00b", None),
            ("\0", None),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%+1", None),
            ("%\u{e9}", None),
        ] {
            assert_eq!(decode(text).as_deref(), decoded, "{text:?}");
        }
    }

    #[test]
    fn t08_a_parameter_that_is_there_twice_is_refused_however_it_is_written() {
        for twice in ["a=1&b=2&a=1", "a=1&%61=2", "a&a", "a=&a=", "a+b&a%20b"] {
            assert_eq!(
                Parameters::parse(twice).err(),
                Some(CallbackError::Repeated),
                "{twice}"
            );
        }
        let once = Parameters::parse("&b=2&&a=1=1&c&").unwrap();
        assert_eq!(once.get("a"), Some("1=1"));
        assert_eq!(once.get("b"), Some("2"));
        assert_eq!(once.get("c"), None);
        assert_eq!(once.get(""), None);
    }
}
