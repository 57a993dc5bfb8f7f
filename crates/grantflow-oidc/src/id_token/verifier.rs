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
use grantflow_core::{Cx, Endpoint, Error, Secret, ServerMetadata, Step};
use grantflow_jwt::{Algorithm, KeySet};

use super::{IdTokenVerification, Occasion, VerifiedIdToken};
use crate::keys::{KeyCache, KeyRequest};
use crate::signed::refused;

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
        let due = Due {
            verifier: self.clone(),
            token: token.clone(),
            occasion,
        };
        self.keys.keys().and_then(|keys, cx| due.first(keys, cx))
    }
}

/// A token that is being verified.
struct Due {
    verifier: IdTokenVerifier,
    token: Secret,
    occasion: Occasion,
}

impl Due {
    fn first(self, keys: Arc<KeySet>, cx: &mut Cx<'_>) -> Result<Step<VerifiedIdToken>, Error> {
        let verification = &self.verifier.verification;
        match verification.claims(&self.token, &keys, cx.wall()) {
            Ok(claims) => Ok(Step::Done(verification.prove(
                claims,
                &self.occasion,
                cx.wall(),
            )?)),
            Err(grantflow_jwt::Error::UnknownKey) => {
                let newer = self.verifier.keys.newer_than(keys);
                Ok(newer.and_then(|keys, cx| self.second(keys, cx)))
            }
            Err(error) => Err(refused(error)),
        }
    }

    fn second(self, newer: Option<Arc<KeySet>>, cx: &mut Cx<'_>) -> Result<Step<VerifiedIdToken>, Error> {
        let keys = newer.ok_or_else(|| refused(grantflow_jwt::Error::UnknownKey))?;
        let verification = &self.verifier.verification;
        let verified = verification.verify(&self.token, &keys, &self.occasion, cx.wall())?;
        Ok(Step::Done(verified))
    }
}

const NO_KEYS: InvalidInput = InvalidInput::new("server metadata", "name no keys (jwks_uri)");
const GOOGLES_KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";
