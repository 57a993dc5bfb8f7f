//! JSON objects: members written in the order given, and read with none of them twice ([RFC 7519 section 4], [RFC 7515 section 4]).
//!
//! [RFC 7519 section 4]: https://www.rfc-editor.org/rfc/rfc7519#section-4
//! [RFC 7515 section 4]: https://www.rfc-editor.org/rfc/rfc7515#section-4

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;

/// Room for the claims of an assertion, or for a header.
const ROOM: usize = 256;

/// The text of an object that is being written, member after member.
#[derive(Clone)]
pub(crate) struct Members {
    text: String,
    names: Vec<String>,
}

impl Members {
    /// Takes the pieces of a text that this crate wrote.
    pub(crate) fn written(text: &[&str], names: &[&str]) -> Self {
        let mut room = String::with_capacity(ROOM);
        room.extend(text.iter().copied());
        Self {
            text: room,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// Takes text as it is, white space and all.
    pub(crate) fn from_json(text: &str, what: &'static str) -> Result<Self, Error> {
        let problem = "is not a JSON object whose members are all different";
        let object = object(text.as_bytes()).ok_or(Error::input(what, problem))?;
        Ok(Self {
            text: text.to_owned(),
            names: object.keys().cloned().collect(),
        })
    }

    /// Appends a member.
    pub(crate) fn with(
        mut self,
        name: &str,
        value: &impl Serialize,
        what: &'static str,
    ) -> Result<Self, Error> {
        if self.names.iter().any(|known| known == name) {
            return Err(Error::input(what, "would have a member twice"));
        }
        let not_json = Error::input(what, "would have a value that JSON cannot write");
        let mut text = self.text.into_bytes();
        let brace = text.iter().rposition(|byte| *byte == b'}').unwrap_or_default();
        let rest = text.len().saturating_sub(brace);
        // Written behind the brace and then brought before it, which takes no other buffer.
        if !self.names.is_empty() {
            text.push(b',');
        }
        let written = serde_json::to_writer(&mut text, name).and_then(|()| {
            text.push(b':');
            serde_json::to_writer(&mut text, value)
        });
        if let Some(moved) = text.get_mut(brace..) {
            moved.rotate_left(rest);
        }
        match (written, String::from_utf8(text)) {
            (Ok(()), Ok(text)) => self.text = text,
            _ => return Err(not_json),
        }
        self.names.push(name.to_owned());
        Ok(self)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// The names, and none of the values.
impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.names).finish()
    }
}

/// Reads an object; `None` if it is something else, or if it or an object within it has a member twice.
pub(crate) fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    // Two passes, so that the second is serde_json's own, whatever features others switch on in it.
    let Distinct = serde_json::from_slice(bytes).ok()?;
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// Any value, in which no object has a member twice.
struct Distinct;

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Distinct {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while let Some(Self) = seq.next_element()? {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, Self)) = map.next_entry::<String, Self>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member twice"));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_member_twice_is_refused_at_any_depth() {
        let good = br#"{"a":[1,-1,1.5,null,true,"x",{"a":{}}],"b":{"a":1}}"#;
        let read = Value::Object(object(good).unwrap());
        assert_eq!(read, serde_json::from_slice::<Value>(good).unwrap());
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"a":1}}"#,
            r#"{"x":[{"a":1,"a":1}]}"#,
            "[]",
            "1",
            "",
            "{",
            "{} {}",
            "{\"a\":1e400}",
        ] {
            assert!(object(bad.as_bytes()).is_none(), "{bad}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(object(format!("{{\"a\":{deep}}}").as_bytes()).is_none());
    }

    #[test]
    fn members_stand_in_the_order_given() {
        let members = Members::written(&["{}"], &[]);
        let members = members.with("b", &1, "x").unwrap();
        let members = members.with("a\"", &"}", "x").unwrap();
        let members = members.with("c", &[true], "x").unwrap();
        assert_eq!(members.as_str(), r#"{"b":1,"a\"":"}","c":[true]}"#);
        assert!(members.with("b", &2, "x").is_err());
        let spaced = Members::from_json("{ \"b\" : 1\r\n } ", "x").unwrap();
        let spaced = spaced.with("a", &2, "x").unwrap();
        assert_eq!(spaced.as_str(), "{ \"b\" : 1\r\n ,\"a\":2} ");
        assert!(spaced.with("b", &2, "x").is_err());
    }
}
