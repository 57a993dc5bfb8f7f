//! [`UserInfoRequest`]: one request for userinfo, and how to read the reply ([OpenID Connect Core section 5.3.1], [section 5.3.4]).
//!
//! [OpenID Connect Core section 5.3.1]: https://openid.net/specs/openid-connect-core-1_0.html#UserInfoRequest
//! [section 5.3.4]: https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponseValidation

use std::time::Duration;

use grantflow_core::error::{InvalidInput, ReplyProblem};
use grantflow_core::transport::MAX_BODY;
use grantflow_core::{
    BadReply, Body, Client, Cx, Error, Next, Proven, Request, Response, Secret, Step, Timestamp, Token,
    TokenType, TransportError,
};
use grantflow_jwt::{Algorithm, ClaimsSet, Refusal};
use http::{Method, header};
use serde_json::{Map, Value};

use super::UserInfo;
use crate::id_token::{Identity, VerifiedIdToken};
use crate::keys::KeyCache;

/// A question about the user of a token, and how to read the reply.
///
/// Whom it is about is known before, from a verified ID token, and the reply has to be about the same: a token that was put in the
/// place of another one shows itself here ([OpenID Connect Core section 5.3.2]).
///
/// [`flow`](Self::flow) sends it with a token. Where a handle keeps the token, let the handle send [`to_http`](Self::to_http), and
/// give what came to [`read`](Self::read).
///
/// # Example
///
/// ```
/// use grantflow_core::{Client, Error, Step, Token};
/// use grantflow_oidc::{UserInfoRequest, VerifiedIdToken};
///
/// fn address(client: &Client, token: &Token, user: &VerifiedIdToken) -> Step<Option<String>> {
///     let userinfo = UserInfoRequest::new(client, user).flow(token);
///     userinfo.and_then(|user, _| Ok(Step::Done(user.verified_email().map(str::to_owned))))
/// }
/// # let _ = address;
/// ```
///
/// [OpenID Connect Core section 5.3.2]: https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse
#[derive(Clone, Debug)]
pub struct UserInfoRequest {
    client: Client,
    user: Identity,
    signed: Option<Signed>,
}

/// How a reply is signed.
#[derive(Clone, Debug)]
struct Signed {
    algorithms: Vec<Algorithm>,
    keys: KeyCache,
}

impl UserInfoRequest {
    /// Asks the server of this client about this user.
    #[must_use]
    pub fn new(client: &Client, user: &VerifiedIdToken) -> Self {
        Self {
            client: client.clone(),
            user: user.identity().clone(),
            signed: None,
        }
    }

    /// Takes a signed reply alone, in one of these ways: for a client that is registered with `userinfo_signed_response_alg`. The keys
    /// are those of the issuer, as [`IdTokenVerifier::keys`](crate::IdTokenVerifier::keys) has them.
    #[must_use]
    pub fn signed(self, algorithms: impl IntoIterator<Item = Algorithm>, keys: &KeyCache) -> Self {
        let (algorithms, keys) = (algorithms.into_iter().collect(), keys.clone());
        let signed = Some(Signed { algorithms, keys });
        Self { signed, ..self }
    }

    /// The request on the wire, without the token.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has no userinfo endpoint.
    pub fn to_http(&self) -> Result<Request, Error> {
        let accept = if self.signed.is_some() { JWT } else { JSON };
        http::Request::builder()
            .method(Method::GET)
            .uri(self.client.userinfo_endpoint()?.as_str())
            .header(header::ACCEPT, accept)
            .body(Body::empty())
            .map_err(|_| InvalidInput::new("userinfo_endpoint", "makes no request").into())
    }

    /// The flow that reads the reply; where it is signed, the keys are asked for if they are not known.
    ///
    /// The flow ends in [`Error::TokenRefused`] if it is about somebody else or not to be believed, and in [`Error::BadReply`] if
    /// it makes no sense.
    ///
    /// # Errors
    ///
    /// [`Error::BadReply`] if the reply is no success, or in another form than was asked for.
    pub fn read(&self, reply: &Response) -> Result<Step<UserInfo>, Error> {
        let bad = |problem| Error::from(BadReply::new(reply.status(), problem));
        if reply.status().is_redirection() {
            return Err(bad(ReplyProblem::Redirect));
        }
        if reply.body().len() > MAX_BODY {
            return Err(bad(ReplyProblem::TooLarge));
        }
        if !reply.status().is_success() {
            return Err(bad(ReplyProblem::Status));
        }
        let wanted = if self.signed.is_some() { JWT } else { JSON };
        if media_type(reply).is_none_or(|found| !found.eq_ignore_ascii_case(wanted)) {
            return Err(bad(ReplyProblem::MediaType));
        }
        let text = str::from_utf8(reply.body().as_bytes()).map_err(|_| bad(ReplyProblem::Invalid("body")))?;
        let Some(Signed { algorithms, keys }) = &self.signed else {
            let claims = claims(text).ok_or_else(|| bad(ReplyProblem::Invalid("body")))?;
            return Ok(Step::Done(self.about(claims)?));
        };
        let (token, algorithms, checks) = (Secret::new(text.trim()), algorithms.clone(), self.clone());
        let payload = keys.check(move |keys, _| {
            let jws = keys.verify(token.expose(), algorithms.iter().copied())?;
            let text = str::from_utf8(jws.payload()).ok();
            text.and_then(claims).ok_or(Refusal::Json("payload").into())
        });
        Ok(payload.and_then(move |claims, cx| {
            checks.is_ours(&claims, cx.wall())?;
            Ok(Step::Done(checks.about(claims)?))
        }))
    }

    /// Sends the request with this token and reads the reply; it ends in the errors of [`to_http`](Self::to_http) and
    /// [`read`](Self::read), and in those of [`TokenConstraint::prove`](grantflow_core::TokenConstraint::prove) for a token that is bound
    /// to a key: the client has it ([`Client::with_token_constraint`]). Where a record has the key, let a handle send
    /// [`to_http`](Self::to_http).
    pub fn flow(self, token: &Token) -> Step<UserInfo> {
        let token = token.clone();
        Step::begin(move |cx| self.send(token, true, cx))
    }

    /// A reply that asks for another proof gets one, once ([RFC 9449 section 9](https://www.rfc-editor.org/rfc/rfc9449#section-9)).
    fn send(self, token: Token, again: bool, cx: &mut Cx<'_>) -> Result<Step<UserInfo>, Error> {
        let mut request = self.to_http()?;
        let (method, uri) = (request.method().clone(), request.uri().clone());
        // The key of the login, which another process may have begun with another key than this client has.
        let constraint = match (self.client.token_constraint(), token.token_key()) {
            (Some(constraint), Some(key)) => Some(constraint.with_stored(key)?),
            (constraint, _) => constraint.cloned(),
        };
        let constraint = constraint.filter(|constraint| constraint.proves(token.token_type));
        if token.token_type == TokenType::Dpop && constraint.is_none() {
            return Err(UNPROVEN.into());
        }
        // A certificate is of the connection: nothing is added, and nothing sent over another.
        if let Some(constraint) = &constraint {
            let to = Proven::request(&method, &uri).with_access_token(&token.access_token);
            if let Some(proof) = constraint.prove(&to, cx)? {
                request.headers_mut().insert("dpop", proof);
            }
        }
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, token.header()?);
        let next = move |reply: Result<Response, TransportError>, cx: &mut Cx<'_>| {
            let reply = reply?;
            if token.token_type == TokenType::Dpop
                && let Some(constraint) = &constraint
            {
                let to = Proven::request(&method, &uri).with_access_token(&token.access_token);
                if constraint.heard(&to, reply.status(), reply.headers(), None) && again {
                    return self.send(token, false, cx);
                }
            }
            self.read(&reply)
        };
        Ok(Step::Send(request, Next::new(next)))
    }

    /// Section 5.3.2: "The sub Claim in the UserInfo Response MUST be verified to exactly match the sub Claim in the ID Token; if they
    /// do not match, the UserInfo Response values MUST NOT be used."
    fn about(&self, claims: Map<String, Value>) -> Result<UserInfo, Error> {
        match claims.get("sub").map(Value::as_str) {
            Some(Some(subject)) if subject == self.user.subject => Ok(UserInfo {
                identity: self.user.clone(),
                claims,
            }),
            Some(Some(_)) => Err(Error::TokenRefused("userinfo is about somebody else")),
            Some(None) => Err(WRONG_TYPE),
            None => Err(Error::TokenRefused("userinfo does not say whom it is about")),
        }
    }

    /// Section 5.3.2: a signed reply "SHOULD contain the Claims iss (issuer) and aud (audience)"; where they are they count, and so
    /// does an end.
    fn is_ours(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), Error> {
        if let Some(issuer) = claims.get("iss") {
            let issuer = issuer.as_str().ok_or(WRONG_TYPE)?;
            let named = Identity {
                issuer: issuer.to_owned(),
                subject: self.user.subject.clone(),
            };
            if !named.is(&self.user) {
                return Err(Error::TokenRefused("its issuer is somebody else"));
            }
        }
        let id = Some(self.client.id());
        match claims.get("aud") {
            None => {}
            Some(Value::Array(list)) if list.iter().any(|one| one.as_str() == id) => {}
            Some(one) if one.as_str() == id => {}
            Some(_) => return Err(Error::TokenRefused("it is for somebody else")),
        }
        match claims.get("exp").map(Value::as_f64) {
            None => Ok(()),
            Some(None) => Err(WRONG_TYPE),
            Some(Some(end)) if end > now.minus(SKEW).unix_seconds() as f64 => Ok(()),
            Some(Some(_)) => Err(Error::TokenRefused("it has expired")),
        }
    }
}

/// An object with each member once.
fn claims(text: &str) -> Option<Map<String, Value>> {
    ClaimsSet::from_json(text).ok()?;
    serde_json::from_str(text).ok()
}

fn media_type(reply: &Response) -> Option<&str> {
    let value = reply.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}

const JSON: &str = "application/json";
const JWT: &str = "application/jwt";
const WRONG_TYPE: Error = Error::TokenRefused("a claim is of the wrong type");
const UNPROVEN: InvalidInput = InvalidInput::new(
    "client",
    "has no constraint, and the token is bound to a key: give it the one of the login",
);
const SKEW: Duration = Duration::from_secs(60);
