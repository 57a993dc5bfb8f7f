//! [`Verification`]: what a token has to say to be believed ([RFC 7519 section 7.2], [RFC 8725]), and [`VerifiedClaims`], which only
//! it makes.
//!
//! ```text
//! signature ─▶ typ ─▶ iss ─▶ aud ─▶ azp ─▶ exp ─▶ nbf ─▶ iat ─▶ VerifiedClaims
//! ```
//!
//! [RFC 7519 section 7.2]: https://www.rfc-editor.org/rfc/rfc7519#section-7.2
//! [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725

mod claims;
mod expected;
mod unverified;

use std::time::Duration;

use serde_json::{Map, Value};

pub use claims::VerifiedClaims;
pub use expected::{Expected, SkipAudienceCheck, SkipIssuerCheck};
pub use unverified::unverified_expiry;

use crate::error::Refusal;
use crate::{Algorithm, Error, KeySet, NumericDate, json};

/// The most that clocks may differ.
const MOST_SKEW: Duration = Duration::from_secs(300);
const SKEW: Duration = Duration::from_secs(60);

/// The checks of a token: algorithms, issuer and audience are always asked for.
///
/// `exp` has to be there and to come; `nbf` and `iat`, if there, have to have passed. Clocks may differ by 60 seconds.
///
/// # Example
///
/// ```
/// use grantflow_jwt::{Algorithm, ClaimsSet, KeySet, NumericDate, SigningKey, Verification};
///
/// let key = SigningKey::from_hmac_secret(&[7; 32])?;
/// let claims = ClaimsSet::new().with("iss", "https://issuer.example")?.with("aud", "me")?.with("exp", 1_700_003_600)?;
/// let token = key.sign(&key.header(Algorithm::Hs256)?, claims.as_bytes())?;
///
/// let keys = KeySet::from(key.verifying_key()?);
/// let now = NumericDate::from_unix_seconds(1_700_000_000);
/// let verified = Verification::new([Algorithm::Hs256], "https://issuer.example", "me").verify(token.expose(), &keys, now)?;
/// assert_eq!(verified.issuer(), Some("https://issuer.example"));
/// # Ok::<(), grantflow_jwt::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Verification {
    algorithms: Vec<Algorithm>,
    issuers: Expected<SkipIssuerCheck>,
    audiences: Expected<SkipAudienceCheck>,
    authorized_parties: Option<Vec<String>>,
    token_type: Option<String>,
    skew: Duration,
}

impl Verification {
    /// Allows these algorithms, issuers and audiences, and no others.
    ///
    /// Issuers and audiences are text, arrays or lists of text, compared byte for byte; to check none is said by name:
    /// [`SkipIssuerCheck`], [`SkipAudienceCheck`].
    pub fn new(
        algorithms: impl IntoIterator<Item = Algorithm>,
        issuers: impl Into<Expected<SkipIssuerCheck>>,
        audiences: impl Into<Expected<SkipAudienceCheck>>,
    ) -> Self {
        Self {
            algorithms: algorithms.into_iter().collect(),
            issuers: issuers.into(),
            audiences: audiences.into(),
            authorized_parties: None,
            token_type: None,
            skew: SKEW,
        }
    }

    /// Allows these authorized parties (`azp`). Without this, `azp` has to be one of the audiences. A token
    /// for one audience may have none.
    #[must_use]
    pub fn authorized_parties(mut self, parties: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.authorized_parties = Some(parties.into_iter().map(Into::into).collect());
        self
    }

    /// Asks for a `typ`, so that no other kind of token is taken for this one ([RFC 8725 section 3.11]). Case makes no
    /// difference, nor does `application/` before it ([RFC 7515 section 4.1.9]).
    ///
    /// [RFC 8725 section 3.11]: https://www.rfc-editor.org/rfc/rfc8725#section-3.11
    /// [RFC 7515 section 4.1.9]: https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9
    #[must_use]
    pub fn token_type(mut self, token_type: impl Into<String>) -> Self {
        self.token_type = Some(token_type.into());
        self
    }

    /// Lets clocks differ by so much instead of 60 seconds.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for more than 300 seconds.
    pub fn skew(self, skew: Duration) -> Result<Self, Error> {
        if skew > MOST_SKEW {
            return Err(Error::input("the skew", "is more than 300 seconds"));
        }
        Ok(Self { skew, ..self })
    }

    /// Verifies the signature, then all that was asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], or [`Error::UnknownKey`] if the set has not exactly one key for the token.
    pub fn verify(&self, token: &str, keys: &KeySet, now: NumericDate) -> Result<VerifiedClaims, Error> {
        let jws = keys.verify(token, self.algorithms.iter().copied())?;
        let is_type = |wanted: &String| jws.token_type().is_some_and(|found| same_type(found, wanted));
        if !self.token_type.as_ref().is_none_or(is_type) {
            return Err(Refusal::Type.into());
        }
        let claims = json::object(jws.payload()).ok_or(Refusal::Json("payload"))?;
        self.check_parties(&claims)?;
        self.check_times(&claims, now)?;
        Ok(VerifiedClaims::new(jws, claims))
    }

    fn check_parties(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let (issuer, azp) = (text(claims, "iss")?, text(claims, "azp")?);
        text(claims, "sub")?;
        if let Some(issuers) = self.issuers.names() {
            let issuer = issuer.ok_or(Refusal::MissingClaim("iss"))?;
            is_among(issuers, issuer).then_some(()).ok_or(Refusal::Issuer)?;
        }
        let found = audiences(claims)?;
        let Some(audiences) = self.audiences.names() else {
            let parties = self.authorized_parties.as_deref();
            return check_authorized_party(azp, parties, false);
        };
        match found.as_slice() {
            [] => return Err(Refusal::MissingClaim("aud")),
            found if found.iter().any(|found| is_among(audiences, found)) => {}
            _ => return Err(Refusal::Audience),
        }
        let parties = self.authorized_parties.as_deref().unwrap_or(audiences);
        check_authorized_party(azp, Some(parties), found.len() > 1)
    }

    /// RFC 7519 section 4.1.4: "the current date/time MUST be before the expiration date/time"; section 4.1.5: "MUST be after or
    /// equal to the not-before date/time".
    fn check_times(&self, claims: &Map<String, Value>, now: NumericDate) -> Result<(), Refusal> {
        let end = date(claims, "exp")?.ok_or(Refusal::MissingClaim("exp"))?;
        let (start, issued) = (date(claims, "nbf")?, date(claims, "iat")?);
        let latest = now.plus(self.skew);
        if now >= end.plus(self.skew) {
            Err(Refusal::Expired)
        } else if start.is_some_and(|start| start > latest) {
            Err(Refusal::NotYetValid)
        } else if issued.is_some_and(|issued| issued > latest) {
            Err(Refusal::IssuedInFuture)
        } else {
            Ok(())
        }
    }
}

fn check_authorized_party(
    azp: Option<&str>,
    parties: Option<&[String]>,
    is_needed: bool,
) -> Result<(), Refusal> {
    let fits = match (azp, parties) {
        (Some(azp), Some(parties)) => is_among(parties, azp),
        (None, _) => !is_needed,
        (Some(_), None) => true,
    };
    fits.then_some(()).ok_or(Refusal::AuthorizedParty)
}

fn is_among(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known == name)
}

fn same_type(found: &str, wanted: &str) -> bool {
    let bare = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.strip_prefix("application/")
            .map(str::to_owned)
            .unwrap_or(name)
    };
    bare(found) == bare(wanted)
}

fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(Refusal::ClaimType(name)),
    }
}

fn date(claims: &Map<String, Value>, name: &'static str) -> Result<Option<NumericDate>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => NumericDate::read(value).map(Some).ok_or(Refusal::ClaimType(name)),
    }
}

/// "In the general case, the `aud` value is an array of case-sensitive strings […] the `aud` value MAY be a single case-sensitive
/// string".
fn audiences(claims: &Map<String, Value>) -> Result<Vec<&str>, Refusal> {
    match claims.get("aud") {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => {
            let names = list.iter().map(Value::as_str);
            names.collect::<Option<_>>().ok_or(Refusal::ClaimType("aud"))
        }
        Some(one) => Ok(vec![one.as_str().ok_or(Refusal::ClaimType("aud"))?]),
    }
}
