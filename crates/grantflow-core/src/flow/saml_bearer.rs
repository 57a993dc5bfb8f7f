//! The grant of a SAML 2.0 assertion ([RFC 7522 section 2.1]).
//!
//! [RFC 7522 section 2.1]: https://www.rfc-editor.org/rfc/rfc7522#section-2.1

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::presented::PresentedToken;
use super::source::TokenSource;
use crate::{Authentication, Client, Error, Key, Scopes, Secret, Step, Token, TokenRequest};

/// A SAML assertion as a [`TokenSource`]: an identity provider vouches for the subject, and the application brings what it says.
///
/// The assertion is the XML text, signed by its issuer; nothing of it is read here. Assertions live for minutes, so that
/// [`PresentedToken::new`] is usually the way to give it: a flow that gets another one each time.
///
/// # Example
///
/// ```
/// use grantflow_core::flow::{PresentedToken, SamlBearer};
/// use grantflow_core::{Client, Endpoint, Secret, Step};
///
/// let client = Client::new("reports", Endpoint::new("https://server.example.com/token")?);
/// let assertion = PresentedToken::new(|| Step::Done(Secret::new("<saml:Assertion>…</saml:Assertion>")));
/// let source = SamlBearer::new(client, "ann@example.com", assertion, "reports.read")?;
/// // let credentials = Credentials::from_source(source, transport);
/// # let _ = source;
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SamlBearer {
    client: Client,
    key: Key,
    assertion: PresentedToken,
}

impl SamlBearer {
    /// Presents the assertion for these scopes; none means what the server takes for the usual ones. `subject` is a name of the
    /// application's own for whom it is about: it is part of the key, and not sent.
    ///
    /// A client without a secret does not say who it is: the assertion does ([RFC 7522 section 3.1]).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if a name has a character that no scope may have.
    ///
    /// [RFC 7522 section 3.1]: https://www.rfc-editor.org/rfc/rfc7522#section-3.1
    pub fn new(
        client: Client,
        subject: impl Into<String>,
        assertion: impl Into<PresentedToken>,
        scopes: impl TryInto<Scopes, Error: Into<Error>>,
    ) -> Result<Self, Error> {
        let scopes = scopes.try_into().map_err(Into::into)?;
        Ok(Self {
            key: Key::new(&client, scopes).with_subject(subject),
            client,
            assertion: assertion.into(),
        })
    }

    /// For this resource alone ([RFC 8707](https://www.rfc-editor.org/rfc/rfc8707#section-2.2)).
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.key = self.key.with_resource(resource);
        self
    }

    /// RFC 7522 section 2.1: "the SAML Assertion XML data MUST be encoded using base64url", without line wraps or padding.
    fn present(&self, assertion: &Secret) -> Step<Token> {
        let encoded = Secret::new(URL_SAFE_NO_PAD.encode(assertion.expose()));
        let mut request = TokenRequest::extension(&self.client, GRANT_TYPE, [("assertion", encoded)]);
        if matches!(self.client.authentication(), Authentication::None) {
            request = request.anonymous();
        }
        let request = request.scopes(self.key.scopes().clone());
        match self.key.resource() {
            "" => request.flow(),
            resource => request.resource(resource).flow(),
        }
    }
}

impl TokenSource for SamlBearer {
    fn token(&self) -> Step<Token> {
        let source = self.clone();
        let assertion = self.assertion.get();
        assertion.and_then(move |assertion, _| Ok(source.present(&assertion)))
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn client(&self) -> &Client {
        &self.client
    }

    fn name(&self) -> &str {
        "saml_bearer"
    }
}

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";
