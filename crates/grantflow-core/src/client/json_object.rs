//! The members of a JSON object in a file, none of them twice ([RFC 8259 section 4](https://www.rfc-editor.org/rfc/rfc8259#section-4)).
//!
//! Values stay text until they are asked for, so that an error names the property.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::error::ClientSecretsProblem;

/// The members in the order they came.
pub(super) struct JsonObject<'a>(Vec<(String, &'a RawValue)>);

impl<'a> JsonObject<'a> {
    /// Reads an object; `None` for JSON of another kind.
    pub(super) fn parse(json: &'a str) -> Result<Option<Self>, ClientSecretsProblem> {
        let object: Self = match serde_json::from_str(json) {
            Ok(object) => object,
            // What serde_json says holds the values it met; only the place is kept.
            Err(error) if error.classify() == Category::Data => return Ok(None),
            Err(error) => {
                return Err(ClientSecretsProblem::NotJson {
                    line: error.line(),
                    // 0 for the end of an empty text.
                    column: error.column().max(1),
                });
            }
        };
        let mut names: Vec<&str> = object.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(ClientSecretsProblem::Repeated(beginning(pair[0]))),
            None => Ok(Some(object)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The value of a member; `None` if it is absent or null.
    pub(super) fn get<T: Deserialize<'a>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, ClientSecretsProblem> {
        let Some((_, value)) = self.iter().find(|(known, _)| *known == name) else {
            return Ok(None);
        };
        serde_json::from_str(value.get()).map_err(|_| ClientSecretsProblem::Invalid(name))
    }
}

/// Enough of a name for a message: a file of another kind may have anything there.
pub(super) fn beginning(name: &str) -> String {
    name.chars().take(40).collect()
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = JsonObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(JsonObject(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}
