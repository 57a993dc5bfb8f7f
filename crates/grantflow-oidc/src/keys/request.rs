//! [`KeyRequest`]: one request for the keys of an issuer, and how long they are good ([RFC 7517 section 5], [RFC 9111 section 4.2]).
//!
//! [RFC 7517 section 5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
//! [RFC 9111 section 4.2]: https://www.rfc-editor.org/rfc/rfc9111#section-4.2

use std::collections::BTreeMap;
use std::time::Duration;

use grantflow_core::error::{InvalidInput, ReplyProblem};
use grantflow_core::transport::MAX_BODY;
use grantflow_core::transport::TimeLimit;
use grantflow_core::{BadReply, Body, Cx, Endpoint, Error, Request, Response};
use grantflow_jwt::{KeySet, VerifyingKey};
use http::{HeaderMap, Method, header};

/// A request for the keys of an issuer, and how to read the reply.
///
/// # Example
///
/// ```
/// use grantflow_core::{Body, Cx, Endpoint, Now};
/// use grantflow_oidc::KeyRequest;
///
/// let request = KeyRequest::jwks(Endpoint::new("https://server.example.com/jwks")?);
/// let mut no_entropy = |_: &mut [u8]| Ok(());
/// let mut cx = Cx::new(Now::default(), &mut no_entropy);
/// assert_eq!(request.to_http(&mut cx)?.uri(), "https://server.example.com/jwks");
///
/// let reply = http::Response::builder()
///     .header("cache-control", "public, max-age=21600")
///     .body(Body::from(r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#))?;
/// let published = request.parse(&reply, &cx)?;
/// assert_eq!((published.keys.len(), published.fresh_for.as_secs()), (1, 21600));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyRequest {
    address: Endpoint,
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Jwks,
    Certificates,
}

/// What an issuer published.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PublishedKeys {
    /// The keys that can be used here: never none. RSA keys under 2048 bits are not among them, nor are shared secrets.
    pub keys: KeySet,
    /// How long they are good by what the server says (`Cache-Control`), within five minutes and a day; an hour where it says
    /// nothing.
    pub fresh_for: Duration,
}

impl KeyRequest {
    /// A JWK Set, at what the metadata of the server name `jwks_uri`.
    #[must_use]
    pub fn jwks(address: Endpoint) -> Self {
        let form = Form::Jwks;
        Self { address, form }
    }

    /// A JSON object of certificates in PEM by the names of their keys, as Google has it at
    /// `https://www.googleapis.com/oauth2/v1/certs`. Certificates are only where the keys stand: nobody looks at who signed them
    /// or when they end; trust comes from the address.
    #[must_use]
    pub fn certificates(address: Endpoint) -> Self {
        let form = Form::Certificates;
        Self { address, form }
    }

    /// The request on the wire.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the address makes no request.
    pub fn to_http(&self, _: &mut Cx<'_>) -> Result<Request, Error> {
        let accept = match self.form {
            Form::Jwks => "application/jwk-set+json, application/json",
            Form::Certificates => "application/json",
        };
        http::Request::builder()
            .method(Method::GET)
            .uri(self.address.as_str())
            .header(header::ACCEPT, accept)
            // They are asked for while a record is locked, too.
            .extension(TimeLimit(WITHIN))
            .body(Body::empty())
            .map_err(|_| InvalidInput::new("address of keys", "makes no request").into())
    }

    /// Reads the reply. Keys that cannot be used are passed over, and a set without any other is no set: it would take the place of
    /// good ones.
    ///
    /// # Errors
    ///
    /// [`Error::BadReply`].
    pub fn parse(&self, reply: &Response, _: &Cx<'_>) -> Result<PublishedKeys, Error> {
        let bad = |problem| Error::from(BadReply::new(reply.status(), problem));
        if reply.status().is_redirection() {
            return Err(bad(ReplyProblem::Redirect));
        }
        if !reply.status().is_success() {
            return Err(bad(ReplyProblem::Status));
        }
        if reply.body().len() > MAX_BODY {
            return Err(bad(ReplyProblem::TooLarge));
        }
        let text = str::from_utf8(reply.body().as_bytes()).map_err(|_| bad(ReplyProblem::Invalid("keys")))?;
        let keys = match self.form {
            Form::Jwks => KeySet::from_json(text).ok(),
            Form::Certificates => certificates(text),
        };
        let keys = keys.ok_or_else(|| bad(ReplyProblem::Invalid("keys")))?;
        if keys.is_empty() {
            return Err(bad(ReplyProblem::Missing("keys")));
        }
        let fresh_for = fresh_for(reply.headers());
        Ok(PublishedKeys { keys, fresh_for })
    }
}

fn certificates(text: &str) -> Option<KeySet> {
    let certificates: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    let keys = certificates.into_iter().filter_map(|(name, pem)| {
        let key = VerifyingKey::from_pem(&pem).ok()?;
        Some(key.with_key_id(name))
    });
    Some(keys.collect())
}

/// `max-age`, less the time that the reply has lain in others' caches. Within bounds: whoever writes the header neither has the keys
/// asked for without end, nor keeps one that was withdrawn for longer than a day.
fn fresh_for(headers: &HeaderMap) -> Duration {
    let values = headers.get_all(header::CACHE_CONTROL);
    let directives: Vec<&str> = values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let is = |name: &str| directives.iter().any(|found| found.eq_ignore_ascii_case(name));
    if is("no-store") || is("no-cache") {
        return SHORTEST;
    }
    let age = directives.iter().find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        name.trim().eq_ignore_ascii_case("max-age").then_some(value)
    });
    let Some(age) = age else { return USUAL };
    let spent = headers.get(header::AGE).and_then(|value| value.to_str().ok());
    let spent = spent.and_then(seconds).unwrap_or_default();
    // RFC 9111 section 4.2.1: what cannot be read is taken for stale.
    let age = seconds(age.trim().trim_matches('"')).unwrap_or_default();
    age.saturating_sub(spent).clamp(SHORTEST, LONGEST)
}

/// More digits than a number holds are a long time.
fn seconds(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

/// Together with a refresh it is less than others wait for the lock.
const WITHIN: Duration = Duration::from_secs(10);
const SHORTEST: Duration = Duration::from_secs(300);
const USUAL: Duration = Duration::from_secs(3600);
const LONGEST: Duration = Duration::from_secs(86_400);
