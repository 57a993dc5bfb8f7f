//! The slot for the check of ID tokens ([OpenID Connect Core section 3.1.3.5](https://openid.net/specs/openid-connect-core-1_0.html#TokenResponseValidation)).

use std::fmt;

use crate::{AuthorizationCode, Step, Token};

/// The check of the ID token that a code is exchanged for. It lives outside the core, since it verifies signatures.
///
/// A client that has one ([`Client::with_id_token_check`](crate::Client::with_id_token_check)) is given no token for a code before
/// the check has passed.
pub trait IdTokenCheck: fmt::Debug + Send + Sync {
    /// The flow that checks the ID token of `token` and hands the token out. It ends in an [`Error`](crate::Error) if there is
    /// no ID token, or one that is not to be believed.
    fn check(&self, token: Token, code: &AuthorizationCode) -> Step<Token>;
}
