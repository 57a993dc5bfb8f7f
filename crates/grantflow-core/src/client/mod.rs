//! A registered application ([RFC 6749 section 2]): its id, how it authenticates, the server's endpoints, the provider's quirks.
//!
//! [RFC 6749 section 2]: https://www.rfc-editor.org/rfc/rfc6749#section-2

mod authentication;
mod certificate;
mod constraint;
mod endpoints;
mod google;
mod id_token_check;
mod json_object;
mod profile;
#[cfg(feature = "providers")]
mod provider;
mod quirks;
mod request_signer;
mod response_check;
mod secrets_file;

use std::fmt;
use std::sync::Arc;

pub(crate) use authentication::UnknownAuthentication;
pub use authentication::{Authentication, ClientAuthentication};
pub use certificate::{CertificateBound, CertificateThumbprint};
pub(crate) use certificate::{shown, shown_is};
pub(crate) use constraint::NO_CONSTRAINT;
pub use constraint::{Proven, TokenConstraint};
pub use id_token_check::IdTokenCheck;
pub(crate) use profile::Discovered;
pub use profile::{Fapi2Rule, Profile};
#[cfg(feature = "providers")]
pub use provider::{Placeholder, Provider};
pub(crate) use quirks::SharedQuirks;
pub use quirks::{LifetimeUnit, Quirks};
pub use request_signer::RequestSigner;
pub use response_check::ResponseCheck;
pub use secrets_file::ClientType;

use http::{HeaderName, HeaderValue};

use crate::error::InvalidInput;
use crate::{Endpoint, Error, Issuer, Origin, ResponseMode, Secret};

/// A client: plain data, cheap to clone, without generic parameters.
///
/// # Example
///
/// ```
/// use grantflow_core::{Client, Endpoint, Issuer};
///
/// let client = Client::new("s6BhdRkqt3", Endpoint::new("https://server.example.com/token")?)
///     .with_secret_basic("gX1fBat3bV")
///     .with_issuer(Issuer::new("https://server.example.com")?)
///     .with_authorization_endpoint(Endpoint::new("https://server.example.com/authorize")?);
/// assert_eq!(client.id(), "s6BhdRkqt3");
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Client(Arc<Registration>);

#[derive(Clone)]
struct Registration {
    id: String,
    authentication: Authentication,
    issuer: Option<Issuer>,
    iss_promised: bool,
    authorization_endpoint: Option<Endpoint>,
    token_endpoint: Endpoint,
    refresh_endpoint: Option<Endpoint>,
    revocation_endpoint: Option<Endpoint>,
    introspection_endpoint: Option<Endpoint>,
    device_authorization_endpoint: Option<Endpoint>,
    backchannel_authentication_endpoint: Option<Endpoint>,
    userinfo_endpoint: Option<Endpoint>,
    end_session_endpoint: Option<Endpoint>,
    pushed_authorization_request_endpoint: Option<Endpoint>,
    push_required: bool,
    redirect_uris: Vec<String>,
    parameters: Vec<(String, String)>,
    /// Of which the ID tokens of its logins have to name one.
    acr_values: Vec<String>,
    origins: Vec<Origin>,
    api_headers: Vec<(HeaderName, HeaderValue)>,
    quirks: SharedQuirks,
    client_type: Option<ClientType>,
    id_token_check: Option<Arc<dyn IdTokenCheck>>,
    token_constraint: Option<Arc<dyn TokenConstraint>>,
    request_signer: Option<Arc<dyn RequestSigner>>,
    response_mode: ResponseMode,
    response_check: Option<Arc<dyn ResponseCheck>>,
    profile: Option<Profile>,
    discovered: Option<Discovered>,
}

impl Client {
    /// A public client ([RFC 6749 section 2.1]): it has an id and no secret until one is added.
    ///
    /// [RFC 6749 section 2.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.1
    pub fn new(id: impl Into<String>, token_endpoint: Endpoint) -> Self {
        Self(Arc::new(Registration {
            id: id.into(),
            authentication: Authentication::None,
            issuer: None,
            iss_promised: false,
            authorization_endpoint: None,
            token_endpoint,
            refresh_endpoint: None,
            revocation_endpoint: None,
            introspection_endpoint: None,
            device_authorization_endpoint: None,
            backchannel_authentication_endpoint: None,
            userinfo_endpoint: None,
            end_session_endpoint: None,
            pushed_authorization_request_endpoint: None,
            push_required: false,
            redirect_uris: Vec::new(),
            parameters: Vec::new(),
            acr_values: Vec::new(),
            origins: Vec::new(),
            api_headers: Vec::new(),
            quirks: SharedQuirks::default(),
            client_type: None,
            id_token_check: None,
            token_constraint: None,
            request_signer: None,
            response_mode: ResponseMode::Query,
            response_check: None,
            profile: None,
            discovered: None,
        }))
    }

    /// The facts, to be changed; a client that shares them keeps its own.
    fn facts(&mut self) -> &mut Registration {
        Arc::make_mut(&mut self.0)
    }

    /// The same, for what a server says of itself: from here on it is the program that says it.
    fn by_hand(&mut self) -> &mut Registration {
        let facts = self.facts();
        facts.discovered = None;
        facts
    }

    /// Sends the secret in the `Authorization` header, form-encoded first ([RFC 6749 section 2.3.1]).
    ///
    /// [RFC 6749 section 2.3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
    #[must_use]
    pub fn with_secret_basic(self, secret: impl Into<Secret>) -> Self {
        self.with_authentication(Authentication::Basic(secret.into()))
    }

    /// Sends the secret in the body ([RFC 6749 section 2.3.1]), as Google wants it.
    ///
    /// [RFC 6749 section 2.3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
    #[must_use]
    pub fn with_secret_post(self, secret: impl Into<Secret>) -> Self {
        self.with_authentication(Authentication::Post(secret.into()))
    }

    /// Authenticates this way.
    #[must_use]
    pub fn with_authentication(mut self, authentication: Authentication) -> Self {
        self.facts().authentication = authentication;
        self
    }

    /// Names the authorization server; its `iss` is then compared in every redirect that has one.
    #[must_use]
    pub fn with_issuer(mut self, issuer: Issuer) -> Self {
        self.by_hand().issuer = Some(issuer);
        self
    }

    /// Says that the server's metadata promise `iss` in every redirect ([RFC 9207 section 3]); one without is then refused.
    ///
    /// [RFC 9207 section 3]: https://www.rfc-editor.org/rfc/rfc9207#section-3
    #[must_use]
    pub fn with_iss_promised(mut self, promised: bool) -> Self {
        self.by_hand().iss_promised = promised;
        self
    }

    /// The redirect addresses that are registered for the client.
    #[must_use]
    pub fn with_redirect_uris<S: Into<String>>(mut self, uris: impl IntoIterator<Item = S>) -> Self {
        self.facts().redirect_uris = uris.into_iter().map(Into::into).collect();
        self
    }

    /// A parameter that this provider wants in each authorization request, such as Google's `access_type=offline`; it replaces
    /// one of the same name.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        let facts = self.facts();
        if name == "acr_values" {
            facts.acr_values.clear();
        }
        facts.parameters.retain(|(known, _)| *known != name);
        facts.parameters.push((name, value.into()));
        self
    }

    /// Demands one of these ways to log in of each authorization request, as
    /// [`AuthorizationRequest::acr_values`](crate::AuthorizationRequest::acr_values) does of one; the parameter alone is a wish.
    pub(crate) fn demanding_acr_values(self, values: &str) -> Self {
        let demanded: Vec<_> = values.split_ascii_whitespace().map(str::to_owned).collect();
        let mut client = self.with_parameter("acr_values", demanded.join(" "));
        client.facts().acr_values = demanded;
        client
    }

    /// The ways to log in that it demands.
    pub(crate) fn acr_values(&self) -> &[String] {
        &self.0.acr_values
    }

    /// Where the tokens of this client may be sent.
    #[must_use]
    pub fn with_origins(mut self, origins: impl IntoIterator<Item = Origin>) -> Self {
        self.facts().origins = origins.into_iter().collect();
        self
    }

    /// A header that calls with the tokens of this client carry beside `Authorization`, such as Google's `x-goog-user-project`; it
    /// replaces one of the same name.
    ///
    /// It is a part of the program, not of a record: a client that is read from a store has none.
    #[must_use]
    pub fn with_api_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        let headers = &mut self.facts().api_headers;
        headers.retain(|(known, _)| *known != name);
        headers.push((name, value));
        self
    }

    /// How the provider differs from the standards.
    #[must_use]
    pub fn with_quirks(self, quirks: Quirks) -> Self {
        self.with_shared_quirks(quirks.into())
    }

    /// Hands out no token for a code with scope `openid` before its ID token has passed this check.
    ///
    /// It is a part of the program, not of a record: a client that is read from a store has none.
    #[must_use]
    pub fn with_id_token_check(mut self, check: Arc<dyn IdTokenCheck>) -> Self {
        self.facts().id_token_check = Some(check);
        self
    }

    /// This client, to refresh or revoke a record of it; a record's secret is used where this one has none.
    ///
    /// Id, server and token endpoint have to be the same: whoever can write into a store must not say where a secret goes that is not
    /// in it, nor may a secret of one server be sent to another where the client has the same id.
    pub(crate) fn on_behalf_of(&self, recorded: &Self) -> Result<Self, Error> {
        let is_same = self.id() == recorded.id()
            && self.token_endpoint() == recorded.token_endpoint()
            && self.issuer_or_endpoint() == recorded.issuer_or_endpoint();
        if !is_same {
            return Err(InvalidInput::new("client", "is another than the one of the record").into());
        }
        if !matches!(self.authentication(), Authentication::None) {
            return Ok(self.clone());
        }
        let mut client = self
            .clone()
            .with_authentication(recorded.authentication().clone());
        // A profile takes what the server says, and not what a record does.
        if let (None, Err(_), Ok(endpoint)) = (
            self.profile(),
            self.revocation_endpoint(),
            recorded.revocation_endpoint(),
        ) {
            client = client.with_revocation_endpoint(endpoint.clone());
        }
        Ok(client)
    }

    /// The client id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// How the client authenticates.
    #[must_use]
    pub fn authentication(&self) -> &Authentication {
        &self.0.authentication
    }

    /// The authorization server, where it is known by name.
    #[must_use]
    pub fn issuer(&self) -> Option<&Issuer> {
        self.0.issuer.as_ref()
    }

    /// The authorization server by name, else by the address of its token endpoint: never empty, for keys.
    #[must_use]
    pub fn issuer_or_endpoint(&self) -> &str {
        self.0
            .issuer
            .as_ref()
            .map_or(self.0.token_endpoint.as_str(), Issuer::as_str)
    }

    /// Whether every redirect has `iss`: the server promised it, or the [profile](Self::with_profile) wants it.
    #[must_use]
    pub fn iss_promised(&self) -> bool {
        // FAPI 2.0 section 5.3.3.2 (5).
        self.0.iss_promised || self.profile().is_some()
    }

    /// The check of ID tokens, where there is one.
    #[must_use]
    pub fn id_token_check(&self) -> Option<&dyn IdTokenCheck> {
        self.0.id_token_check.as_deref()
    }

    pub(crate) fn shared_id_token_check(&self) -> Option<Arc<dyn IdTokenCheck>> {
        self.0.id_token_check.clone()
    }

    /// The redirect addresses that are registered for the client.
    #[must_use]
    pub fn redirect_uris(&self) -> &[String] {
        &self.0.redirect_uris
    }

    /// What this provider wants in each authorization request.
    #[must_use]
    pub fn parameters(&self) -> &[(String, String)] {
        &self.0.parameters
    }

    /// Where the tokens of this client may be sent.
    #[must_use]
    pub fn origins(&self) -> &[Origin] {
        &self.0.origins
    }

    /// What calls with the tokens of this client carry beside `Authorization`.
    #[must_use]
    pub fn api_headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.0.api_headers
    }

    /// The kind of application the client was registered as, where a `client_secrets.json` says it.
    #[must_use]
    pub fn client_type(&self) -> Option<ClientType> {
        self.0.client_type
    }

    /// How the provider differs from the standards.
    #[must_use]
    pub fn quirks(&self) -> &Quirks {
        self.0.quirks.get()
    }

    pub(crate) fn shared_quirks(&self) -> &SharedQuirks {
        &self.0.quirks
    }

    pub(crate) fn with_shared_quirks(mut self, quirks: SharedQuirks) -> Self {
        self.facts().quirks = quirks;
        self
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.0.id)
            .field("authentication", &self.0.authentication)
            .field("issuer", &self.0.issuer)
            .field("token_endpoint", &self.0.token_endpoint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_added_to_a_clone_is_not_added_to_the_client() {
        let client = Client::new("a", Endpoint::new("https://server.example/token").unwrap());
        let clone = client
            .clone()
            .with_secret_post("s")
            .with_parameter("prompt", "consent");
        assert!(client.authentication().secret().is_none() && client.parameters().is_empty());
        assert!(clone.authentication().secret().is_some() && !clone.parameters().is_empty());
    }
}
