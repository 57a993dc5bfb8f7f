//! ID tokens of a service account for one audience ([the guide](https://cloud.google.com/docs/authentication/get-id-token)).

use grantflow_core::flow::TokenSource;
use grantflow_core::{
    AsyncTransport, Client, Credentials, Error, Key, Origin, Scopes, Step, Token, Transport, blocking,
};
use grantflow_oidc::JwtBearer;

use crate::key::ServiceAccountKey;

/// ID tokens for one audience; [`build`](Self::build) makes it a live handle, whose `Authorization` header carries them.
///
/// They go to the audience, where that is an address; where it is a client id, `allow_origins` of the handle says where to.
#[derive(Clone, Debug)]
pub struct ServiceAccountIdToken(JwtBearer);

impl ServiceAccountIdToken {
    pub(crate) fn new(key: &ServiceAccountKey, audience: String) -> Result<Self, Error> {
        let client = for_audience(key.client().clone(), &audience);
        let grant = JwtBearer::new(client, key.signer().clone(), Scopes::none())?
            .audience(key.client().token_endpoint().as_str())
            .subject("")
            .with_token_type()
            .claim("target_audience", audience)?
            .answered_by_id_token();
        Ok(Self(grant))
    }

    /// A live handle for async programs, its token kept in memory.
    pub fn build(self, transport: impl AsyncTransport + 'static) -> Credentials {
        Credentials::from_source(self, transport)
    }

    /// The same for blocking programs.
    pub fn build_blocking(self, transport: impl Transport + 'static) -> blocking::Credentials {
        blocking::Credentials::from_source(self, transport)
    }
}

/// A client whose tokens may be sent to the audience, and nowhere else.
pub(crate) fn for_audience(client: Client, audience: &str) -> Client {
    let uri = audience.parse().ok();
    let origin = uri.and_then(|uri| Origin::of(&uri));
    // Checked as any other: https, or a loopback literal.
    let origin = origin.and_then(|origin| Origin::new(&origin.to_string()).ok());
    client.with_origins(origin)
}

impl TokenSource for ServiceAccountIdToken {
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
        "service_account_id_token"
    }
}
