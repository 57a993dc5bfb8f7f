//! The redirect that comes back ([RFC 6749 section 4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2)).

use std::fmt;

/// Why a redirect is not the answer to an authorization; nothing of it is in the message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CallbackError {
    /// The text is no address with a query.
    Malformed,
    /// A parameter is there twice (RFC 6749 section 3.1: "MUST NOT be included more than once").
    Repeated,
    /// The state is absent or not the one that was sent (RFC 6749 section 10.12).
    State,
    /// The issuer is absent though promised, or another than the one asked (RFC 9207 section 2.4).
    Issuer,
    /// The authorization was begun too long ago.
    Expired,
    /// Neither a code nor an error is there, or both are.
    NoCode,
}

impl fmt::Display for CallbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the redirect is not an address with a query",
            Self::Repeated => "the redirect repeats a parameter",
            Self::State => "the redirect does not belong to this login: its state is another",
            Self::Issuer => "the redirect comes from another authorization server",
            Self::Expired => "the login was begun too long ago",
            Self::NoCode => "the redirect has neither a code nor an error",
        })
    }
}

impl std::error::Error for CallbackError {}
