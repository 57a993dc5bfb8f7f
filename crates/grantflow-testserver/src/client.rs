//! Registered clients and the exact match of their redirect URIs ([RFC 6749 section 2], [RFC 8252 section 7.3]).
//!
//! [RFC 6749 section 2]: https://www.rfc-editor.org/rfc/rfc6749#section-2
//! [RFC 8252 section 7.3]: https://www.rfc-editor.org/rfc/rfc8252#section-7.3

use std::fmt;

use serde_json::Value;
use subtle::ConstantTimeEq;
use url::Url;

use crate::jwe::EncryptionKey;
use crate::jws::{Jws, PublicKey};
use crate::keys::IdTokenAlgorithm;

/// A client that the server knows.
///
/// Four are registered from the start, see [`TestClient::defaults`].
///
/// # Example
///
/// ```
/// use grantflow_testserver::{Config, TestClient};
///
/// let reports = TestClient::confidential_basic("reports", "not a real secret", ["https://reports.example/callback"]);
/// let server = Config::new().client(reports).start()?;
/// assert!(server.client("reports").is_some());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct TestClient {
    id: String,
    authentication: Authentication,
    redirect_uris: Vec<String>,
    id_token_algorithm: IdTokenAlgorithm,
    userinfo_algorithm: Option<IdTokenAlgorithm>,
    encryption_key: Option<EncryptionKey>,
    /// Keys by their ids; without any it signs no requests.
    request_keys: Vec<Key>,
}

type Key = (Option<String>, PublicKey);

#[derive(Clone)]
enum Authentication {
    None,
    Basic(String),
    Post(String),
    /// Keys by their ids.
    PrivateKeyJwt(Vec<Key>),
    SecretJwt(String),
}

impl TestClient {
    /// A public client, which sends its `client_id` and no secret: an installed application.
    pub fn public<S: Into<String>>(
        id: impl Into<String>,
        redirect_uris: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::new(id, Authentication::None, redirect_uris)
    }

    /// A confidential client that authenticates with `client_secret_basic` and nothing else.
    pub fn confidential_basic<S: Into<String>>(
        id: impl Into<String>,
        secret: impl Into<String>,
        redirect_uris: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::new(id, Authentication::Basic(secret.into()), redirect_uris)
    }

    /// A confidential client that authenticates with `client_secret_post` and nothing else.
    pub fn confidential_post<S: Into<String>>(
        id: impl Into<String>,
        secret: impl Into<String>,
        redirect_uris: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::new(id, Authentication::Post(secret.into()), redirect_uris)
    }

    /// A confidential client that authenticates by assertions signed with one of these keys (`private_key_jwt`): a JWK Set of
    /// public keys, RSA, P-256 or Ed25519. `None` if it is no such set.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_testserver::TestClient;
    ///
    /// let keys = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    /// let client = TestClient::private_key_jwt("signing-app", keys, ["http://127.0.0.1/callback"]);
    /// assert!(client.is_some_and(|client| client.auth_method() == "private_key_jwt"));
    /// ```
    pub fn private_key_jwt<S: Into<String>>(
        id: impl Into<String>,
        jwks: &str,
        redirect_uris: impl IntoIterator<Item = S>,
    ) -> Option<Self> {
        let keys = keys(jwks)?;
        Some(Self::new(id, Authentication::PrivateKeyJwt(keys), redirect_uris))
    }

    /// A confidential client that authenticates by assertions signed with its secret (`client_secret_jwt`, HS256).
    pub fn client_secret_jwt<S: Into<String>>(
        id: impl Into<String>,
        secret: impl Into<String>,
        redirect_uris: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::new(id, Authentication::SecretJwt(secret.into()), redirect_uris)
    }

    /// Gets its ID tokens signed in this way; RS256 is the default.
    #[must_use]
    pub fn with_id_token_algorithm(mut self, algorithm: IdTokenAlgorithm) -> Self {
        self.id_token_algorithm = algorithm;
        self
    }

    /// Gets its ID tokens encrypted for this key, once they are signed: a public JWK on P-256 (ECDH-ES, A256GCM). `None` if it is no such
    /// key.
    #[must_use]
    pub fn with_encrypted_id_tokens(mut self, jwk: &str) -> Option<Self> {
        self.encryption_key = Some(EncryptionKey::from_jwk(jwk)?);
        Some(self)
    }

    /// Gets userinfo signed in this way (`userinfo_signed_response_alg`); without this, as JSON.
    #[must_use]
    pub fn with_userinfo_algorithm(mut self, algorithm: IdTokenAlgorithm) -> Self {
        self.userinfo_algorithm = Some(algorithm);
        self
    }

    /// Has to sign every authorization request with one of these keys ([RFC 9101]): a JWK Set of public keys, as
    /// [`private_key_jwt`](Self::private_key_jwt) takes it. `None` if it is no such set.
    ///
    /// [RFC 9101]: https://www.rfc-editor.org/rfc/rfc9101
    #[must_use]
    pub fn signing_requests(mut self, jwks: &str) -> Option<Self> {
        self.request_keys = keys(jwks)?;
        Some(self)
    }

    /// The clients every server starts with:
    ///
    /// | id | kind | redirect URIs |
    /// |---|---|---|
    /// | `native-app` | public | `/` and `/callback` on `127.0.0.1`, `[::1]` and `localhost`, any port |
    /// | `basic-app` | `client_secret_basic` | `http://127.0.0.1/callback`, any port |
    /// | `post-app` | `client_secret_post` | `http://127.0.0.1/callback`, any port |
    /// | `web-app` | `client_secret_basic` | `https://app.example/callback` |
    ///
    /// The secret of `basic-app` holds characters that must be form-encoded before they go into an `Authorization`
    /// header.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        let loopback = ["127.0.0.1", "[::1]", "localhost"]
            .iter()
            .flat_map(|host| [format!("http://{host}/callback"), format!("http://{host}/")]);
        vec![
            Self::public("native-app", loopback),
            Self::confidential_basic("basic-app", "s p+c%i&a=l:é/", ["http://127.0.0.1/callback"]),
            Self::confidential_post("post-app", "post-app-secret", ["http://127.0.0.1/callback"]),
            Self::confidential_basic("web-app", "web-app-secret", ["https://app.example/callback"]),
        ]
    }

    fn new<S: Into<String>>(
        id: impl Into<String>,
        authentication: Authentication,
        redirect_uris: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            id: id.into(),
            authentication,
            redirect_uris: redirect_uris.into_iter().map(Into::into).collect(),
            id_token_algorithm: IdTokenAlgorithm::default(),
            userinfo_algorithm: None,
            encryption_key: None,
            request_keys: Vec::new(),
        }
    }

    /// The `client_id`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The one way this client authenticates at the token endpoint, by its registered name: `none`,
    /// `client_secret_basic`, `client_secret_post`, `private_key_jwt` or `client_secret_jwt`.
    #[must_use]
    pub fn auth_method(&self) -> &'static str {
        match self.authentication {
            Authentication::None => "none",
            Authentication::Basic(_) => "client_secret_basic",
            Authentication::Post(_) => "client_secret_post",
            Authentication::PrivateKeyJwt(_) => "private_key_jwt",
            Authentication::SecretJwt(_) => "client_secret_jwt",
        }
    }

    /// The registered redirect URIs. Those on a loopback host stand for every port of it, whichever they name.
    #[must_use]
    pub fn redirect_uris(&self) -> &[String] {
        &self.redirect_uris
    }

    /// The client secret in the clear; a public client has none.
    #[must_use]
    pub fn expose_secret(&self) -> Option<&str> {
        match &self.authentication {
            Authentication::None | Authentication::PrivateKeyJwt(_) => None,
            Authentication::Basic(secret)
            | Authentication::Post(secret)
            | Authentication::SecretJwt(secret) => Some(secret),
        }
    }

    pub(crate) fn id_token_algorithm(&self) -> IdTokenAlgorithm {
        self.id_token_algorithm
    }

    pub(crate) fn encryption_key(&self) -> Option<&EncryptionKey> {
        self.encryption_key.as_ref()
    }

    pub(crate) fn userinfo_algorithm(&self) -> Option<IdTokenAlgorithm> {
        self.userinfo_algorithm
    }

    /// Whether this client made the assertion: a key is taken by its id, if the assertion names one.
    pub(crate) fn has_signed(&self, assertion: &Jws<'_>) -> bool {
        match &self.authentication {
            Authentication::PrivateKeyJwt(keys) => is_signed_with_one(assertion, keys),
            Authentication::SecretJwt(secret) => assertion.is_signed_with_secret(secret),
            _ => false,
        }
    }

    pub(crate) fn signs_requests(&self) -> bool {
        !self.request_keys.is_empty()
    }

    pub(crate) fn has_signed_request(&self, object: &Jws<'_>) -> bool {
        is_signed_with_one(object, &self.request_keys)
    }

    pub(crate) fn is_secret(&self, candidate: &str) -> bool {
        self.expose_secret()
            .is_some_and(|secret| secret.as_bytes().ct_eq(candidate.as_bytes()).into())
    }

    /// Whether a redirect to this URI is allowed.
    ///
    /// RFC 9700 section 4.1.3: exact string matching "except for port numbers in localhost redirection URIs of native
    /// apps".
    pub(crate) fn allows_redirect(&self, uri: &str) -> bool {
        let Ok(parsed) = Url::parse(uri) else { return false };
        let portless = loopback_without_port(uri);
        parsed.fragment().is_none()
            && self.redirect_uris.iter().any(|registered| {
                registered == uri || portless.is_some() && portless == loopback_without_port(registered)
            })
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient")
            .field("id", &self.id)
            .field("auth_method", &self.auth_method())
            .field("redirect_uris", &self.redirect_uris)
            .finish_non_exhaustive()
    }
}

fn keys(jwks: &str) -> Option<Vec<Key>> {
    let jwks: Value = serde_json::from_str(jwks).ok()?;
    let key = |key: &Value| Some((key["kid"].as_str().map(str::to_owned), PublicKey::from_jwk(key)?));
    jwks["keys"].as_array()?.iter().map(key).collect()
}

fn is_signed_with_one(token: &Jws<'_>, keys: &[Key]) -> bool {
    let named = |id: &Option<String>| token.header.kid.is_none() || *id == token.header.kid;
    let mut candidates = keys.iter().filter(|(id, _)| named(id));
    candidates.any(|(_, key)| token.is_signed_with(key))
}

/// The URI without its port, if it is plain HTTP on a loopback host; `None` for any other.
///
/// Works on the text and not on a parsed URL: parsing would turn `http://127.1/a/../callback` into something that was
/// registered.
fn loopback_without_port(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_loopback = matches!(host, "127.0.0.1" | "[::1]" | "localhost");
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|number| number.to_string() == port);
    (is_loopback && port.is_none_or(is_port)).then(|| format!("http://{host}{path}"))
}
