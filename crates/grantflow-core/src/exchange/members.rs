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

/// The members of an object, none of them twice; they borrow from the reply.
///
/// Those of a token reply have places of their own, so that a usual one is read without a list.
#[derive(Default)]
pub(crate) struct Members<'a> {
    pub(crate) access_token: Member<'a>,
    pub(crate) token_type: Member<'a>,
    pub(crate) expires_in: Member<'a>,
    pub(crate) refresh_token: Member<'a>,
    pub(crate) scope: Member<'a>,
    pub(crate) id_token: Member<'a>,
    pub(crate) error: Member<'a>,
    pub(crate) error_description: Member<'a>,
    pub(crate) error_uri: Member<'a>,
    others: Vec<(Cow<'a, str>, &'a RawValue)>,
    repeated: bool,
}

/// A member of an object: its value, or `None` where it is absent or null (quirk 19).
pub(crate) type Member<'a> = Option<&'a RawValue>;

impl<'a> Members<'a> {
    /// Reads the body of a reply; JSON that is no object has no members.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ReplyProblem> {
        // RFC 8259 section 8.1: parsers "MAY ignore the presence of a byte order mark".
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let text = std::str::from_utf8(body).map_err(|error| not_utf8(body, error.valid_up_to()))?;
        if !text.trim_start_matches(WHITESPACE).starts_with('{') {
            let _: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
            return Ok(Self::default());
        }
        Self::object(text, 1)
    }

    fn object(text: &'a str, depth: usize) -> Result<Self, ReplyProblem> {
        let mut members: Self = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        if members.repeated || members.others_repeat() {
            return Err(ReplyProblem::Repeated);
        }
        for member in members.known() {
            if let Some(value) = *member {
                sound(value, depth + 1)?;
                *member = present(value);
            }
        }
        for (_, value) in &members.others {
            sound(value, depth + 1)?;
        }
        Ok(members)
    }

    /// A member that no token reply has.
    pub(crate) fn other(&self, name: &str) -> Member<'a> {
        let mut others = self.others.iter();
        let (_, value) = others.find(|(known, _)| known == name)?;
        present(value)
    }

    /// The members that no token reply has, in the order they came.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.others.iter().map(|(name, value)| (&**name, *value))
    }

    fn add(&mut self, name: Cow<'a, str>, value: &'a RawValue) {
        let place = match &*name {
            "access_token" => &mut self.access_token,
            "token_type" => &mut self.token_type,
            "expires_in" => &mut self.expires_in,
            "refresh_token" => &mut self.refresh_token,
            "scope" => &mut self.scope,
            "id_token" => &mut self.id_token,
            "error" => &mut self.error,
            "error_description" => &mut self.error_description,
            "error_uri" => &mut self.error_uri,
            _ => return self.others.push((name, value)),
        };
        self.repeated |= place.replace(value).is_some();
    }

    fn known(&mut self) -> [&mut Member<'a>; 9] {
        [
            &mut self.access_token,
            &mut self.token_type,
            &mut self.expires_in,
            &mut self.refresh_token,
            &mut self.scope,
            &mut self.id_token,
            &mut self.error,
            &mut self.error_description,
            &mut self.error_uri,
        ]
    }

    fn others_repeat(&self) -> bool {
        let names = || self.others.iter().map(|(name, _)| name);
        if self.others.len() <= FEW {
            return names()
                .enumerate()
                .any(|(i, name)| names().take(i).any(|before| before == name));
        }
        let mut sorted: Vec<_> = names().collect();
        sorted.sort_unstable();
        sorted.windows(2).any(|pair| pair.first() == pair.last())
    }
}

/// The text of a member called `name`; `None` if it is not there or empty (quirk 10).
pub(crate) fn text<'a>(member: Member<'a>, name: &'static str) -> Result<Option<Cow<'a, str>>, ReplyProblem> {
    let Some(value) = member else { return Ok(None) };
    let text = as_text(value).ok_or(ReplyProblem::Invalid(name))?;
    Ok((!text.is_empty()).then_some(text))
}

fn present(value: &RawValue) -> Member<'_> {
    (value.get() != "null").then_some(value)
}

/// The text of a value that is a string: borrowed, unless it has escapes.
pub(crate) fn as_text(value: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = value.get();
    let plain = quoted.strip_prefix('"')?.strip_suffix('"')?;
    // Without an early end, so that the compiler takes many bytes at once.
    if plain.bytes().fold(false, |any, byte| any | (byte == b'\\')) {
        // An escape may name half a character: then it is no text.
        return serde_json::from_str(quoted).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(plain))
}

/// The texts of a value that is an array of strings.
pub(crate) fn as_texts(value: &RawValue) -> Option<Vec<Cow<'_, str>>> {
    let values: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    values.into_iter().map(as_text).collect()
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
                let mut members = Members::default();
                while let Some(Name(name)) = map.next_key()? {
                    members.add(name, map.next_value()?);
                }
                Ok(members)
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
/// Up to so many names are compared with each other; more are sorted, so that no reply costs quadratic time.
const FEW: usize = 16;
