//! The written form of a pending authorization: a JSON object, for sessions of web applications. It is of the first version whose programs
//! know all its members: one of before would pass over some, and so check less than was asked for.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mode::ResponseMode;
use super::pending::PendingAuthorization;
use super::pkce::Verifier;
use super::request::check_redirect_uri;
use super::response_type::ResponseType;
use crate::error::InvalidInput;
use crate::{Client, Endpoint, Error, Issuer, Scopes, Secret};

const VERSION: u32 = 3;
const FIRST_VERSION: u32 = 1;

impl PendingAuthorization {
    /// The authorization as JSON, secrets included: who has it and sees the redirect can take over the login.
    ///
    /// Keep it on the server, or sealed in the user's cookie; bind it to the user's session and delete it when it is read.
    /// The form is a promise, later versions read what this one writes:
    ///
    /// ```json
    /// {
    ///   "grantflow_pending": 2,
    ///   "state": "…", "verifier": "…", "nonce": "…",
    ///   "issuer": "https://as.example", "iss_promised": true,
    ///   "client_id": "…", "token_endpoint": "https://as.example/token",
    ///   "redirect_uri": "https://app.example/callback",
    ///   "scopes": ["openid"], "resources": ["https://api.example"],
    ///   "response_mode": "form_post",
    ///   "created_at": "2030-01-02T03:04:05Z", "expires_at": "2030-01-02T03:14:05Z"
    /// }
    /// ```
    ///
    /// `nonce`, `issuer`, `iss_promised`, `scopes` and `resources` may be absent; members of other names are ignored. These came with
    /// version 2, and where there is none of them `grantflow_pending` is 1: `response_mode` (unless it is `query`), `acr_values` and
    /// `max_age` (seconds; where the login has to be by such a way or not older), `dpop_jkt` (where the code is bound to a key) and
    /// `token_key` (where that was made for this login), `code_parameter` (where the provider calls the code otherwise). A program that
    /// knows version 1 alone refuses a form that has them. With version 3 came `response_type` (unless it is `code`): it says that an ID token
    /// has to be in the redirect.
    #[must_use]
    pub fn expose_json(&self) -> Secret {
        let mut wire = Wire {
            grantflow_pending: FIRST_VERSION,
            state: self.state.expose().into(),
            verifier: self.verifier.secret().expose().into(),
            nonce: self.nonce.as_ref().map(|nonce| nonce.expose().into()),
            issuer: self.issuer.as_ref().map(|issuer| issuer.as_str().into()),
            iss_promised: self.iss_promised,
            client_id: self.client.id().into(),
            token_endpoint: self.client.token_endpoint().as_str().into(),
            redirect_uri: self.redirect_uri.as_str().into(),
            scopes: self.scopes.iter().map(Cow::from).collect(),
            resources: self.resources.iter().map(Cow::from).collect(),
            acr_values: self.acr_values.iter().map(Cow::from).collect(),
            max_age: self.max_age.map(|age| age.as_secs()),
            response_type: self.response_type,
            response_mode: self.response_mode,
            dpop_jkt: self.dpop_jkt.as_deref().map(Cow::from),
            token_key: self.token_key.as_ref().map(|key| key.expose().into()),
            code_parameter: self.code_parameter.as_deref().map(Cow::from),
            created_at: self.created_at.to_string().into(),
            expires_at: self.expires_at.to_string().into(),
        };
        wire.grantflow_pending = wire.version();
        // Strings, numbers and lists of strings always serialize.
        Secret::new(serde_json::to_string(&wire).unwrap_or_default())
    }

    /// Reads what [`expose_json`](Self::expose_json) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it is no such authorization, or one of a later version.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        // serde_json's errors print values, so nothing of them goes on.
        let version = serde_json::from_str(json).map_or(0, |Version { grantflow_pending }| grantflow_pending);
        if version > VERSION {
            return Err(InvalidInput::new("pending authorization", "was written by a later version").into());
        }
        let wire: Option<Wire<'_>> = serde_json::from_str(json).ok();
        let pending = wire
            .filter(|_| version >= FIRST_VERSION)
            .and_then(Wire::into_pending);
        pending.ok_or_else(|| InvalidInput::new("pending authorization", "cannot be read").into())
    }
}

#[derive(Deserialize)]
struct Version {
    grantflow_pending: u32,
}

#[derive(Deserialize, Serialize)]
struct Wire<'a> {
    grantflow_pending: u32,
    #[serde(borrow)]
    state: Cow<'a, str>,
    verifier: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    iss_promised: bool,
    client_id: Cow<'a, str>,
    token_endpoint: Cow<'a, str>,
    redirect_uri: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    acr_values: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
    #[serde(default, skip_serializing_if = "ResponseType::is_usual")]
    response_type: ResponseType,
    #[serde(default, skip_serializing_if = "ResponseMode::is_usual")]
    response_mode: ResponseMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dpop_jkt: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_key: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code_parameter: Option<Cow<'a, str>>,
    created_at: Cow<'a, str>,
    expires_at: Cow<'a, str>,
}

impl Wire<'_> {
    /// Whoever passes over a member takes an answer that is not what was asked for, or consents in vain.
    fn version(&self) -> u32 {
        if self.response_type.has_id_token() {
            return VERSION;
        }
        let has_members_of_version_2 = !self.acr_values.is_empty()
            || self.max_age.is_some()
            || !self.response_mode.is_usual()
            || self.dpop_jkt.is_some()
            || self.code_parameter.is_some();
        FIRST_VERSION + u32::from(has_members_of_version_2)
    }

    /// `None` for an authorization that no [`AuthorizationRequest`](super::AuthorizationRequest) begins.
    fn into_pending(self) -> Option<PendingAuthorization> {
        check_redirect_uri(&self.redirect_uri).ok()?;
        let issuer = match self.issuer {
            Some(issuer) => Some(Issuer::allow_http_for_localhost(issuer).ok()?),
            None => None,
        };
        let token_endpoint = Endpoint::allow_http_for_localhost(self.token_endpoint).ok()?;
        let pending = PendingAuthorization {
            state: secret(self.state),
            verifier: Verifier::parse(secret(self.verifier))?,
            nonce: self.nonce.map(secret),
            issuer,
            iss_promised: self.iss_promised,
            client: Client::new(self.client_id, token_endpoint),
            redirect_uri: self.redirect_uri.into_owned(),
            scopes: Scopes::try_from(self.scopes).ok()?,
            resources: self.resources.into_iter().map(Cow::into_owned).collect(),
            acr_values: self.acr_values.into_iter().map(Cow::into_owned).collect(),
            max_age: self.max_age.map(Duration::from_secs),
            response_type: self.response_type,
            response_mode: self.response_mode,
            dpop_jkt: self.dpop_jkt.map(Cow::into_owned),
            token_key: self.token_key.map(secret),
            code_parameter: self.code_parameter.map(Cow::into_owned),
            created_at: self.created_at.parse().ok()?,
            expires_at: self.expires_at.parse().ok()?,
        };
        let is_posted = pending.response_mode == ResponseMode::FormPost && pending.nonce.is_some();
        let can_be_proven = !pending.response_type.has_id_token() || is_posted;
        (!pending.state.is_empty() && can_be_proven).then_some(pending)
    }
}

fn secret(text: Cow<'_, str>) -> Secret {
    Secret::new(text)
}
