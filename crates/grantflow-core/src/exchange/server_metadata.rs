//! What a server says of itself, as values ([RFC 8414 section 2]); `metadata.rs` reads them.
//!
//! [RFC 8414 section 2]: https://www.rfc-editor.org/rfc/rfc8414#section-2

use super::mtls_endpoint_aliases::MtlsEndpointAliases;
use crate::client::Discovered;
use crate::{Client, Endpoint, Error, Issuer, Scopes, Secret};

/// What a server says of itself ([RFC 8414 section 2]), checked.
///
/// [RFC 8414 section 2]: https://www.rfc-editor.org/rfc/rfc8414#section-2
#[derive(Clone, Debug)]
pub struct ServerMetadata {
    pub(super) issuer: Issuer,
    pub(super) token_endpoint: Endpoint,
    pub(super) authorization_endpoint: Option<Endpoint>,
    pub(super) revocation_endpoint: Option<Endpoint>,
    pub(super) introspection_endpoint: Option<Endpoint>,
    pub(super) device_authorization_endpoint: Option<Endpoint>,
    pub(super) backchannel_authentication_endpoint: Option<Endpoint>,
    pub(super) userinfo_endpoint: Option<Endpoint>,
    pub(super) end_session_endpoint: Option<Endpoint>,
    pub(super) pushed_authorization_request_endpoint: Option<Endpoint>,
    pub(super) push_required: bool,
    pub(super) mtls_endpoint_aliases: Option<Box<MtlsEndpointAliases>>,
    pub(super) certificate_bound: bool,
    /// What was asked for: a document about the issuer itself, or about any of its origin; `None` where there was no document.
    pub(super) of_its_issuer: Option<bool>,
    pub(super) jwks_uri: Option<Endpoint>,
    pub(super) registration_endpoint: Option<Endpoint>,
    pub(super) iss_promised: bool,
    pub(super) s256_listed: bool,
    pub(super) client_id_documents: bool,
    pub(super) scopes_supported: Option<Scopes>,
    pub(super) authentication_methods: Option<Vec<String>>,
    pub(super) grant_types: Option<Vec<String>>,
    pub(super) authorization_details_types: Option<Vec<String>>,
}

impl ServerMetadata {
    /// A public client of this server; a secret, quirks and redirect addresses are to be added.
    #[must_use]
    pub fn client(&self, client_id: impl Into<String>) -> Client {
        let mut client = Client::new(client_id, self.token_endpoint.clone())
            .with_issuer(self.issuer.clone())
            .with_iss_promised(self.iss_promised)
            .with_push_required(self.push_required);
        if let Some(endpoint) = &self.authorization_endpoint {
            client = client.with_authorization_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.revocation_endpoint {
            client = client.with_revocation_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.introspection_endpoint {
            client = client.with_introspection_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.device_authorization_endpoint {
            client = client.with_device_authorization_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.backchannel_authentication_endpoint {
            client = client.with_backchannel_authentication_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.userinfo_endpoint {
            client = client.with_userinfo_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.end_session_endpoint {
            client = client.with_end_session_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.pushed_authorization_request_endpoint {
            client = client.with_pushed_authorization_request_endpoint(endpoint.clone());
        }
        client.discovered(self.discovered())
    }

    /// What a [profile](Client::with_profile) wants to know of where all this comes from.
    fn discovered(&self) -> Option<Discovered> {
        Some(Discovered {
            of_its_issuer: self.of_its_issuer?,
            has_aliases: self.has_mtls_endpoint_aliases(),
            binds_to_certificates: self.binds_to_certificates(),
        })
    }

    /// A client with a secret, which is sent in the way the server takes: by Basic where it says nothing, since that is what
    /// silence means ([RFC 8414 section 2]).
    ///
    /// [RFC 8414 section 2]: https://www.rfc-editor.org/rfc/rfc8414#section-2
    #[must_use]
    pub fn confidential_client(&self, client_id: impl Into<String>, secret: impl Into<Secret>) -> Client {
        let client = self.client(client_id);
        let takes = |name| self.listed_authentication(name) == Some(true);
        if takes("client_secret_post") && !takes("client_secret_basic") {
            client.with_secret_post(secret)
        } else {
            client.with_secret_basic(secret)
        }
    }

    /// The server's name.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Where tokens are granted.
    #[must_use]
    pub fn token_endpoint(&self) -> &Endpoint {
        &self.token_endpoint
    }

    /// Where users consent.
    #[must_use]
    pub fn authorization_endpoint(&self) -> Option<&Endpoint> {
        self.authorization_endpoint.as_ref()
    }

    /// Where tokens are revoked (RFC 7009).
    #[must_use]
    pub fn revocation_endpoint(&self) -> Option<&Endpoint> {
        self.revocation_endpoint.as_ref()
    }

    /// Where tokens are introspected (RFC 7662).
    #[must_use]
    pub fn introspection_endpoint(&self) -> Option<&Endpoint> {
        self.introspection_endpoint.as_ref()
    }

    /// Where devices begin (RFC 8628 section 4).
    #[must_use]
    pub fn device_authorization_endpoint(&self) -> Option<&Endpoint> {
        self.device_authorization_endpoint.as_ref()
    }

    /// Where the server is told to ask a user (OpenID Connect CIBA section 4).
    #[must_use]
    pub fn backchannel_authentication_endpoint(&self) -> Option<&Endpoint> {
        self.backchannel_authentication_endpoint.as_ref()
    }

    /// Where it is told who a token speaks for (OpenID Connect Core section 5.3); some servers have none (quirk 61).
    #[must_use]
    pub fn userinfo_endpoint(&self) -> Option<&Endpoint> {
        self.userinfo_endpoint.as_ref()
    }

    /// Where users log out (OpenID Connect RP-Initiated Logout section 2.1).
    #[must_use]
    pub fn end_session_endpoint(&self) -> Option<&Endpoint> {
        self.end_session_endpoint.as_ref()
    }

    /// Where authorization requests are pushed (RFC 9126 section 5).
    #[must_use]
    pub fn pushed_authorization_request_endpoint(&self) -> Option<&Endpoint> {
        self.pushed_authorization_request_endpoint.as_ref()
    }

    /// Whether the server takes pushed authorization requests alone ([RFC 9126 section 5]).
    ///
    /// [RFC 9126 section 5]: https://www.rfc-editor.org/rfc/rfc9126#section-5
    #[must_use]
    pub fn push_required(&self) -> bool {
        self.push_required
    }

    /// Where the keys are that sign this server's tokens (RFC 7517).
    #[must_use]
    pub fn jwks_uri(&self) -> Option<&Endpoint> {
        self.jwks_uri.as_ref()
    }

    /// Where clients register themselves ([RFC 7591 section 3](https://www.rfc-editor.org/rfc/rfc7591#section-3)).
    #[must_use]
    pub fn registration_endpoint(&self) -> Option<&Endpoint> {
        self.registration_endpoint.as_ref()
    }

    /// The scopes that the server names; it may know others. Names that no scope may have are left out.
    #[must_use]
    pub fn scopes_supported(&self) -> Option<&Scopes> {
        self.scopes_supported.as_ref()
    }

    /// How clients may authenticate to the token endpoint, by the registered names.
    #[must_use]
    pub fn token_endpoint_auth_methods_supported(&self) -> Option<&[String]> {
        self.authentication_methods.as_deref()
    }

    /// Whether this way to authenticate is listed; `None` where the server lists none.
    pub(crate) fn listed_authentication(&self, name: &str) -> Option<bool> {
        let methods = self.authentication_methods.as_ref()?;
        Some(methods.iter().any(|method| method == name))
    }

    /// The types of grants that the server knows, by the registered names.
    #[must_use]
    pub fn grant_types_supported(&self) -> Option<&[String]> {
        self.grant_types.as_deref()
    }

    /// The types of authorization details that the server knows (RFC 9396 section 10).
    #[must_use]
    pub fn authorization_details_types_supported(&self) -> Option<&[String]> {
        self.authorization_details_types.as_deref()
    }

    /// Whether a client id may be the address of a document about the client
    /// ([draft-ietf-oauth-client-id-metadata-document](https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/)).
    #[must_use]
    pub fn client_id_metadata_document_supported(&self) -> bool {
        self.client_id_documents
    }

    /// Whether the server lists code challenge methods and `S256` is among them.
    #[must_use]
    pub fn s256_listed(&self) -> bool {
        self.s256_listed
    }

    /// A server without metadata, by the paths that the Model Context Protocol gave it in its text of 2025-03-26.
    pub(crate) fn with_default_endpoints(issuer: Issuer) -> Result<Self, Error> {
        let name = issuer.as_str();
        let endpoint = |path| Endpoint::named_by(format!("{name}{path}"), name);
        Ok(Self {
            token_endpoint: endpoint("/token")?,
            authorization_endpoint: Some(endpoint("/authorize")?),
            registration_endpoint: Some(endpoint("/register")?),
            revocation_endpoint: None,
            introspection_endpoint: None,
            device_authorization_endpoint: None,
            backchannel_authentication_endpoint: None,
            userinfo_endpoint: None,
            end_session_endpoint: None,
            pushed_authorization_request_endpoint: None,
            push_required: false,
            mtls_endpoint_aliases: None,
            certificate_bound: false,
            of_its_issuer: None,
            jwks_uri: None,
            iss_promised: false,
            s256_listed: false,
            client_id_documents: false,
            scopes_supported: None,
            authentication_methods: None,
            grant_types: None,
            authorization_details_types: None,
            issuer,
        })
    }

    /// Whether the server promises `iss` in every redirect ([RFC 9207 section 3]).
    ///
    /// [RFC 9207 section 3]: https://www.rfc-editor.org/rfc/rfc9207#section-3
    #[must_use]
    pub fn iss_promised(&self) -> bool {
        self.iss_promised
    }
}
