//! The written form of a login at another device, version 1: a JSON object, where the wait outlives the process
//! ([RFC 8628 section 3.2](https://www.rfc-editor.org/rfc/rfc8628#section-3.2)).

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::device_authorization::{DeviceGrant, SHORTEST_INTERVAL, can_be_shown};
use crate::error::InvalidInput;
use crate::{Client, Cx, Error, Scopes, Secret, Timestamp};

const VERSION: u32 = 1;

impl DeviceGrant {
    /// The login as JSON, secrets included: who has it and proves to be the client gets the token.
    ///
    /// The form is a promise, later versions read what this one writes:
    ///
    /// ```json
    /// {
    ///   "grantflow_device": 1,
    ///   "client_id": "…", "token_endpoint": "https://as.example/token",
    ///   "device_code": "…", "user_code": "WDJB-MJHT",
    ///   "verification_uri": "https://as.example/device", "verification_uri_complete": "https://as.example/device?user_code=WDJB-MJHT",
    ///   "scopes": ["openid"], "resources": ["https://api.example"],
    ///   "lifetime": 1800.0, "interval": 5.0, "expires_at": "2030-01-02T03:34:05Z"
    /// }
    /// ```
    ///
    /// `verification_uri_complete`, `scopes` and `resources` may be absent; members of other names are ignored. Times are in seconds.
    #[must_use]
    pub fn expose_json(&self) -> Secret {
        let wire = Wire {
            grantflow_device: VERSION,
            client_id: self.client.id().into(),
            token_endpoint: self.client.token_endpoint().as_str().into(),
            device_code: self.device_code.expose().into(),
            user_code: self.user_code().into(),
            verification_uri: self.verification_uri().into(),
            verification_uri_complete: self.verification_uri_complete().map(Cow::from),
            scopes: self.scopes.iter().map(Cow::from).collect(),
            resources: self.resources.iter().map(Cow::from).collect(),
            lifetime: self.lifetime.as_secs_f64(),
            interval: self.interval.as_secs_f64(),
            expires_at: self.expires_at.to_string().into(),
        };
        // Strings, numbers and lists of strings always serialize.
        Secret::new(serde_json::to_string(&wire).unwrap_or_default())
    }

    /// Reads what [`expose_json`](Self::expose_json) wrote, for the client that asked for the codes: its secret or key is in no such
    /// text. `cx` says how much of the codes' time is left.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it is no such login, one of a later version, or one of another client.
    pub fn from_json(client: &Client, json: &str, cx: &Cx<'_>) -> Result<Self, Error> {
        // serde_json's errors print values, so nothing of them goes on.
        let version = serde_json::from_str(json).map_or(0, |Version { grantflow_device }| grantflow_device);
        let bad = |problem| Error::from(InvalidInput::new("device grant", problem));
        if version > VERSION {
            return Err(bad("was written by a later version"));
        }
        let wire: Option<Wire<'_>> = serde_json::from_str(json).ok();
        let wire = wire.filter(|_| version == VERSION);
        let wire = wire.ok_or_else(|| bad("cannot be read"))?;
        if wire.client_id != client.id() || wire.token_endpoint != client.token_endpoint().as_str() {
            return Err(bad("is of another client"));
        }
        wire.into_grant(client, cx).ok_or_else(|| bad("cannot be read"))
    }
}

#[derive(Deserialize)]
struct Version {
    grantflow_device: u32,
}

#[derive(Deserialize, Serialize)]
struct Wire<'a> {
    grantflow_device: u32,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    token_endpoint: Cow<'a, str>,
    device_code: Cow<'a, str>,
    user_code: Cow<'a, str>,
    verification_uri: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verification_uri_complete: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Cow<'a, str>>,
    lifetime: f64,
    interval: f64,
    expires_at: Cow<'a, str>,
}

impl Wire<'_> {
    /// `None` for a login that no reply begins.
    fn into_grant(self, client: &Client, cx: &Cx<'_>) -> Option<DeviceGrant> {
        let is_shown = |address: &str| can_be_shown(client, address);
        let is_steering = self.user_code.contains(char::is_control);
        let is_empty = self.device_code.is_empty() || self.user_code.is_empty();
        let is_sound = !is_steering
            && !is_empty
            && is_shown(&self.verification_uri)
            && self.verification_uri_complete.as_deref().is_none_or(is_shown);
        if !is_sound {
            return None;
        }
        let expires_at: Timestamp = self.expires_at.parse().ok()?;
        let lifetime = Duration::try_from_secs_f64(self.lifetime).ok()?;
        // A clock that was set back makes the codes live no longer than they may.
        let left = expires_at.since(cx.wall()).min(lifetime);
        Some(DeviceGrant {
            client: client.clone(),
            scopes: Scopes::try_from(self.scopes).ok()?,
            resources: self.resources.into_iter().map(Cow::into_owned).collect(),
            device_code: Secret::new(self.device_code),
            user_code: Secret::new(self.user_code),
            verification_uri: self.verification_uri.into_owned(),
            verification_uri_complete: self.verification_uri_complete.map(Secret::new),
            lifetime,
            expires_at,
            ends: cx.now().boot.saturating_add(left),
            interval: Duration::try_from_secs_f64(self.interval)
                .ok()?
                .max(SHORTEST_INTERVAL),
        })
    }
}
