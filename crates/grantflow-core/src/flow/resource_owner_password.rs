//! A user's password in the hands of the client ([RFC 6749 section 4.3]): for servers that know nothing else.
//!
//! [RFC 6749 section 4.3]: https://www.rfc-editor.org/rfc/rfc6749#section-4.3

use super::polling::proven;
use super::source::TokenSource;
use crate::{Client, Error, Key, Scopes, Secret, Step, Token, TokenRequest};

/// A user's name and password as a [`TokenSource`].
///
/// [RFC 9700 section 2.4]: "The resource owner password credentials grant MUST NOT be used". It shows the password to the application,
/// trains users to enter it anywhere, and knows no second factor. It is here for old servers of one's own, behind a feature of its
/// name.
///
/// # Example
///
/// ```
/// use grantflow_core::flow::ResourceOwnerPassword;
/// use grantflow_core::{Client, Endpoint, Secret};
///
/// let client = Client::new("s6BhdRkqt3", Endpoint::new("https://server.example.com/token")?);
/// let source = ResourceOwnerPassword::new(client, "johndoe", Secret::new("A3ddj3w"), "files")?;
/// // let credentials = Credentials::from_source(source, transport);
/// # let _ = source;
/// # Ok::<(), grantflow_core::Error>(())
/// ```
///
/// [RFC 9700 section 2.4]: https://www.rfc-editor.org/rfc/rfc9700#section-2.4
#[derive(Clone, Debug)]
pub struct ResourceOwnerPassword {
    client: Client,
    key: Key,
    password: Secret,
}

impl ResourceOwnerPassword {
    /// Tokens of this user for these scopes. The user's name is part of the key, as its account.
    ///
    /// With scope `openid`, a client with an [`IdTokenCheck`](crate::IdTokenCheck) is given no token before its ID token has passed.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if a name has a character that no scope may have.
    pub fn new(
        client: Client,
        username: impl Into<String>,
        password: Secret,
        scopes: impl TryInto<Scopes, Error: Into<Error>>,
    ) -> Result<Self, Error> {
        let scopes = scopes.try_into().map_err(Into::into)?;
        Ok(Self {
            key: Key::new(&client, scopes).with_account(username),
            client,
            password,
        })
    }
}

impl TokenSource for ResourceOwnerPassword {
    fn token(&self) -> Step<Token> {
        let (client, scopes) = (self.client.clone(), self.key.scopes().clone());
        let user = Secret::new(self.key.account());
        let parameters = [("username", user), ("password", self.password.clone())];
        let request = TokenRequest::extension(&client, "password", parameters).scopes(scopes.clone());
        let granted = request.flow();
        granted.and_then(move |token, _| Ok(proven(&client, &scopes, client.acr_values(), token)))
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn client(&self) -> &Client {
        &self.client
    }

    fn name(&self) -> &str {
        "resource_owner_password"
    }
}
