//! Clients that prove themselves by an assertion: `private_key_jwt` and `client_secret_jwt` ([OpenID Connect Core section 9],
//! [RFC 7523 section 2.2]).
//!
//! ```text
//! request of a client ─▶ parameters ─▶ iss = sub = client id, aud = issuer, jti, iat, exp ─▶ signed ─▶ client_assertion
//! ```
//!
//! [OpenID Connect Core section 9]: https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication
//! [RFC 7523 section 2.2]: https://www.rfc-editor.org/rfc/rfc7523#section-2.2

use std::sync::Arc;
use std::time::Duration;

use grantflow_core::error::InvalidInput;
use grantflow_core::{Authentication, Client, ClientAuthentication, Cx, Endpoint, Error, Fapi2Rule, Secret};
use grantflow_jwt::{Algorithm, ClaimsSet, Header, SigningKey};

use crate::signed::refused;

/// `private_key_jwt`: the client signs with a key whose public half the server knows.
///
/// The key is in this process. One that lives elsewhere has to be asked for its signature through a flow, and the core makes
/// requests without one: [`ClientAuthentication::parameters`] answers at once.
///
/// The header names the key by its `kid`. To rotate, register the new key with the server, then give the client another of
/// these made with it; nothing else of the client changes, nor does any stored record.
///
/// A stored record has no key, so whoever refreshes it gives the client: `Credentials::new(key, store, transport).with_client(client)`.
///
/// # Example
///
/// ```
/// use grantflow_core::{Client, Endpoint, Issuer};
/// use grantflow_jwt::{Algorithm, SigningKey};
/// use grantflow_oidc::PrivateKeyJwt;
///
/// # let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";
/// let key = SigningKey::from_pem(pem)?.with_key_id("2026-01");
/// let client = Client::new("s6BhdRkqt3", Endpoint::new("https://server.example.com/token")?)
///     .with_issuer(Issuer::new("https://server.example.com")?)
///     .with_authentication(PrivateKeyJwt::new(key, Algorithm::EdDsa)?.into());
/// assert_eq!(client.authentication().method(), "private_key_jwt");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PrivateKeyJwt(Assertion);

/// `client_secret_jwt`: the client signs with the secret that the server knows too, so that the secret itself is never sent.
///
/// # Example
///
/// ```
/// use grantflow_core::Secret;
/// use grantflow_jwt::Algorithm;
/// use grantflow_oidc::ClientSecretJwt;
///
/// let secret = Secret::new("a secret of at least thirty-two bytes");
/// let authentication = ClientSecretJwt::new(&secret, Algorithm::Hs256)?;
/// # let _ = authentication;
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientSecretJwt(Assertion);

/// Says that assertions name the server by its token endpoint, for servers that take nothing else.
///
/// The issuer as the one audience is what keeps an assertion for one server from being of use at another (CVE-2025-27370): metadata
/// that name somebody else's token endpoint would have the client sign for that one. So the endpoint is written down here,
/// by the caller who knows it; it never comes from the client, whose endpoints metadata may have filled in, and a client with
/// another token endpoint gets no assertion at all.
#[derive(Clone, Debug)]
pub struct AudienceIsTokenEndpoint(Endpoint);

impl AudienceIsTokenEndpoint {
    /// This address, as the server's documentation has it.
    #[must_use]
    pub fn pinned(token_endpoint: Endpoint) -> Self {
        Self(token_endpoint)
    }
}

impl PrivateKeyJwt {
    /// The registered name of the method.
    pub const METHOD: &str = "private_key_jwt";

    /// Signs with this key.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the algorithm takes another type of key, or is one of shared secrets.
    pub fn new(key: impl Into<Arc<SigningKey>>, algorithm: Algorithm) -> Result<Self, Error> {
        if is_hmac(algorithm) {
            return Err(InvalidInput::new("algorithm", "is one of shared secrets").into());
        }
        Assertion::new(key.into(), algorithm).map(Self)
    }

    /// An assertion lives so long; 60 seconds unless said otherwise, and at most an hour.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self(self.0.living(lifetime))
    }

    /// Names the server by its token endpoint.
    #[must_use]
    pub fn audience(self, audience: AudienceIsTokenEndpoint) -> Self {
        Self(self.0.to(audience))
    }
}

impl ClientSecretJwt {
    /// The registered name of the method.
    pub const METHOD: &str = "client_secret_jwt";

    /// Signs with this secret.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the algorithm is none of shared secrets, or if the secret is shorter than its hash: who sees an
    /// assertion could guess it.
    pub fn new(secret: &Secret, algorithm: Algorithm) -> Result<Self, Error> {
        if !is_hmac(algorithm) {
            return Err(InvalidInput::new("algorithm", "is none of shared secrets").into());
        }
        let unfit = |_| InvalidInput::new("client secret", "is shorter than the hash, or a public key");
        let key = SigningKey::from_hmac_secret(secret.expose().as_bytes()).map_err(unfit)?;
        // The other hashes want longer secrets.
        key.sign_bytes(algorithm, b"").map_err(unfit)?;
        Assertion::new(Arc::new(key), algorithm).map(Self)
    }

    /// As [`PrivateKeyJwt::lifetime`].
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self(self.0.living(lifetime))
    }

    /// As [`PrivateKeyJwt::audience`].
    #[must_use]
    pub fn audience(self, audience: AudienceIsTokenEndpoint) -> Self {
        Self(self.0.to(audience))
    }
}

impl ClientAuthentication for PrivateKeyJwt {
    fn method(&self) -> &str {
        Self::METHOD
    }

    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has no issuer, or another token endpoint than the pinned one; [`Error::Entropy`];
    /// [`Error::NotSigned`].
    fn parameters(&self, client: &Client, cx: &mut Cx<'_>) -> Result<Vec<(&'static str, Secret)>, Error> {
        self.0.parameters(client, cx)
    }
}

impl ClientAuthentication for ClientSecretJwt {
    fn method(&self) -> &str {
        Self::METHOD
    }

    /// # Errors
    ///
    /// As those of [`PrivateKeyJwt`].
    fn parameters(&self, client: &Client, cx: &mut Cx<'_>) -> Result<Vec<(&'static str, Secret)>, Error> {
        self.0.parameters(client, cx)
    }
}

impl From<PrivateKeyJwt> for Authentication {
    fn from(method: PrivateKeyJwt) -> Self {
        Self::Other(Arc::new(method))
    }
}

impl From<ClientSecretJwt> for Authentication {
    fn from(method: ClientSecretJwt) -> Self {
        Self::Other(Arc::new(method))
    }
}

/// What both methods do.
#[derive(Clone, Debug)]
struct Assertion {
    key: Arc<SigningKey>,
    header: Header,
    audience: Option<AudienceIsTokenEndpoint>,
    lifetime: Duration,
}

impl Assertion {
    fn new(key: Arc<SigningKey>, algorithm: Algorithm) -> Result<Self, Error> {
        let header = key.header(algorithm).map_err(refused)?;
        Ok(Self {
            key,
            header,
            audience: None,
            lifetime: LIFETIME,
        })
    }

    fn living(self, lifetime: Duration) -> Self {
        let lifetime = lifetime.min(LONGEST_LIFETIME);
        Self { lifetime, ..self }
    }

    fn to(self, audience: AudienceIsTokenEndpoint) -> Self {
        let audience = Some(audience);
        Self { audience, ..self }
    }

    fn parameters(&self, client: &Client, cx: &mut Cx<'_>) -> Result<Vec<(&'static str, Secret)>, Error> {
        client.check_algorithm(self.header.algorithm().name())?;
        let audience = self.audience_for(client)?;
        let id = cx.random_token()?;
        let issued = cx.wall();
        let ends = issued.plus(self.lifetime);
        let claims = claims(
            client.id(),
            audience,
            &id,
            issued.unix_seconds(),
            ends.unix_seconds(),
        );
        let claims = claims.map_err(refused)?;
        let jws = self.key.sign(&self.header, claims.as_bytes()).map_err(refused)?;
        Ok(vec![
            ("client_assertion_type", Secret::new(ASSERTION_TYPE)),
            ("client_assertion", Secret::new(jws.into_exposed())),
        ])
    }

    /// Threat T37: the issuer, which metadata cannot change, or what the caller pinned.
    fn audience_for<'a>(&'a self, client: &'a Client) -> Result<&'a str, Error> {
        let Some(AudienceIsTokenEndpoint(pinned)) = &self.audience else {
            let issuer = client.issuer().ok_or(NO_ISSUER)?;
            return Ok(issuer.as_str());
        };
        if client.profile().is_some() {
            return Err(Fapi2Rule::AssertionAudience.into());
        }
        if client.token_endpoint() == pinned {
            Ok(pinned.as_str())
        } else {
            Err(InvalidInput::new("token endpoint", "is not the one that assertions are pinned to").into())
        }
    }
}

/// RFC 7523 section 3: "The JWT MUST contain an `iss`", and for client authentication "the subject MUST be the `client_id`"; the audience
/// is one string, never a list with others in it.
fn claims(
    client_id: &str,
    audience: &str,
    id: &Secret,
    issued: i64,
    ends: i64,
) -> Result<ClaimsSet, grantflow_jwt::Error> {
    ClaimsSet::new()
        .with("iss", client_id)?
        .with("sub", client_id)?
        .with("aud", audience)?
        .with("jti", id.expose())?
        .with("iat", issued)?
        .with("exp", ends)
}

fn is_hmac(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512)
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const NO_ISSUER: InvalidInput = InvalidInput::new(
    "client",
    "has no issuer, which its assertions are for: add it, or pin the token endpoint",
);
const LIFETIME: Duration = Duration::from_secs(60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(3600);
