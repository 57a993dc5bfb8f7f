//! A client that acts for itself ([RFC 6749 section 4.4]).
//!
//! [RFC 6749 section 4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4

use super::source::TokenSource;
use crate::{Client, Error, Key, Scopes, Step, Token, TokenRequest};

/// A client's own credentials as a [`TokenSource`]. The subject of their [key](TokenSource::key) is the client's id: a user who
/// logged in to the same client has another record.
///
/// # Example
///
/// ```
/// use grantflow_core::{Authentication, Client, Endpoint, Secret, flow::ClientCredentials};
///
/// let client = Client::new("reports", Endpoint::new("https://server.example.com/token")?)
///     .with_authentication(Authentication::Basic(Secret::new("s3cret")));
/// let source = ClientCredentials::new(client, "reports.read")?;
/// // let credentials = Credentials::from_source(source, transport);
/// # let _ = source;
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    client: Client,
    key: Key,
}

impl ClientCredentials {
    /// Tokens of `client` for these scopes; none means what the server takes for the usual ones.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if a name has a character that no scope may have.
    pub fn new(client: Client, scopes: impl TryInto<Scopes, Error: Into<Error>>) -> Result<Self, Error> {
        let key = Key::new(&client, scopes.try_into().map_err(Into::into)?).with_subject(client.id());
        Ok(Self { client, key })
    }

    /// For this resource alone ([RFC 8707](https://www.rfc-editor.org/rfc/rfc8707#section-2.2)).
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.key = self.key.with_resource(resource);
        self
    }
}

impl TokenSource for ClientCredentials {
    fn token(&self) -> Step<Token> {
        let request = TokenRequest::client_credentials(&self.client).scopes(self.key.scopes().clone());
        match self.key.resource() {
            "" => request.flow(),
            resource => request.resource(resource).flow(),
        }
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn client(&self) -> &Client {
        &self.client
    }

    fn name(&self) -> &str {
        "client_credentials"
    }
}
