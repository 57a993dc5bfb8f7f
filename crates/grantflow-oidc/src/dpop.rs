//! Tokens that are bound to a key: DPoP ([RFC 9449]).
//!
//! ```text
//! request ─▶ jti, htm, htu, iat, (ath), (nonce) ─▶ signed ─▶ DPoP header
//! reply ─▶ its nonce is kept for its origin ─▶ did it ask for one? once more
//! ```
//!
//! A nonce is kept for each origin, apart for authorization servers and for APIs, since both may stand at one origin with nonces of
//! their own.
//!
//! [RFC 9449]: https://www.rfc-editor.org/rfc/rfc9449

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantflow_core::error::InvalidInput;
use grantflow_core::{Cx, Error, Origin, Proven, Secret, TokenConstraint, TokenType};
use grantflow_jwt::{Algorithm, Header, SigningKey};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde::Serialize;
use serde_json::Value;

use crate::signed::refused;

/// A key that tokens are bound to, as a constraint of a client
/// ([`Client::with_token_constraint`](grantflow_core::Client::with_token_constraint)). Clones share the nonces.
///
/// [`generate`](Self::generate) makes one for a login; its key is then kept in the record, with the token that it is worth as much as.
/// Before that a [pending authorization](grantflow_core::PendingAuthorization) keeps it, so that any process may end the login.
/// [`new`](Self::new) takes a key that the program keeps; the record has its thumbprint, so that a program with another key sends
/// nothing: a server may end the login of a public client over that. Either way whoever reads the record gives the handle the client
/// again; [`of_records`](Self::of_records) will do where the records have the keys.
///
/// A server that answers with a bearer token has not bound it, and its token is refused: whoever asked for a bound one counts on a
/// stolen one being of no use. [`or_bearer`](Self::or_bearer) takes it.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use grantflow_core::{Client, Endpoint};
/// use grantflow_jwt::Algorithm;
/// use grantflow_oidc::Dpop;
///
/// let client = Client::new("s6BhdRkqt3", Endpoint::new("https://server.example.com/token")?)
///     .with_token_constraint(Arc::new(Dpop::generate(Algorithm::Es256)?));
/// assert!(client.token_constraint().is_some());
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Dpop {
    bound: Option<Arc<Bound>>,
    /// Thumbprints of keys that ours takes the place of.
    replaced: Vec<String>,
    takes_bearer: bool,
    nonces: Arc<Mutex<BTreeMap<Place, HeaderValue>>>,
}

struct Bound {
    key: SigningKey,
    header: Header,
    thumbprint: String,
    /// What a record keeps: the key, or its thumbprint where the program has it.
    kept: Secret,
}

/// Where a nonce is from; an address without an origin has none.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
struct Place {
    is_api: bool,
    origin: String,
}

impl Dpop {
    /// Binds to this key, which the program keeps.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the algorithm takes another type of key, or is one of shared secrets.
    pub fn new(key: SigningKey, algorithm: Algorithm) -> Result<Self, Error> {
        Self::bound_to(key, algorithm, None)
    }

    /// Binds to a new key, which the record of the login keeps: ES256, which every server knows, or EdDSA.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for another algorithm; [`Error::NotSigned`] if the system gives no randomness.
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        let der = SigningKey::generate(algorithm).map_err(refused)?;
        let key = SigningKey::from_pkcs8_der(&der).map_err(refused)?;
        let kept = format!("{algorithm}:{}", URL_SAFE_NO_PAD.encode(der));
        Self::bound_to(key, algorithm, Some(Secret::new(kept)))
    }

    /// Refreshes the tokens, too, that are bound to the key with this thumbprint, which ours has replaced; what comes of it is bound to
    /// ours. The tokens themselves are of no use any more, so refresh at once
    /// ([`Credentials::refresh`](grantflow_core::Credentials::refresh)).
    ///
    /// It is for clients that authenticate: the refresh tokens of others are bound to the key too, and are lost with it
    /// ([RFC 9449 section 5]).
    ///
    /// [RFC 9449 section 5]: https://www.rfc-editor.org/rfc/rfc9449#section-5
    #[must_use]
    pub fn in_place_of(mut self, thumbprint: impl Into<String>) -> Self {
        self.replaced.push(thumbprint.into());
        self
    }

    /// Binds to the keys that records have, and to no other: for a program that logs nobody in.
    #[must_use]
    pub fn of_records() -> Self {
        Self {
            bound: None,
            replaced: Vec::new(),
            takes_bearer: false,
            nonces: Arc::default(),
        }
    }

    fn bound_to(key: SigningKey, algorithm: Algorithm, kept: Option<Secret>) -> Result<Self, Error> {
        let public = key.verifying_key().map_err(refused)?;
        let (Some(jwk), Some(thumbprint)) = (public.to_jwk(), public.thumbprint()) else {
            return Err(InvalidInput::new("key", "is a shared secret, which proves nothing").into());
        };
        let jwk: Value =
            serde_json::from_str(&jwk).map_err(|_| InvalidInput::new("key", "has no public half"))?;
        // A key that signs with another algorithm is told now.
        key.header(algorithm).map_err(refused)?;
        let header = Header::new(algorithm).with("typ", "dpop+jwt");
        let header = header
            .and_then(|header| header.with("jwk", jwk))
            .map_err(refused)?;
        let kept = kept.unwrap_or_else(|| Secret::new(format!("{NAMED}{thumbprint}")));
        let bound = Bound {
            key,
            header: header.encoded_once(),
            thumbprint,
            kept,
        };
        Ok(Self {
            bound: Some(Arc::new(bound)),
            ..Self::of_records()
        })
    }

    /// Takes bearer tokens too: for a server that binds tokens for some clients or resources and not for others.
    #[must_use]
    pub fn or_bearer(self) -> Self {
        Self {
            takes_bearer: true,
            ..self
        }
    }

    /// The thumbprint of the key, which bound tokens name (`jkt`, [RFC 9449 section 6.1]) and an authorization request may
    /// (`dpop_jkt`, [section 10]).
    ///
    /// [RFC 9449 section 6.1]: https://www.rfc-editor.org/rfc/rfc9449#section-6.1
    /// [section 10]: https://www.rfc-editor.org/rfc/rfc9449#section-10
    #[must_use]
    pub fn thumbprint(&self) -> Option<&str> {
        self.bound.as_deref().map(|bound| &*bound.thumbprint)
    }

    fn nonces(&self) -> MutexGuard<'_, BTreeMap<Place, HeaderValue>> {
        // Nothing is ever half written: what a panic left is what was there.
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenConstraint for Dpop {
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if there is no key, [`Error::Entropy`], [`Error::NotSigned`].
    fn prove(&self, to: &Proven<'_>, cx: &mut Cx<'_>) -> Result<Option<HeaderValue>, Error> {
        let bound = self.bound.as_deref().ok_or(NO_KEY)?;
        let mut random = [0; 16];
        cx.fill(&mut random)?;
        let place = Place::of(to);
        let nonce = self.nonces().get(&place).cloned();
        let claims = Claims {
            jti: &URL_SAFE_NO_PAD.encode(random),
            htm: to.method.as_str(),
            htu: &target(place.origin, to.uri),
            iat: cx.wall().unix_seconds(),
            ath: to.access_token.map(hash),
            nonce: nonce.as_ref().and_then(|nonce| nonce.to_str().ok()),
        };
        let proof = bound.key.sign(&bound.header, &claims.to_json()?);
        let proof = proof.map_err(refused)?;
        let proof = HeaderValue::try_from(proof.into_exposed());
        let mut proof = proof.map_err(|_| InvalidInput::new("proof", "does not fit in a header"))?;
        // Until it was seen, whoever has it and the token could use it.
        proof.set_sensitive(true);
        Ok(Some(proof))
    }

    /// RFC 9449 section 8.2: a new nonce may come with any reply, and counts from then on.
    fn heard(&self, to: &Proven<'_>, status: StatusCode, headers: &HeaderMap, error: Option<&str>) -> bool {
        let mut found = headers.get_all("dpop-nonce").iter();
        let (Some(nonce), None) = (found.next(), found.next()) else {
            return false;
        };
        let fits = !nonce.is_empty() && nonce.len() <= LONGEST_NONCE && nonce.to_str().is_ok();
        let place = Place::of(to);
        if !fits || place.origin.is_empty() {
            return false;
        }
        let mut nonces = self.nonces();
        if nonces.len() >= MOST_NONCES && !nonces.contains_key(&place) {
            nonces.clear();
        }
        nonces.insert(place, nonce.clone());
        match to.access_token {
            None => status.is_client_error() && error == Some(USE_NONCE),
            Some(_) => status == StatusCode::UNAUTHORIZED && challenges(headers),
        }
    }

    fn thumbprint(&self) -> Option<&str> {
        self.thumbprint()
    }

    fn takes(&self, token_type: TokenType) -> bool {
        match token_type {
            TokenType::Dpop => true,
            TokenType::Bearer => self.takes_bearer,
            _ => false,
        }
    }

    fn algorithm(&self) -> Option<&str> {
        Some(self.bound.as_deref()?.header.algorithm().name())
    }

    fn stored(&self) -> Option<Secret> {
        Some(self.bound.as_deref()?.kept.clone())
    }

    fn with_stored(&self, key: &Secret) -> Result<Arc<dyn TokenConstraint>, Error> {
        let own = self.bound.as_deref().map(|bound| &bound.kept);
        if own.is_some_and(|own| own.eq_ct(key)) {
            return Ok(Arc::new(self.clone()));
        }
        if let Some(thumbprint) = key.expose().strip_prefix(NAMED) {
            let is_replaced = own.is_some() && self.replaced.iter().any(|replaced| replaced == thumbprint);
            return match is_replaced {
                true => Ok(Arc::new(self.clone())),
                false => Err(OTHER_KEY.into()),
            };
        }
        let parts = key.expose().split_once(':').and_then(|(algorithm, der)| {
            let der = URL_SAFE_NO_PAD.decode(der).ok()?;
            Some((
                Algorithm::named(algorithm)?,
                SigningKey::from_pkcs8_der(&der).ok()?,
            ))
        });
        let (algorithm, signing) = parts.ok_or(UNREADABLE)?;
        let restored = Self::bound_to(signing, algorithm, Some(key.clone()))?;
        Ok(Arc::new(Self {
            takes_bearer: self.takes_bearer,
            nonces: Arc::clone(&self.nonces),
            bound: restored.bound,
            replaced: self.replaced.clone(),
        }))
    }
}

/// RFC 9449 section 4.2, in an order that is always the same.
#[derive(Serialize)]
struct Claims<'a> {
    jti: &'a str,
    htm: &'a str,
    htu: &'a str,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

impl Claims<'_> {
    fn to_json(&self) -> Result<Vec<u8>, InvalidInput> {
        let mut json = Vec::with_capacity(ROOM);
        let written = serde_json::to_writer(&mut json, self);
        written.map_err(|_| InvalidInput::new("proof", "cannot be written as JSON"))?;
        Ok(json)
    }
}

/// "The HTTP target URI […] of the request to which the JWT is attached, without query and fragment parts."
fn target(origin: String, uri: &Uri) -> String {
    let mut target = origin;
    target.push_str(uri.path());
    target
}

/// "The value MUST be the result of a base64url encoding […] the SHA-256 hash of the ASCII encoding of the associated access token's
/// value."
fn hash(token: &Secret) -> String {
    let digest = Algorithm::Es256.digest(token.expose().as_bytes());
    URL_SAFE_NO_PAD.encode(digest.unwrap_or_default())
}

/// RFC 9449 section 9: `WWW-Authenticate: DPoP error="use_dpop_nonce"`.
fn challenges(headers: &HeaderMap) -> bool {
    headers.get_all(header::WWW_AUTHENTICATE).iter().any(|value| {
        let text = value.to_str().unwrap_or_default();
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .any(|word| word == USE_NONCE)
    })
}

impl Place {
    fn of(to: &Proven<'_>) -> Self {
        let is_api = to.access_token.is_some();
        let mut text = String::with_capacity(ROOM);
        if let Some(origin) = Origin::of(to.uri) {
            let _infallible = write!(text, "{origin}");
        }
        Self { is_api, origin: text }
    }
}

/// Says nothing of the key but its thumbprint.
impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("jkt", &self.thumbprint())
            .field("takes_bearer", &self.takes_bearer)
            .finish_non_exhaustive()
    }
}

/// Before the thumbprint of a key that the program keeps.
const NAMED: &str = "jkt:";
const USE_NONCE: &str = "use_dpop_nonce";
const NO_KEY: InvalidInput = InvalidInput::new("DPoP key", "is in neither the program nor the record");
const OTHER_KEY: InvalidInput = InvalidInput::new(
    "DPoP key",
    "is another than the one that the stored token is bound to: give the client that key, or say that it was replaced",
);
const UNREADABLE: InvalidInput = InvalidInput::new("stored DPoP key", "cannot be read");
const LONGEST_NONCE: usize = 1024;
/// Enough for most claims, and for most addresses.
const ROOM: usize = 384;
/// Origins are few; whoever sends a client around does not fill its memory.
const MOST_NONCES: usize = 64;
