//! The members of a JSON object as they came, none of them twice ([RFC 6749 section 5.1], [RFC 8259 section 4]).
//!
//! A map of serde takes a repeated member silently, and two readers of one reply then see two different tokens.
//! All values but a few stay as they came until somebody asks for them, so that a wrong type is an error of one member
//! and not of the reply.
//!
//! [RFC 6749 section 5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1
//! [RFC 8259 section 4]: https://www.rfc-editor.org/rfc/rfc8259#section-4

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::Scopes;
use crate::error::ReplyProblem;

/// The members of an object, none of them twice; they borrow from the reply.
///
/// Those of a token reply have places of their own, so that a usual one is read once and without a list.
#[derive(Default)]
pub(crate) struct Members<'a> {
    pub(crate) access_token: Text<'a>,
    pub(crate) token_type: Text<'a>,
    pub(crate) refresh_token: Text<'a>,
    pub(crate) id_token: Text<'a>,
    expires_in: Member<'a>,
    scope: Member<'a>,
    error: Member<'a>,
    others: Vec<(Cow<'a, str>, &'a RawValue)>,
    repeated: bool,
}

/// The value of a member, `None` where it is absent.
pub(crate) type Member<'a> = Option<&'a RawValue>;

/// The value of a member that is a text if it is anything.
#[derive(Default)]
pub(crate) enum Text<'a> {
    #[default]
    Absent,
    Null,
    Is(Cow<'a, str>),
    /// A number, a list, or what else is no text.
    Other,
}

impl<'a> Members<'a> {
    /// Reads the body of a reply; JSON that is no object has no members.
    pub(crate) fn read(&mut self, body: &'a [u8]) -> Result<(), ReplyProblem> {
        // RFC 8259 section 8.1: parsers "MAY ignore the presence of a byte order mark".
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let text = std::str::from_utf8(body).map_err(|error| not_utf8(body, error.valid_up_to()))?;
        if text.trim_start_matches(WHITESPACE).starts_with('{') {
            return self.object(text, 1);
        }
        let _: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        Ok(())
    }

    /// Reads an object of any kind, in which no member has a place of its own but those of a nested one.
    pub(super) fn nested(json: &'a [u8]) -> Result<Self, ReplyProblem> {
        let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
        let text = std::str::from_utf8(json).map_err(|error| not_utf8(json, error.valid_up_to()))?;
        let mut members = Self::default();
        members.object(text, 2)?;
        Ok(members)
    }

    /// A member of a [`nested`](Self::nested) object; `None` for null too.
    pub(super) fn any(&self, name: &str) -> Member<'a> {
        match name {
            "expires_in" => self.expires_in(),
            "scope" => self.scope(),
            "error" => self.error(),
            name => self.other(name),
        }
    }

    /// Whether a [`nested`](Self::nested) object has a member, null or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all().any(|(known, _)| known == name)
    }

    /// All members of a [`nested`](Self::nested) object.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        let placed = [
            ("expires_in", self.expires_in),
            ("scope", self.scope),
            ("error", self.error),
        ];
        let placed = placed
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        self.others().chain(placed)
    }

    fn object(&mut self, text: &'a str, depth: usize) -> Result<(), ReplyProblem> {
        let mut json = serde_json::Deserializer::from_str(text);
        let object = Object { members: self, depth };
        let read = object.deserialize(&mut json).and_then(|()| json.end());
        read.map_err(|error| not_json(&error))?;
        if self.repeated || self.others_repeat() {
            return Err(ReplyProblem::Repeated);
        }
        for value in [self.expires_in, self.scope, self.error].into_iter().flatten() {
            sound(value, depth + 1)?;
        }
        for (_, value) in &self.others {
            sound(value, depth + 1)?;
        }
        Ok(())
    }

    pub(crate) fn expires_in(&self) -> Member<'a> {
        present(self.expires_in)
    }

    pub(crate) fn scope(&self) -> Member<'a> {
        present(self.scope)
    }

    pub(crate) fn error(&self) -> Member<'a> {
        present(self.error)
    }

    /// A member without a place of its own; `None` for null too (quirk 19).
    pub(crate) fn other(&self, name: &str) -> Member<'a> {
        let mut others = self.others.iter();
        present(others.find(|(known, _)| known == name).map(|(_, value)| *value))
    }

    /// The members without places of their own, in the order they came.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.others.iter().map(|(name, value)| (&**name, *value))
    }

    fn others_repeat(&self) -> bool {
        let names = || self.others.iter().map(|(name, _)| &**name);
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

impl<'a> Text<'a> {
    /// The text of the member called `name`; `None` if it is absent, null or empty (quirks 10 and 19).
    pub(crate) fn get(self, name: &'static str) -> Result<Option<Cow<'a, str>>, ReplyProblem> {
        match self {
            Self::Absent | Self::Null => Ok(None),
            Self::Is(text) => Ok((!text.is_empty()).then_some(text)),
            Self::Other => Err(ReplyProblem::Invalid(name)),
        }
    }
}

/// The same for a member that is kept as it came.
pub(crate) fn text<'a>(member: Member<'a>, name: &'static str) -> Result<Option<Cow<'a, str>>, ReplyProblem> {
    let Some(value) = member else { return Ok(None) };
    let text = as_text(value).ok_or(ReplyProblem::Invalid(name))?;
    Ok((!text.is_empty()).then_some(text))
}

fn present(member: Member<'_>) -> Member<'_> {
    member.filter(|value| value.get() != "null")
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

/// A list of names; what is none is passed over, where nothing depends on it but convenience.
pub(super) fn texts(member: Member<'_>) -> Option<Vec<String>> {
    let texts = as_texts(member?)?;
    Some(texts.into_iter().map(Cow::into_owned).collect())
}

/// A list of scopes, without names that no scope may have.
pub(super) fn scopes(member: Member<'_>) -> Option<Scopes> {
    let list = member.filter(|list| list.get().len() <= LONGEST_SCOPES)?;
    let names = as_texts(list)?.into_iter();
    let sound = names.filter(|name| Scopes::parse(name).is_ok_and(|scopes| scopes.len() == 1));
    Scopes::try_from(sound.collect::<Vec<_>>()).ok()
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
        return Members::default().object(json, depth);
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

/// Puts the members of an object where they belong; those of a nested one are all without places.
struct Object<'m, 'a> {
    members: &'m mut Members<'a>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Object<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { members, depth } = self;
        while let Some(Name(name)) = map.next_key()? {
            let text = match &*name {
                _ if depth > 1 => None,
                "access_token" => Some(&mut members.access_token),
                "token_type" => Some(&mut members.token_type),
                "refresh_token" => Some(&mut members.refresh_token),
                "id_token" => Some(&mut members.id_token),
                _ => None,
            };
            if let Some(text) = text {
                members.repeated |= !matches!(text, Text::Absent);
                *text = map.next_value()?;
                continue;
            }
            let value = map.next_value()?;
            let member = match &*name {
                "expires_in" => Some(&mut members.expires_in),
                "scope" => Some(&mut members.scope),
                "error" => Some(&mut members.error),
                _ => None,
            };
            match member {
                Some(member) => members.repeated |= member.replace(value).is_some(),
                None => members.others.push((name, value)),
            }
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text::Is(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text::Is(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text::Null)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Text::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Text::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Text::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Text::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text::Other)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// A member's name: borrowed, unless it has escapes. A `Cow` of serde would always be owned here.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Key;

        impl<'de> Visitor<'de> for Key {
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

        deserializer.deserialize_str(Key)
    }
}

/// More than any server lists, and little enough to compare each name with each other.
const LONGEST_SCOPES: usize = 32 << 10;
/// JSON's own four, RFC 8259 section 2.
const WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];
/// More nesting than this is no reply of any protocol here, and an attack on readers that recurse.
const DEPTH: usize = 32;
/// Up to so many names are compared with each other; more are sorted, so that no reply costs quadratic time.
const FEW: usize = 16;
