//! google-cloud-auth: the credentials of a user, through a [`Door`] that turns its JSON into the form of [RFC 6749 section 6].
//!
//! [RFC 6749 section 6]: https://www.rfc-editor.org/rfc/rfc6749#section-6

use google_cloud_auth::credentials::{AccessTokenCredentials, user_account};

use crate::door::Door;
use crate::grant::Grant;

/// The grant in its hands. It must be called where a runtime runs, since it spawns a task.
///
/// # Panics
///
/// If it does not take the grant.
#[must_use]
pub fn open(grant: &Grant, door: &Door) -> AccessTokenCredentials {
    open_json(grant.authorized_user(), &door.token_uri())
}

/// The same of an `authorized_user` as JSON, at a token endpoint that takes JSON.
///
/// # Panics
///
/// If it does not take it.
#[must_use]
pub fn open_json(json: serde_json::Value, token_uri: &str) -> AccessTokenCredentials {
    // Again and again is fine: the first one stays.
    _ = rustls::crypto::ring::default_provider().install_default();
    let builder = user_account::Builder::new(json).with_token_uri(token_uri);
    builder
        .build_access_token_credentials()
        .expect("an authorized user")
}

/// A token as text, or what it says instead.
///
/// # Errors
///
/// What it says of a token that it could not get.
pub async fn token(credentials: &AccessTokenCredentials) -> Result<String, String> {
    let token = credentials
        .access_token()
        .await
        .map_err(|error| error.to_string())?;
    Ok(token.token)
}
