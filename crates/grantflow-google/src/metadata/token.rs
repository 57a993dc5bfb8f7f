//! Access tokens of a metadata server ([its documentation](https://cloud.google.com/compute/docs/access/authenticate-workloads#applications)).

use grantflow_core::flow::TokenSource;
use grantflow_core::{
    AsyncTransport, Client, Credentials, Error, Key, Scopes, Step, Token, TokenRequest, Transport, blocking,
};

use super::exchange::Exchange;
use super::server::MetadataServer;
use crate::quota::QuotaProject;
use crate::trust::{self, GOOGLE, KEY_FILE, TrustedEndpoints};

/// Tokens of the account that this machine runs as; [`build`](Self::build) makes it a live handle.
///
/// The key says which server was asked, not which machine has it: a store that machines share keeps their tokens apart only if the
/// account is named ([`MetadataServer::with_account`]).
#[derive(Clone, Debug)]
pub struct MetadataToken {
    exchange: Exchange,
    client: Client,
    key: Key,
    server: MetadataServer,
    quota_project: Option<QuotaProject>,
}

impl MetadataToken {
    pub(super) fn new(server: &MetadataServer, scopes: Scopes) -> Result<Self, Error> {
        let client = client(server)?;
        let mut path = server.of_account("token");
        if !scopes.is_empty() {
            let names: Vec<&str> = scopes.iter().collect();
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("scopes", &names.join(","));
            path = format!("{path}?{}", query.finish());
        }
        Ok(Self {
            exchange: Exchange::new(server.address(), &path),
            key: key(server, &client, "access_token").with_scopes(scopes),
            client,
            server: server.clone(),
            quota_project: None,
        })
    }

    /// Counts calls to this project: they then carry the header `x-goog-user-project`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if no header can have it.
    pub fn with_quota_project(mut self, project: impl Into<String>) -> Result<Self, Error> {
        let project = QuotaProject::new(project)?;
        self.client = project.on(self.client);
        self.quota_project = Some(project);
        Ok(self)
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &MetadataServer {
        &self.server
    }

    /// The project that calls are counted to, where it was named.
    #[must_use]
    pub fn quota_project(&self) -> Option<&str> {
        self.quota_project.as_ref().map(QuotaProject::as_str)
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

impl TokenSource for MetadataToken {
    fn token(&self) -> Step<Token> {
        let (exchange, client) = (self.exchange.clone(), self.client.clone());
        Step::begin(move |_| {
            let reply = exchange.once()?;
            // It is a token reply like any other.
            let request = TokenRequest::client_credentials(&client);
            Ok(reply.and_then(move |reply, cx| Ok(Step::Done(request.parse(&reply, cx)?))))
        })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn client(&self) -> &Client {
        &self.client
    }

    fn name(&self) -> &str {
        "metadata"
    }
}

/// The account as a client. Its token endpoint is never asked: a new token comes from the metadata server.
pub(super) fn client(server: &MetadataServer) -> Result<Client, Error> {
    let endpoint = TrustedEndpoints::google().token_endpoint(None, GOOGLE, KEY_FILE)?;
    trust::client(server.account(), endpoint, GOOGLE)
}

pub(super) fn key(server: &MetadataServer, client: &Client, what: &str) -> Key {
    let address = server.address().to_string();
    Key::new(client, Scopes::none()).with_label_parts([("metadata", &*address), ("token", what)])
}
