//! ID tokens of a metadata server ([its documentation](https://cloud.google.com/compute/docs/instances/verifying-instance-identity)).

use grantflow_core::error::ReplyProblem;
use grantflow_core::flow::TokenSource;
use grantflow_core::{
    AsyncTransport, BadReply, Client, Credentials, Error, Key, Secret, Step, Token, Transport, blocking,
};
use grantflow_oidc::presented;

use super::exchange::Exchange;
use super::server::MetadataServer;
use super::token::{client, key};
use crate::id_token::for_audience;

/// ID tokens of the account that this machine runs as, for one audience; [`build`](Self::build) makes it a live handle, whose
/// `Authorization` header carries them.
///
/// They go to the audience, where that is an address; where it is a client id, `allow_origins` of the handle says where to.
#[derive(Clone, Debug)]
pub struct MetadataIdToken {
    exchange: Exchange,
    client: Client,
    key: Key,
}

impl MetadataIdToken {
    pub(super) fn new(server: &MetadataServer, audience: String) -> Result<Self, Error> {
        let client = for_audience(client(server)?, &audience);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("audience", &audience)
            .append_pair("format", "full");
        let path = format!("{}?{}", server.of_account("identity"), query.finish());
        Ok(Self {
            exchange: Exchange::new(server.address(), &path),
            key: key(server, &client, "id_token").with_resource(audience),
            client,
        })
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

impl TokenSource for MetadataIdToken {
    fn token(&self) -> Step<Token> {
        let exchange = self.exchange.clone();
        Step::begin(move |_| {
            Ok(exchange.once()?.and_then(|reply, cx| {
                let text = str::from_utf8(reply.body().as_bytes()).unwrap_or_default();
                let token = presented(Secret::new(text.trim()), cx.wall());
                let problem = ReplyProblem::Invalid("id_token");
                Ok(Step::Done(
                    token.ok_or_else(|| BadReply::new(reply.status(), problem))?,
                ))
            }))
        })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn client(&self) -> &Client {
        &self.client
    }

    fn name(&self) -> &str {
        "metadata_id_token"
    }
}
