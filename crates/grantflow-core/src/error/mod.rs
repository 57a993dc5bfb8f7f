//! Why something failed, sorted by who must act.
//!
//! A cause is printed or returned by `source()`, never both. No body, token, code or query is in any message.

mod default_credentials;
mod foreign;
mod input;
mod provider;
mod reply;
mod server;
mod store;
mod transport;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

pub use default_credentials::{CredentialsFileProblem, FileTried, MetadataTried, NoDefaultCredentials};
pub use foreign::Foreign;
pub use input::{ClientSecretsProblem, InvalidClientSecrets, InvalidInput};
pub use provider::ProviderProblem;
pub use reply::{BadReply, ReplyProblem};
pub use server::{ErrorCode, ServerError};
pub use store::{StoreError, StoreErrorKind};
pub use transport::{TransportError, TransportErrorKind};

use crate::authorization::CallbackError;
use crate::{EntropyError, Fapi2Rule, SignError, Timestamp};

/// Why a flow ended without a value.
///
/// Two questions cover most callers: [`is_transient`](Self::is_transient) (try again later) and
/// [`needs_user`](Self::needs_user) (log in again). Clones share their causes, so that all waiters on one refresh get the same error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The authorization server refused ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
    Server(Arc<ServerError>),
    /// The reply was not one the protocol allows; its body is never kept.
    BadReply(BadReply),
    /// No reply arrived.
    Transport(TransportError),
    /// The store failed.
    Store(StoreError),
    /// A `client_secrets.json` cannot be used.
    ClientSecrets(Arc<InvalidClientSecrets>),
    /// There is no such preset of a provider, or it was not filled in as it has to be.
    Provider(Arc<ProviderProblem>),
    /// There are no application default credentials; what each place said.
    DefaultCredentials(Arc<NoDefaultCredentials>),
    /// The redirect was not the answer to this authorization.
    Callback(CallbackError),
    /// The user, or a policy on their behalf, said no to the consent
    /// ([RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)).
    Denied(Arc<ServerError>),
    /// Only the user can help: nothing is stored, or the grant ended.
    NotAuthorized(NotAuthorized),
    /// The request would break a rule of the client's [profile](crate::Client::with_profile): which. Nothing was sent.
    Profile(Fapi2Rule),
    /// A value that the caller gave cannot be used.
    InvalidInput(InvalidInput),
    /// The request goes to an origin that this token is not for.
    OriginNotAllowed(Arc<str>),
    /// Nothing says where the token may go: neither the client, nor the record, nor the handle.
    NoOrigins,
    /// Nothing was sent, and nothing is to be before then: the server asked this process or another one to be left alone, or the refresh
    /// token may be spent, and an access token that lives till then might be lost by asking with it.
    RetryLater(Timestamp),
    /// The source of random bytes failed.
    Entropy(EntropyError),
    /// Nothing was signed: whoever keeps the key must act.
    NotSigned(SignError),
    /// A signed token proves nothing: why, as the rest of a sentence. Whoever sent it must act.
    TokenRefused(&'static str),
    /// This cannot be done: what, as the rest of a sentence. The host, the flow or the credentials lack what it takes.
    Unsupported(&'static str),
    /// The caller, or a signal, stopped the flow.
    Cancelled,
}

/// Why only the user can help.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NotAuthorized {
    /// The store has no record under this key.
    NothingStored,
    /// The access token ended and there is no refresh token to get another.
    NoRefreshToken,
    /// The server refused the refresh token; remembered until the record changes.
    Refused,
    /// The credentials were revoked; the record is a tombstone.
    Revoked,
    /// Nobody allowed the login before its code ended ([RFC 8628 section 3.5](https://www.rfc-editor.org/rfc/rfc8628#section-3.5)).
    NotInTime,
}

/// What a failed request means for a second try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The same request will fail again.
    Permanent,
    /// The server did nothing; the same request may succeed later.
    Transient,
    /// The request left and no answer came: the server may have acted.
    Ambiguous,
}

impl Error {
    /// Whether the same call may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.outcome() != Outcome::Permanent
    }

    /// Whether only a new login helps.
    #[must_use]
    pub fn needs_user(&self) -> bool {
        match self {
            Self::NotAuthorized(_) | Self::Denied(_) => true,
            Self::DefaultCredentials(tried) => tried.needs_user(),
            Self::Server(refusal) => matches!(
                refusal.code(),
                ErrorCode::InvalidGrant
                    | ErrorCode::LoginRequired
                    | ErrorCode::ConsentRequired
                    | ErrorCode::InteractionRequired
            ),
            _ => false,
        }
    }

    /// What the failure means for a second try.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Server(refusal) => refusal.outcome(),
            Self::BadReply(reply) => reply.outcome(),
            Self::Transport(error) if error.request_left() => Outcome::Ambiguous,
            Self::Transport(_) | Self::RetryLater(_) => Outcome::Transient,
            Self::Store(error) if error.is_transient() => Outcome::Transient,
            Self::DefaultCredentials(tried) => tried.outcome(),
            _ => Outcome::Permanent,
        }
    }

    /// When the server asked to be left alone until (`Retry-After`, RFC 9110 section 10.2.3).
    #[must_use]
    pub fn retry_at(&self) -> Option<Timestamp> {
        match self {
            Self::Server(refusal) | Self::Denied(refusal) => refusal.retry_at(),
            Self::BadReply(reply) => reply.retry_at(),
            Self::RetryLater(at) => Some(*at),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(refusal) => write!(f, "the server refused: {}", refusal.code()),
            Self::BadReply(reply) => reply.fmt(f),
            Self::Transport(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::ClientSecrets(error) => error.fmt(f),
            Self::Provider(problem) => problem.fmt(f),
            Self::DefaultCredentials(tried) => tried.fmt(f),
            Self::Callback(error) => error.fmt(f),
            Self::Denied(refusal) => write!(f, "the consent was denied: {}", refusal.code()),
            Self::NotAuthorized(why) => write!(f, "a login is needed: {why}"),
            Self::Profile(rule) => rule.fmt(f),
            Self::InvalidInput(error) => error.fmt(f),
            Self::OriginNotAllowed(origin) => {
                write!(f, "the token is not for {origin}: if it is meant for it, `Credentials::allow_origins` says so")
            }
            Self::NoOrigins => f.write_str(
                "it is not known where the token may go: name the API with `Client::with_origins` or `Credentials::allow_origins`",
            ),
            Self::RetryLater(at) => write!(f, "the server is left alone until {at}"),
            Self::Entropy(error) => error.fmt(f),
            Self::NotSigned(SignError::Refused) => f.write_str("nothing was signed: this host has no signer"),
            Self::NotSigned(SignError::Failed) => {
                f.write_str("nothing was signed: the key could not be used")
            }
            Self::TokenRefused(why) => write!(f, "the token is refused: {why}"),
            Self::Unsupported(step) => write!(f, "cannot {step}"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl fmt::Display for NotAuthorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingStored => "no credentials are stored",
            Self::NoRefreshToken => "the access token ended and cannot be refreshed",
            Self::Refused => "the server refused the stored credentials",
            Self::Revoked => "the stored credentials were revoked",
            Self::NotInTime => "nobody allowed the login before its code ended",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // These print themselves through `Error`; what lies below them is their source.
            Self::Transport(error) => std::error::Error::source(error),
            Self::Store(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<InvalidInput> for Error {
    fn from(error: InvalidInput) -> Self {
        Self::InvalidInput(error)
    }
}

impl From<EntropyError> for Error {
    fn from(error: EntropyError) -> Self {
        Self::Entropy(error)
    }
}

impl From<ServerError> for Error {
    fn from(refusal: ServerError) -> Self {
        Self::Server(Arc::new(refusal))
    }
}

impl From<BadReply> for Error {
    fn from(reply: BadReply) -> Self {
        Self::BadReply(reply)
    }
}

impl From<CallbackError> for Error {
    fn from(error: CallbackError) -> Self {
        Self::Callback(error)
    }
}

impl From<InvalidClientSecrets> for Error {
    fn from(error: InvalidClientSecrets) -> Self {
        Self::ClientSecrets(Arc::new(error))
    }
}

impl From<NoDefaultCredentials> for Error {
    fn from(tried: NoDefaultCredentials) -> Self {
        Self::DefaultCredentials(Arc::new(tried))
    }
}

impl From<NotAuthorized> for Error {
    fn from(why: NotAuthorized) -> Self {
        Self::NotAuthorized(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stays_within_64_bytes() {
        assert!(size_of::<Error>() <= 64, "{}", size_of::<Error>());
    }

    #[test]
    fn an_error_can_be_shared_by_all_waiters() {
        fn shared<T: Clone + Send + Sync + 'static>() {}
        shared::<Error>();
    }
}
