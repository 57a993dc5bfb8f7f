//! tame-oauth: requests as values, for Google alone; here they are sent to the test server.

use http::{Request, Response};
use tame_oauth::Token;
use tame_oauth::gcp::end_user::{EndUserCredentials, EndUserCredentialsInfo};
use tame_oauth::gcp::{TokenOrRequest, TokenProvider as _};

use crate::SCOPE;
use crate::grant::{Grant, agent};

/// The grant in its hands.
///
/// # Panics
///
/// If it does not take the grant.
#[must_use]
pub fn open(grant: &Grant) -> EndUserCredentials {
    open_json(&grant.authorized_user())
}

/// The same of an `authorized_user` as JSON.
///
/// # Panics
///
/// If it does not take it.
#[must_use]
pub fn open_json(json: &serde_json::Value) -> EndUserCredentials {
    let user = EndUserCredentialsInfo::deserialize(json.to_string());
    EndUserCredentials::new(user.expect("an authorized user"))
}

/// A request that it wants sent, and what it needs to read the reply.
pub type Wanted = (Request<Vec<u8>>, u64);

/// What a caller gets: the cached token.
///
/// # Errors
///
/// The request to be sent where none is cached.
///
/// # Panics
///
/// If it says neither.
pub fn ask(credentials: &EndUserCredentials) -> Result<Token, Box<Wanted>> {
    match credentials
        .get_token(&[SCOPE])
        .expect("it never fails for a user")
    {
        TokenOrRequest::Token(token) => Ok(token),
        TokenOrRequest::Request {
            request, scope_hash, ..
        } => Err(Box::new((request, scope_hash))),
    }
}

/// Sends its request to `token_uri` by a client that follows nothing.
///
/// # Errors
///
/// What it says of the reply.
///
/// # Panics
///
/// If there is no reply.
pub fn send(
    credentials: &EndUserCredentials,
    (request, hash): Wanted,
    token_uri: &str,
) -> Result<Token, String> {
    let (mut parts, body) = request.into_parts();
    parts.uri = token_uri.parse().expect("an address");
    let reply = agent().run(Request::from_parts(parts, body)).expect("a reply");
    let (parts, mut body) = reply.into_parts();
    let body = body.with_config().limit(u64::MAX).read_to_vec().expect("a body");
    let token = credentials.parse_token_response(hash, Response::from_parts(parts, body));
    token.map_err(|error| error.to_string())
}

/// Both.
///
/// # Errors
///
/// What it says of the reply.
pub fn token(credentials: &EndUserCredentials, token_uri: &str) -> Result<Token, String> {
    ask(credentials).or_else(|wanted| send(credentials, *wanted, token_uri))
}
