//! Where a client speaks to its server ([RFC 8414 section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2)).

use super::Client;
use crate::error::InvalidInput;
use crate::{Endpoint, Error};

impl Client {
    /// Where users consent.
    #[must_use]
    pub fn with_authorization_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.by_hand().authorization_endpoint = Some(endpoint);
        self
    }

    /// Where refresh tokens are traded, by the few providers that have another endpoint for it, such as Figma (quirk 29). It is kept in
    /// records.
    #[must_use]
    pub fn with_refresh_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.by_hand().refresh_endpoint = Some(endpoint);
        self
    }

    /// Where tokens are revoked (RFC 7009).
    #[must_use]
    pub fn with_revocation_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.by_hand().revocation_endpoint = Some(endpoint);
        self
    }

    /// Where tokens are introspected (RFC 7662).
    #[must_use]
    pub fn with_introspection_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.by_hand().introspection_endpoint = Some(endpoint);
        self
    }

    /// Where a device asks for a code to show (RFC 8628). It is a part of the program, not of a record.
    #[must_use]
    pub fn with_device_authorization_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.by_hand().device_authorization_endpoint = Some(endpoint);
        self
    }

    /// Where the server is told to ask a user (OpenID Connect CIBA). It is a part of the program, not of a record.
    #[must_use]
    pub fn with_backchannel_authentication_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.by_hand().backchannel_authentication_endpoint = Some(endpoint);
        self
    }

    /// Where it is told who a token speaks for (OpenID Connect Core section 5.3).
    #[must_use]
    pub fn with_userinfo_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.by_hand().userinfo_endpoint = Some(endpoint);
        self
    }

    /// Where users log out (OpenID Connect RP-Initiated Logout section 2).
    #[must_use]
    pub fn with_end_session_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.by_hand().end_session_endpoint = Some(endpoint);
        self
    }

    /// Where authorization requests are pushed (RFC 9126).
    #[must_use]
    pub fn with_pushed_authorization_request_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.by_hand().pushed_authorization_request_endpoint = Some(endpoint);
        self
    }

    /// Says that the server, or the registration of this client, has every authorization request pushed ([RFC 9126 section 5]); one that
    /// is not is then no request.
    ///
    /// [RFC 9126 section 5]: https://www.rfc-editor.org/rfc/rfc9126#section-5
    #[must_use]
    pub fn with_push_required(mut self, required: bool) -> Self {
        self.facts().push_required = required;
        self
    }

    /// Where users consent.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has none.
    pub fn authorization_endpoint(&self) -> Result<&Endpoint, Error> {
        known(self.0.authorization_endpoint.as_ref(), "authorization_endpoint")
    }

    /// Where tokens are granted.
    #[must_use]
    pub fn token_endpoint(&self) -> &Endpoint {
        &self.0.token_endpoint
    }

    /// Where refresh tokens are traded: the token endpoint, unless the provider has another for it.
    #[must_use]
    pub fn refresh_endpoint(&self) -> &Endpoint {
        let facts = &self.0;
        facts.refresh_endpoint.as_ref().unwrap_or(&facts.token_endpoint)
    }

    /// Where tokens are revoked.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has none.
    pub fn revocation_endpoint(&self) -> Result<&Endpoint, Error> {
        known(self.0.revocation_endpoint.as_ref(), "revocation_endpoint")
    }

    /// Where tokens are introspected.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has none.
    pub fn introspection_endpoint(&self) -> Result<&Endpoint, Error> {
        known(self.0.introspection_endpoint.as_ref(), "introspection_endpoint")
    }

    /// Where a device asks for a code to show.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has none.
    pub fn device_authorization_endpoint(&self) -> Result<&Endpoint, Error> {
        known(
            self.0.device_authorization_endpoint.as_ref(),
            "device_authorization_endpoint",
        )
    }

    /// Where the server is told to ask a user.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has none.
    pub fn backchannel_authentication_endpoint(&self) -> Result<&Endpoint, Error> {
        known(
            self.0.backchannel_authentication_endpoint.as_ref(),
            "backchannel_authentication_endpoint",
        )
    }

    /// Where it is told who a token speaks for.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has none.
    pub fn userinfo_endpoint(&self) -> Result<&Endpoint, Error> {
        known(self.0.userinfo_endpoint.as_ref(), "userinfo_endpoint")
    }

    /// Where users log out.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has none.
    pub fn end_session_endpoint(&self) -> Result<&Endpoint, Error> {
        known(self.0.end_session_endpoint.as_ref(), "end_session_endpoint")
    }

    /// Where authorization requests are pushed.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has none.
    pub fn pushed_authorization_request_endpoint(&self) -> Result<&Endpoint, Error> {
        let endpoint = self.0.pushed_authorization_request_endpoint.as_ref();
        known(endpoint, "pushed_authorization_request_endpoint")
    }

    /// Whether every authorization request has to be pushed; under a [profile](Self::with_profile) always.
    #[must_use]
    pub fn push_required(&self) -> bool {
        self.0.push_required || self.profile().is_some()
    }
}

const NOT_KNOWN: &str = "is not known for this client: the server's metadata (`discover`), a preset or the client's own setter names it";

fn known<'a>(endpoint: Option<&'a Endpoint>, name: &'static str) -> Result<&'a Endpoint, Error> {
    endpoint.ok_or_else(|| InvalidInput::new(name, NOT_KNOWN).into())
}
