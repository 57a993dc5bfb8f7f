//! Google's endpoints, as a preset ([its guide for installed applications](https://developers.google.com/identity/protocols/oauth2/native-app)).

use super::Client;
use crate::{Endpoint, Error, Issuer, Origin};

impl Client {
    /// A client registered at Google: its endpoints, `access_type=offline` (else there is no refresh token), and the origins of
    /// its APIs. A secret is to be added with [`with_secret_post`](Self::with_secret_post).
    ///
    /// # Errors
    ///
    /// None in practice: the addresses are constants.
    pub fn google(id: impl Into<String>) -> Result<Self, Error> {
        Ok(
            Self::new(id, Endpoint::new("https://oauth2.googleapis.com/token")?)
                .with_issuer(Issuer::new("https://accounts.google.com")?)
                .with_authorization_endpoint(Endpoint::new("https://accounts.google.com/o/oauth2/v2/auth")?)
                .with_revocation_endpoint(Endpoint::new("https://oauth2.googleapis.com/revoke")?)
                .with_device_authorization_endpoint(Endpoint::new(
                    "https://oauth2.googleapis.com/device/code",
                )?)
                .with_parameter("access_type", "offline")
                .with_origins([Origin::new("https://*.googleapis.com")?]),
        )
    }
}
