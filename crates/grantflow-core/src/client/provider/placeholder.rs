//! What may stand in place of a placeholder: nothing that makes another host or path of the address ([RFC 3986 section 3]).
//!
//! [RFC 3986 section 3]: https://www.rfc-editor.org/rfc/rfc3986#section-3

use std::fmt;

use serde::Deserialize;
#[cfg(test)]
use serde::Serialize;

/// A part of a provider's addresses that is to be filled in.
#[derive(Clone, Copy, Debug)]
pub struct Placeholder {
    name: &'static str,
    wanted: &'static Wanted,
}

impl Placeholder {
    pub(super) fn of((name, wanted): (&'static String, &'static Wanted)) -> Self {
        Self { name, wanted }
    }

    /// Its name, as [`Provider::with`](super::Provider::with) takes it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What belongs there.
    #[must_use]
    pub fn about(&self) -> &'static str {
        &self.wanted.about
    }

    /// What stands there if nothing else is said; without a default something has to be.
    #[must_use]
    pub fn default_value(&self) -> Option<&'static str> {
        self.wanted.default.as_deref()
    }
}

/// What a placeholder is for.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
pub(super) struct Wanted {
    pub(super) about: String,
    #[serde(flatten)]
    pub(super) kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) default: Option<String>,
}

/// Which values a placeholder takes.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(untagged)]
pub(super) enum Kind {
    /// One of these: where any other would be another's host.
    OneOf { one_of: Vec<String> },
    /// Anything of a form.
    Form { kind: Form },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    /// A whole host, with a port or without.
    Host,
    /// One label of a host, between dots.
    Label,
    /// One segment of a path, between slashes.
    Segment,
}

impl Kind {
    /// The value as it stands in an address; `None` for one that would change what is around it.
    pub(super) fn checked(&self, value: &str) -> Option<String> {
        match self {
            Self::OneOf { one_of } => one_of.iter().find(|known| *known == value).cloned(),
            Self::Form { kind: Form::Host } => is_host(value).then(|| value.to_ascii_lowercase()),
            Self::Form { kind: Form::Label } => is_label(value).then(|| value.to_ascii_lowercase()),
            Self::Form { kind: Form::Segment } => is_segment(value).then(|| value.to_owned()),
        }
    }
}

fn is_host(value: &str) -> bool {
    let (name, port) = match value.split_once(':') {
        Some((name, port)) => (name, port.parse::<u16>().is_ok()),
        None => (value, true),
    };
    port && name.len() <= 253 && name.split('.').all(is_label)
}

fn is_label(value: &str) -> bool {
    let of_a_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&value.len())
        && value.bytes().all(of_a_label)
        && !value.starts_with('-')
        && !value.ends_with('-')
}

/// RFC 3986 section 2.3: characters that mean themselves; and no segment that means another one.
fn is_segment(value: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (1..=255).contains(&value.len())
        && value.bytes().all(unreserved)
        && !value.bytes().all(|byte| byte == b'.')
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneOf { one_of } => f.write_str(&one_of.join(", ")),
            Self::Form { kind: Form::Host } => {
                f.write_str("a host such as example.com, with a port or without")
            }
            Self::Form { kind: Form::Label } => {
                f.write_str("one label of a host: letters, digits and hyphens")
            }
            Self::Form { kind: Form::Segment } => {
                f.write_str("one segment of a path: letters, digits, and any of - . _ ~")
            }
        }
    }
}
