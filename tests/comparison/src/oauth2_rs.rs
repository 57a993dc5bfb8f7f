//! The `oauth2` crate: requests as values, a client of one's own or reqwest's, no store.

use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    AuthType, AuthUrl, ClientId, ClientSecret, EndpointNotSet, EndpointSet, RefreshToken, TokenUrl,
};

use crate::grant::{CLIENT, SECRET};

/// A client that knows where to authorize and where to get tokens.
pub type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// What went wrong, in words.
pub type Failure = String;

/// The client of the tests.
///
/// # Panics
///
/// If `issuer` is no address.
#[must_use]
pub fn client(issuer: &str) -> Client {
    BasicClient::new(ClientId::new(CLIENT.to_owned()))
        .set_client_secret(ClientSecret::new(SECRET.to_owned()))
        .set_auth_type(AuthType::RequestBody)
        .set_auth_uri(AuthUrl::new(format!("{issuer}/authorize")).expect("an address"))
        .set_token_uri(TokenUrl::new(format!("{issuer}/token")).expect("an address"))
}

/// Refreshes through its own reqwest, made as reqwest makes one by default.
///
/// # Errors
///
/// What it says of a refresh that fails.
pub async fn refresh(issuer: &str, refresh_token: &str) -> Result<BasicTokenResponse, Failure> {
    let http = oauth2::reqwest::Client::new();
    let token = RefreshToken::new(refresh_token.to_owned());
    let client = client(issuer);
    let reply = client.exchange_refresh_token(&token).request_async(&http).await;
    reply.map_err(|error| error.to_string())
}
