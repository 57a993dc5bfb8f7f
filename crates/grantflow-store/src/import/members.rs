//! Properties of a JSON object as Python wrote them: read leniently where that is harmless, and wiped afterwards.

use std::time::Duration;

use grantflow_core::{Endpoint, Scopes, Secret, Timestamp};
use serde_json::{Map, Value};
use zeroize::Zeroize as _;

use super::NotTaken;

/// A value of a file, which may be secret: its texts are cleared on drop.
pub(super) struct Wiped(pub(super) Value);

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The properties of a credential.
#[derive(Clone, Copy)]
pub(super) struct Members<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Members<'a> {
    /// A property; `None` if it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Its text; `None` if it is absent, null or empty.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&'a str>, NotTaken> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(NotTaken::Invalid(name)),
        }
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&'a str, NotTaken> {
        self.text(name)?.ok_or(NotTaken::Missing(name))
    }

    pub(super) fn secret(&self, name: &'static str) -> Result<Option<Secret>, NotTaken> {
        Ok(self.text(name)?.map(Secret::new))
    }

    pub(super) fn flag(&self, name: &'static str) -> Result<bool, NotTaken> {
        match self.get(name) {
            None => Ok(false),
            Some(value) => value.as_bool().ok_or(NotTaken::Invalid(name)),
        }
    }

    /// An address: https, or http on a loopback literal.
    pub(super) fn endpoint(&self, name: &'static str) -> Result<Option<Endpoint>, NotTaken> {
        self.text(name)?
            .map(|address| Endpoint::allow_http_for_loopback(address).map_err(|_| NotTaken::Invalid(name)))
            .transpose()
    }

    /// Scopes as a list, in the order of a Python set, or as one text.
    pub(super) fn scopes(&self, name: &'static str) -> Result<Option<Scopes>, NotTaken> {
        let invalid = NotTaken::Invalid(name);
        let scopes = match self.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => Scopes::parse(text),
            Some(Value::Array(names)) => {
                let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
                Scopes::try_from(names.ok_or(invalid)?)
            }
            Some(_) => return Err(invalid),
        };
        scopes.map(Some).map_err(|_| invalid)
    }

    /// A time in UTC, with or without fractions, `Z` or neither: `datetime.isoformat()` writes none.
    pub(super) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, NotTaken> {
        self.text(name)?
            .map(|text| {
                let time = text.parse().or_else(|_| format!("{text}Z").parse());
                time.map_err(|_| NotTaken::Invalid(name))
            })
            .transpose()
    }

    /// A number of seconds, as a number or as text; `None` for anything else, since nothing depends on it.
    pub(super) fn seconds(&self, name: &str) -> Option<Duration> {
        let seconds = match self.get(name)? {
            Value::String(text) => text.parse().ok()?,
            other => other.as_f64()?,
        };
        Duration::try_from_secs_f64(seconds).ok()
    }
}
