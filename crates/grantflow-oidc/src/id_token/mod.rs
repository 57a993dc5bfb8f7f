//! ID tokens: proven, or refused ([OpenID Connect Core section 3.1.3.7]).
//!
//! ```text
//! IdTokenVerification ─▶ signature, iss, aud, azp, exp, nbf, iat ─▶ typ, sub, lifetime ─┐
//! Occasion ──────────────────────────────────────────────▶ nonce, auth_time, acr, at_hash, c_hash, s_hash, same subject ─▶ VerifiedIdToken
//! ```
//!
//! [OpenID Connect Core section 3.1.3.7]: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation

mod issuers;
mod occasion;
mod verification;
mod verifier;

use std::fmt;

use grantflow_core::{Error, Timestamp};
use grantflow_jwt::VerifiedClaims;

pub use issuers::{AnyTenant, IssuerTemplate, Tenants};
pub use occasion::Occasion;
pub use verification::IdTokenVerification;
pub use verifier::IdTokenVerifier;

/// Who a user is, as their issuer says: every check has passed. Only [`IdTokenVerification`] makes one.
///
/// ```compile_fail,E0451
/// # use grantflow_jwt::VerifiedClaims;
/// # use grantflow_oidc::VerifiedIdToken;
/// fn unchecked(claims: VerifiedClaims) -> VerifiedIdToken {
///     VerifiedIdToken { claims, identity: unreachable!() }
/// }
/// ```
#[derive(Debug)]
pub struct VerifiedIdToken {
    claims: VerifiedClaims,
    identity: Identity,
}

/// Who: the subject, which is one only together with the issuer.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) issuer: String,
    pub(crate) subject: String,
}

impl VerifiedIdToken {
    /// Who vouches for the user: `iss`, as it stands in the token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.identity.issuer
    }

    /// The user: `sub`. It is never given to another user of the same issuer; an e-mail address may be.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.identity.subject
    }

    /// The user's e-mail address, if the issuer says that it is theirs (`email_verified`).
    #[must_use]
    pub fn verified_email(&self) -> Option<String> {
        // Some servers write the truth as text.
        let is = |value: serde_json::Value| value == true || value == "true";
        let verified = self.claims.claim("email_verified").ok().flatten();
        verified
            .is_some_and(is)
            .then(|| self.claims.claim("email").ok()?)?
    }

    /// When the user logged in (`auth_time`); `None` where the issuer does not say.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        let at: Option<f64> = self.claims.claim("auth_time").ok()?;
        // Within a clock's range the conversion cannot go wrong.
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        at.map(|at| Timestamp::from_unix_seconds(at.floor().clamp(0.0, LAST) as i64))
    }

    /// How the user logged in (`acr`), by a name that the issuer has for it; `None` where it does not say.
    #[must_use]
    pub fn acr(&self) -> Option<String> {
        self.claims.claim("acr").ok()?
    }

    /// All that the token says.
    #[must_use]
    pub fn claims(&self) -> &VerifiedClaims {
        &self.claims
    }

    /// Whether both are about the same user of the same issuer, as that of a refresh has to be
    /// ([OpenID Connect Core section 12.2]).
    ///
    /// [OpenID Connect Core section 12.2]: https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse
    #[must_use]
    pub fn same_subject_as(&self, other: &Self) -> bool {
        self.identity.is(&other.identity)
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Identity {
    /// Both issuers were checked before. Google writes its own name in two ways, with the scheme and without.
    pub(crate) fn is(&self, other: &Self) -> bool {
        fn name(issuer: &str) -> &str {
            issuer.strip_prefix("https://").unwrap_or(issuer)
        }
        name(&self.issuer) == name(&other.issuer) && self.subject == other.subject
    }
}

/// Says nothing of who it is.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// A claim that has to be text if it is there.
fn text(claims: &VerifiedClaims, name: &str) -> Result<Option<String>, Error> {
    let wrong = |_| Error::TokenRefused("a claim is of the wrong type");
    claims.claim(name).map_err(wrong)
}

/// The year 9999, in seconds since 1970.
const LAST: f64 = 253_402_300_799.0;
