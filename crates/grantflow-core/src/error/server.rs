//! Refusals by the authorization server ([RFC 6749 section 5.2], [section 4.1.2.1]).
//!
//! [RFC 6749 section 5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
//! [section 4.1.2.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1

use std::fmt;

use http::StatusCode;

use super::Outcome;
use super::reply::status_outcome;
use crate::Timestamp;

/// A refusal: the code for programs, the description for people.
///
/// `Display` shows the code only: descriptions are the server's free text and have carried secrets and escape sequences.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServerError {
    code: ErrorCode,
    description: Option<String>,
    uri: Option<String>,
    status: Option<StatusCode>,
    retry_at: Option<Timestamp>,
}

impl ServerError {
    pub(crate) fn new(code: ErrorCode) -> Self {
        Self {
            code,
            description: None,
            uri: None,
            status: None,
            retry_at: None,
        }
    }

    pub(crate) fn explained(mut self, description: Option<String>, uri: Option<String>) -> Self {
        self.description = description;
        self.uri = uri;
        self
    }

    pub(crate) fn replied(mut self, status: StatusCode, retry_at: Option<Timestamp>) -> Self {
        self.status = Some(status);
        self.retry_at = retry_at;
        self
    }

    /// The `error` code.
    #[must_use]
    pub const fn code(&self) -> &ErrorCode {
        &self.code
    }

    /// The `error_description`: the server's own words, not fit for a terminal or a page as they are.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The `error_uri`.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }

    /// The HTTP status; `None` when the refusal came by redirect.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// When the server asked to be left alone until.
    #[must_use]
    pub const fn retry_at(&self) -> Option<Timestamp> {
        self.retry_at
    }

    pub(super) fn outcome(&self) -> Outcome {
        match (&self.code, self.status) {
            (ErrorCode::TemporarilyUnavailable | ErrorCode::SlowDown, _) => Outcome::Transient,
            (ErrorCode::ServerError, _) => Outcome::Ambiguous,
            (_, Some(status)) => status_outcome(status),
            (_, None) => Outcome::Permanent,
        }
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerError")
            .field("code", &self.code)
            .field("status", &self.status)
            .field("retry_at", &self.retry_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)
    }
}

impl std::error::Error for ServerError {}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $wire:literal,)*) => {
        /// An `error` code; one that is not known is kept as it came.
        #[derive(Clone, Debug, Eq, PartialEq)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
            /// Any other code.
            Other(String),
        }

        impl ErrorCode {
            /// The code as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $wire,)*
                    Self::Other(code) => code,
                }
            }
        }

        impl From<&str> for ErrorCode {
            fn from(code: &str) -> Self {
                match code {
                    $($wire => Self::$variant,)*
                    _ => Self::Other(code.to_owned()),
                }
            }
        }
    };
}

error_codes! {
    /// The request lacks something or repeats it.
    InvalidRequest = "invalid_request",
    /// The client did not authenticate as the server wants it.
    InvalidClient = "invalid_client",
    /// The code or refresh token is not, or no longer, valid.
    InvalidGrant = "invalid_grant",
    /// This client may not use this grant.
    UnauthorizedClient = "unauthorized_client",
    /// The server does not know this grant.
    UnsupportedGrantType = "unsupported_grant_type",
    /// The server does not know this response type.
    UnsupportedResponseType = "unsupported_response_type",
    /// The server does not know this token type, for revocation (RFC 7009 section 2.2.1).
    UnsupportedTokenType = "unsupported_token_type",
    /// A scope is unknown or more than was granted.
    InvalidScope = "invalid_scope",
    /// The user or the server denied.
    AccessDenied = "access_denied",
    /// The server failed.
    ServerError = "server_error",
    /// The server is overloaded or in maintenance.
    TemporarilyUnavailable = "temporarily_unavailable",
    /// Polled too often (RFC 8628 section 3.5).
    SlowDown = "slow_down",
    /// The user has not finished yet (RFC 8628 section 3.5).
    AuthorizationPending = "authorization_pending",
    /// The device code ended (RFC 8628 section 3.5).
    ExpiredToken = "expired_token",
    /// The resource is unknown (RFC 8707 section 2).
    InvalidTarget = "invalid_target",
    /// What exactly is asked for is unknown, malformed or more than was granted (RFC 9396 section 5).
    InvalidAuthorizationDetails = "invalid_authorization_details",
    /// The request object cannot be read, or its signature does not hold (RFC 9101 section 6).
    InvalidRequestObject = "invalid_request_object",
    /// Request objects are not taken (RFC 9101 section 6).
    RequestNotSupported = "request_not_supported",
    /// The user has to log in (OpenID Connect Core section 3.1.2.6).
    LoginRequired = "login_required",
    /// The user has to consent (OpenID Connect Core section 3.1.2.6).
    ConsentRequired = "consent_required",
    /// The user cannot log in as it is wanted (OpenID Connect Unmet Authentication Requirements).
    UnmetAuthenticationRequirements = "unmet_authentication_requirements",
    /// The user has to do something (OpenID Connect Core section 3.1.2.6).
    InteractionRequired = "interaction_required",
}

/// Prints the code with every character outside printable ASCII made visible: it is the server's text.
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().escape_default().fmt(f)
    }
}
