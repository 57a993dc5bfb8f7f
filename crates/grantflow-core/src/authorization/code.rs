//! A code that passed every check and can be exchanged ([RFC 6749 section 4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3)).

use crate::error::InvalidInput;
use crate::{Client, Error, Issuer, Scopes, Secret, Timestamp};

/// An authorization code with all that its exchange needs.
///
/// It can only come from [`PendingAuthorization`](super::PendingAuthorization), so a code whose state or issuer was not checked cannot be
/// exchanged:
///
/// ```compile_fail,E0308
/// # use grantflow_core::{Client, TokenRequest};
/// fn unchecked(client: &Client) -> TokenRequest {
///     TokenRequest::authorization_code(client, "SplxlOBeZQQYbYS6WxSbIA")
/// }
/// ```
#[derive(Debug)]
pub struct AuthorizationCode {
    pub(super) code: Secret,
    pub(super) verifier: Secret,
    pub(super) nonce: Option<Secret>,
    pub(super) issuer: Option<Issuer>,
    /// As it was when the authorization was begun; of a stored one id and token endpoint alone.
    pub(super) client: Client,
    pub(super) redirect_uri: String,
    pub(super) scopes: Scopes,
    pub(super) resources: Vec<String>,
    pub(super) acr_values: Vec<String>,
    pub(super) authenticated_since: Option<Timestamp>,
    pub(super) dpop_jkt: Option<String>,
    pub(super) token_key: Option<Secret>,
    /// Issuer and subject of the ID token that came beside it.
    pub(super) user: Option<(Secret, Secret)>,
    pub(super) parameters: Vec<(String, Secret)>,
}

impl AuthorizationCode {
    /// The scopes that were asked for.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// What the ID token has to repeat (OpenID Connect Core section 3.1.3.7); there is one when `openid` was asked for.
    #[must_use]
    pub fn nonce(&self) -> Option<&Secret> {
        self.nonce.as_ref()
    }

    /// Since when the user has to have logged in, where `max_age` was asked for (OpenID Connect Core section 3.1.2.1): so long before the
    /// authorization was begun. The ID token says when it was (`auth_time`).
    #[must_use]
    pub fn authenticated_since(&self) -> Option<Timestamp> {
        self.authenticated_since
    }

    /// The ways to log in of which the ID token has to name one (`acr`, [RFC 9470 section 4]); none where any will do.
    ///
    /// [RFC 9470 section 4]: https://www.rfc-editor.org/rfc/rfc9470#section-4
    #[must_use]
    pub fn acr_values(&self) -> &[String] {
        &self.acr_values
    }

    /// Issuer and subject of the ID token that came beside the code and was proven, where one was asked for
    /// ([`ResponseType::CodeIdToken`](super::ResponseType::CodeIdToken)): that of the token endpoint has to name the same.
    #[must_use]
    pub fn user(&self) -> Option<(&str, &str)> {
        let user = self.user.as_ref();
        user.map(|(issuer, subject)| (issuer.expose(), subject.expose()))
    }

    /// The code itself, which an ID token may have a hash of (`c_hash`, OpenID Connect Core section 3.3.2.11). It works once.
    #[must_use]
    pub fn code(&self) -> &Secret {
        &self.code
    }

    /// Another parameter of the redirect, such as Intuit's `realmId` (quirk 44). It was in the user's browser, who could change it: only the
    /// state, the issuer and the code are proven.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.expose())
    }

    /// The PKCE verifier (RFC 7636 section 4.5).
    pub(crate) fn verifier(&self) -> &Secret {
        &self.verifier
    }

    /// RFC 6749 section 4.1.3: the redirect address is sent again, and "their values MUST be identical".
    pub(crate) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The resources the token is for (RFC 8707 section 2.2); none where none was named.
    pub(crate) fn resources(&self) -> &[String] {
        &self.resources
    }

    /// The key that the code is bound to, where the authorization kept it.
    pub(crate) fn token_key(&self) -> Option<&Secret> {
        self.token_key.as_ref()
    }

    /// Whether `client` is the one the authorization was begun for: a code goes to no other server (RFC 9700 section 4.4.2).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it is another.
    pub(crate) fn check_client(&self, client: &Client) -> Result<(), Error> {
        if self.dpop_jkt.is_some() && self.dpop_jkt.as_deref() != client.dpop_jkt() {
            let problem = "has another key than the one this authorization is bound to";
            return Err(InvalidInput::new("client", problem).into());
        }
        if client.id() == self.client.id()
            && client.token_endpoint() == self.client.token_endpoint()
            && client.issuer() == self.issuer.as_ref()
        {
            return Ok(());
        }
        Err(InvalidInput::new("client", "is not the one this authorization was begun for").into())
    }
}
