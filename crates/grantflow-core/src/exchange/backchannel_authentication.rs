//! A login that the user allows on a device of theirs, with no browser in between: OpenID Connect CIBA, by polling
//! ([section 7.1], [section 7.3]).
//!
//! ```text
//! BackchannelAuthenticationRequest ──to_http──▶ … ──parse──▶ BackchannelGrant ──poll──▶ Token
//!         who: a hint                                              └─ the server asks the user, on their telephone say
//! ```
//!
//! [section 7.1]: https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html#rfc.section.7.1
//! [section 7.3]: https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html#rfc.section.7.3

use std::fmt;
use std::time::Duration;

use super::device_authorization::{USUAL_INTERVAL, USUAL_LIFETIME, interval};
use super::members::{Members, text};
use super::{object, refusal, scope_text, send, token_reply};
use crate::error::{InvalidInput, ReplyProblem};
use crate::form::Form;
use crate::{Client, Cx, Error, Request, Response, Scopes, Secret, Step, Timestamp};

/// A request that the server ask a user, and how to read the reply.
///
/// # Example
///
/// ```
/// use grantflow_core::{
///     BackchannelAuthenticationRequest, Body, Client, Cx, Endpoint, Now, Scopes, UserHint,
/// };
///
/// let client = Client::new("bank", Endpoint::new("https://server.example.com/token")?)
///     .with_secret_basic("s3cret")
///     .with_backchannel_authentication_endpoint(Endpoint::new("https://server.example.com/bc-authorize")?);
/// let mut no_entropy = |_: &mut [u8]| Ok(());
/// let mut cx = Cx::new(Now::default(), &mut no_entropy);
///
/// let request = BackchannelAuthenticationRequest::new(&client, UserHint::LoginHint("ann@example.com".to_owned()))
///     .scopes(Scopes::parse("openid payments")?)
///     .binding_message("W4SCT");
/// let _to_send = request.to_http(&mut cx)?;
///
/// let reply = http::Response::builder()
///     .header("content-type", "application/json")
///     .body(Body::from(r#"{"auth_req_id":"1c266114-a1be-4252-8ad1-04986c5b9ac1","expires_in":120,"interval":2}"#))?;
/// let _token_to_come = request.parse(&reply, &cx)?.poll();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BackchannelAuthenticationRequest {
    client: Client,
    hint: UserHint,
    scopes: Scopes,
    resources: Vec<String>,
    binding_message: Option<String>,
    user_code: Option<Secret>,
    requested_expiry: Option<Duration>,
    acr_values: Vec<String>,
}

/// Who the user is, in one of the three ways in which a server may be told. `Debug` does not say.
#[derive(Clone)]
#[non_exhaustive]
pub enum UserHint {
    /// `login_hint`: a name, an e-mail address, a telephone number.
    LoginHint(String),
    /// `id_token_hint`: an ID token that the server gave the client before.
    IdToken(Secret),
    /// `login_hint_token`: a token of the server's ecosystem.
    LoginHintToken(Secret),
}

impl fmt::Debug for UserHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parameter().0)
    }
}

impl UserHint {
    fn parameter(&self) -> (&'static str, &str) {
        match self {
            Self::LoginHint(hint) => ("login_hint", hint),
            Self::IdToken(token) => ("id_token_hint", token.expose()),
            Self::LoginHintToken(token) => ("login_hint_token", token.expose()),
        }
    }
}

impl BackchannelAuthenticationRequest {
    /// Asks for the login of this user, with scope `openid` ([section 7.1]).
    ///
    /// [section 7.1]: https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html#rfc.section.7.1
    #[must_use]
    pub fn new(client: &Client, hint: UserHint) -> Self {
        Self {
            client: client.clone(),
            hint,
            scopes: Scopes::granted(["openid"]),
            resources: Vec::new(),
            binding_message: None,
            user_code: None,
            requested_expiry: None,
            acr_values: client.acr_values().to_vec(),
        }
    }

    /// Asks for these scopes, which have to have `openid`.
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// Names a resource that the token is for; may be called again for another (RFC 8707).
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// A short text that both this program and the user's device show, so that the user can tell what they allow.
    #[must_use]
    pub fn binding_message(mut self, message: impl Into<String>) -> Self {
        self.binding_message = Some(message.into());
        self
    }

    /// A secret that the user gave this program for the server, so that nobody else makes their device ring.
    #[must_use]
    pub fn user_code(mut self, code: Secret) -> Self {
        self.user_code = Some(code);
        self
    }

    /// How long the user should have, in whole seconds, of which there is one at least.
    #[must_use]
    pub fn requested_expiry(mut self, expiry: Duration) -> Self {
        self.requested_expiry = Some(expiry);
        self
    }

    /// How the user has to log in, in the words of the server (`acr_values`), separated by spaces. An ID token that says otherwise, or
    /// nothing, is refused by the client's [check](Client::with_id_token_check).
    #[must_use]
    pub fn acr_values(mut self, values: &str) -> Self {
        self.acr_values = values.split_ascii_whitespace().map(str::to_owned).collect();
        self
    }

    /// The request on the wire.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has no backchannel authentication endpoint, if `openid` is not among the scopes, or the
    /// client's secret fits in no header; what
    /// [`ClientAuthentication::parameters`](crate::ClientAuthentication::parameters) answers.
    /// [`Error::InvalidInput`] too if the client authenticates by a certificate, and `cx` has none or the endpoint no TLS;
    /// [`Error::Profile`].
    pub fn to_http(&self, cx: &mut Cx<'_>) -> Result<Request, Error> {
        let endpoint = self.client.backchannel_authentication_endpoint()?;
        if !self.scopes.contains("openid") {
            return Err(InvalidInput::new("scope", "lacks openid, which such a login has to have").into());
        }
        let mut form = Form::default();
        let authorization = self
            .client
            .authentication()
            .apply(&self.client, endpoint, &mut form, cx)?;
        form.push("scope", &scope_text(&self.client, &self.scopes));
        let (name, value) = self.hint.parameter();
        form.push(name, value);
        if let Some(message) = &self.binding_message {
            form.push("binding_message", message);
        }
        if let Some(code) = &self.user_code {
            form.push("user_code", code.expose());
        }
        if let Some(expiry) = self.requested_expiry {
            form.push("requested_expiry", &expiry.as_secs().max(1).to_string());
        }
        if !self.acr_values.is_empty() {
            form.push("acr_values", &self.acr_values.join(" "));
        }
        for resource in &self.resources {
            form.push("resource", resource);
        }
        form.post(endpoint, authorization)
    }

    /// Reads the reply; `cx` turns `expires_in` into a time ([section 7.3]).
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if the server refused, with `unknown_user_id` for a user whom it does not know; [`Error::BadReply`] if the reply
    /// made no sense.
    ///
    /// [section 7.3]: https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html#rfc.section.7.3
    pub fn parse(&self, reply: &Response, cx: &Cx<'_>) -> Result<BackchannelGrant, Error> {
        let members = object(reply, cx)?;
        self.read(&members, cx)
            .map_err(|problem| refusal::bad(reply, problem, cx))
    }

    /// Sends the request and reads the reply; it ends in the errors of [`to_http`](Self::to_http) and [`parse`](Self::parse).
    pub fn flow(self) -> Step<BackchannelGrant> {
        Step::begin(move |cx| {
            let request = self.to_http(cx)?;
            Ok(send(request, move |reply, cx| self.parse(reply, cx)))
        })
    }

    fn read(&self, members: &Members<'_>, cx: &Cx<'_>) -> Result<BackchannelGrant, ReplyProblem> {
        let auth_req_id = text(members.other(AUTH_REQ_ID), AUTH_REQ_ID)?;
        let auth_req_id = auth_req_id.ok_or(ReplyProblem::Missing(AUTH_REQ_ID))?;
        let lifetime = token_reply::lifetime(members)?.unwrap_or(USUAL_LIFETIME);
        Ok(BackchannelGrant {
            client: self.client.clone(),
            scopes: self.scopes.clone(),
            resources: self.resources.clone(),
            acr_values: self.acr_values.clone(),
            auth_req_id: Secret::new(auth_req_id),
            expires_at: cx.wall().plus(lifetime),
            ends: cx.now().boot.saturating_add(lifetime),
            interval: interval(members.other("interval")).unwrap_or(USUAL_INTERVAL),
        })
    }
}

/// A login that the server asks the user about: [`poll`](Self::poll) waits for the answer. `Debug` does not print its id.
#[must_use = "the login is polled for"]
pub struct BackchannelGrant {
    pub(crate) client: Client,
    pub(crate) scopes: Scopes,
    pub(crate) resources: Vec<String>,
    pub(crate) acr_values: Vec<String>,
    pub(crate) auth_req_id: Secret,
    expires_at: Timestamp,
    /// The end in time since boot, which nobody sets.
    pub(crate) ends: Duration,
    pub(crate) interval: Duration,
}

impl BackchannelGrant {
    /// When the user can answer no more; half an hour from the reply where the server did not say.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// How long [`poll`](Self::poll) waits before each request, to begin with.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// The scopes that were asked for.
    #[must_use]
    pub fn requested_scopes(&self) -> &Scopes {
        &self.scopes
    }
}

impl fmt::Debug for BackchannelGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackchannelGrant")
            .field("client", &self.client)
            .field("scopes", &self.scopes)
            .field("expires_at", &self.expires_at)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

const AUTH_REQ_ID: &str = "auth_req_id";
