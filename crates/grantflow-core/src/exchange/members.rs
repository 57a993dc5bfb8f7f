//! The members of a JSON object as they came, none of them twice ([RFC 6749 section 5.1], [RFC 8259 section 4]).
//!
//! A map of serde takes a repeated member silently, and two readers of one reply then see two different tokens.
//! Values stay text until somebody asks for them, so that a wrong type is an error of one member and not of the reply.
//!
//! [RFC 6749 section 5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1
//! [RFC 8259 section 4]: https://www.rfc-editor.org/rfc/rfc8259#section-4

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::ReplyProblem;

/// The members of an object in the order they came; they borrow from the reply.
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads the body of a reply; JSON that is no object has no members.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ReplyProblem> {
        // RFC 8259 section 8.1: parsers "MAY ignore the presence of a byte order mark".
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let text = std::str::from_utf8(body).map_err(|error| not_utf8(body, error.valid_up_to()))?;
        if !text.trim_start_matches(WHITESPACE).starts_with('{') {
            let _: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
            return Ok(Self(Vec::new()));
        }
        Self::object(text, 1)
    }

    fn object(text: &'a str, depth: usize) -> Result<Self, ReplyProblem> {
        let members: Self = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        if members.repeats() {
            return Err(ReplyProblem::Repeated);
        }
        for (_, value) in &members.0 {
            sound(value, depth + 1)?;
        }
        Ok(members)
    }

    /// The value of a member; `None` for `null` too (quirk 19).
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        (value.get() != "null").then_some(*value)
    }

    /// The text of a member; `None` if it is not there, null or empty (quirk 10).
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<Cow<'a, str>>, ReplyProblem> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let text = text(value).ok_or(ReplyProblem::Invalid(name))?;
        Ok((!text.is_empty()).then_some(text))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    fn repeats(&self) -> bool {
        let names = || self.0.iter().map(|(name, _)| name);
        if self.0.len() <= FEW {
            return names()
                .enumerate()
                .any(|(i, name)| names().take(i).any(|before| before == name));
        }
        let mut sorted: Vec<_> = names().collect();
        sorted.sort_unstable();
        sorted.windows(2).any(|pair| pair.first() == pair.last())
    }
}

/// The text of a value that is a string: borrowed, unless it has escapes.
pub(crate) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = value.get();
    let plain = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if plain.as_bytes().contains(&b'\\') {
        // An escape may name half a character: then it is no text.
        return serde_json::from_str(quoted).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(plain))
}

/// The texts of a value that is an array of strings.
pub(crate) fn texts(value: &RawValue) -> Option<Vec<Cow<'_, str>>> {
    let values: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    values.into_iter().map(text).collect()
}

/// Whether no object within repeats a member and none is nested too deep.
fn sound(value: &RawValue, depth: usize) -> Result<(), ReplyProblem> {
    let json = value.get();
    if !json.starts_with(['{', '[']) {
        return Ok(());
    }
    if depth > DEPTH {
        return Err(ReplyProblem::Repeated);
    }
    if json.starts_with('{') {
        return Members::object(json, depth).map(drop);
    }
    let values: Vec<&RawValue> = serde_json::from_str(json).map_err(|error| not_json(&error))?;
    values.into_iter().try_for_each(|value| sound(value, depth + 1))
}

/// What serde_json says holds the values it met; only the place is kept.
fn not_json(error: &serde_json::Error) -> ReplyProblem {
    place(error.line(), error.column())
}

fn not_utf8(body: &[u8], at: usize) -> ReplyProblem {
    let before = body.get(..at).unwrap_or_default();
    let lines = before.split(|byte| *byte == b'\n');
    let column = before.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
    place(lines.count(), column + 1)
}

fn place(line: usize, column: usize) -> ReplyProblem {
    let narrow = |number| u32::try_from(number).unwrap_or(u32::MAX);
    ReplyProblem::NotJson {
        line: narrow(line),
        column: narrow(column),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(USUAL);
                while let Some(Name(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A member's name: borrowed, unless it has escapes. A `Cow` of serde would always be owned here.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// JSON's own four, RFC 8259 section 2.
const WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];
/// More nesting than this is no reply of any protocol here, and an attack on readers that recurse.
const DEPTH: usize = 32;
/// A usual reply is read without growing the list.
const USUAL: usize = 12;
/// Up to so many names are compared with each other; more are sorted, so that no reply costs quadratic time.
const FEW: usize = 16;
