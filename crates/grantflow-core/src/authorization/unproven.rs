//! A code that came beside an ID token which nobody has looked at yet ([OpenID Connect Core section 3.3.2.12]).
//!
//! [OpenID Connect Core section 3.3.2.12]: https://openid.net/specs/openid-connect-core-1_0.html#HybridIDTValidation

use super::code::AuthorizationCode;
use crate::Secret;

/// What a redirect with an ID token in it says, once state and issuer are right. No code can be exchanged before its ID token is proven:
///
/// ```compile_fail,E0308
/// # use grantflow_core::{Client, TokenRequest, UnprovenCode};
/// fn unproven(client: &Client, code: UnprovenCode) -> TokenRequest {
///     TokenRequest::authorization_code(client, code)
/// }
/// ```
#[derive(Debug)]
pub struct UnprovenCode {
    pub(super) code: AuthorizationCode,
    pub(super) id_token: Secret,
    pub(super) state: Secret,
}

impl UnprovenCode {
    /// What the ID token has to fit: the nonce, the code, how and when the user has to have logged in.
    #[must_use]
    pub fn code(&self) -> &AuthorizationCode {
        &self.code
    }

    /// The ID token, as it came.
    #[must_use]
    pub fn id_token(&self) -> &Secret {
        &self.id_token
    }

    /// The state, which the ID token may have a hash of (`s_hash`).
    #[must_use]
    pub fn state(&self) -> &Secret {
        &self.state
    }

    /// The code, once the ID token is proven to be of this user: whoever calls this vouches for that. The ID token of the token endpoint
    /// has to be of the same ([OpenID Connect Core section 3.3.3.6]).
    ///
    /// [OpenID Connect Core section 3.3.3.6]: https://openid.net/specs/openid-connect-core-1_0.html#HybridIDToken2
    #[must_use]
    pub fn proven(self, issuer: &str, subject: &str) -> AuthorizationCode {
        let user = Some((Secret::from(issuer), Secret::from(subject)));
        AuthorizationCode { user, ..self.code }
    }
}
