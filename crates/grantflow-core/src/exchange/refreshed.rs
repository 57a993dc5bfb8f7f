//! [`Refreshed`]: what came of a refresh, the refresh token beside all the rest ([RFC 6749 section 6]).
//!
//! [RFC 6749 section 6]: https://www.rfc-editor.org/rfc/rfc6749#section-6

use crate::{Error, Secret, Token};

/// What a token request brought, by [`TokenRequest::refreshed`](crate::TokenRequest::refreshed): a server that rotates refresh tokens has
/// spent the old one with its reply, whatever is wrong with the rest of it.
#[derive(Debug)]
#[must_use = "the refresh token in it may be the only one that is good"]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever judges the token puts the two together again"
)]
pub struct Refreshed<T = Token> {
    /// The new refresh token: to be stored before anything else is done. `None` where none came, and the one that was sent stays.
    pub refresh_token: Option<Secret>,
    /// The token, or why there is none to use.
    pub token: Result<T, Error>,
}
