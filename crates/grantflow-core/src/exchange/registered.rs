//! A client as a server registered it ([RFC 7591 section 3.2.1]), and its written form, version 1: a JSON object.
//!
//! [RFC 7591 section 3.2.1]: https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::client::UnknownAuthentication;
use crate::error::InvalidInput;
use crate::{Client, Endpoint, Error, Issuer, Secret, ServerMetadata, Timestamp};

/// What a server gave to a client that registered itself.
///
/// It is to be kept and used again: each registration is another client, with consents of its own.
///
/// # Example
///
/// ```
/// use grantflow_core::Registration;
///
/// let kept = r#"{"grantflow_registration":1,"issuer":"https://as.example","client_id":"s6BhdRkqt3","token_endpoint_auth_method":"none"}"#;
/// assert_eq!(Registration::from_json(kept)?.client_id(), "s6BhdRkqt3");
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registration {
    pub(super) issuer: Issuer,
    pub(super) client_id: String,
    pub(super) client_secret: Option<Secret>,
    pub(super) secret_expires_at: Option<Timestamp>,
    pub(super) access_token: Option<Secret>,
    pub(super) client_uri: Option<Endpoint>,
    pub(super) authentication_method: String,
}

impl Registration {
    /// The client, as it was registered.
    ///
    /// A method that needs a key, such as `private_key_jwt`, is to be added with
    /// [`Client::with_authentication`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it was registered by another server: its secret goes nowhere else.
    pub fn client(&self, server: &ServerMetadata) -> Result<Client, Error> {
        if self.issuer != *server.issuer() {
            return Err(InvalidInput::new("registration", "is one of another server").into());
        }
        let client = server.client(&self.client_id);
        Ok(match (self.authentication_method.as_str(), &self.client_secret) {
            // Whoever was given no secret has none to send.
            ("none", _) | ("client_secret_basic" | "client_secret_post", None) => client,
            ("client_secret_basic", Some(secret)) => client.with_secret_basic(secret.clone()),
            ("client_secret_post", Some(secret)) => client.with_secret_post(secret.clone()),
            (method, _) => client.with_authentication(UnknownAuthentication::of(method)),
        })
    }

    /// The server that registered it.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The client id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The secret, if there is one.
    #[must_use]
    pub fn client_secret(&self) -> Option<&Secret> {
        self.client_secret.as_ref()
    }

    /// When the secret ends; `None` if it does not.
    #[must_use]
    pub fn secret_expires_at(&self) -> Option<Timestamp> {
        self.secret_expires_at
    }

    /// Whether the secret has ended, so that the client has to be registered anew.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.client_secret.is_some() && self.secret_expires_at.is_some_and(|end| end <= now)
    }

    /// What the registration is read, changed and ended with ([RFC 7592 section 3]).
    ///
    /// [RFC 7592 section 3]: https://www.rfc-editor.org/rfc/rfc7592#section-3
    #[must_use]
    pub fn access_token(&self) -> Option<&Secret> {
        self.access_token.as_ref()
    }

    /// Where that is done ([RFC 7592 section 3]).
    ///
    /// [RFC 7592 section 3]: https://www.rfc-editor.org/rfc/rfc7592#section-3
    #[must_use]
    pub fn client_uri(&self) -> Option<&Endpoint> {
        self.client_uri.as_ref()
    }

    /// How the client authenticates to the token endpoint, by the registered name.
    #[must_use]
    pub fn authentication_method(&self) -> &str {
        &self.authentication_method
    }

    /// The registration as JSON, secrets included, to be kept where only the application reads it.
    ///
    /// The form is a promise, later versions read what this one writes:
    ///
    /// ```json
    /// {
    ///   "grantflow_registration": 1,
    ///   "issuer": "https://as.example", "client_id": "…", "client_secret": "…",
    ///   "client_secret_expires_at": "2030-01-02T03:04:05Z", "token_endpoint_auth_method": "client_secret_basic",
    ///   "registration_access_token": "…", "registration_client_uri": "https://as.example/clients/…"
    /// }
    /// ```
    ///
    /// All but the version, `issuer`, `client_id` and `token_endpoint_auth_method` may be absent; members of other names are ignored.
    #[must_use]
    pub fn expose_json(&self) -> Secret {
        let secret =
            |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned().into());
        let wire = Wire {
            grantflow_registration: VERSION,
            issuer: self.issuer.as_str().into(),
            client_id: self.client_id.as_str().into(),
            client_secret: secret(&self.client_secret),
            client_secret_expires_at: self.secret_expires_at.map(|end| end.to_string().into()),
            token_endpoint_auth_method: self.authentication_method.as_str().into(),
            registration_access_token: secret(&self.access_token),
            registration_client_uri: self.client_uri.as_ref().map(|uri| uri.as_str().into()),
        };
        // Strings and numbers always serialize.
        Secret::new(serde_json::to_string(&wire).unwrap_or_default())
    }

    /// Reads what [`expose_json`](Self::expose_json) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it is no such registration, or one of a later version.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        // serde_json's errors print values, so nothing of them goes on.
        let wire: Option<Wire<'_>> = serde_json::from_str(json).ok();
        let bad = |problem| Error::from(InvalidInput::new("registration", problem));
        match wire {
            Some(wire) if wire.grantflow_registration > VERSION => Err(bad("was written by a later version")),
            Some(wire) if wire.grantflow_registration == VERSION => {
                wire.into_registration().ok_or_else(|| bad("cannot be read"))
            }
            _ => Err(bad("cannot be read")),
        }
    }
}

const VERSION: u32 = 1;

#[derive(Deserialize, Serialize)]
struct Wire<'a> {
    grantflow_registration: u32,
    issuer: Cow<'a, str>,
    client_id: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<Cow<'a, str>>,
    token_endpoint_auth_method: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registration_access_token: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registration_client_uri: Option<Cow<'a, str>>,
}

impl Wire<'_> {
    fn into_registration(self) -> Option<Registration> {
        // What was checked when it was made: http stands in it only where a caller asked for loopback or localhost.
        let uri = self
            .registration_client_uri
            .map(Endpoint::allow_http_for_localhost);
        let end = self.client_secret_expires_at.map(|end| end.parse());
        Some(Registration {
            issuer: Issuer::allow_http_for_localhost(self.issuer).ok()?,
            client_id: self.client_id.into_owned(),
            client_secret: self.client_secret.map(Secret::new),
            secret_expires_at: end.transpose().ok()?,
            access_token: self.registration_access_token.map(Secret::new),
            client_uri: uri.transpose().ok()?,
            authentication_method: self.token_endpoint_auth_method.into_owned(),
        })
    }
}
