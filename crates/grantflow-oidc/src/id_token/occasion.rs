//! [`Occasion`]: how an ID token came, and so what it has to fit ([OpenID Connect Core section 3.1.3.8], [section 12.2]).
//!
//! [OpenID Connect Core section 3.1.3.8]: https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowTokenValidation
//! [section 12.2]: https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantflow_core::{AuthorizationCode, Error, Secret, Timestamp, UnprovenCode};
use grantflow_jwt::{NumericDate, VerifiedClaims};
use serde::Deserialize;

use super::{Identity, VerifiedIdToken, text};

/// How an ID token came: for a code or beside one, on a device, with a refresh, or by itself.
///
/// # Example
///
/// ```
/// use grantflow_core::Secret;
/// use grantflow_oidc::Occasion;
///
/// // An application on a phone sent the token to its back end, which had given it the nonce.
/// let occasion = Occasion::alone().with_nonce(Secret::new("n-0S6_WzA2Mj"));
/// # let _ = occasion;
/// ```
#[derive(Clone, Debug)]
pub struct Occasion {
    nonce: Nonce,
    code: Option<Secret>,
    /// It came beside the code, and in answer to this state.
    redirect: Option<Redirect>,
    /// It has just been made.
    fresh: bool,
    access_token: Option<Secret>,
    authenticated_since: Option<Timestamp>,
    acr_values: Vec<String>,
    before: Option<Identity>,
}

#[derive(Clone, Debug)]
struct Redirect {
    state: Secret,
    state_hash_required: bool,
}

#[derive(Clone, Debug)]
enum Nonce {
    /// The token has to repeat it.
    Sent(Secret),
    /// The token must have none: it would be that of somebody else's login.
    NoneSent,
    /// Whatever the token has.
    Unknown,
}

impl Occasion {
    /// It came for this code: it has to repeat the nonce that was sent, and its `c_hash`, if it has one, has to be that of the
    /// code; the user has to have logged in as late and in such a way as was asked for, and to be the one of the ID token that came beside
    /// the code, if one did.
    #[must_use]
    pub fn of_code(code: &AuthorizationCode) -> Self {
        Self {
            nonce: code.nonce().cloned().map_or(Nonce::NoneSent, Nonce::Sent),
            code: Some(code.code().clone()),
            fresh: true,
            authenticated_since: code.authenticated_since(),
            acr_values: code.acr_values().to_vec(),
            before: code.user().map(|(issuer, subject)| Identity {
                issuer: issuer.to_owned(),
                subject: subject.to_owned(),
            }),
            ..Self::alone()
        }
    }

    /// It came beside this code, through the browser: what is asked [of a code](Self::of_code), and it has to have the hash of the code.
    /// A hash of the state (`s_hash`), if it has one, has to be that of this state.
    #[must_use]
    pub fn of_redirect(code: &UnprovenCode) -> Self {
        Self {
            redirect: Some(Redirect {
                state: code.state().clone(),
                state_hash_required: false,
            }),
            ..Self::of_code(code.code())
        }
    }

    /// It came at the end of a login without a redirect, as on a device (RFC 8628): no nonce was sent, so it must have none.
    #[must_use]
    pub fn without_redirect() -> Self {
        Self {
            nonce: Nonce::NoneSent,
            fresh: true,
            ..Self::alone()
        }
    }

    /// It came with a refresh: it has to be about the same user of the same issuer as the one before, and its nonce, if both have
    /// one, has to be the same.
    #[must_use]
    pub fn of_refresh(before: &VerifiedIdToken) -> Self {
        let nonce = text(&before.claims, "nonce").ok().flatten();
        Self {
            // "It SHOULD NOT have a nonce Claim, even when the ID Token issued at the time of the original authentication contained
            // nonce; however, if it is present, its value MUST be the same". So the one before may be a later one without any.
            nonce: nonce.map_or(Nonce::Unknown, |nonce| Nonce::Sent(Secret::new(nonce))),
            before: Some(before.identity.clone()),
            ..Self::alone()
        }
    }

    /// It came with a refresh, long after: of the user only this is known.
    #[must_use]
    pub fn of_refresh_for(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        let (issuer, subject) = (issuer.into(), subject.into());
        Self {
            before: Some(Identity { issuer, subject }),
            ..Self::alone()
        }
    }

    /// It came with a refresh, after this ID token, which was believed when it was stored: it has to be about the same user of the same
    /// issuer.
    ///
    /// # Errors
    ///
    /// [`Error::TokenRefused`] if that one says of nobody.
    pub fn of_refresh_after(stored: &Secret) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Claims {
            iss: String,
            sub: String,
        }
        let payload = stored.expose().split('.').nth(1).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.decode(payload).ok();
        let claims = claims.and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok());
        let Claims { iss, sub } = claims.ok_or(NOBODY)?;
        Ok(Self::of_refresh_for(iss, sub))
    }

    /// It came by itself, from whoever has it: nothing is known of a nonce, a code or a user. Only the token itself is checked.
    #[must_use]
    pub fn alone() -> Self {
        Self {
            nonce: Nonce::Unknown,
            code: None,
            redirect: None,
            fresh: false,
            access_token: None,
            authenticated_since: None,
            acr_values: Vec::new(),
            before: None,
        }
    }

    /// It has to repeat this nonce.
    #[must_use]
    pub fn with_nonce(self, nonce: Secret) -> Self {
        let nonce = Nonce::Sent(nonce);
        Self { nonce, ..self }
    }

    /// If it came through the browser, it has to have the hash of the state (`s_hash`).
    #[must_use]
    pub fn with_state_hash(mut self) -> Self {
        if let Some(redirect) = &mut self.redirect {
            redirect.state_hash_required = true;
        }
        self
    }

    /// It came with this access token: its `at_hash`, if it has one, has to be that of the token.
    #[must_use]
    pub fn with_access_token(self, token: Secret) -> Self {
        let access_token = Some(token);
        Self { access_token, ..self }
    }

    /// The user has to have logged in at this time or later (`auth_time`, clocks may differ by 60 seconds).
    #[must_use]
    pub fn with_authentication_since(self, since: Timestamp) -> Self {
        let authenticated_since = Some(since);
        Self {
            authenticated_since,
            ..self
        }
    }

    /// The user has to have logged in in one of these ways (`acr`).
    #[must_use]
    pub fn with_acr_values(self, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let acr_values = values.into_iter().map(Into::into).collect();
        Self { acr_values, ..self }
    }

    /// Checks all that the occasion says.
    pub(super) fn check(
        &self,
        claims: &VerifiedClaims,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.check_nonce(claims)?;
        self.check_age(claims, now)?;
        self.check_authentication(claims)?;
        check_hash(claims, "at_hash", self.access_token.as_ref(), OTHER_ACCESS_TOKEN)?;
        let has_code_hash = check_hash(claims, "c_hash", self.code.as_ref(), OTHER_CODE)?;
        if let Some(redirect) = &self.redirect {
            // Section 3.3.2.11: the hash of the code "is REQUIRED" in an ID token beside it.
            has_code_hash.then_some(()).ok_or(NO_CODE_HASH)?;
            let has_state_hash = check_hash(claims, "s_hash", Some(&redirect.state), OTHER_STATE)?;
            if redirect.state_hash_required && !has_state_hash {
                return Err(NO_STATE_HASH);
            }
        }
        match &self.before {
            Some(before) if !before.is(identity) => Err(OTHER_SUBJECT),
            _ => Ok(()),
        }
    }

    /// OpenID Connect Core section 3.1.3.7: "The iat Claim can be used to reject tokens that were issued too far away from the current
    /// time". What comes at the end of a login has just been made.
    fn check_age(&self, claims: &VerifiedClaims, now: Timestamp) -> Result<(), Error> {
        let issued = claims.issued_at().map(NumericDate::unix_seconds);
        let is_old = issued.is_some_and(|issued| issued < now.minus(A_DAY).unix_seconds());
        if is_old && self.fresh {
            return Err(OLD);
        }
        Ok(())
    }

    /// OpenID Connect Core section 3.1.3.7: where `auth_time` was asked for, "the Client SHOULD check the auth_time Claim value", and where
    /// `acr` was, "that the asserted Claim Value is appropriate".
    fn check_authentication(&self, claims: &VerifiedClaims) -> Result<(), Error> {
        if let Some(since) = self.authenticated_since {
            let at: Option<f64> = claims.claim("auth_time").map_err(|_| WRONG_TYPE)?;
            if at.ok_or(NO_AUTH_TIME)? < since.minus(SKEW).unix_seconds() as f64 {
                return Err(OLD_LOGIN);
            }
        }
        let acr = text(claims, "acr")?;
        let is_named = |acr: String| self.acr_values.contains(&acr);
        if !self.acr_values.is_empty() && !acr.is_some_and(is_named) {
            return Err(OTHER_ACR);
        }
        Ok(())
    }

    /// OpenID Connect Core section 3.1.3.7: "If a nonce value was sent in the Authentication Request, a nonce Claim MUST be present and
    /// its value checked to verify that it is the same value as the one that was sent".
    fn check_nonce(&self, claims: &VerifiedClaims) -> Result<(), Error> {
        let found = text(claims, "nonce")?.map(Secret::new);
        match (&self.nonce, found) {
            (Nonce::Sent(sent), Some(found)) if sent.eq_ct(&found) => Ok(()),
            (Nonce::Sent(_), Some(_)) => Err(OTHER_NONCE),
            // The one that a refresh may leave out.
            (Nonce::Sent(_), None) if self.before.is_some() && !self.fresh => Ok(()),
            (Nonce::Sent(_), None) => Err(NO_NONCE),
            (Nonce::NoneSent, Some(_)) => Err(UNASKED_NONCE),
            (Nonce::NoneSent, None) | (Nonce::Unknown, _) => Ok(()),
        }
    }
}

/// Compares the hash in a claim with that of what came along, and says whether it did; without the one or the other there is nothing to
/// compare.
fn check_hash(
    claims: &VerifiedClaims,
    name: &str,
    hashed: Option<&Secret>,
    otherwise: Error,
) -> Result<bool, Error> {
    let found = text(claims, name)?;
    let (Some(found), Some(hashed)) = (found, hashed) else {
        return Ok(false);
    };
    let half = claims.jws().algorithm().half_hash(hashed.expose());
    (half == found).then_some(true).ok_or(otherwise)
}

const A_DAY: Duration = Duration::from_secs(86_400);
const SKEW: Duration = Duration::from_secs(60);
const WRONG_TYPE: Error = Error::TokenRefused("a claim is of the wrong type");
const NO_AUTH_TIME: Error = Error::TokenRefused("it does not say when its user logged in");
const OLD_LOGIN: Error = Error::TokenRefused("its user logged in too long ago");
const OTHER_ACR: Error = Error::TokenRefused("its user did not log in in the way that was asked for");
const NOBODY: Error = Error::TokenRefused("the one before it says of nobody");
const OLD: Error = Error::TokenRefused("it was made long before this login");
const OTHER_NONCE: Error = Error::TokenRefused("its nonce is not the one that was sent");
const NO_NONCE: Error = Error::TokenRefused("it lacks the nonce that was sent");
const UNASKED_NONCE: Error = Error::TokenRefused("it has a nonce, and none was sent");
const OTHER_ACCESS_TOKEN: Error = Error::TokenRefused("its at_hash is that of another access token");
const OTHER_CODE: Error = Error::TokenRefused("its c_hash is that of another code");
const NO_CODE_HASH: Error = Error::TokenRefused("it lacks the hash of the code that it came with");
const OTHER_STATE: Error = Error::TokenRefused("its s_hash is that of another state");
const NO_STATE_HASH: Error = Error::TokenRefused("it lacks the hash of the state");
const OTHER_SUBJECT: Error = Error::TokenRefused("it is about somebody else than the one before");
