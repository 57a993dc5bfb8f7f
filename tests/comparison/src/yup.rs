//! yup-oauth2: the flow of installed applications, with its file of tokens.

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use yup_oauth2::authenticator::DefaultAuthenticator;
use yup_oauth2::authenticator_delegate::InstalledFlowDelegate;
use yup_oauth2::{ApplicationSecret, InstalledFlowAuthenticator, InstalledFlowReturnMethod};

use crate::SCOPE;
use crate::grant::{CLIENT, Grant, SECRET};

/// The user, who is asked and does nothing.
#[derive(Clone, Debug, Default)]
pub struct User(Arc<Mutex<Vec<String>>>);

impl User {
    /// The addresses that the user was asked to open.
    ///
    /// # Panics
    ///
    /// If a test has panicked in between.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }
}

impl InstalledFlowDelegate for User {
    fn redirect_uri(&self) -> Option<&str> {
        Some("http://127.0.0.1:5000/callback")
    }

    fn present_user_url<'a>(
        &'a self,
        url: &'a str,
        _need_code: bool,
    ) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send + 'a>> {
        self.0.lock().expect("no panic").push(url.to_owned());
        Box::pin(async { Err("the user does nothing".to_owned()) })
    }
}

/// Stores the grant in its form with an access token that has ended.
///
/// # Panics
///
/// If it cannot be stored.
pub fn store(grant: &Grant, file: &Path) {
    // The form of its times: year, day of the year, hour, minute, second, nanosecond, offset.
    let tokens = serde_json::json!([{"scopes": [SCOPE], "token": {
        "access_token": "ended", "refresh_token": grant.refresh_token, "id_token": null,
        "expires_at": [1970, 1, 0, 0, 0, 0, 0, 0, 0],
    }}]);
    std::fs::write(file, tokens.to_string()).expect("a place to write");
}

/// Opens what is stored; `user` is asked if it wants a login.
///
/// # Panics
///
/// If the file cannot be read.
pub async fn open(issuer: &str, file: &Path, user: User) -> DefaultAuthenticator {
    try_open(issuer, file, user).await.expect("a readable file")
}

/// The same.
///
/// # Errors
///
/// If the file cannot be read.
pub async fn try_open(issuer: &str, file: &Path, user: User) -> std::io::Result<DefaultAuthenticator> {
    let secret = ApplicationSecret {
        client_id: CLIENT.to_owned(),
        client_secret: SECRET.to_owned(),
        auth_uri: format!("{issuer}/authorize"),
        token_uri: format!("{issuer}/token"),
        ..ApplicationSecret::default()
    };
    InstalledFlowAuthenticator::builder(secret, InstalledFlowReturnMethod::Interactive)
        .flow_delegate(Box::new(user))
        .persist_tokens_to_disk(file)
        .build()
        .await
}

/// A token from what is stored, as text, or what it says instead.
///
/// # Errors
///
/// What it says of a token that it could not get.
pub async fn token(authenticator: &DefaultAuthenticator) -> Result<String, String> {
    let token = authenticator
        .token(&[SCOPE])
        .await
        .map_err(|error| error.to_string())?;
    token
        .token()
        .map(str::to_owned)
        .ok_or_else(|| "no token".to_owned())
}
