//! Counters and the request log: what tests read instead of guessing.
//!
//! Neither holds a secret: a request is logged by names (of headers, of parameters) and by ordinals, never by values
//! that could be a token, a code, a password or a client secret.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the server has counted since it started.
///
/// `GET /stats` answers the same as JSON. Requests for `/stats` and `/log` are not counted.
///
/// # Example
///
/// ```
/// let server = grantflow_testserver::TestServer::start()?;
/// assert_eq!(server.stats().refresh_replays, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Stats {
    /// TCP connections accepted, those for `/stats` and `/log` included.
    pub connections: u64,
    /// Requests of every kind.
    pub requests: u64,
    /// Requests to the authorization endpoint.
    pub authorization_requests: u64,
    /// Authorization requests that were pushed and taken.
    pub pushed_requests: u64,
    /// Signed authorization requests that were taken.
    pub request_objects: u64,
    /// Successful logins on the login page.
    pub logins: u64,
    /// Sessions that were ended at the server.
    pub logouts: u64,
    /// Authorization requests granted, by a person or by auto-approval.
    pub consents: u64,
    /// Authorization requests that a person denied.
    pub denials: u64,
    /// Requests to the token endpoint, whatever became of them.
    pub token_requests: u64,
    /// Authorization codes traded for tokens.
    pub code_exchanges: u64,
    /// Tokens exchanged for others.
    pub token_exchanges: u64,
    /// Passwords traded for tokens at the token endpoint.
    pub passwords: u64,
    /// Assertions of service accounts, and SAML assertions, traded for tokens.
    pub assertions: u64,
    /// Assertions by which clients proved themselves.
    pub client_assertions: u64,
    /// Requests of devices that were given codes.
    pub device_authorizations: u64,
    /// Polls for the login of a device, those spared by a [`Fault`](crate::Fault) not included.
    pub polls: u64,
    /// Those of them that came too early.
    pub early_polls: u64,
    /// Codes that came a second time; the tokens issued from them were revoked.
    pub code_replays: u64,
    /// Refreshes carried out, those inside the grace period included.
    pub refreshes: u64,
    /// Refreshes with a spent refresh token inside the grace period.
    pub graced_refreshes: u64,
    /// Spent refresh tokens that came again when they must not.
    pub refresh_replays: u64,
    /// Proofs of possession that were taken.
    pub proofs: u64,
    /// Requests that were refused for another nonce.
    pub nonces_asked_for: u64,
    /// Families of tokens revoked because of a replayed code or refresh token.
    pub families_revoked: u64,
    /// Refusals by the token endpoint, those by a [`Fault`](crate::Fault) and those that mean to poll again not included.
    pub token_errors: u64,
    /// Requests to the revocation endpoint that were answered 200.
    pub revocations: u64,
    /// Requests to the introspection endpoint that were answered 200.
    pub introspections: u64,
    /// Requests to `/api/me`, `/api/echo` and `/userinfo`.
    pub api_requests: u64,
    /// Those of them that were answered 401.
    pub api_unauthorized: u64,
    /// Requests for either metadata document.
    pub metadata_requests: u64,
    /// Requests for the keys.
    pub key_requests: u64,
    /// Faults that were played, each counted as soon as its request has been read.
    pub faults: u64,
    /// Replies that [`Fault::Hold`](crate::Fault::Hold) has kept back so far, released ones included.
    pub held: u64,
}

/// One request as the server saw it.
///
/// `GET /log` answers all of them as a JSON array, oldest first; the server keeps the last 10,000.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// When it was carried out, by the server's clock, since the server started.
    pub at: Duration,
    /// The TCP connection it came on, counted from 1.
    pub connection: u64,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The status of the reply; `None` if the connection was dropped instead.
    pub status: Option<u16>,
    /// `grant_type`, if the request had one.
    pub grant_type: Option<String>,
    /// `client_id`, from wherever it was sent.
    pub client_id: Option<String>,
    /// How the client authenticated: `none`, `client_secret_basic` or `client_secret_post`.
    pub client_auth: Option<String>,
    /// The `error` of the reply or of the redirect.
    pub error: Option<String>,
    /// Which access token the request carried: 1 for the first the server issued. `None` if it carried none or an
    /// unknown one.
    pub access_token: Option<u64>,
    /// Names of the request's headers, in lower case, sorted.
    pub headers: Vec<String>,
    /// Names of the parameters in the query and in the form, sorted; `(other)` for what does not look like one.
    pub parameters: Vec<String>,
    /// Bytes of the request body.
    pub body_length: u64,
    /// The fault that was played, by its name.
    pub fault: Option<String>,
}
