//! Why there are no application default credentials ([AIP-4110](https://google.aip.dev/auth/4110)): what each place said.

use std::fmt;
use std::path::PathBuf;

use super::{BadReply, InvalidInput, Outcome, TransportError};
use crate::LoadError;

/// No application default credentials: each place that was asked, and what it answered.
///
/// What is there and cannot be used ends the search: to go on would give the program another identity than the one that was meant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NoDefaultCredentials {
    /// The file that the variable `GOOGLE_APPLICATION_CREDENTIALS` names.
    pub variable: FileTried,
    /// The file that `gcloud auth application-default login` writes.
    pub gcloud: FileTried,
    /// The metadata server of Google's clouds.
    pub metadata: MetadataTried,
}

/// What came of a place that is a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FileTried {
    /// Nothing says where it would be: the variable is not set, or no home directory is known.
    Unnamed,
    /// It could not be loaded.
    NotLoaded {
        /// Where it was looked for.
        path: PathBuf,
        /// Why there is nothing to read.
        why: LoadError,
    },
    /// It was read, and cannot be used.
    Unusable {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        problem: CredentialsFileProblem,
    },
    /// It was not looked for: another place ended the search.
    NotReached,
}

/// What is wrong with a file of credentials; never a value of it, but for the name of its type.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CredentialsFileProblem {
    /// It is not a JSON object; where the first error stands.
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Its `type` is another one than those that are taken; the beginning of its name.
    Type(String),
    /// A property is missing, empty or null.
    Missing {
        /// The property.
        property: &'static str,
        /// The type of the file, as far as it is known.
        file_type: &'static str,
    },
    /// A property cannot be used, or names an address that is not trusted.
    Unusable(InvalidInput),
}

/// What came of the metadata server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MetadataTried {
    /// The variable `NO_GCE_CHECK` says that there is none.
    SwitchedOff,
    /// A variable names a place where no metadata server can be.
    Address(InvalidInput),
    /// Nobody answered.
    NoReply(TransportError),
    /// Somebody answered who is no metadata server, or one in trouble.
    BadReply(BadReply),
    /// It was not asked: another place ended the search.
    NotReached,
}

impl From<InvalidInput> for CredentialsFileProblem {
    fn from(problem: InvalidInput) -> Self {
        Self::Unusable(problem)
    }
}

impl NoDefaultCredentials {
    /// Before any place was asked.
    #[must_use]
    pub const fn unasked() -> Self {
        Self {
            variable: FileTried::NotReached,
            gcloud: FileTried::NotReached,
            metadata: MetadataTried::NotReached,
        }
    }

    /// Whether nothing is there: only somebody who logs in, or names a file, can help.
    pub(super) fn needs_user(&self) -> bool {
        let absent = |tried: &FileTried| {
            matches!(
                tried,
                FileTried::Unnamed
                    | FileTried::NotLoaded {
                        why: LoadError::NotFound,
                        ..
                    }
            )
        };
        let no_server = matches!(
            self.metadata,
            MetadataTried::SwitchedOff | MetadataTried::NoReply(_)
        );
        absent(&self.variable) && absent(&self.gcloud) && no_server
    }

    /// A metadata server in trouble may be out of it later; that nobody answers is what it is like where there is none.
    pub(super) fn outcome(&self) -> Outcome {
        match &self.metadata {
            MetadataTried::BadReply(reply) if !reply.status().is_success() => reply.outcome(),
            _ => Outcome::Permanent,
        }
    }
}

impl fmt::Display for NoDefaultCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no application default credentials: GOOGLE_APPLICATION_CREDENTIALS ")?;
        match &self.variable {
            FileTried::Unnamed => f.write_str("is not set")?,
            tried => write!(f, "names {tried}")?,
        }
        match &self.gcloud {
            FileTried::NotReached => {}
            FileTried::Unnamed => f.write_str("; gcloud has no directory, since no home is known")?,
            tried => write!(f, "; gcloud's file is {tried}")?,
        }
        match &self.metadata {
            MetadataTried::NotReached => {}
            tried => write!(f, "; the metadata server {tried}")?,
        }
        if self.needs_user() {
            f.write_str(
                "; run `gcloud auth application-default login`, or name a key file in GOOGLE_APPLICATION_CREDENTIALS",
            )?;
        }
        Ok(())
    }
}

/// A path, and what is wrong with it.
impl fmt::Display for FileTried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str("no file"),
            Self::NotLoaded { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Unusable { path, problem } => write!(f, "{}: {problem}", path.display()),
            Self::NotReached => f.write_str("not looked for"),
        }
    }
}

impl fmt::Display for CredentialsFileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson { line, column } => {
                write!(f, "it is not a JSON object, at line {line}, column {column}")
            }
            Self::Type(name) => write!(
                f,
                "it is of type {name:?}, and only \"service_account\" and \"authorized_user\" are taken"
            ),
            Self::Missing {
                property,
                file_type: "",
            } => write!(f, "it has no property {property:?}"),
            Self::Missing { property, file_type } => write!(
                f,
                "it has no property {property:?}, which type {file_type:?} needs"
            ),
            Self::Unusable(problem) => problem.fmt(f),
        }
    }
}

/// As the rest of a sentence that begins with the server.
impl fmt::Display for MetadataTried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SwitchedOff => f.write_str("is switched off by NO_GCE_CHECK"),
            Self::Address(problem) => write!(f, "cannot be asked: {problem}"),
            Self::NoReply(_) => f.write_str("does not answer, so this is no machine of Google's"),
            Self::BadReply(reply) => write!(f, "is not to be trusted: {reply}"),
            Self::NotReached => f.write_str("was not asked"),
        }
    }
}

impl std::error::Error for NoDefaultCredentials {}
