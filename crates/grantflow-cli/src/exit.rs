//! What the exit code means.

use std::error::Error as _;
use std::fmt;

use grantflow::{Error, Outcome, StoreError};

use crate::args::Format;
use crate::output::visible;

pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const LOGIN_NEEDED: u8 = 3;
pub(crate) const NETWORK: u8 = 4;
pub(crate) const DENIED: u8 = 5;
pub(crate) const STORE: u8 = 6;
pub(crate) const REFUSED: u8 = 7;
pub(crate) const INTERRUPTED: u8 = 130;

/// Shown at the end of `--help`.
pub(crate) const CODES: &str = "Exit codes:
  0    done
  1    anything else
  2    usage: an option or a value cannot be used
  3    a login is needed
  4    the network or the server failed; trying again may help
  5    the consent was denied
  6    the store failed
  7    a token, a redirect or a signature was refused
  130  interrupted; a refresh under way was finished first";

/// Why the command ends without its result.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
            hint: None,
        }
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Tells it on standard error; nothing of a server reaches the terminal as it came.
    pub(crate) fn report(&self, format: Format) {
        match format {
            Format::Text => {
                eprintln!("grantflow: {}", visible(&self.message));
                if let Some(hint) = &self.hint {
                    eprintln!("  {}", visible(hint));
                }
            }
            Format::Json => {
                let error =
                    serde_json::json!({"error": self.message, "hint": self.hint, "exit_code": self.code});
                eprintln!("{error}");
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(below) = cause {
            message.push_str(": ");
            message.push_str(&below.to_string());
            cause = below.source();
        }
        let failure = Self::new(code(&error), message);
        match &error {
            _ if failure.code == LOGIN_NEEDED => {
                failure.hint("run `grantflow login` with the options of the first time")
            }
            Error::OriginNotAllowed(origin) => failure.hint(format!(
                "log in with `--origin {origin}` if the token is meant for it"
            )),
            _ => failure,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

fn code(error: &Error) -> u8 {
    match error {
        Error::Denied(_) => DENIED,
        error if error.needs_user() => LOGIN_NEEDED,
        Error::Store(_) => STORE,
        Error::Server(_) | Error::Transport(_) => NETWORK,
        Error::BadReply(_) if error.outcome() != Outcome::Permanent => NETWORK,
        Error::BadReply(_) | Error::Callback(_) => REFUSED,
        Error::InvalidInput(_) | Error::ClientSecrets(_) | Error::OriginNotAllowed(_) => USAGE,
        Error::Cancelled => INTERRUPTED,
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantflow::{NotAuthorized, StoreErrorKind, TransportError, TransportErrorKind};

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        let code = |error: Error| Failure::from(error).code();
        assert_eq!(code(NotAuthorized::NothingStored.into()), LOGIN_NEEDED);
        assert_eq!(
            code(TransportError::new(TransportErrorKind::Connect).into()),
            NETWORK
        );
        assert_eq!(code(StoreError::new(StoreErrorKind::Corrupt).into()), STORE);
        assert_eq!(code(Error::OriginNotAllowed("https://x".into())), USAGE);
        assert_eq!(code(Error::Cancelled), INTERRUPTED);
        assert_eq!(code(Error::Unsupported("fly")), FAILED);
    }
}
