//! An authorization that waits for its redirect ([RFC 6749 section 4.1.2], [RFC 9207 section 2.4]).
//!
//! ```text
//! query, form_post ─▶ accept ───────────────────────────────────────────────────────────────┬─▶ checks ─▶ AuthorizationCode
//! query.jwt, form_post.jwt ─▶ signed_response ─▶ (verified elsewhere) ─▶ accept_verified ────┘
//! code id_token ─▶ accept_with_id_token ─▶ checks ─▶ UnprovenCode ─▶ (proven elsewhere) ─▶ AuthorizationCode
//! ```
//!
//! [RFC 6749 section 4.1.2]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
//! [RFC 9207 section 2.4]: https://www.rfc-editor.org/rfc/rfc9207#section-2.4

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::callback::{Callback, CallbackError};
use super::code::AuthorizationCode;
use super::mode::ResponseMode;
use super::pkce::Verifier;
use super::response_type::ResponseType;
use super::unproven::UnprovenCode;
use crate::{Client, Cx, Error, Issuer, Scopes, Secret, Step, Timestamp};

/// An authorization that was begun and waits for its redirect.
///
/// It owns what the redirect is checked against and the code exchanged with: state, PKCE verifier, nonce, issuer, client and
/// redirect address. It is used up by [`accept`](Self::accept):
///
/// ```compile_fail,E0382
/// # use grantflow_core::{AuthorizationCode, Cx, Error, PendingAuthorization};
/// fn replay(pending: PendingAuthorization, cx: &Cx<'_>) -> Result<AuthorizationCode, Error> {
///     pending.accept("/callback?code=first&state=x", cx)?;
///     pending.accept("/callback?code=second&state=x", cx)
/// }
/// ```
///
/// Where the pause outlives the process, [`expose_json`](Self::expose_json) and [`from_json`](Self::from_json) keep it. A key that was
/// made for the login goes with it: whichever process takes the redirect needs a constraint of that kind, and not that key.
/// A stored one is single use only if the application deletes it, as one change with reading it and before the code is exchanged:
/// a second redirect must find nothing.
#[derive(Debug)]
pub struct PendingAuthorization {
    pub(super) state: Secret,
    pub(super) verifier: Verifier,
    pub(super) nonce: Option<Secret>,
    pub(super) issuer: Option<Issuer>,
    pub(super) iss_promised: bool,
    /// As it is now; of a stored authorization id and token endpoint alone.
    pub(super) client: Client,
    pub(super) redirect_uri: String,
    pub(super) scopes: Scopes,
    pub(super) resources: Vec<String>,
    /// One of which the ID token has to name; none where any will do.
    pub(super) acr_values: Vec<String>,
    /// How long before the request the user may have logged in.
    pub(super) max_age: Option<Duration>,
    pub(super) response_type: ResponseType,
    pub(super) response_mode: ResponseMode,
    /// The key that the code is bound to (RFC 9449 section 10).
    pub(super) dpop_jkt: Option<String>,
    /// That key, where it was made for this login and nobody else keeps it.
    pub(super) token_key: Option<Secret>,
    /// What the provider calls the code (quirk 43).
    pub(super) code_parameter: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl PendingAuthorization {
    /// Takes the redirect: its address (absolute, or from the path on), its query alone, or the body of a `form_post`.
    /// An address that a user pasted is taken by the same rules, with white space around it.
    ///
    /// The code is given only once everything else is right, in this order: the text can be read in one way and is not too
    /// long, no parameter is there twice, the time is not over, the state is the one that was sent, and so is the issuer.
    /// Refusals of the server are believed after the same checks. An answer that was to come in a body is none in an address; one
    /// that was to be signed or to have an ID token is none here (see [`signed_response`](Self::signed_response) and
    /// [`accept_with_id_token`](Self::accept_with_id_token)).
    ///
    /// # Errors
    ///
    /// [`Error::Callback`] if the redirect is not the answer to this authorization, [`Error::Denied`] if the consent was denied,
    /// [`Error::Server`] if the server refused for another reason.
    pub fn accept(self, callback: &str, cx: &Cx<'_>) -> Result<AuthorizationCode, Error> {
        if self.response_mode.is_signed() || self.response_type.has_id_token() {
            return Err(CallbackError::Mode.into());
        }
        let callback = Callback::parse_as(callback, self.response_mode)?;
        self.accept_parsed(&callback, cx)
    }

    /// The flow that takes the redirect in whichever mode it was to come: a signed one by the [check](Client::with_response_check) of
    /// `client`, any other as [`accept`](Self::accept) does.
    ///
    /// The flow ends in the errors of [`accept`](Self::accept) or of the check, and in [`Error::InvalidInput`] if a signed answer was asked
    /// for and the client has no check.
    pub fn accept_for(self, client: &Client, callback: &str) -> Step<AuthorizationCode> {
        match client.response_check() {
            Some(check) if self.response_mode.is_signed() => check.accept(self, callback),
            _ => {
                let (allowed, callback) = (
                    client.check_response_mode(self.response_mode),
                    Secret::from(callback),
                );
                Step::begin(move |cx| {
                    allowed?;
                    Ok(Step::Done(self.accept(callback.expose(), cx)?))
                })
            }
        }
    }

    /// The signed answer in a redirect (JARM): the parameter `response`, believed to be of this authorization and nothing more.
    ///
    /// Who verifies its signature, issuer, audience and end gives what it says to [`accept_verified`](Self::accept_verified); that is
    /// `grantflow_oidc::ResponseVerifier`.
    ///
    /// # Errors
    ///
    /// [`Error::Callback`] if the redirect has none, or one with another state, or comes too late, or no signed one was asked for.
    pub fn signed_response(&self, callback: &str, cx: &Cx<'_>) -> Result<Secret, Error> {
        let callback = Callback::parse_as(callback, self.response_mode)?;
        let response = self.response_in(&callback).ok_or(CallbackError::Mode)?;
        if self.expires_at <= cx.wall() {
            return Err(CallbackError::Expired.into());
        }
        if !self.is_state_of_unverified(response) {
            return Err(CallbackError::State.into());
        }
        Ok(Secret::from(response))
    }

    /// Takes what a signed answer says, form-encoded, once its signature, issuer, audience and end have been verified: whoever calls
    /// this vouches for that. It is judged by the rules of [`accept`](Self::accept).
    ///
    /// # Errors
    ///
    /// As those of [`accept`](Self::accept); [`Error::Callback`] if no signed answer was asked for.
    pub fn accept_verified(self, parameters: &str, cx: &Cx<'_>) -> Result<AuthorizationCode, Error> {
        if !self.response_mode.is_signed() {
            return Err(CallbackError::Mode.into());
        }
        let callback = Callback::parse_as(parameters, ResponseMode::FormPost)?;
        self.accept_parsed(&callback, cx)
    }

    /// Takes an answer with an ID token beside the code ([`ResponseType::CodeIdToken`]), by the rules of [`accept`](Self::accept).
    ///
    /// Who proves the ID token gives the code; that is `grantflow_oidc::IdTokenVerifier`.
    ///
    /// # Errors
    ///
    /// As those of [`accept`](Self::accept); [`Error::Callback`] if there is no ID token, or none was asked for.
    pub fn accept_with_id_token(self, callback: &str, cx: &Cx<'_>) -> Result<UnprovenCode, Error> {
        if !self.response_type.has_id_token() {
            return Err(CallbackError::Mode.into());
        }
        let callback = Callback::parse_as(callback, self.response_mode)?;
        let state = self.state.clone();
        let code = self.accept_parsed(&callback, cx)?;
        let id_token = callback.id_token().ok_or(CallbackError::NoIdToken)?;
        Ok(UnprovenCode {
            code,
            id_token,
            state,
        })
    }

    fn accept_parsed(self, callback: &Callback<'_>, cx: &Cx<'_>) -> Result<AuthorizationCode, Error> {
        if self.expires_at <= cx.wall() {
            return Err(CallbackError::Expired.into());
        }
        if !self.is_state_of(callback) {
            return Err(CallbackError::State.into());
        }
        if !self.is_issuer_of(callback) {
            return Err(CallbackError::Issuer.into());
        }
        Ok(AuthorizationCode {
            code: callback.outcome(self.code_parameter.as_deref().unwrap_or("code"))?,
            parameters: callback.others(),
            verifier: self.verifier.into_secret(),
            nonce: self.nonce,
            issuer: self.issuer,
            client: self.client,
            redirect_uri: self.redirect_uri,
            scopes: self.scopes,
            resources: self.resources,
            acr_values: self.acr_values,
            authenticated_since: self.max_age.map(|age| self.created_at.minus(age)),
            dpop_jkt: self.dpop_jkt,
            token_key: self.token_key,
            user: None,
        })
    }

    /// Whether a redirect belongs to this authorization: it can be read and has its state.
    ///
    /// A receiver asks before it calls [`accept`](Self::accept), answers others with an error and keeps listening, so that
    /// nobody ends a login with a request of their own. Nothing else is checked: of a signed answer not the signature either.
    #[must_use]
    pub fn matches(&self, callback: &str) -> bool {
        let Ok(callback) = Callback::parse_as(callback, self.response_mode) else {
            return false;
        };
        if !self.response_mode.is_signed() {
            return self.is_state_of(&callback);
        }
        let response = self.response_in(&callback);
        response.is_some_and(|response| self.is_state_of_unverified(response))
    }

    fn response_in<'a>(&self, callback: &'a Callback<'_>) -> Option<&'a str> {
        callback.response().filter(|_| self.response_mode.is_signed())
    }

    fn is_state_of_unverified(&self, response: &str) -> bool {
        unverified_state(response).is_some_and(|state| state.eq_ct(&self.state))
    }

    /// RFC 6749 section 10.12: compared in constant time, and required in refusals too (threat T18).
    fn is_state_of(&self, callback: &Callback<'_>) -> bool {
        callback.state().is_some_and(|state| state.eq_ct(&self.state))
    }

    /// RFC 9207 section 2.4: by "simple string comparison", in refusals too; one that is not promised may be absent. So may one beside an
    /// ID token, which names it itself and is proven before there is a code.
    fn is_issuer_of(&self, callback: &Callback<'_>) -> bool {
        match (&self.issuer, callback.issuer()) {
            (Some(asked), Some(answered)) => asked.as_str() == answered,
            _ => !self.iss_promised || self.response_type.has_id_token() && callback.has_id_token_alone(),
        }
    }

    /// The address the redirect goes to.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// What comes back.
    #[must_use]
    pub fn response_type(&self) -> ResponseType {
        self.response_type
    }

    /// How the answer comes back.
    #[must_use]
    pub fn response_mode(&self) -> ResponseMode {
        self.response_mode
    }

    /// The scopes that were asked for.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// When the authorization was begun.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// From when on no redirect is taken any more.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// The state that a signed answer names, whoever signed it: it only tells whose answer it could be.
fn unverified_state(response: &str) -> Option<Secret> {
    #[derive(Deserialize)]
    struct Claims {
        state: String,
    }
    let payload = URL_SAFE_NO_PAD.decode(response.split('.').nth(1)?).ok()?;
    let Claims { state } = serde_json::from_slice(&payload).ok()?;
    Some(Secret::new(state))
}
