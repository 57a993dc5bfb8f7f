//! A JSON object, written member by member.

use zeroize::Zeroizing;

use crate::extras::{Extras, quote};
use crate::{Secret, Timestamp};

/// An object whose end is not written yet.
pub(super) struct Object(Zeroizing<String>);

impl Object {
    /// Nothing that is written is copied until it takes more bytes than these.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut json = String::with_capacity(bytes);
        json.push('{');
        Self(Zeroizing::new(json))
    }

    /// Begins an object within.
    pub(super) fn open(&mut self, name: &str) {
        self.json(name, "{");
    }

    /// Ends it.
    pub(super) fn close(&mut self) {
        self.0.push('}');
    }

    /// A member whose value is JSON already.
    pub(super) fn json(&mut self, name: &str, value: &str) {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        quote(name, &mut self.0);
        self.0.push(':');
        self.0.push_str(value);
    }

    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.json(name, &number.to_string());
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.json(name, "");
        quote(text, &mut self.0);
    }

    /// A text, unless it is empty.
    pub(super) fn filled(&mut self, name: &str, text: &str) {
        self.optional(name, Some(text).filter(|text| !text.is_empty()));
    }

    pub(super) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    pub(super) fn secret(&mut self, name: &str, secret: Option<&Secret>) {
        self.optional(name, secret.map(Secret::expose));
    }

    pub(super) fn time(&mut self, name: &str, time: Option<Timestamp>) {
        self.optional(name, time.map(|time| time.to_string()).as_deref());
    }

    pub(super) fn texts<'a>(&mut self, name: &str, texts: impl Iterator<Item = &'a str>) {
        self.json(name, "[");
        for (i, text) in texts.enumerate() {
            if i > 0 {
                self.0.push(',');
            }
            quote(text, &mut self.0);
        }
        self.0.push(']');
    }

    /// Members that were kept as they came.
    pub(super) fn members(&mut self, members: &Extras) {
        for (name, value) in members.members() {
            self.json(&name, value.get());
        }
    }

    /// The whole object.
    pub(super) fn end(mut self) -> Secret {
        self.close();
        Secret::new(std::mem::take(&mut *self.0))
    }
}
