//! Profiles: rules beyond those of OAuth 2.0 that a client keeps to, or sends nothing ([FAPI 2.0 Security Profile]).
//!
//! ```text
//! client with a profile ─▶ each request of it ─▶ is there a rule that it breaks? ─┬─ no ──▶ as ever
//!                                                                                 └─ yes ─▶ error, with the rule
//! ```
//!
//! What every client here does anyway has no rule of its own: S256, a verifier for each request, `state`, a nonce of 43 characters, the
//! issuer of metadata compared byte for byte, refresh tokens that rotate, nonces of DPoP, TLS 1.2 and later, RSA keys of 2048 bits.
//!
//! [FAPI 2.0 Security Profile]: https://openid.net/specs/fapi-security-profile-2_0-final.html

use std::fmt;

use super::{Authentication, Client, IdTokenCheck, TokenConstraint};
use crate::{Endpoint, Error, Issuer, TokenType};

/// Rules beyond those of OAuth 2.0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Profile {
    /// [FAPI 2.0 Security Profile], as of its final text of February 2025: what it forbids a client, the client cannot do.
    ///
    /// [FAPI 2.0 Security Profile]: https://openid.net/specs/fapi-security-profile-2_0-final.html
    Fapi2,
}

/// The rule of the FAPI 2.0 Security Profile that a request would break.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Fapi2Rule {
    /// Endpoints are spoken to over TLS; loopback is no exception.
    Tls,
    /// Access tokens are bound to a key or to a certificate.
    SenderConstrainedTokens,
    /// The client authenticates by a certificate or by `private_key_jwt`.
    ClientAuthentication,
    /// Access tokens are sent in the `Authorization` header.
    TokenInHeader,
    /// A client assertion is for the issuer, as a string.
    AssertionAudience,
    /// A client with a certificate takes the endpoints that are for such.
    MtlsEndpointAliases,
    /// All that is known of the server is from its metadata document.
    Metadata,
    /// The metadata are of the very issuer that was asked for.
    MetadataIssuer,
    /// Users are asked by the authorization code flow or by CIBA, the flows that were analysed; a client may act for itself.
    CodeFlow,
    /// Authorization requests are pushed.
    PushedRequest,
    /// PKCE with S256.
    Pkce,
    /// `client_id` and `request_uri` alone go to the authorization endpoint.
    AuthorizationRequestParameters,
    /// Answers come over https, or to a native client by a literal address of the loopback interface.
    RedirectUri,
    /// Tokens are signed with PS256, ES256, or EdDSA by Ed25519.
    Algorithm,
}

impl Fapi2Rule {
    /// The section of the FAPI 2.0 Security Profile, and the number in its list.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Tls => "5.2.1 (1)",
            Self::SenderConstrainedTokens => "5.3.3.1 (1)",
            Self::ClientAuthentication => "5.3.3.1 (2)",
            Self::TokenInHeader => "5.3.3.1 (3)",
            Self::AssertionAudience => "5.3.3.1 (5)",
            Self::MtlsEndpointAliases => "5.3.3.1 (7)",
            Self::Metadata => "5.3.3.1 (9)",
            Self::MetadataIssuer => "5.3.3.1 (11)",
            Self::CodeFlow => "5.3.3.2 (1)",
            Self::PushedRequest => "5.3.3.2 (2)",
            Self::Pkce => "5.3.3.2 (3)",
            Self::AuthorizationRequestParameters => "5.3.3.2 (6)",
            Self::RedirectUri => "5.3.2.2 (8)",
            Self::Algorithm => "5.4.1 (1)",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Tls => "every endpoint is an https address",
            Self::SenderConstrainedTokens => "access tokens are bound to a key or a certificate",
            Self::ClientAuthentication => "clients authenticate by certificate or private_key_jwt",
            Self::TokenInHeader => "access tokens go in the Authorization header",
            Self::AssertionAudience => "client assertions are for the issuer alone",
            Self::MtlsEndpointAliases => "clients with certificates take the server's aliases",
            Self::Metadata => "endpoints come from the server's metadata document alone",
            Self::MetadataIssuer => "metadata are of the issuer that was asked for",
            Self::CodeFlow => "users are asked by the code flow or CIBA",
            Self::PushedRequest => "authorization requests are pushed",
            Self::Pkce => "PKCE is used with S256",
            Self::AuthorizationRequestParameters => {
                "only client_id and request_uri go to the authorization endpoint"
            }
            Self::RedirectUri => "redirects by http go to loopback literals alone",
            Self::Algorithm => "JWTs are signed with PS256, ES256 or EdDSA",
        }
    }
}

impl fmt::Display for Fapi2Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FAPI 2.0, section {}: {}", self.section(), self.text())
    }
}

impl From<Fapi2Rule> for Error {
    fn from(rule: Fapi2Rule) -> Self {
        Self::Profile(rule)
    }
}

/// What is known of how the endpoints of a client came to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Discovered {
    /// Whether the document was about the very issuer that was asked.
    pub(crate) of_its_issuer: bool,
    /// Whether there are others for clients with certificates.
    pub(crate) has_aliases: bool,
    /// Whether tokens are promised to be bound to certificates.
    pub(crate) binds_to_certificates: bool,
}

impl Client {
    /// Keeps to the rules of a profile: a request that would break one is not made ([`Error::Profile`]).
    ///
    /// Under [`Profile::Fapi2`] every authorization request is pushed and every redirect has to name its issuer, whatever the server's
    /// metadata say. The client has to be one of [`ServerMetadata::client`](crate::ServerMetadata::client), with no endpoint changed
    /// since.
    ///
    /// It is a part of the program, not of a record. A client that is read from a store has none; but the tokens of this one are bound
    /// and its authentication needs a key or a certificate, so nothing that only reads the record refreshes it with less.
    ///
    /// # Example
    ///
    /// ```
    /// # fn example(metadata: grantflow_core::ServerMetadata, certificate: grantflow_core::CertificateThumbprint)
    /// # -> Result<(), grantflow_core::Error> {
    /// use std::sync::Arc;
    /// use grantflow_core::{Authentication, CertificateBound, Profile};
    ///
    /// let client = metadata
    ///     .over_mtls()
    ///     .client("s6BhdRkqt3")
    ///     .with_authentication(Authentication::TlsClientAuth)
    ///     .with_token_constraint(Arc::new(CertificateBound::to(certificate)))
    ///     .with_profile(Profile::Fapi2);
    /// client.check_profile()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.facts().profile = Some(profile);
        self
    }

    /// The profile that the client keeps to.
    #[must_use]
    pub fn profile(&self) -> Option<Profile> {
        self.0.profile
    }

    /// Whether what is known of the client breaks no rule of its profile. Every request that authenticates the client, and every
    /// authorization request, asks this first; a program may ask before, so as to learn of it when it starts. Without a profile there are no rules.
    ///
    /// # Errors
    ///
    /// [`Error::Profile`] with the rule; [`Error::InvalidInput`] if a quirk names a header that is none.
    pub fn check_profile(&self) -> Result<(), Error> {
        match self.profile() {
            None => Ok(()),
            Some(Profile::Fapi2) => self.check_fapi2(),
        }
    }

    fn check_fapi2(&self) -> Result<(), Error> {
        let discovered = self.0.discovered.ok_or(Fapi2Rule::Metadata)?;
        must(discovered.of_its_issuer, Fapi2Rule::MetadataIssuer)?;
        must(self.addresses().all(is_https), Fapi2Rule::Tls)?;

        let quirks = self.quirks();
        must(!quirks.no_response_type, Fapi2Rule::CodeFlow)?;
        must(!quirks.without_pkce, Fapi2Rule::Pkce)?;
        must(quirks.other_token_header()?.is_none(), Fapi2Rule::TokenInHeader)?;

        let authentication = self.authentication();
        let is_signed =
            matches!(authentication, Authentication::Other(other) if other.method() == "private_key_jwt");
        let by_certificate = authentication.is_by_certificate();
        must(is_signed || by_certificate, Fapi2Rule::ClientAuthentication)?;

        let constraint = self.token_constraint().map(|constraint| &**constraint);
        let constraint = constraint.filter(|constraint| binds(*constraint));
        let constraint = constraint.ok_or(Fapi2Rule::SenderConstrainedTokens)?;
        must(
            constraint.algorithm().is_none_or(is_allowed),
            Fapi2Rule::Algorithm,
        )?;
        // No reply says that its token is bound to a certificate: the server has to promise it.
        let by_connection = constraint.proves(TokenType::Bearer);
        let is_bound = !by_connection || discovered.binds_to_certificates;
        must(is_bound, Fapi2Rule::SenderConstrainedTokens)?;
        let shows_certificate = by_certificate || by_connection;
        let has_taken = !(shows_certificate && discovered.has_aliases);
        must(has_taken, Fapi2Rule::MtlsEndpointAliases)?;

        let check = self.id_token_check().map(IdTokenCheck::algorithms);
        let is_safe = check.is_none_or(|names| names.into_iter().all(is_allowed));
        must(is_safe, Fapi2Rule::Algorithm)
    }

    /// All that is spoken to, and the name that the server goes by.
    fn addresses(&self) -> impl Iterator<Item = &str> {
        let facts = &*self.0;
        let endpoints = [
            Some(&facts.token_endpoint),
            facts.refresh_endpoint.as_ref(),
            facts.authorization_endpoint.as_ref(),
            facts.revocation_endpoint.as_ref(),
            facts.introspection_endpoint.as_ref(),
            facts.device_authorization_endpoint.as_ref(),
            facts.backchannel_authentication_endpoint.as_ref(),
            facts.userinfo_endpoint.as_ref(),
            facts.end_session_endpoint.as_ref(),
            facts.pushed_authorization_request_endpoint.as_ref(),
        ];
        let endpoints = endpoints.into_iter().flatten().map(Endpoint::as_str);
        endpoints.chain(facts.issuer.as_ref().map(Issuer::as_str))
    }

    /// Whether the profile takes a JWT that is signed so; whoever signs for the client asks.
    ///
    /// # Errors
    ///
    /// [`Error::Profile`] if not.
    pub fn check_algorithm(&self, name: &str) -> Result<(), Error> {
        must(self.profile().is_none() || is_allowed(name), Fapi2Rule::Algorithm)
    }

    /// Whether the profile has such a grant.
    pub(crate) fn check_grant(&self, is_analysed: bool) -> Result<(), Error> {
        must(self.profile().is_none() || is_analysed, Fapi2Rule::CodeFlow)
    }

    /// Whether the profile takes an authorization request, which is pushed or not, with this redirect address.
    pub(crate) fn check_authorization(&self, redirect_uri: &str, is_pushed: bool) -> Result<(), Error> {
        self.check_profile()?;
        if self.profile().is_none() {
            return Ok(());
        }
        must(is_pushed, Fapi2Rule::PushedRequest)?;
        let is_bare = !self.authorization_endpoint()?.as_str().contains('?');
        must(is_bare, Fapi2Rule::AuthorizationRequestParameters)?;
        let scheme = redirect_uri.split(':').next().unwrap_or_default();
        // RFC 8252 section 7.3: the literals, and not the name.
        let is_safe =
            !scheme.eq_ignore_ascii_case("http") || Endpoint::allow_http_for_loopback(redirect_uri).is_ok();
        must(is_safe, Fapi2Rule::RedirectUri)
    }

    /// From the metadata of a server, with nothing changed.
    pub(crate) fn discovered(mut self, how: Option<Discovered>) -> Self {
        self.facts().discovered = how;
        self
    }
}

/// Whether no token that is taken is of use to a thief.
fn binds(constraint: &dyn TokenConstraint) -> bool {
    let is_safe = |token_type| !constraint.takes(token_type) || constraint.proves(token_type);
    is_safe(TokenType::Bearer) && is_safe(TokenType::Dpop)
}

fn is_https(address: &str) -> bool {
    let scheme = address.split(':').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("https")
}

/// `Ed25519` is the name of RFC 9864 for EdDSA by that curve, which the section takes once it is registered.
fn is_allowed(algorithm: &str) -> bool {
    matches!(algorithm, "PS256" | "ES256" | "EdDSA" | "Ed25519")
}

fn must(holds: bool, rule: Fapi2Rule) -> Result<(), Error> {
    holds.then_some(()).ok_or(Error::Profile(rule))
}
