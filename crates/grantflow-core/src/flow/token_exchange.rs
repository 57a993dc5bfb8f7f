//! One token for another ([RFC 8693]): on behalf of a user, for another audience, of another type.
//!
//! ```text
//! subject token ─▶ (actor token) ─▶ Send ─▶ ExpectToken ─▶ issued_token_type is there ─▶ Done
//! ```
//!
//! [RFC 8693]: https://www.rfc-editor.org/rfc/rfc8693

use http::StatusCode;

use super::presented::PresentedToken;
use super::source::TokenSource;
use crate::error::{BadReply, ReplyProblem};
use crate::{Client, Error, Key, Scopes, Secret, Step, Token, TokenRequest};

/// An exchange of tokens as a [`TokenSource`].
///
/// The key has the subject that the application names: a token says to nobody but its server whom it is about, and one user's
/// token must never be another's.
///
/// # Example
///
/// ```
/// use grantflow_core::flow::{TokenExchange, TokenTypeIdentifier};
/// use grantflow_core::{Client, Endpoint, Secret};
///
/// let client = Client::new("gateway", Endpoint::new("https://server.example.com/token")?).with_secret_basic("s3cret");
/// let users_token = Secret::new("accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC");
/// let source = TokenExchange::new(client, "ann", users_token, TokenTypeIdentifier::AccessToken, "orders.read")?
///     .resource("https://backend.example.com/api");
/// // let credentials = Credentials::from_source(source, transport);
/// # let _ = source;
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenExchange {
    client: Client,
    key: Key,
    subject: Party,
    actor: Option<(String, Party)>,
    requested: Option<TokenTypeIdentifier>,
    audiences: Vec<String>,
    resources: Vec<String>,
}

/// A token, and its type.
#[derive(Clone, Debug)]
struct Party {
    token: PresentedToken,
    token_type: TokenTypeIdentifier,
}

/// What kind a token is ([RFC 8693 section 3]).
///
/// [RFC 8693 section 3]: https://www.rfc-editor.org/rfc/rfc8693#section-3
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenTypeIdentifier {
    /// An access token of this server.
    AccessToken,
    /// A refresh token of this server.
    RefreshToken,
    /// An ID token.
    IdToken,
    /// A SAML 1.1 assertion, base64url-encoded.
    Saml1,
    /// A SAML 2.0 assertion, base64url-encoded.
    Saml2,
    /// A JSON Web Token that is none of these in particular.
    Jwt,
    /// Any other, by the address that names it.
    Other(String),
}

impl TokenTypeIdentifier {
    /// The address that names the type.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::RefreshToken => "urn:ietf:params:oauth:token-type:refresh_token",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Saml1 => "urn:ietf:params:oauth:token-type:saml1",
            Self::Saml2 => "urn:ietf:params:oauth:token-type:saml2",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
            Self::Other(address) => address,
        }
    }
}

impl From<&str> for TokenTypeIdentifier {
    fn from(address: &str) -> Self {
        let known = [
            Self::AccessToken,
            Self::RefreshToken,
            Self::IdToken,
            Self::Saml1,
            Self::Saml2,
            Self::Jwt,
        ];
        let found = known.into_iter().find(|known| known.as_str() == address);
        found.unwrap_or_else(|| Self::Other(address.to_owned()))
    }
}

impl Token {
    /// What kind of token an exchange gave ([RFC 8693 section 2.2.1]); `None` for tokens of other grants.
    ///
    /// [RFC 8693 section 2.2.1]: https://www.rfc-editor.org/rfc/rfc8693#section-2.2.1
    #[must_use]
    pub fn issued_token_type(&self) -> Option<TokenTypeIdentifier> {
        let address: String = self.extras.get(ISSUED_TOKEN_TYPE)?;
        (!address.is_empty()).then(|| address.as_str().into())
    }
}

impl TokenExchange {
    /// Exchanges the subject's token, which is of this type, for one with these scopes; none means what the server takes for the
    /// usual ones. `subject` is a name of the application's own for whom the token is about; it is not sent.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if a name has a character that no scope may have.
    pub fn new(
        client: Client,
        subject: impl Into<String>,
        subject_token: impl Into<PresentedToken>,
        subject_token_type: TokenTypeIdentifier,
        scopes: impl TryInto<Scopes, Error: Into<Error>>,
    ) -> Result<Self, Error> {
        let scopes = scopes.try_into().map_err(Into::into)?;
        Ok(Self {
            key: Key::new(&client, scopes).with_subject(subject),
            client,
            subject: Party {
                token: subject_token.into(),
                token_type: subject_token_type,
            },
            actor: None,
            requested: None,
            audiences: Vec::new(),
            resources: Vec::new(),
        })
    }

    /// Says who acts for the subject: a token of this type, and a name of the application's own for whom it is about, which is part of
    /// the key and not sent.
    #[must_use]
    pub fn actor(
        mut self,
        actor: impl Into<String>,
        actor_token: impl Into<PresentedToken>,
        actor_token_type: TokenTypeIdentifier,
    ) -> Self {
        let party = Party {
            token: actor_token.into(),
            token_type: actor_token_type,
        };
        self.actor = Some((actor.into(), party));
        self.labelled()
    }

    /// Asks for a token of this type. It is part of the key.
    ///
    /// What is no access token goes into no header: [`Token::access_token`] has it, and
    /// [`Token::issued_token_type`] says what it is.
    #[must_use]
    pub fn requested_token_type(mut self, requested: TokenTypeIdentifier) -> Self {
        self.requested = Some(requested);
        self.labelled()
    }

    /// For this service, by the name that the server knows it by; may be called again for another. It is part of the key.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self.labelled()
    }

    /// For the service at this address; may be called again for another ([RFC 8707 section 2]). It is part of the key.
    ///
    /// [RFC 8707 section 2]: https://www.rfc-editor.org/rfc/rfc8707#section-2
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        // No address has a space.
        self.key = self.key.with_resource(self.resources.join(" "));
        self
    }

    /// Under another key than the one that all of this makes.
    #[must_use]
    pub fn kept_under(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// What makes a difference to the token and has no part of the key of its own.
    fn labelled(mut self) -> Self {
        // Texts always serialize; a list of them is one text for no other list.
        let audiences = serde_json::to_string(&self.audiences).unwrap_or_default();
        let actor = self.actor.as_ref().map(|(name, _)| ("actor", name.as_str()));
        let requested = self
            .requested
            .as_ref()
            .map(|it| ("requested_token_type", it.as_str()));
        let audience = (!self.audiences.is_empty()).then_some(("audience", audiences.as_str()));
        let parts = actor.into_iter().chain(requested).chain(audience);
        self.key = self.key.with_label_parts(parts);
        self
    }

    /// RFC 8693 section 2.1.
    fn request(&self, subject: Secret, actor: Option<Secret>) -> TokenRequest {
        let text = |name, value: &str| (name, Secret::new(value));
        let mut parameters = vec![
            ("subject_token", subject),
            text("subject_token_type", self.subject.token_type.as_str()),
        ];
        if let (Some(actor), Some((_, party))) = (actor, &self.actor) {
            parameters.push(("actor_token", actor));
            parameters.push(text("actor_token_type", party.token_type.as_str()));
        }
        if let Some(requested) = &self.requested {
            parameters.push(text("requested_token_type", requested.as_str()));
        }
        for audience in &self.audiences {
            parameters.push(text("audience", audience));
        }
        let request = TokenRequest::extension(&self.client, GRANT_TYPE, parameters).any_token_type();
        let request = request.scopes(self.key.scopes().clone());
        self.resources
            .iter()
            .fold(request, |request, resource| request.resource(resource))
    }

    fn send(self, subject: Secret, actor: Option<Secret>) -> Step<Token> {
        self.request(subject, actor).flow().and_then(|token, _| {
            // RFC 8693 section 2.2.1: "REQUIRED". Without it nobody knows what was issued.
            if token.issued_token_type().is_none() {
                let problem = ReplyProblem::Missing(ISSUED_TOKEN_TYPE);
                return Err(BadReply::new(StatusCode::OK, problem).into());
            }
            Ok(Step::Done(token))
        })
    }
}

impl TokenSource for TokenExchange {
    fn token(&self) -> Step<Token> {
        let exchange = self.clone();
        self.subject.token.get().and_then(move |subject, _| {
            let Some((_, actor)) = &exchange.actor else {
                return Ok(exchange.send(subject, None));
            };
            let actor = actor.token.get();
            Ok(actor.and_then(move |actor, _| Ok(exchange.send(subject, Some(actor)))))
        })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn client(&self) -> &Client {
        &self.client
    }

    fn name(&self) -> &str {
        "token_exchange"
    }
}

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ISSUED_TOKEN_TYPE: &str = "issued_token_type";
