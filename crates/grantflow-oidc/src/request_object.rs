//! Signed authorization requests: JAR ([RFC 9101]).
//!
//! ```text
//! parameters ─▶ iss = client id, aud = issuer, jti, iat, nbf, exp, and each of them ─▶ signed ─▶ request
//! ```
//!
//! [RFC 9101]: https://www.rfc-editor.org/rfc/rfc9101

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::error::InvalidInput;
use grantflow_core::{Client, Cx, Error, RequestSigner, Secret};
use grantflow_jwt::{Algorithm, ClaimsSet, Header, SigningKey};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::signed::refused;

/// Makes request objects: the signer of a client's authorization requests
/// ([`Client::with_request_signer`]).
///
/// What is asked for is then in one signed token, in the address or pushed, and nothing of it beside that: who reads or rewrites the
/// address changes nothing. It is signed, not encrypted, so it hides nothing either; a request that is to say nothing in a browser is
/// pushed. A request object is used as long as the redirect is waited for
/// ([`AuthorizationRequest::lifetime`](grantflow_core::AuthorizationRequest::lifetime)).
///
/// # Example
///
/// ```
/// # use grantflow_core::{Cx, Now};
/// # let mut n = 0;
/// # let mut fill = |bytes: &mut [u8]| { n += 1; bytes.fill(n); Ok(()) };
/// # let mut cx = Cx::new(Now::default(), &mut fill);
/// use std::sync::Arc;
/// use grantflow_core::{AuthorizationRequest, Client, Endpoint, Issuer};
/// use grantflow_jwt::{Algorithm, SigningKey};
/// use grantflow_oidc::RequestObject;
///
/// # let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";
/// let key = SigningKey::from_pem(pem)?.with_key_id("2026-01");
/// let client = Client::new("s6BhdRkqt3", Endpoint::new("https://server.example.com/token")?)
///     .with_issuer(Issuer::new("https://server.example.com")?)
///     .with_authorization_endpoint(Endpoint::new("https://server.example.com/authorize")?)
///     .with_request_signer(Arc::new(RequestObject::new(key, Algorithm::EdDsa)?));
/// let (url, _pending) = AuthorizationRequest::new(&client, "https://client.example.org/cb").start(&mut cx)?;
/// assert!(url.as_str().starts_with("https://server.example.com/authorize?client_id=s6BhdRkqt3&request=eyJ"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RequestObject {
    key: Arc<SigningKey>,
    header: Header,
}

impl RequestObject {
    /// Signs with this key, whose public half, or the secret itself, the server knows. The algorithm is the one that the client was
    /// registered for (`request_object_signing_alg`).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the algorithm takes another type of key.
    pub fn new(key: impl Into<Arc<SigningKey>>, algorithm: Algorithm) -> Result<Self, Error> {
        let key = key.into();
        let header = key.header(algorithm);
        // RFC 9101 section 10.8: so that it is taken for no other kind of token.
        let header = header.and_then(|header| header.with("typ", "oauth-authz-req+jwt"));
        let header = header.map_err(refused)?;
        Ok(Self { key, header })
    }
}

impl RequestSigner for RequestObject {
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has no issuer, which the request is for, or one of the parameters has the name of a claim
    /// of tokens or a value that is not what its name says; [`Error::Entropy`]; [`Error::NotSigned`]; [`Error::Profile`] if the
    /// client's profile forbids the algorithm.
    fn sign(
        &self,
        client: &Client,
        parameters: &[(Cow<'_, str>, Cow<'_, str>)],
        lifetime: Duration,
        cx: &mut Cx<'_>,
    ) -> Result<Secret, Error> {
        client.check_algorithm(self.header.algorithm().name())?;
        let audience = client.issuer().ok_or(NO_ISSUER)?.as_str();
        let id = cx.random_token()?;
        let now = cx.wall();
        let (issued, ends) = (now.unix_seconds(), now.plus(lifetime).unix_seconds());
        let claims = ClaimsSet::new()
            .with("iss", client.id())
            .and_then(|claims| claims.with("aud", audience))
            .and_then(|claims| claims.with("jti", id.expose()))
            .and_then(|claims| claims.with("iat", issued))
            .and_then(|claims| claims.with("nbf", issued))
            .and_then(|claims| claims.with("exp", ends));
        let claims = with_parameters(claims.map_err(refused)?, parameters)?;
        let jws = self.key.sign(&self.header, claims.as_bytes()).map_err(refused)?;
        Ok(Secret::new(jws.into_exposed()))
    }
}

/// RFC 9101 section 4: parameters are members; those that are numbers or JSON are so here too, and the one that may be there more than
/// once is an array then (RFC 8707 section 2.1).
fn with_parameters(
    mut claims: ClaimsSet,
    parameters: &[(Cow<'_, str>, Cow<'_, str>)],
) -> Result<ClaimsSet, Error> {
    for (at, (name, value)) in parameters.iter().enumerate() {
        if CLAIMS.contains(&&**name) {
            return Err(InvalidInput::new("parameter", "has the name of a claim of tokens").into());
        }
        let others = |other: &&(Cow<'_, str>, Cow<'_, str>)| other.0 == *name;
        if parameters.iter().take(at).any(|other| others(&other)) {
            continue;
        }
        let all: Vec<&str> = parameters
            .iter()
            .filter(others)
            .map(|(_, value)| &**value)
            .collect();
        let with = match &**name {
            _ if all.len() > 1 => claims.with(name, all),
            "max_age" => claims.with(name, number(value)?),
            "claims" => claims.with(name, json(value, Value::is_object)?),
            "authorization_details" => claims.with(name, json(value, Value::is_array)?),
            _ => claims.with(name, &**value),
        };
        claims = with.map_err(refused)?;
    }
    Ok(claims)
}

fn number(text: &str) -> Result<u64, Error> {
    text.parse().map_err(|_| OTHER_TYPE.into())
}

/// The text as it is: a value that was read and written again may have other numbers in it.
fn json(text: &str, is: impl Fn(&Value) -> bool) -> Result<&RawValue, Error> {
    let value = serde_json::from_str(text).ok();
    let text = value.filter(is).and_then(|_| serde_json::from_str(text).ok());
    text.ok_or_else(|| OTHER_TYPE.into())
}

/// What the token says of itself. With `sub` beside `iss` it could be taken for an assertion of the client, section 10.8.
const CLAIMS: [&str; 7] = ["iss", "sub", "aud", "jti", "iat", "nbf", "exp"];
const NO_ISSUER: InvalidInput =
    InvalidInput::new("client", "has no issuer, which its signed requests are for");
const OTHER_TYPE: InvalidInput = InvalidInput::new("parameter", "is not of the type that its name has");
