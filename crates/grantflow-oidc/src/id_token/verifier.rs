//! [`IdTokenVerifier`]: the checks together with the issuer's keys, wherever they are ([OpenID Connect Core section 10.1.1]).
//!
//! ```text
//! keys ─▶ verify ─┬─ proven ──────────────────────────────▶ Done
//!                 └─ no key fits ─▶ newer keys ─▶ verify ─▶ Done
//! ```
//!
//! [OpenID Connect Core section 10.1.1]: https://openid.net/specs/openid-connect-core-1_0.html#RotateSigKeys

use std::sync::Arc;

use grantflow_core::error::InvalidInput;
use grantflow_core::{Endpoint, Error, Secret, ServerMetadata, Step};
use grantflow_jwt::Algorithm;

use super::{IdTokenVerification, Occasion, VerifiedIdToken};
use crate::keys::{KeyCache, KeyRequest};

/// Verifies ID tokens with keys that it fetches and keeps. Clones share the keys.
///
/// # Example
///
/// ```
/// use grantflow_core::{Secret, Step};
/// use grantflow_oidc::{IdTokenVerifier, Occasion};
///
/// let verifier = IdTokenVerifier::google("1234.apps.googleusercontent.com")?;
/// # let token = Secret::new("eyJ");
/// let step = verifier.verify(&token, Occasion::alone());
/// // let verified = run(step, &mut host)?;
/// # assert!(matches!(step, Step::Begin(_)));
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct IdTokenVerifier {
    verification: Arc<IdTokenVerification>,
    keys: KeyCache,
}

impl IdTokenVerifier {
    pub(crate) fn checks(&self) -> &IdTokenVerification {
        &self.verification
    }

    /// These checks, with keys from there.
    #[must_use]
    pub fn new(verification: IdTokenVerification, keys: KeyCache) -> Self {
        let verification = Arc::new(verification);
        Self { verification, keys }
    }

    /// Tokens of this server for this client, by the keys that its metadata name.
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
        let verification = IdTokenVerification::new(algorithms, server.issuer(), client_id);
        Ok(Self::new(verification, KeyCache::new(KeyRequest::jwks(address))))
    }

    /// Tokens of Google for this client: what oauth2client's `verify_id_token` was for.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] never: the address is one.
    pub fn google(client_id: impl Into<String>) -> Result<Self, Error> {
        let keys = KeyCache::new(KeyRequest::jwks(Endpoint::new(GOOGLES_KEYS)?));
        Ok(Self::new(IdTokenVerification::google(client_id), keys))
    }

    /// Verifies a token. If no key fits it, the keys are asked for again, once a minute at most.
    ///
    /// The flow ends in [`Error::TokenRefused`] if the token is not to be believed, and in [`Error::BadReply`] or
    /// [`Error::Transport`] if the keys could not be had.
    pub fn verify(&self, token: &Secret, occasion: Occasion) -> Step<VerifiedIdToken> {
        match self.verification.opened(token) {
            Ok(signed) => self.verify_signed(signed, occasion),
            Err(error) => Step::begin(|_| Err(error)),
        }
    }

    /// The same for what is in the clear.
    pub(crate) fn verify_signed(&self, token: Secret, occasion: Occasion) -> Step<VerifiedIdToken> {
        let checks = Arc::clone(&self.verification);
        let claims = self
            .keys
            .check(move |keys, cx| checks.claims(&token, keys, cx.wall()));
        let checks = Arc::clone(&self.verification);
        claims.and_then(move |claims, cx| Ok(Step::Done(checks.prove(claims, &occasion, cx.wall())?)))
    }

    /// The keys of the issuer, which sign more than ID tokens.
    #[must_use]
    pub fn keys(&self) -> &KeyCache {
        &self.keys
    }
}

const NO_KEYS: InvalidInput = InvalidInput::new("server metadata", "name no keys (jwks_uri)");
const GOOGLES_KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";
