//! A token that the account signs for an API itself, without a request ([AIP-4111](https://google.aip.dev/auth/4111)).

use std::time::Duration;

use grantflow_core::flow::TokenSource;
use grantflow_core::{
    AsyncTransport, Client, Credentials, Error, Key, Scopes, Step, Timestamp, Token, Transport, blocking,
};
use grantflow_jwt::{ClaimsSet, Header, Signer};
use grantflow_oidc::{refused, signed};

use crate::key::ServiceAccountKey;

/// Tokens for one API; [`build`](Self::build) makes it a live handle.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    client: Client,
    signer: Signer,
    key: Key,
    audience: String,
}

impl SelfSigned {
    pub(crate) fn new(key: &ServiceAccountKey, audience: String) -> Self {
        Self {
            client: key.client_of_apis(),
            signer: key.signer().clone(),
            key: Key::new(key.client(), Scopes::none()).with_resource(&*audience),
            audience,
        }
    }

    /// A live handle for async programs, its token kept in memory.
    pub fn build(self, transport: impl AsyncTransport + 'static) -> Credentials {
        Credentials::from_source(self, transport)
    }

    /// The same for blocking programs.
    pub fn build_blocking(self, transport: impl Transport + 'static) -> blocking::Credentials {
        blocking::Credentials::from_source(self, transport)
    }

    fn sign(&self, now: Timestamp) -> Result<Step<Token>, Error> {
        // The order of oauth2client, so that a token of the same time is the same text.
        let claims = ClaimsSet::new()
            .with("iat", now.unix_seconds())
            .and_then(|claims| claims.with("exp", now.plus(LIFETIME).unix_seconds()))
            .and_then(|claims| claims.with("iss", self.client.id()))
            .and_then(|claims| claims.with("sub", self.client.id()))
            .and_then(|claims| claims.with("aud", &self.audience))
            .map_err(refused)?;
        let header = self.header().map_err(refused)?;
        let ends = now.plus(LIFETIME);
        Ok(signed(&self.signer, &header, &claims)?.and_then(move |jwt, _| {
            let mut token = Token::bearer(jwt, now);
            token.expires_at = Some(ends);
            Ok(Step::Done(token))
        }))
    }

    fn header(&self) -> Result<Header, grantflow_jwt::Error> {
        self.signer.header()?.typed()
    }
}

impl TokenSource for SelfSigned {
    fn token(&self) -> Step<Token> {
        let source = self.clone();
        Step::begin(move |cx| source.sign(cx.wall()))
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn client(&self) -> &Client {
        &self.client
    }

    fn name(&self) -> &str {
        "self_signed"
    }
}

/// As long as Google takes one for.
const LIFETIME: Duration = Duration::from_secs(3600);
