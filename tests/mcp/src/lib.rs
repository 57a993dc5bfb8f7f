//! Grantflow's credentials for `rmcp`, the official SDK of the Model Context Protocol.
//!
//! ```text
//! rmcp's client ─ load ─▶ GrantflowCredentials ─ access_token ─▶ Credentials ─▶ store, and the server once per expiry
//! ```
//!
//! rmcp asks its credential store for a token before each request. This one answers with a token that lives, which Grantflow has refreshed
//! under the lock of its record if that had to be. The refresh token stays where it is: rmcp never sees it, and so cannot spend it
//! beside another process.

use async_trait::async_trait;
use grantflow::{Credentials, Error, TokenType};
use oauth2::AccessToken;
use oauth2::basic::BasicTokenType;
use rmcp::transport::auth::{
    AuthError, CredentialStore, OAuthTokenResponse, StoredCredentials, VendorExtraTokenFields,
};

/// Stored credentials, as rmcp takes them.
///
/// Logins are Grantflow's, from a 401 on (`docs/mcp.md`): one that rmcp did itself is refused by [`save`](CredentialStore::save).
///
/// # Example
///
/// ```no_run
/// use grantflow_mcp_peer::GrantflowCredentials;
/// use rmcp::ServiceExt as _;
/// use rmcp::transport::StreamableHttpClientTransport;
/// use rmcp::transport::auth::{AuthClient, AuthorizationManager};
/// use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
///
/// # async fn call(credentials: grantflow::Credentials) -> Result<(), Box<dyn std::error::Error>> {
/// let address = "https://mcp.example.com/mcp";
/// let mut manager = AuthorizationManager::new(address).await?;
/// manager.set_credential_store(GrantflowCredentials::new(credentials));
/// let client = AuthClient::new(reqwest::Client::new(), manager);
/// let config = StreamableHttpClientTransportConfig::with_uri(address);
/// let service = ().serve(StreamableHttpClientTransport::with_client(client, config)).await?;
/// println!("{:?}", service.list_all_tools().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GrantflowCredentials(Credentials);

impl GrantflowCredentials {
    /// Those of a login that Grantflow keeps.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self(credentials)
    }
}

#[async_trait]
impl CredentialStore for GrantflowCredentials {
    /// A token that lives. `None` where a login is needed: then the request goes out without one, and the challenge of the server
    /// comes back to the program.
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        let token = match self.0.access_token().await {
            Ok(access) => access.token,
            Err(error) if error.needs_user() => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let record = self.0.record().await.map_err(|error| failed(&error))?;
        if record.token().token_type != TokenType::Bearer || record.token_key().is_some() {
            let why = "the token is bound, and rmcp sends no proof: log in for a bearer token";
            return Err(AuthError::CredentialStoreError(why.to_owned()));
        }
        // Without a lifetime, so that rmcp takes the token as it is: how long it lives is looked after here.
        let reply = OAuthTokenResponse::new(
            AccessToken::new(token.expose().to_owned()),
            BasicTokenType::Bearer,
            VendorExtraTokenFields::default(),
        );
        let scopes = record.scopes().iter().map(str::to_owned).collect();
        let id = record.client().id().to_owned();
        let issuer = record.client().issuer().map(|issuer| issuer.as_str().to_owned());
        Ok(Some(
            StoredCredentials::new(id, Some(reply), scopes, None).with_issuer(issuer),
        ))
    }

    /// Refuses: two keepers of one login would spend its refresh token twice.
    async fn save(&self, _: StoredCredentials) -> Result<(), AuthError> {
        let why = "the login is Grantflow's: log in and refresh there";
        Err(AuthError::CredentialStoreError(why.to_owned()))
    }

    /// Ends the login, at its server too.
    async fn clear(&self) -> Result<(), AuthError> {
        self.0.revoke().await.map_err(|error| failed(&error))
    }
}

/// What passes may be tried again; the rest is the store's, in rmcp's words.
fn failed(error: &Error) -> AuthError {
    if error.is_transient() {
        AuthError::TokenRefreshFailed(error.to_string())
    } else {
        AuthError::CredentialStoreError(error.to_string())
    }
}
