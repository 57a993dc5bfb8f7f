//! The slot for the check of ID tokens ([OpenID Connect Core section
//! 3.1.3.5](https://openid.net/specs/openid-connect-core-1_0.html#TokenResponseValidation)).

use std::fmt;

use crate::{AuthorizationCode, Record, Step, Token};

/// The check of the ID tokens that a client is given. It lives outside the core, since it verifies signatures.
///
/// A client that has one ([`Client::with_id_token_check`](crate::Client::with_id_token_check)) is given no token for a code, or on
/// a device, before the check has passed.
pub trait IdTokenCheck: fmt::Debug + Send + Sync {
    /// The names of the algorithms that it takes, for a [profile](crate::Client::with_profile) that forbids some; by default it says none.
    fn algorithms(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The flow that checks the ID token of `token` and hands the token out. It ends in an [`Error`](crate::Error) if there is
    /// no ID token, or one that is not to be believed.
    fn check(&self, token: Token, code: &AuthorizationCode) -> Step<Token>;

    /// The flow that checks the ID token of `token` where no redirect was part of the login, as on a device, and hands the token out.
    /// No nonce was sent; else it ends as [`check`](Self::check) does, and if the user logged in in none of these ways (`acr`), where
    /// there are any.
    fn check_without_redirect(&self, token: Token, acr_values: &[String]) -> Step<Token>;

    /// The flow that checks the ID token that came with a refresh of `before`, and hands the token out: the same user, or an
    /// [`Error`](crate::Error). It is asked for replies with an ID token only; to send none is the server's right. It may send and
    /// wait, and must not lock: the lock of the record is held meanwhile.
    fn check_refreshed(&self, token: Token, before: &Record) -> Step<Token>;
}
