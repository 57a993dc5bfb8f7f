//! Members of a reply that the protocol does not know and callers need (quirk 20): kept as they came.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use zeroize::Zeroize;

use crate::Error;
use crate::error::InvalidInput;

/// Further members of a token reply, such as Salesforce's `instance_url`; `Debug` prints their names only.
#[derive(Clone, Default)]
pub struct Extras(String);

impl Extras {
    /// Reads one member; `None` if it is not there or not of this type.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let value = self.members().into_iter().find(|(known, _)| known == name)?.1;
        serde_json::from_str(value.get()).ok()
    }

    /// The names of the members.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.members().into_iter().map(|(name, _)| name).collect()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With this member, in place of one of the same name: for a grant that comes from elsewhere than a reply.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the value cannot be written as JSON.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_core::Extras;
    ///
    /// let extras = Extras::default().with("instance_url", "https://eu.example.com")?;
    /// assert_eq!(extras.get::<String>("instance_url").as_deref(), Some("https://eu.example.com"));
    /// # Ok::<(), grantflow_core::Error>(())
    /// ```
    pub fn with(self, name: &str, value: impl Serialize) -> Result<Self, Error> {
        let value = serde_json::value::to_raw_value(&value)
            .map_err(|_| InvalidInput::new("extra member", "cannot be written as JSON"))?;
        let mut extras = Self::default();
        for (known, old) in self.members().iter().filter(|(known, _)| known != name) {
            extras.push(known, old);
        }
        extras.push(name, &value);
        Ok(extras)
    }

    /// These, and those of `older` that are not among them.
    pub(crate) fn or(mut self, older: &Self) -> Self {
        let names = self.names();
        for (name, value) in older.members() {
            if !names.contains(&name) {
                self.push(&name, value);
            }
        }
        self
    }

    /// Adds a member; the text of its value has been read as JSON before.
    pub(crate) fn push(&mut self, name: &str, value: &RawValue) {
        // A string always serializes; the value is JSON already.
        let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        let escaped = (!name.bytes().all(plain)).then(|| serde_json::to_string(name).unwrap_or_default());
        let pieces = match &escaped {
            Some(name) => ["", name, ""],
            None => ["\"", name, "\""],
        };
        self.0.reserve(name.len() + value.get().len() + 4);
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        pieces.iter().for_each(|piece| self.0.push_str(piece));
        self.0.push(':');
        self.0.push_str(value.get());
    }

    /// Writes the members behind others of an object that is still open.
    pub(crate) fn write_after(&self, json: &mut String) {
        // Kept open at its end while members are added.
        if let Some(members) = self.0.strip_prefix('{') {
            json.push(',');
            json.push_str(members);
        }
    }

    pub(crate) fn to_map(&self) -> Map<String, Value> {
        let read = |value: &RawValue| serde_json::from_str(value.get()).unwrap_or_default();
        let mut map = Map::new();
        // One by one: to collect them would sort them first.
        for (name, value) in self.members() {
            map.insert(name, read(value));
        }
        map
    }

    pub(crate) fn from_map(members: &Map<String, Value>) -> Self {
        let mut extras = Self::default();
        for (name, value) in members {
            if let Ok(value) = serde_json::value::to_raw_value(value) {
                extras.push(name, &value);
            }
        }
        extras
    }

    /// The members in the order they came.
    fn members(&self) -> Vec<(String, &RawValue)> {
        // Kept open at its end while members are added.
        let mut rest = self.0.strip_prefix('{').unwrap_or_default();
        let mut members = Vec::new();
        while !rest.is_empty() {
            let mut name = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let Some(Ok(name_read)) = name.next() else { break };
            let after = rest.get(name.byte_offset() + 1..).unwrap_or_default();
            let mut value = serde_json::Deserializer::from_str(after).into_iter::<&RawValue>();
            let Some(Ok(value_read)) = value.next() else { break };
            members.push((name_read, value_read));
            rest = after
                .get(value.byte_offset()..)
                .unwrap_or_default()
                .strip_prefix(',')
                .unwrap_or_default();
        }
        members
    }
}

impl fmt::Debug for Extras {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl Drop for Extras {
    fn drop(&mut self) {
        // To clear no bytes at all takes some processors longer than to clear a few hundred.
        if self.0.capacity() > 0 {
            // Emptied first, all of it is spare capacity, which is cleared many bytes at a time.
            self.0.clear();
            self.0.zeroize();
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn q20_members_read_back_by_name_and_type() {
        let mut extras = Extras::default();
        for (name, value) in [
            ("instance_url", "\"https://x\""),
            ("a\"b", "[1, 2]"),
            ("n", "{\"m\":{}}"),
            ("last", "7"),
        ] {
            let value: &RawValue = serde_json::from_str(value).expect("JSON");
            extras.push(name, value);
        }
        assert_eq!(extras.names(), ["instance_url", "a\"b", "n", "last"]);
        assert_eq!(extras.get::<String>("instance_url").as_deref(), Some("https://x"));
        assert_eq!(extras.get::<Vec<u8>>("a\"b"), Some(vec![1, 2]));
        assert_eq!(extras.get::<u8>("last"), Some(7));
        assert_eq!(extras.get::<String>("absent"), None);
        assert_eq!(format!("{extras:?}"), r#"{"instance_url", "a\"b", "n", "last"}"#);
    }

    #[test]
    fn a_member_is_replaced_and_one_that_came_again_wins() {
        let old = Extras::default().with("a", 1).unwrap().with("b", "x").unwrap();
        let old = old.with("a", 2).unwrap();
        assert_eq!(old.names(), ["b", "a"]);
        let new = Extras::default().with("b", "y").unwrap().or(&old);
        assert_eq!(
            (new.get::<String>("b").as_deref(), new.get("a")),
            (Some("y"), Some(2))
        );
        assert_eq!(new.names(), ["b", "a"]);
    }
}
