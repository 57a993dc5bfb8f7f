//! What the caller gave and cannot be used: a value, or a `client_secrets.json`.

use std::fmt;
use std::path::PathBuf;

use super::Error;
use crate::LoadError;

/// A value that cannot be used; the message names what it was for, never the value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvalidInput {
    what: &'static str,
    problem: &'static str,
}

impl InvalidInput {
    /// `what` is the thing ("scope"), `problem` completes the sentence ("has a space").
    #[must_use]
    pub const fn new(what: &'static str, problem: &'static str) -> Self {
        Self { what, problem }
    }

    /// What the value was for.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        self.what
    }
}

impl fmt::Display for InvalidInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid {}: it {}", self.what, self.problem)
    }
}

impl std::error::Error for InvalidInput {}

/// A `client_secrets.json` that cannot be used; the message names a property or a place, never a value.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvalidClientSecrets {
    problem: ClientSecretsProblem,
}

impl InvalidClientSecrets {
    /// What is wrong with it.
    #[must_use]
    pub const fn problem(&self) -> &ClientSecretsProblem {
        &self.problem
    }
}

/// What is wrong with a `client_secrets.json`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientSecretsProblem {
    /// It is not JSON; where the first error stands.
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It is not an object with a single member, which holds the client.
    NotOneClient,
    /// Its single member is neither `web` nor `installed`; the beginning of its name.
    UnknownClientType(String),
    /// It lacks a property, or holds `null` or the empty string there.
    Missing {
        /// The property.
        property: &'static str,
        /// `web` or `installed`.
        client_type: &'static str,
    },
    /// A property still holds the placeholder of the template (`[[INSERT … HERE]]`).
    NotConfigured(&'static str),
    /// A property has a value of the wrong type, or one that cannot be an address.
    Invalid(&'static str),
    /// A property is there twice; the beginning of its name.
    Repeated(String),
    /// The file cannot be read.
    Unreadable {
        /// Where it was looked for.
        path: PathBuf,
        /// Why there is nothing to read.
        why: LoadError,
    },
}

impl fmt::Display for InvalidClientSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid client secrets: ")?;
        match &self.problem {
            ClientSecretsProblem::NotJson { line, column } => {
                write!(f, "not JSON at line {line}, column {column}")
            }
            ClientSecretsProblem::NotOneClient => {
                f.write_str("expected an object with the single member \"web\" or \"installed\"")
            }
            ClientSecretsProblem::UnknownClientType(name) => write!(f, "unknown client type {name:?}"),
            ClientSecretsProblem::Missing {
                property,
                client_type,
            } => {
                write!(
                    f,
                    "missing property {property:?} in a client of type {client_type:?}"
                )
            }
            ClientSecretsProblem::NotConfigured(property) => {
                write!(f, "property {property:?} is not configured")
            }
            ClientSecretsProblem::Invalid(property) => {
                write!(f, "property {property:?} has a value that cannot be used")
            }
            ClientSecretsProblem::Repeated(property) => write!(f, "property {property:?} is there twice"),
            ClientSecretsProblem::Unreadable { path, why } => {
                write!(f, "{}: {why}", path.display())
            }
        }
    }
}

impl std::error::Error for InvalidClientSecrets {}

impl From<ClientSecretsProblem> for Error {
    fn from(problem: ClientSecretsProblem) -> Self {
        InvalidClientSecrets { problem }.into()
    }
}
