//! Tokens of a service account ([its guide](https://developers.google.com/identity/protocols/oauth2/service-account)).

use grantflow_core::flow::TokenSource;
use grantflow_core::{
    AsyncTransport, Client, Credentials, Error, Key, Scopes, Step, Token, Transport, blocking,
};
use grantflow_oidc::{JwtBearer, ScopeIn};
use serde::Serialize;

use crate::key::ServiceAccountKey;

/// What a service account asks for; [`build`](Self::build) makes it a live handle.
#[derive(Clone, Debug)]
pub struct ServiceAccount(JwtBearer);

impl ServiceAccount {
    pub(crate) fn new(
        key: &ServiceAccountKey,
        scopes: impl TryInto<Scopes, Error: Into<Error>>,
    ) -> Result<Self, Error> {
        let grant = JwtBearer::new(key.client_of_apis(), key.signer().clone(), scopes)?
            .audience(key.client().token_endpoint().as_str())
            // The account itself is not named as subject: it is `iss`.
            .subject("")
            .scope_in(ScopeIn::Assertion)
            .with_token_type();
        Ok(Self(grant))
    }

    /// On behalf of this user of the domain (domain-wide delegation). The user is part of the key: nobody gets another's token.
    #[must_use]
    pub fn with_subject(self, user: impl Into<String>) -> Self {
        Self(self.0.subject(user))
    }

    /// With a claim more, or one of ours replaced, as oauth2client's `create_with_claims` has it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if JSON cannot write the value.
    pub fn with_claim(self, name: impl Into<String>, value: impl Serialize) -> Result<Self, Error> {
        self.0.claim(name, value).map(Self)
    }

    /// A live handle for async programs, its token kept in memory; with a store,
    /// [`Credentials::from_source_stored`] makes one.
    pub fn build(self, transport: impl AsyncTransport + 'static) -> Credentials {
        Credentials::from_source(self, transport)
    }

    /// The same for blocking programs.
    pub fn build_blocking(self, transport: impl Transport + 'static) -> blocking::Credentials {
        blocking::Credentials::from_source(self, transport)
    }
}

impl TokenSource for ServiceAccount {
    fn token(&self) -> Step<Token> {
        self.0.token()
    }

    fn key(&self) -> &Key {
        self.0.key()
    }

    fn client(&self) -> &Client {
        self.0.client()
    }

    fn name(&self) -> &str {
        "service_account"
    }
}
