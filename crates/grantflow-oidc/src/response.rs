//! Signed answers to authorization requests ([JARM]): what a redirect says is the server's, or refused.
//!
//! ```text
//! redirect ─▶ state, as the answer names it ─▶ keys ─▶ signature, iss, aud, exp ─▶ the rules of any redirect ─▶ AuthorizationCode
//! ```
//!
//! [JARM]: https://openid.net/specs/oauth-v2-jarm.html

use std::sync::Arc;

use grantflow_core::error::InvalidInput;
use grantflow_core::{
    AuthorizationCode, Cx, Error, Issuer, PendingAuthorization, ResponseCheck, ServerMetadata, Step,
};
use grantflow_jwt::{Algorithm, KeySet, NumericDate, Verification, VerifiedClaims};
use serde_json::{Map, Value};

use crate::keys::{KeyCache, KeyRequest};

/// Accepts the redirects of authorizations that were begun with
/// [`ResponseMode::QueryJwt`](grantflow_core::ResponseMode::QueryJwt) or
/// [`FormPostJwt`](grantflow_core::ResponseMode::FormPostJwt). Clones share the keys.
///
/// As a part of the client ([`Client::with_response_check`](grantflow_core::Client::with_response_check)) it serves those logins that are
/// one call, such as `run_flow`.
///
/// # Example
///
/// ```
/// use grantflow_core::{AuthorizationCode, Error, PendingAuthorization, ServerMetadata, Step};
/// use grantflow_jwt::Algorithm;
/// use grantflow_oidc::ResponseVerifier;
///
/// fn accept(server: &ServerMetadata, pending: PendingAuthorization, redirect: &str) -> Result<Step<AuthorizationCode>, Error> {
///     let verifier = ResponseVerifier::of_server([Algorithm::Ps256], server, "s6BhdRkqt3")?;
///     Ok(verifier.accept(pending, redirect))
/// }
/// # let _ = accept;
/// ```
#[derive(Clone, Debug)]
pub struct ResponseVerifier {
    verification: Arc<Verification>,
    keys: KeyCache,
}

impl ResponseVerifier {
    /// Answers of this issuer for this client, signed in one of these ways: best the one that the client was registered for
    /// (`authorization_signed_response_alg`).
    pub fn new(
        algorithms: impl IntoIterator<Item = Algorithm>,
        issuer: &Issuer,
        client_id: impl Into<String>,
        keys: KeyCache,
    ) -> Self {
        let verification = Verification::new(algorithms, issuer.as_str(), client_id.into());
        let verification = Arc::new(verification);
        Self { verification, keys }
    }

    /// Answers of this server for this client, by the keys that its metadata name. Where ID tokens are verified too, share
    /// [their keys](crate::IdTokenVerifier::keys) through [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if they name none.
    pub fn of_server(
        algorithms: impl IntoIterator<Item = Algorithm>,
        server: &ServerMetadata,
        client_id: impl Into<String>,
    ) -> Result<Self, Error> {
        let address = server.jwks_uri().ok_or(NO_KEYS)?.clone();
        let keys = KeyCache::new(KeyRequest::jwks(address));
        Ok(Self::new(algorithms, server.issuer(), client_id, keys))
    }

    /// Takes the redirect in any form that [`PendingAuthorization::accept`] takes, and what it says once it is verified.
    ///
    /// One with another state is refused before any key is asked for. The flow ends in [`Error::TokenRefused`] if the answer is not
    /// to be believed, in [`Error::BadReply`] or [`Error::Transport`] if the keys could not be had, else in the errors of
    /// [`PendingAuthorization::accept`].
    pub fn accept(&self, pending: PendingAuthorization, redirect: &str) -> Step<AuthorizationCode> {
        let (verifier, redirect) = (self.clone(), redirect.to_owned());
        Step::begin(move |cx| {
            let response = pending.signed_response(&redirect, cx)?;
            let verification = verifier.verification;
            let check = move |keys: &KeySet, cx: &Cx<'_>| {
                let now = NumericDate::from_unix_seconds(cx.wall().unix_seconds());
                verification.verify(response.expose(), keys, now)
            };
            let verified = verifier.keys.check(check);
            Ok(verified.and_then(move |claims, cx| {
                Ok(Step::Done(pending.accept_verified(&parameters(&claims)?, cx)?))
            }))
        })
    }
}

impl ResponseCheck for ResponseVerifier {
    fn accept(&self, pending: PendingAuthorization, callback: &str) -> Step<AuthorizationCode> {
        self.accept(pending, callback)
    }
}

/// JARM section 2.1: "the response parameters defined in the authorization response" are claims: those that are text, form-encoded.
fn parameters(claims: &VerifiedClaims) -> Result<String, Error> {
    let wrong = Error::TokenRefused("it is not in the form of a token");
    let claims: Map<String, Value> = serde_json::from_slice(claims.jws().payload()).map_err(|_| wrong)?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &claims {
        if let Some(value) = value.as_str() {
            form.append_pair(name, value);
        }
    }
    Ok(form.finish())
}

const NO_KEYS: InvalidInput = InvalidInput::new("server metadata", "name no keys (jwks_uri)");
