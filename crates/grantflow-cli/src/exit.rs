//! What the exit code means.

use std::error::Error as _;
use std::{fmt, io};

use grantflow::error::{ErrorCode, Foreign, MetadataTried, ProviderProblem, ReplyProblem};
use grantflow::loopback::Visible;
use grantflow::{Error, Key, StoreError, StoreErrorKind};
use serde_json::json;

use crate::args::Format;
use crate::output::{note, one_line};
use crate::privacy::Flaw;
use crate::select::{self, Candidate, quoted};

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
  4    the network or the server failed
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
    /// What could have been meant.
    candidates: Vec<Candidate>,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
            hint: None,
            candidates: Vec::new(),
        }
    }

    /// Adds what could have been meant.
    pub(crate) fn candidates<'k>(mut self, keys: impl IntoIterator<Item = &'k Key>) -> Self {
        self.candidates = select::candidates(keys);
        self
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Without what to do about it.
    pub(crate) fn without_hint(mut self) -> Self {
        self.hint = None;
        self
    }

    pub(crate) fn has_candidates(&self) -> bool {
        !self.candidates.is_empty()
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The same advice to another message.
    pub(crate) fn instead(mut self, code: u8, message: impl Into<String>) -> Self {
        self.code = code;
        self.message = message.into();
        self
    }

    /// Tells it on standard error as what did not end the command: `what`, and then why.
    pub(crate) fn warn(&self, what: &str) {
        note(&format!("grantflow: {what}: {}", Visible(&self.message)));
    }

    /// Tells it on standard error; nothing of a server reaches the terminal as it came.
    pub(crate) fn report(&self, format: Format) {
        match format {
            Format::Text => {
                note(&format!("grantflow: {}", Visible(&self.message)));
                for candidate in &self.candidates {
                    note(&format!("  {}", Visible(&candidate.options)));
                }
                if let Some(hint) = &self.hint {
                    note(&format!("  {}", Visible(hint)));
                }
            }
            Format::Json => {
                let mut error = json!({"error": self.message, "hint": self.hint, "exit_code": self.code});
                if !self.candidates.is_empty() {
                    error["candidates"] = self.candidates.iter().map(|one| one.parts.clone()).collect();
                }
                note(&one_line(&error));
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
        match hint(&error, failure.code) {
            Some(hint) => failure.hint(hint),
            None => failure,
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
        Error::Server(_) | Error::Transport(_) | Error::RetryLater(_) => NETWORK,
        Error::BadReply(reply) if is_refusal(reply.problem()) => REFUSED,
        Error::BadReply(_) => NETWORK,
        Error::Callback(_) | Error::TokenRefused(_) | Error::NotSigned(_) => REFUSED,
        // Not a value that somebody typed, but one that the server sent, or did not.
        Error::InvalidInput(input) if input.what() == "access token" => REFUSED,
        Error::InvalidInput(input) if input.what().ends_with("_endpoint") => FAILED,
        Error::DefaultCredentials(tried) if matches!(tried.metadata, MetadataTried::BadReply(_)) => NETWORK,
        Error::InvalidInput(_)
        | Error::ClientSecrets(_)
        | Error::Provider(_)
        | Error::DefaultCredentials(_)
        | Error::OriginNotAllowed(_)
        | Error::NoOrigins => USAGE,
        Error::Cancelled => INTERRUPTED,
        _ => FAILED,
    }
}

/// Whether the reply made sense and is not to be trusted.
fn is_refusal(problem: ReplyProblem) -> bool {
    matches!(problem, ReplyProblem::TokenType | ReplyProblem::Issuer)
}

fn hint(error: &Error, code: u8) -> Option<String> {
    Some(match error {
        // What helps is in its message.
        Error::DefaultCredentials(_) => return None,
        _ if code == LOGIN_NEEDED => "run `grantflow login` with the options of the first time".to_owned(),
        Error::Server(refusal) if *refusal.code() == ErrorCode::InvalidClient => {
            "check the client's id and secret; `grantflow login` with the options of the first time and the new secret (--client-secret-file), or another way to send it (--client-auth), stores that; `grantflow revoke --local` deletes the credentials here"
                .to_owned()
        }
        Error::Provider(problem) => match **problem {
            ProviderProblem::Unknown { .. } => {
                "`grantflow providers` lists them; for another server name its issuer: --issuer".to_owned()
            }
            _ => "name it with --provider-option NAME=VALUE; `grantflow providers --format json` says more".to_owned(),
        },
        Error::OriginNotAllowed(origin) => {
            format!("if the token is meant for it, run `grantflow login` again with --origin {origin}")
        }
        Error::InvalidInput(input) if input.what() == "revocation_endpoint" => {
            "this server revokes nothing: end the access in your account there, and run `grantflow revoke --local` to delete the credentials here"
                .to_owned()
        }
        Error::InvalidInput(input) if input.what() == "device_authorization_endpoint" => {
            "where the server gives codes to devices, its metadata say so: name it by --issuer and the client by --client-id".to_owned()
        }
        Error::BadReply(reply) => match (reply.problem(), reply.named()) {
            (ReplyProblem::Issuer, Some(issuer)) => {
                format!("if that is the server that is meant, name it so: --issuer {}", quoted(issuer))
            }
            (ReplyProblem::NoMetadata, _) => {
                "check the address behind --issuer; where a server has no metadata, name the client by --client-secrets"
                    .to_owned()
            }
            _ => return None,
        },
        Error::Store(error) => match error.kind() {
            StoreErrorKind::Full => "make room there, or name another place with --store".to_owned(),
            StoreErrorKind::Io if is_missing(error) => {
                let directory = error.path()?.display().to_string();
                format!("make the directory first: `mkdir -p -m 700 {}`", quoted(&directory))
            }
            StoreErrorKind::Corrupt => {
                "it is left as it is; `grantflow login` with the options of the first time sets it aside".to_owned()
            }
            StoreErrorKind::Foreign(what) => match what {
                Foreign::Credentials => "it is left as it is; `grantflow import` takes it into a store of another name (--store)",
                Foreign::DataKeys => "it is left as it is: name it with --sealing-key, and a place for the credentials with --store",
                _ => "it is left as it is: move it away, or name another place with --store",
            }
            .to_owned(),
            StoreErrorKind::Newer => "or name another place with --store".to_owned(),
            StoreErrorKind::Undecryptable { .. } => {
                "name the key by --sealing-key; the record is left as it is".to_owned()
            }
            StoreErrorKind::DataKey => "nothing else opens what they have sealed".to_owned(),
            StoreErrorKind::Insecure(why) => insecure(error, why, "--store"),
            StoreErrorKind::InsecureKeys(why) => insecure(error, why, "--sealing-key"),
            StoreErrorKind::Sealed => {
                "name it as sealed (--store file+sealed:PATH or multistore+sealed:DIRECTORY), and its key with --sealing-key"
                    .to_owned()
            }
            StoreErrorKind::InTheClear => {
                "name it without `+sealed` and without a sealing key".to_owned()
            }
            StoreErrorKind::LockTimeout { .. } => "try again when the other process has ended".to_owned(),
            StoreErrorKind::LockUnsupported => "name such a place with --store".to_owned(),
            StoreErrorKind::Locked | StoreErrorKind::TimedOut => {
                "or name another place with --store".to_owned()
            }
            StoreErrorKind::Absent => {
                "GNOME Keyring, KWallet and KeePassXC are such; --store file:PATH is in the clear, file+sealed:PATH is not"
                    .to_owned()
            }
            StoreErrorKind::NotImported => {
                "`grantflow import keyring:APPLICATION/USER` takes it; with --replace it may stay in its place".to_owned()
            }
            StoreErrorKind::Denied | StoreErrorKind::NotKept => "`grantflow doctor` tries it out".to_owned(),
            _ => return None,
        },
        _ => return None,
    })
}

/// What helps where others could read or replace something.
fn insecure(error: &StoreError, why: &str, option: &str) -> String {
    match (Flaw::named(why), error.path()) {
        (Some(flaw), Some(path)) => flaw.advice(path, option),
        _ => format!("name another place with {option}"),
    }
}

/// Whether a directory is not there, nor the one above it: a store makes one, and no more.
fn is_missing(error: &StoreError) -> bool {
    let why = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    why.is_some_and(|why| why.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantflow::error::{BadReply, InvalidInput};
    use grantflow::{NotAuthorized, TransportError, TransportErrorKind};

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        let code = |error: Error| Failure::from(error).code();
        let reply = |problem| code(BadReply::new(http::StatusCode::OK, problem).into());
        assert_eq!(code(NotAuthorized::NothingStored.into()), LOGIN_NEEDED);
        assert_eq!(
            code(TransportError::new(TransportErrorKind::Connect).into()),
            NETWORK
        );
        assert_eq!(code(StoreError::new(StoreErrorKind::Corrupt).into()), STORE);
        assert_eq!(code(Error::OriginNotAllowed("https://x".into())), USAGE);
        assert_eq!(code(Error::Cancelled), INTERRUPTED);
        assert_eq!(
            code(Error::RetryLater(grantflow::Timestamp::from_unix_seconds(1))),
            NETWORK
        );
        assert_eq!(code(Error::Unsupported("fly")), FAILED);
        assert_eq!(reply(ReplyProblem::TokenType), REFUSED);
        assert_eq!(reply(ReplyProblem::Issuer), REFUSED);
        assert_eq!(reply(ReplyProblem::MediaType), NETWORK);
        assert_eq!(code(InvalidInput::new("scope", "has a space").into()), USAGE);
        assert_eq!(
            code(InvalidInput::new("access token", "has a bad character").into()),
            REFUSED
        );
        assert_eq!(
            code(InvalidInput::new("revocation_endpoint", "is not known for this client").into()),
            FAILED
        );
    }
}
