//! Signed answers about tokens ([RFC 9701]): what the server knows of one, so that it can be shown to others.
//!
//! ```text
//! SignedIntrospectionRequest ─▶ Send ─▶ a signed token ─▶ keys ─▶ typ, iss, aud, iat ─▶ token_introspection ─▶ Introspection
//! ```
//!
//! [RFC 9701]: https://www.rfc-editor.org/rfc/rfc9701

use std::time::Duration;

use grantflow_core::error::{InvalidInput, ReplyProblem};
use grantflow_core::{
    BadReply, Client, Cx, Error, Introspection, IntrospectionRequest, Next, Request, Response, Secret, Step,
    Timestamp, TokenTypeHint, TransportError,
};
use grantflow_jwt::{Algorithm, ClaimsSet, Refusal};
use http::{HeaderValue, header};
use serde_json::{Map, Value};

use crate::keys::KeyCache;

/// A question about a token whose answer is to be signed, and how to read the reply.
///
/// # Example
///
/// ```
/// use grantflow_core::{Client, Error, Introspection, Secret, Step, TokenTypeHint};
/// use grantflow_jwt::Algorithm;
/// use grantflow_oidc::{KeyCache, SignedIntrospectionRequest};
///
/// fn ask(client: &Client, keys: &KeyCache, token: &Secret) -> Result<Step<Introspection>, Error> {
///     let request = SignedIntrospectionRequest::new(client, token, TokenTypeHint::AccessToken, [Algorithm::Rs256], keys)?;
///     Ok(request.flow())
/// }
/// # let _ = ask;
/// ```
#[derive(Clone, Debug)]
pub struct SignedIntrospectionRequest {
    request: IntrospectionRequest,
    issuer: String,
    client_id: String,
    algorithms: Vec<Algorithm>,
    keys: KeyCache,
}

impl SignedIntrospectionRequest {
    /// Asks what the server of `client` knows of `token` ([RFC 9701 section 4]). The answer is taken signed in one of these ways, best
    /// the one that the client is registered for (`introspection_signed_response_alg`), by the keys of the issuer, as
    /// [`IdTokenVerifier::keys`](crate::IdTokenVerifier::keys) has them.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has no issuer, whose answer it is to be.
    ///
    /// [RFC 9701 section 4]: https://www.rfc-editor.org/rfc/rfc9701#section-4
    pub fn new(
        client: &Client,
        token: &Secret,
        hint: TokenTypeHint,
        algorithms: impl IntoIterator<Item = Algorithm>,
        keys: &KeyCache,
    ) -> Result<Self, Error> {
        Ok(Self {
            request: IntrospectionRequest::new(client, token, hint),
            issuer: client.issuer().ok_or(NO_ISSUER)?.as_str().to_owned(),
            client_id: client.id().to_owned(),
            algorithms: algorithms.into_iter().collect(),
            keys: keys.clone(),
        })
    }

    /// The request on the wire.
    ///
    /// # Errors
    ///
    /// As those of [`IntrospectionRequest::to_http`].
    pub fn to_http(&self, cx: &mut Cx<'_>) -> Result<Request, Error> {
        let mut request = self.request.to_http(cx)?;
        let accept = HeaderValue::from_static("application/token-introspection+jwt");
        request.headers_mut().insert(header::ACCEPT, accept);
        Ok(request)
    }

    /// The flow that reads the reply ([RFC 9701 section 5]); the keys are asked for if they are not known.
    ///
    /// The flow ends in [`Error::TokenRefused`] if it is not to be believed, and in [`Error::BadReply`] or [`Error::Transport`] if the
    /// keys could not be had or the answer makes no sense.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if the server refused, [`Error::BadReply`] if the reply is no success or not signed.
    ///
    /// [RFC 9701 section 5]: https://www.rfc-editor.org/rfc/rfc9701#section-5
    pub fn read(&self, reply: &Response, cx: &Cx<'_>) -> Result<Step<Introspection>, Error> {
        let status = reply.status();
        if !status.is_success() || !is_signed(reply) {
            // A refusal says why; an answer that nobody signed is none.
            self.request.parse(reply, cx)?;
            return Err(BadReply::new(status, ReplyProblem::MediaType).into());
        }
        let bad = move |problem| Error::from(BadReply::new(status, problem));
        let text = str::from_utf8(reply.body().as_bytes()).map_err(|_| bad(ReplyProblem::Invalid("body")))?;
        let (token, algorithms, checks) = (Secret::new(text.trim()), self.algorithms.clone(), self.clone());
        let claims = self.keys.check(move |keys, _| {
            let jws = keys.verify(token.expose(), algorithms.iter().copied())?;
            if !jws.token_type().is_some_and(is_introspection) {
                return Err(Refusal::Type.into());
            }
            let text = str::from_utf8(jws.payload()).ok();
            text.and_then(object).ok_or(Refusal::Json("payload").into())
        });
        Ok(claims.and_then(move |claims, cx| {
            checks.is_ours(&claims, cx.wall())?;
            let told = claims.get("token_introspection").filter(|told| told.is_object());
            let told = told.ok_or_else(|| bad(ReplyProblem::Missing("token_introspection")))?;
            Ok(Step::Done(Introspection::parse(&told.to_string()).map_err(bad)?))
        }))
    }

    /// Sends the request and reads the reply; it ends in the errors of [`to_http`](Self::to_http) and [`read`](Self::read).
    pub fn flow(self) -> Step<Introspection> {
        Step::begin(move |cx| {
            let request = self.to_http(cx)?;
            let next = move |reply: Result<Response, TransportError>, cx: &mut Cx<'_>| self.read(&reply?, cx);
            Ok(Step::Send(request, Next::new(next)))
        })
    }

    /// RFC 9701 section 5: `iss`, `aud` and `iat` are required; the end of a token is that of the token asked about and stands within.
    fn is_ours(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), Error> {
        match claims.get("iss").map(Value::as_str) {
            Some(Some(issuer)) if issuer == self.issuer => {}
            Some(Some(_)) => return Err(Error::TokenRefused("its issuer is somebody else")),
            Some(None) => return Err(WRONG_TYPE),
            None => return Err(LACKS_CLAIM),
        }
        let id = Some(self.client_id.as_str());
        match claims.get("aud") {
            None => return Err(LACKS_CLAIM),
            Some(Value::Array(list)) if list.iter().any(|one| one.as_str() == id) => {}
            Some(one) if one.as_str() == id => {}
            Some(_) => return Err(Error::TokenRefused("it is for somebody else")),
        }
        let issued = claims.get("iat").ok_or(LACKS_CLAIM)?.as_f64().ok_or(WRONG_TYPE)?;
        if issued > now.plus(SKEW).unix_seconds() as f64 {
            return Err(Error::TokenRefused("it was issued in the future"));
        }
        if issued < now.minus(LONGEST).unix_seconds() as f64 {
            return Err(Error::TokenRefused("it was made long before it was asked for"));
        }
        Ok(())
    }
}

fn is_signed(reply: &Response) -> bool {
    let value = reply.headers().get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    is_introspection(text.split(';').next().unwrap_or_default().trim())
}

/// RFC 7515 section 4.1.9: `application/` may be left out of a `typ`; no other kind of token has this one.
fn is_introspection(token_type: &str) -> bool {
    let name = token_type.to_ascii_lowercase();
    name.strip_prefix("application/").unwrap_or(&name) == "token-introspection+jwt"
}

/// An object with each member once.
fn object(text: &str) -> Option<Map<String, Value>> {
    ClaimsSet::from_json(text).ok()?;
    serde_json::from_str(text).ok()
}

const NO_ISSUER: InvalidInput = InvalidInput::new("client", "has no issuer, which signs the answers");
const LACKS_CLAIM: Error = Error::TokenRefused("it lacks a claim");
const WRONG_TYPE: Error = Error::TokenRefused("a claim is of the wrong type");
const SKEW: Duration = Duration::from_secs(60);
/// As long as a request may take, and clocks may differ.
const LONGEST: Duration = Duration::from_secs(120);
