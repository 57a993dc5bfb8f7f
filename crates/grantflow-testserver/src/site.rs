//! One server: what never changes, what does, and which path leads where.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::client::TestClient;
use crate::config::Config;
use crate::fault::{Endpoint, Fault};
use crate::message::{Inbound, Reply};
use crate::state::State;
use crate::stats::LoggedRequest;
use crate::{
    api, authorize, device, end_session, interaction, introspect, keys, metadata, pages, pushed, revoke,
    token, userinfo,
};

/// A server, shared by its thread and its handle.
pub(crate) struct Site {
    pub(crate) config: Config,
    pub(crate) issuer: String,
    pub(crate) port: u16,
    state: Mutex<State>,
    /// Rings after every request.
    pub(crate) changed: Condvar,
    /// Wakes replies that were held.
    pub(crate) released: Notify,
}

/// One request while it is carried out, with the state locked.
pub(crate) struct Turn<'a> {
    pub(crate) config: &'a Config,
    pub(crate) issuer: &'a str,
    pub(crate) port: u16,
    pub(crate) request: &'a Inbound,
    pub(crate) state: &'a mut State,
    pub(crate) note: &'a mut LoggedRequest,
    /// The fault in play, for those that change what an endpoint says.
    pub(crate) fault: Option<Fault>,
    /// The thumbprint of the key that the request was proven with (RFC 9449).
    pub(crate) jkt: Option<String>,
    /// What the token that is asked for is exactly for.
    pub(crate) details: Vec<Value>,
}

impl Site {
    pub(crate) fn new(config: Config, port: u16) -> Self {
        let state = Mutex::new(State::new(&config));
        let issuer = format!("http://127.0.0.1:{port}");
        Self {
            config,
            issuer,
            port,
            state,
            changed: Condvar::new(),
            released: Notify::new(),
        }
    }

    /// A panic elsewhere leaves counters at worst half right, so a poisoned lock is no reason to stop.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Turn<'a> {
    pub(crate) fn client(&self, id: &str) -> Option<&'a TestClient> {
        self.config.clients.iter().find(|client| client.id() == id)
    }

    pub(crate) fn session_cookie(&self) -> Option<&'a str> {
        self.request.cookie(&self.cookie_name())
    }

    pub(crate) fn set_cookie(&self, session: &str) -> String {
        format!("{}={session}; Path=/; HttpOnly; SameSite=Lax", self.cookie_name())
    }

    /// Browsers share cookies between the ports of a host, so the port is in the name.
    fn cookie_name(&self) -> String {
        format!("gft_session_{}", self.port)
    }
}

/// The endpoint whose faults and counters a request belongs to.
pub(crate) fn endpoint(request: &Inbound) -> Option<Endpoint> {
    let endpoint = match request.path.as_str() {
        "/authorize" => Endpoint::Authorization,
        "/token" if request.form.value("grant_type") == Some("refresh_token") => Endpoint::Refresh,
        "/token" if request.form.value("grant_type") == Some(device::GRANT_TYPE) => Endpoint::Poll,
        "/token" => Endpoint::Token,
        "/device_authorization" => Endpoint::Device,
        "/par" => Endpoint::PushedAuthorization,
        "/revoke" => Endpoint::Revocation,
        "/introspect" => Endpoint::Introspection,
        "/.well-known/oauth-authorization-server" | "/.well-known/openid-configuration" => Endpoint::Metadata,
        "/jwks" => Endpoint::Keys,
        "/api/me" | "/api/echo" | "/userinfo" => Endpoint::Api,
        _ => return None,
    };
    Some(endpoint)
}

/// Carries a request out.
pub(crate) fn route(turn: &mut Turn<'_>) -> Reply {
    let inbound = turn.request;
    let method = if inbound.method == "HEAD" {
        "GET"
    } else {
        inbound.method.as_str()
    };
    let (allowed, handler): (&[&str], fn(&mut Turn<'_>) -> Reply) = match (inbound.path.as_str(), method) {
        ("/authorize", _) => (&["GET", "POST"], authorize::authorize),
        ("/login", "POST") => (&["GET", "POST"], interaction::login),
        ("/login", _) => (&["GET", "POST"], interaction::login_page),
        ("/consent", "POST") => (&["GET", "POST"], interaction::consent),
        ("/consent", _) => (&["GET", "POST"], interaction::consent_page),
        ("/device_authorization", _) => (&["POST"], device::authorize),
        ("/device", "POST") => (&["GET", "POST"], device::enter),
        ("/device", _) => (&["GET", "POST"], device::page),
        ("/token", _) => (&["POST"], token::token),
        ("/logout", _) => (&["GET", "POST"], end_session::end),
        ("/par", _) => (&["POST"], pushed::push),
        ("/revoke", _) => (&["POST"], revoke::revoke),
        ("/introspect", _) => (&["POST"], introspect::introspect),
        ("/api/me", _) => (&["GET"], api::me),
        ("/userinfo", _) => (&["GET", "POST"], userinfo::userinfo),
        ("/api/echo", _) => (&["POST", "PUT"], api::echo),
        ("/.well-known/oauth-authorization-server", _) => (&["GET"], metadata::authorization_server),
        ("/.well-known/openid-configuration", _) => (&["GET"], metadata::openid_configuration),
        ("/jwks", _) => (&["GET"], keys::jwks),
        ("/", _) => (&["GET"], pages::home),
        _ => return Reply::json(404, &json!({ "error": "not_found" })),
    };
    if allowed.contains(&method) {
        handler(turn)
    } else {
        Reply::json(405, &json!({ "error": "method_not_allowed" })).header("allow", allowed.join(", "))
    }
}

/// `/stats` and `/log`, which leave no trace in either.
pub(crate) fn observe(site: &Site, path: &str) -> Option<Reply> {
    let state = site.state();
    let value = match path {
        "/stats" => serde_json::to_value(&state.stats),
        "/log" => serde_json::to_value(&state.log),
        _ => return None,
    };
    Some(Reply::json(200, &value.unwrap_or(Value::Null)).no_store())
}
