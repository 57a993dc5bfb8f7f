//! Why a file, or one credential in it, was not taken; no message has a value of the file.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grantflow_core::StoreError;

/// A file of another library that cannot be read, or cannot be written.
#[derive(Clone, Debug)]
pub struct ForeignFileError {
    problem: Problem,
    path: Option<PathBuf>,
}

/// What is wrong with a file of another library.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The operating system refused; see the source.
    Io(Arc<std::io::Error>),
    /// It is a directory, a pipe, or something else that is no file.
    NotAFile,
    /// It is a symbolic link, which oauth2client does not read either.
    SymbolicLink,
    /// It is longer than so many bytes.
    TooLong(u64),
    /// It has no text.
    Empty,
    /// It is not JSON; where the first error stands.
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It is a pickled Python object. To load one is to run it, so it is never loaded: write it as JSON, in Python.
    Pickle,
    /// It was written by a later version of its library, of this format version.
    Newer(u64),
    /// A property of the file has a value that cannot be used.
    Invalid(&'static str),
    /// It is a `client_secrets.json`: a client, and no credentials.
    ClientSecrets,
    /// It is a file of Grantflow already.
    Ours,
    /// It is JSON, and of no known format.
    Unrecognised,
    /// The lock that the Python library takes could not be had.
    Lock(StoreError),
    /// There is a file already, and nobody said that it may be replaced.
    Exists,
    /// The format has room for one credential, and there is another number of them.
    NotOne(usize),
    /// Two credentials would have this name in the file.
    SameName(String),
    /// The credentials under this name are being revoked, and nobody is to use them.
    Revoked(String),
    /// The format cannot hold what the credentials under this name are.
    Unwritable {
        /// The name in the file.
        name: String,
        /// What the format needs and they have not.
        lacks: &'static str,
    },
}

/// Why one credential of a file was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NotTaken {
    /// A service account, which has a key in place of a refresh token: Grantflow cannot use it yet.
    ServiceAccount,
    /// Credentials that the machine gives (Compute Engine, App Engine, Cloud Shell): nothing of them is in the file.
    OfTheMachine,
    /// An external account, which trades a token of another system for one of Google: Grantflow cannot use it yet.
    ExternalAccount,
    /// An impersonated service account: Grantflow cannot use it yet.
    Impersonated,
    /// The class is none that is known; it is never looked up in Python's way, by importing it.
    UnknownClass,
    /// It is no JSON object.
    NotAnObject,
    /// It is not base64.
    NotBase64,
    /// It lacks a property, or has `null` or the empty string there.
    Missing(&'static str),
    /// A property has a value that cannot be used.
    Invalid(&'static str),
}

impl ForeignFileError {
    pub(super) const fn new(problem: Problem) -> Self {
        Self { problem, path: None }
    }

    pub(super) fn at(mut self, path: &Path) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// What is wrong.
    #[must_use]
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Which file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl From<Problem> for ForeignFileError {
    fn from(problem: Problem) -> Self {
        Self::new(problem)
    }
}

impl From<std::io::Error> for ForeignFileError {
    fn from(error: std::io::Error) -> Self {
        Self::new(Problem::Io(Arc::new(error)))
    }
}

impl From<StoreError> for ForeignFileError {
    fn from(error: StoreError) -> Self {
        Self::new(Problem::Lock(error))
    }
}

impl fmt::Display for ForeignFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        match &self.problem {
            Problem::Io(_) => f.write_str("the system refused"),
            Problem::NotAFile => f.write_str("it is not a regular file"),
            Problem::SymbolicLink => f.write_str("it is a symbolic link; name the file itself"),
            Problem::TooLong(limit) => write!(f, "it is longer than {limit} bytes"),
            Problem::Empty => f.write_str("it is empty"),
            Problem::NotJson { line, column } => write!(f, "not JSON at line {line}, column {column}"),
            Problem::Pickle => f.write_str(
                "it is a pickled Python object, which is never loaded: write it as JSON in Python",
            ),
            Problem::Newer(version) => write!(f, "its format version {version} is not known"),
            Problem::Invalid(property) => write!(f, "property {property:?} has a value that cannot be used"),
            Problem::ClientSecrets => {
                f.write_str("it is a client_secrets.json: a client, and no credentials")
            }
            Problem::Ours => f.write_str("it is a file of Grantflow already"),
            Problem::Unrecognised => f.write_str("it is of no format that is known here"),
            Problem::Lock(error) => error.fmt(f),
            Problem::Exists => f.write_str("there is a file already"),
            Problem::NotOne(count) => write!(f, "the format holds one credential, and there are {count}"),
            Problem::SameName(name) => write!(f, "two credentials would have the name {name:?} there"),
            Problem::Revoked(name) => write!(f, "the credentials {name:?} are being revoked"),
            Problem::Unwritable { name, lacks } => {
                write!(
                    f,
                    "the format needs {lacks}, which the credentials {name:?} do not have"
                )
            }
        }
    }
}

impl Error for ForeignFileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            Problem::Io(error) => Some(&**error),
            // It prints itself through this error; what lies below it is its source.
            Problem::Lock(error) => error.source(),
            _ => None,
        }
    }
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceAccount => {
                f.write_str("a service account is no record: its private key stays in the file")
            }
            Self::OfTheMachine => f.write_str("credentials of the machine itself have nothing to take"),
            Self::ExternalAccount => f.write_str("an external account cannot be used yet"),
            Self::Impersonated => f.write_str("an impersonated service account cannot be used yet"),
            Self::UnknownClass => f.write_str("its class is not known"),
            Self::NotAnObject => f.write_str("it is not a JSON object"),
            Self::NotBase64 => f.write_str("it is not base64"),
            Self::Missing(property) => write!(f, "property {property:?} is missing"),
            Self::Invalid(property) => write!(f, "property {property:?} has a value that cannot be used"),
        }
    }
}

impl Error for NotTaken {}
