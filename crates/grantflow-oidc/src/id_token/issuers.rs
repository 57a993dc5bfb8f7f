//! Whose ID tokens are believed: one issuer, Google by both its names, or the tenants of a template ([OpenID Connect Core section 2]).
//!
//! [OpenID Connect Core section 2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken

use grantflow_core::error::InvalidInput;
use grantflow_core::{Error, Issuer};
use grantflow_jwt::{Expected, SkipIssuerCheck, VerifiedClaims};

use super::text;

/// The issuers of a server with many tenants: a name with one variable part, which a claim of the token has to repeat.
///
/// One set of keys signs for all tenants of such a server, so the signature does not tell them apart. What does is the issuer, and it
/// is compared with the tenant that the token names; which tenants are let in is said here, even if it is all of them.
///
/// # Example
///
/// ```
/// use grantflow_oidc::{AnyTenant, IssuerTemplate};
///
/// let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
/// let ours = IssuerTemplate::new(template, "tid", ["9188040d-6c67-4c5b-b112-36a304b66dad"])?;
/// let any = IssuerTemplate::new(template, "tid", AnyTenant)?;
/// # let _ = (ours, any);
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct IssuerTemplate {
    before: String,
    after: String,
    claim: String,
    tenants: Tenants,
}

/// Which tenants are let in: names, or all of them, which is said by [`AnyTenant`].
#[derive(Clone, Debug)]
pub struct Tenants(Option<Vec<String>>);

/// Says that every tenant of the server is let in: whoever can make one, and there anybody can, is a user.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is a name")]
pub struct AnyTenant;

impl From<AnyTenant> for Tenants {
    fn from(_: AnyTenant) -> Self {
        Self(None)
    }
}

impl<const N: usize> From<[&str; N]> for Tenants {
    fn from(names: [&str; N]) -> Self {
        Self(Some(names.map(str::to_owned).to_vec()))
    }
}

impl From<Vec<String>> for Tenants {
    fn from(names: Vec<String>) -> Self {
        Self(Some(names))
    }
}

impl IssuerTemplate {
    /// `template` has its variable part in braces; `claim` is where a token says what stands there.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if there is not exactly one such part, if it is not in the path, or if the rest is no issuer.
    pub fn new(template: &str, claim: impl Into<String>, tenants: impl Into<Tenants>) -> Result<Self, Error> {
        let wrong = |problem| Error::from(InvalidInput::new("issuer template", problem));
        let parts = template.split_once('{').and_then(|(before, rest)| {
            let (_, after) = rest.split_once('}')?;
            Some((before, after))
        });
        let (before, after) = parts.ok_or(wrong("has no variable part in braces"))?;
        if after.contains(['{', '}']) || before.contains('}') {
            return Err(wrong("has more than one variable part"));
        }
        // A tenant that could write the host would be its own server.
        let host = before.split_once("://").map_or("", |(_, rest)| rest);
        if !host.contains('/') {
            return Err(wrong("has its variable part before the path"));
        }
        Issuer::new(format!("{before}tenant{after}"))?;
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
            claim: claim.into(),
            tenants: tenants.into(),
        })
    }

    fn check(&self, claims: &VerifiedClaims) -> Result<(), Error> {
        let tenant = text(claims, &self.claim)?;
        let tenant = tenant.ok_or(Error::TokenRefused("it lacks the claim that names its tenant"))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let expected = format!("{}{tenant}{}", self.before, self.after);
        if tenant.is_empty() || !tenant.chars().all(is_name) || claims.issuer() != Some(&expected) {
            return Err(Error::TokenRefused("its issuer is not that of its tenant"));
        }
        match &self.tenants.0 {
            Some(names) if !names.contains(&tenant) => {
                Err(Error::TokenRefused("its tenant is not one that is let in"))
            }
            _ => Ok(()),
        }
    }
}

/// Whose tokens are believed.
#[derive(Clone, Debug)]
pub(super) enum Issuers {
    One(Issuer),
    Google,
    Template(IssuerTemplate),
}

impl Issuers {
    /// What can be compared before the claims are known.
    pub(super) fn expected(&self) -> Expected<SkipIssuerCheck> {
        match self {
            Self::One(issuer) => issuer.as_str().into(),
            Self::Google => GOOGLE.into(),
            // Compared in `check`, once it is known which tenant the token names.
            Self::Template(_) => SkipIssuerCheck.into(),
        }
    }

    pub(super) fn check(&self, claims: &VerifiedClaims) -> Result<(), Error> {
        match self {
            Self::One(_) | Self::Google => Ok(()),
            Self::Template(template) => template.check(claims),
        }
    }
}

/// Its discovery document says the first; its documentation still allows both.
const GOOGLE: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];
