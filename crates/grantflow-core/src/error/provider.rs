//! Why a preset of a provider cannot be used as it was asked for.

use std::fmt;

use super::Error;

/// What is wrong with the name of a preset, or with what it was filled in with.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ProviderProblem {
    /// There is no preset of this name.
    Unknown {
        /// The beginning of the name.
        name: String,
        /// Names that may have been meant.
        near: Vec<String>,
    },
    /// The addresses of the provider have a placeholder that was not filled in.
    Missing {
        /// The provider.
        provider: String,
        /// The placeholder.
        placeholder: String,
        /// What belongs there.
        about: String,
    },
    /// The provider has no such placeholder.
    NoSuchPlaceholder {
        /// The provider.
        provider: String,
        /// The beginning of the name that was given.
        placeholder: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// A value could make another address of it than the provider's.
    Value {
        /// The provider.
        provider: String,
        /// The placeholder.
        placeholder: String,
        /// What belongs there, as the rest of a sentence.
        expected: String,
    },
}

impl fmt::Display for ProviderProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, near } => {
                write!(f, "unknown provider {name:?}")?;
                match near.as_slice() {
                    [] => Ok(()),
                    near => write!(f, ": is it {}?", near.join(" or ")),
                }
            }
            Self::Missing {
                provider,
                placeholder,
                about,
            } => write!(f, "the provider {provider} needs {placeholder}: {about}"),
            Self::NoSuchPlaceholder {
                provider,
                placeholder,
                known,
            } => {
                write!(f, "the provider {provider} has no {placeholder:?}")?;
                match known.as_slice() {
                    [] => f.write_str(": it needs nothing"),
                    known => write!(f, ", but {}", known.join(", ")),
                }
            }
            Self::Value {
                provider,
                placeholder,
                expected,
            } => {
                write!(
                    f,
                    "the provider {provider} takes for {placeholder} only {expected}"
                )
            }
        }
    }
}

impl std::error::Error for ProviderProblem {}

impl From<ProviderProblem> for Error {
    fn from(problem: ProviderProblem) -> Self {
        Self::Provider(problem.into())
    }
}
