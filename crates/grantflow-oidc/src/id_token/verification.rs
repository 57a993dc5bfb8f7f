//! [`IdTokenVerification`]: what an ID token has to say, whatever the occasion ([OpenID Connect Core section 3.1.3.7]).
//!
//! [OpenID Connect Core section 3.1.3.7]: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation

#[cfg(feature = "jwe")]
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::error::InvalidInput;
use grantflow_core::{Client, Error, Issuer, Secret, Timestamp};
#[cfg(feature = "jwe")]
use grantflow_jwt::Decryption;
use grantflow_jwt::{Algorithm, KeySet, NumericDate, Verification, VerifiedClaims};

use super::issuers::{IssuerTemplate, Issuers};
use super::{Identity, Occasion, VerifiedIdToken};
use crate::signed::refused;

/// The checks of an ID token: algorithms, issuer and audience are always asked for.
///
/// # Example
///
/// ```
/// use grantflow_core::{Issuer, Secret, Timestamp};
/// use grantflow_jwt::{Algorithm, ClaimsSet, KeySet, SigningKey};
/// use grantflow_oidc::{IdTokenVerification, Occasion};
///
/// # let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";
/// # let key = SigningKey::from_pem(pem)?;
/// # let claims =
/// ClaimsSet::from_json(r#"{"iss":"https://server.example.com","sub":"248289761001","aud":"s6BhdRkqt3","nonce":"n-0S6_WzA2Mj","exp":1700003600,"iat":1700000000}"#)?;
/// # let token = Secret::new(key.sign(&key.header(Algorithm::EdDsa)?, claims.as_bytes())?.into_exposed());
/// # let keys = KeySet::from(key.verifying_key()?);
/// let issuer = Issuer::new("https://server.example.com")?;
/// let verification = IdTokenVerification::new([Algorithm::EdDsa], &issuer, "s6BhdRkqt3");
/// let occasion = Occasion::alone().with_nonce(Secret::new("n-0S6_WzA2Mj"));
/// let now = Timestamp::from_unix_seconds(1_700_000_000); // of your clock
/// let verified = verification.verify(&token, &keys, &occasion, now)?;
/// assert_eq!(verified.subject(), "248289761001");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct IdTokenVerification {
    algorithms: Vec<Algorithm>,
    issuers: Issuers,
    audiences: Vec<String>,
    authorized_parties: Option<Vec<String>>,
    skew: Duration,
    longest_life: Option<Duration>,
    state_hash: bool,
    #[cfg(feature = "jwe")]
    decryption: Option<Arc<Decryption>>,
}

impl IdTokenVerification {
    /// What servers sign ID tokens with: RS256, which a client gets that registers for none ([OpenID Connect Registration section 2]),
    /// and the three that are registered for instead. Each takes one type of key, and none a shared secret.
    ///
    /// [OpenID Connect Registration section 2]: https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata
    pub const USUAL: [Algorithm; 4] = [
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::Es256,
        Algorithm::EdDsa,
    ];

    /// Tokens of this issuer for this client, signed in one of these ways: best the one that the client was registered for, else
    /// [`USUAL`](Self::USUAL).
    pub fn new(
        algorithms: impl IntoIterator<Item = Algorithm>,
        issuer: &Issuer,
        client_id: impl Into<String>,
    ) -> Self {
        Self::of(algorithms, Issuers::One(issuer.clone()), client_id.into())
    }

    /// Tokens for this client of its issuer.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has none.
    pub fn of_client(
        algorithms: impl IntoIterator<Item = Algorithm>,
        client: &Client,
    ) -> Result<Self, Error> {
        let issuer = client.issuer().ok_or(NO_ISSUER)?;
        Ok(Self::new(algorithms, issuer, client.id()))
    }

    /// Tokens of Google, which writes its name with `https://` and without: signed with RS256, and for a day at most, as
    /// oauth2client's `verify_id_token` has it.
    pub fn google(client_id: impl Into<String>) -> Self {
        Self {
            longest_life: Some(A_DAY),
            ..Self::of([Algorithm::Rs256], Issuers::Google, client_id.into())
        }
    }

    /// Tokens of the tenants of a server.
    pub fn of_tenants(
        algorithms: impl IntoIterator<Item = Algorithm>,
        issuers: IssuerTemplate,
        client_id: impl Into<String>,
    ) -> Self {
        Self::of(algorithms, Issuers::Template(issuers), client_id.into())
    }

    pub(crate) fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.algorithms.iter().copied()
    }

    fn of(algorithms: impl IntoIterator<Item = Algorithm>, issuers: Issuers, client_id: String) -> Self {
        Self {
            algorithms: algorithms.into_iter().collect(),
            issuers,
            audiences: vec![client_id],
            authorized_parties: None,
            skew: SKEW,
            longest_life: None,
            state_hash: false,
            #[cfg(feature = "jwe")]
            decryption: None,
        }
    }

    /// Takes tokens for this client too, such as the same application on another platform.
    #[must_use]
    pub fn or_for(mut self, client_id: impl Into<String>) -> Self {
        self.audiences.push(client_id.into());
        self
    }

    /// Takes tokens that one of these asked for (`azp`); without this, only the clients that tokens are for.
    #[must_use]
    pub fn authorized_parties(mut self, parties: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.authorized_parties = Some(parties.into_iter().map(Into::into).collect());
        self
    }

    /// Wants a hash of the state (`s_hash`) in every ID token that comes beside a code, as FAPI 1.0 Advanced has it
    /// ([section 5.2.3.1](https://openid.net/specs/openid-financial-api-part-2-1_0.html#confidential-client)); without this, one that is
    /// there has to be right.
    #[must_use]
    pub fn require_state_hash(mut self) -> Self {
        self.state_hash = true;
        self
    }

    pub(crate) fn wants_state_hash(&self) -> bool {
        self.state_hash
    }

    /// Takes encrypted tokens alone, and what is signed within them, as a client that registered for that has to
    /// ([OpenID Connect Core section 3.1.3.7]: one that is not encrypted "SHOULD" be rejected). Whatever holds for a token holds for the one
    /// within.
    ///
    /// [OpenID Connect Core section 3.1.3.7]: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
    #[cfg(feature = "jwe")]
    #[must_use]
    pub fn encrypted(mut self, decryption: Decryption) -> Self {
        self.decryption = Some(Arc::new(decryption));
        self
    }

    /// The signed token: what came, or what is within.
    #[cfg(feature = "jwe")]
    pub(crate) fn opened(&self, token: &Secret) -> Result<Secret, Error> {
        match &self.decryption {
            Some(decryption) => {
                let opened = decryption.decrypt(token.expose()).map_err(refused)?;
                Ok(Secret::new(opened.into_exposed()))
            }
            None => Ok(token.clone()),
        }
    }

    /// The signed token: what came.
    #[cfg(not(feature = "jwe"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "it is so with the feature `jwe`"
    )]
    pub(crate) fn opened(&self, token: &Secret) -> Result<Secret, Error> {
        Ok(token.clone())
    }

    /// Lets clocks differ by so much instead of 60 seconds.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for more than 300 seconds.
    pub fn skew(self, skew: Duration) -> Result<Self, Error> {
        let changed = Self { skew, ..self };
        changed.verification().map_err(refused)?;
        Ok(changed)
    }

    /// Verifies the signature, then all that the token says.
    ///
    /// # Errors
    ///
    /// [`Error::TokenRefused`].
    pub fn verify(
        &self,
        token: &Secret,
        keys: &KeySet,
        occasion: &Occasion,
        now: Timestamp,
    ) -> Result<VerifiedIdToken, Error> {
        let claims = self.claims(&self.opened(token)?, keys, now).map_err(refused)?;
        self.prove(claims, occasion, now)
    }

    /// What holds for any signed token. That no key fits is for the caller to know, who may have an old set.
    pub(crate) fn claims(
        &self,
        token: &Secret,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<VerifiedClaims, grantflow_jwt::Error> {
        let now = NumericDate::from_unix_seconds(now.unix_seconds());
        self.verification()?.verify(token.expose(), keys, now)
    }

    /// What holds for ID tokens.
    pub(crate) fn prove(
        &self,
        claims: VerifiedClaims,
        occasion: &Occasion,
        now: Timestamp,
    ) -> Result<VerifiedIdToken, Error> {
        self.issuers.check(&claims)?;
        if claims.jws().token_type().is_some_and(is_another_kind) {
            return Err(Error::TokenRefused("it is a token of another kind"));
        }
        claims.issued_at().ok_or(LACKS_CLAIM)?;
        if let Some(longest) = self.longest_life {
            let ends = claims.expires_at().ok_or(LACKS_CLAIM)?;
            if ends.unix_seconds() >= now.plus(longest).unix_seconds() {
                return Err(Error::TokenRefused(
                    "it lives longer than its issuer lets tokens live",
                ));
            }
        }
        let identity = Identity {
            issuer: claims.issuer().ok_or(LACKS_CLAIM)?.to_owned(),
            subject: subject(&claims)?.to_owned(),
        };
        occasion.check(&claims, &identity, now)?;
        Ok(VerifiedIdToken { claims, identity })
    }

    fn verification(&self) -> Result<Verification, grantflow_jwt::Error> {
        let algorithms = self.algorithms.iter().copied();
        let verification =
            Verification::new(algorithms, self.issuers.expected(), self.audiences.clone()).skew(self.skew)?;
        Ok(match &self.authorized_parties {
            Some(parties) => verification.authorized_parties(parties),
            None => verification,
        })
    }
}

/// Section 2: "It MUST NOT exceed 255 ASCII characters in length."
fn subject(claims: &VerifiedClaims) -> Result<&str, Error> {
    let subject = claims.subject().ok_or(LACKS_CLAIM)?;
    if subject.is_empty() || subject.len() > 255 {
        return Err(Error::TokenRefused("its subject is nobody"));
    }
    Ok(subject)
}

/// RFC 8725 section 3.11: an access token (`at+jwt`) or a logout token (`logout+jwt`) of the same issuer is none that says who logged
/// in. An ID token has `JWT`, or nothing.
fn is_another_kind(token_type: &str) -> bool {
    let name = token_type.as_bytes();
    name.split_last_chunk()
        .is_some_and(|(_, end): (_, &[u8; 4])| end.eq_ignore_ascii_case(b"+jwt"))
}

const NO_ISSUER: InvalidInput = InvalidInput::new("client", "has no issuer, whose ID tokens these are");
const LACKS_CLAIM: Error = Error::TokenRefused("it lacks a claim");
const SKEW: Duration = Duration::from_secs(60);
const A_DAY: Duration = Duration::from_secs(86_400);
