//! Where a server has itself spoken to by clients with certificates ([RFC 8705 section 5]).
//!
//! A server may keep such places apart, so that the browsers of users are not asked for a certificate.
//!
//! [RFC 8705 section 5]: https://www.rfc-editor.org/rfc/rfc8705#section-5

use super::members::Members;
use crate::error::ReplyProblem;
use crate::{Endpoint, ServerMetadata};

/// The places that differ.
#[derive(Clone, Debug, Default)]
pub(super) struct MtlsEndpointAliases {
    token: Option<Endpoint>,
    revocation: Option<Endpoint>,
    introspection: Option<Endpoint>,
    device_authorization: Option<Endpoint>,
    backchannel_authentication: Option<Endpoint>,
    userinfo: Option<Endpoint>,
    pushed_authorization_request: Option<Endpoint>,
    registration: Option<Endpoint>,
}

impl MtlsEndpointAliases {
    /// Reads the value of the member. Section 5: "Any endpoints not included in the object […] are accessed at the conventional".
    pub(super) fn read(
        json: &str,
        endpoint: impl Fn(&Members<'_>, &'static str) -> Result<Option<Endpoint>, ReplyProblem>,
    ) -> Result<Self, ReplyProblem> {
        let invalid = ReplyProblem::Invalid(NAME);
        if !json.trim_start().starts_with('{') {
            return Err(invalid);
        }
        let members = Members::nested(json.as_bytes()).map_err(|_| invalid)?;
        let endpoint = |name| endpoint(&members, name).map_err(|_| invalid);
        Ok(Self {
            token: endpoint("token_endpoint")?,
            revocation: endpoint("revocation_endpoint")?,
            introspection: endpoint("introspection_endpoint")?,
            device_authorization: endpoint("device_authorization_endpoint")?,
            backchannel_authentication: endpoint("backchannel_authentication_endpoint")?,
            userinfo: endpoint("userinfo_endpoint")?,
            pushed_authorization_request: endpoint("pushed_authorization_request_endpoint")?,
            registration: endpoint("registration_endpoint")?,
        })
    }
}

impl ServerMetadata {
    /// The same server as a client with a certificate speaks to it: where it has [places of their own][RFC 8705 section 5] for them,
    /// these take the place of the others. A client that shows no certificate has no business there.
    ///
    /// With another token endpoint it is another client: records and logins that began at the conventional one are refused for it
    /// ([`Credentials::with_client`](crate::Credentials::with_client)). [`Record::with_client`](crate::Record::with_client) gives such a
    /// record its new client, if its tokens are still of use to that.
    ///
    /// [RFC 8705 section 5]: https://www.rfc-editor.org/rfc/rfc8705#section-5
    ///
    /// # Example
    ///
    /// ```
    /// # fn example(metadata: grantflow_core::ServerMetadata) {
    /// use grantflow_core::Authentication;
    ///
    /// let client = metadata
    ///     .over_mtls()
    ///     .client("s6BhdRkqt3")
    ///     .with_authentication(Authentication::TlsClientAuth);
    /// # }
    /// ```
    #[must_use]
    pub fn over_mtls(&self) -> Self {
        let mut same = self.clone();
        let Some(aliases) = same.mtls_endpoint_aliases.take() else {
            return same;
        };
        if let Some(token) = aliases.token {
            same.token_endpoint = token;
        }
        for (place, alias) in [
            (&mut same.revocation_endpoint, aliases.revocation),
            (&mut same.introspection_endpoint, aliases.introspection),
            (
                &mut same.device_authorization_endpoint,
                aliases.device_authorization,
            ),
            (
                &mut same.backchannel_authentication_endpoint,
                aliases.backchannel_authentication,
            ),
            (&mut same.userinfo_endpoint, aliases.userinfo),
            (
                &mut same.pushed_authorization_request_endpoint,
                aliases.pushed_authorization_request,
            ),
            (&mut same.registration_endpoint, aliases.registration),
        ] {
            if alias.is_some() {
                *place = alias;
            }
        }
        same
    }

    /// Whether the server has places of their own for clients with certificates that are not taken yet
    /// ([`over_mtls`](Self::over_mtls)).
    #[must_use]
    pub fn has_mtls_endpoint_aliases(&self) -> bool {
        self.mtls_endpoint_aliases.is_some()
    }

    /// Whether the server promises to bind tokens to the certificate that a client shows ([RFC 8705 section 3.3]); it does for clients
    /// that are registered so.
    ///
    /// [RFC 8705 section 3.3]: https://www.rfc-editor.org/rfc/rfc8705#section-3.3
    #[must_use]
    pub fn binds_to_certificates(&self) -> bool {
        self.certificate_bound
    }
}

/// The name of the member.
pub(super) const NAME: &str = "mtls_endpoint_aliases";
