//! The logout at the server: the address to send the user to, and the return from there
//! ([OpenID Connect RP-Initiated Logout section 2], [section 3]).
//!
//! ```text
//! EndSessionRequest ──start──▶ (EndSessionUrl, PendingEndSession) ── the user logs out, and comes back ──▶ accept
//! ```
//!
//! [OpenID Connect RP-Initiated Logout section 2]: https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout
//! [section 3]: https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RedirectionAfterLogout

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::callback::{Callback, CallbackError};
use super::mode::ResponseMode;
use super::query::QueryWriter;
use super::request::check_redirect_uri;
use crate::error::InvalidInput;
use crate::{Client, Cx, Error, Secret};

/// A request to end a user's session at the server; nothing that is stored here ends with it, which
/// [`Credentials::revoke`](crate::Credentials::revoke) is for.
///
/// # Example
///
/// ```
/// # use grantflow_core::{Cx, Error, Now};
/// # let mut n = 0;
/// # let mut fill = |bytes: &mut [u8]| { n += 1; bytes.fill(n); Ok(()) };
/// # let mut cx = Cx::new(Now::default(), &mut fill);
/// use grantflow_core::{Client, EndSessionRequest, Endpoint, Secret};
///
/// let client = Client::new("s6BhdRkqt3", Endpoint::new("https://server.example.com/token")?)
///     .with_end_session_endpoint(Endpoint::new("https://server.example.com/logout")?);
/// # let id_token = Secret::new("eyJ");
/// let (url, pending) = EndSessionRequest::new(&client)
///     .id_token_hint(&id_token)
///     .start_with_return("https://client.example.org/bye", &mut cx)?;
/// assert!(url.as_str().starts_with("https://server.example.com/logout?client_id=s6BhdRkqt3&id_token_hint=eyJ"));
///
/// // The user logs out in a browser, and the server redirects it:
/// # let state = url.as_str().split("&state=").nth(1).unwrap();
/// # let redirect = format!("/bye?state={state}");
/// pending.accept(&redirect)?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct EndSessionRequest<'a> {
    client: &'a Client,
    id_token_hint: Option<Secret>,
    hints: Vec<(&'static str, String)>,
}

impl<'a> EndSessionRequest<'a> {
    /// Asks the server of this client.
    #[must_use]
    pub fn new(client: &'a Client) -> Self {
        Self {
            client,
            id_token_hint: None,
            hints: Vec::new(),
        }
    }

    /// The ID token that the user was logged in with, an ended one too: with it servers need not ask whether the user means it. It is in
    /// the address then, and so in the browser's history.
    #[must_use]
    pub fn id_token_hint(self, id_token: &Secret) -> Self {
        let id_token_hint = Some(id_token.clone());
        Self {
            id_token_hint,
            ..self
        }
    }

    /// Who is to be logged out, by the name that the server knows.
    #[must_use]
    pub fn logout_hint(self, hint: impl Into<String>) -> Self {
        self.hint("logout_hint", hint.into())
    }

    /// The languages of the server's pages, the preferred one first: `fr-CA fr en`.
    #[must_use]
    pub fn ui_locales(self, locales: impl Into<String>) -> Self {
        self.hint("ui_locales", locales.into())
    }

    fn hint(mut self, name: &'static str, value: String) -> Self {
        self.hints.retain(|(known, _)| *known != name);
        self.hints.push((name, value));
        self
    }

    /// Gives the address to open in the user's browser, which stays at the server.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has no endpoint for it, or one with a parameter of this request in its query;
    /// [`Error::Profile`].
    pub fn start(self) -> Result<EndSessionUrl, Error> {
        Ok(EndSessionUrl(self.query(0)?.finish()))
    }

    /// Gives the address to open in the user's browser, which comes back to `post_logout_redirect_uri`, one of those that are registered
    /// for the client, and what that return will be known by.
    ///
    /// # Errors
    ///
    /// As those of [`start`](Self::start); [`Error::InvalidInput`] if the address is none, [`Error::Entropy`] if there are no random
    /// bytes.
    pub fn start_with_return(
        self,
        post_logout_redirect_uri: &str,
        cx: &mut Cx<'_>,
    ) -> Result<(EndSessionUrl, PendingEndSession), Error> {
        check_redirect_uri(post_logout_redirect_uri)?;
        let mut random = Zeroizing::new([0; 32]);
        cx.fill(&mut *random)?;
        let state = Secret::new(URL_SAFE_NO_PAD.encode(*random));
        let mut query = self.query(96 + 3 * post_logout_redirect_uri.len())?;
        query.push("post_logout_redirect_uri", post_logout_redirect_uri);
        query.push("state", state.expose());
        Ok((EndSessionUrl(query.finish()), PendingEndSession { state }))
    }

    /// What every such address has, with room for more.
    fn query(&self, more: usize) -> Result<QueryWriter, Error> {
        self.client.check_profile()?;
        let endpoint = self.client.end_session_endpoint()?;
        let id_token = self.id_token_hint.as_ref().map_or("", Secret::expose);
        let hints = self
            .hints
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2);
        let values = self.client.id().len() + id_token.len() + hints.sum::<usize>();
        let client_id = self.client.quirks().name_of("client_id");
        let mut query = QueryWriter::after(
            endpoint,
            32 + client_id.len() + 3 * values + more,
            |name| OWN.contains(&name),
            |_| false,
        )
        .map_err(|_| {
            InvalidInput::new(
                "end_session_endpoint",
                "has a parameter of the request in its query",
            )
        })?;
        query.push_any(client_id, self.client.id());
        if !id_token.is_empty() {
            query.push("id_token_hint", id_token);
        }
        for (name, value) in self.hints.iter().filter(|(_, value)| !value.is_empty()) {
            query.push(name, value);
        }
        Ok(query)
    }
}

/// Prints no hint: they name a person.
impl fmt::Debug for EndSessionRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndSessionRequest")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// The address of a logout. It can hold an ID token, so `Debug` prints it without its query and there is no `Display`.
#[derive(Clone)]
pub struct EndSessionUrl(String);

impl EndSessionUrl {
    /// The address, for a browser.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, as a string of its own.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for EndSessionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str().split('?').next().unwrap_or_default())
    }
}

/// A logout that waits for the user's return. Where the pause outlives the process, its [`state`](Self::state) is all there is to keep,
/// in the user's own session.
#[derive(Debug)]
pub struct PendingEndSession {
    state: Secret,
}

impl PendingEndSession {
    /// The one with this state.
    #[must_use]
    pub fn of_state(state: Secret) -> Self {
        Self { state }
    }

    /// What the return has to repeat.
    #[must_use]
    pub fn state(&self) -> &Secret {
        &self.state
    }

    /// Takes the return: its address, absolute or from the path on, or its query alone. It says that the server sent the user back, and
    /// not that the user is logged out: they may have said no.
    ///
    /// # Errors
    ///
    /// [`Error::Callback`] if it can be read in two ways, or has another state.
    pub fn accept(self, redirect: &str) -> Result<(), Error> {
        let callback = Callback::parse_as(redirect, ResponseMode::Query)?;
        let is_ours = callback.state().is_some_and(|state| state.eq_ct(&self.state));
        is_ours.then_some(()).ok_or_else(|| CallbackError::State.into())
    }
}

/// What such a request consists of, and what would change it.
const OWN: [&str; 6] = [
    "client_id",
    "id_token_hint",
    "logout_hint",
    "post_logout_redirect_uri",
    "state",
    "ui_locales",
];
