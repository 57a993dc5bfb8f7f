//! An ID token that is presented, as Google's services take one in place of an access token
//! ([their guide](https://cloud.google.com/docs/authentication/get-id-token)).
//!
//! Whoever presents it need not believe it: it is not verified here, only looked at for its end.

use grantflow_core::error::ReplyProblem;
use grantflow_core::{BadReply, Cx, Error, Response, Secret, Timestamp, Token, TokenRequest};
use grantflow_jwt::unverified_expiry;
use serde_json::{Map, Value};

/// An ID token as the token of a handle: it is what the `Authorization` header carries, until it ends by its own words.
///
/// `None` for what is no signed token, or has no end.
///
/// # Example
///
/// ```
/// use grantflow_core::{Secret, Timestamp};
///
/// let id_token = Secret::new("eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MDAwMDM2MDB9.c2lnbmF0dXJl");
/// let token = grantflow_oidc::presented(id_token, Timestamp::from_unix_seconds(1_700_000_000)).expect("a signed token");
/// assert_eq!(token.expires_at, Some(Timestamp::from_unix_seconds(1_700_003_600)));
/// ```
#[must_use]
pub fn presented(id_token: Secret, now: Timestamp) -> Option<Token> {
    let end = unverified_expiry(id_token.expose())?;
    let mut token = Token::bearer(id_token.clone(), now);
    token.expires_at = Some(Timestamp::from_unix_seconds(end.unix_seconds()));
    token.id_token = Some(id_token);
    Some(token)
}

/// Reads a token reply whose one token is an ID token.
pub(crate) fn reply(request: &TokenRequest, reply: &Response, cx: &Cx<'_>) -> Result<Token, Error> {
    let id_token = match request.parse(reply, cx) {
        Ok(token) => token.id_token,
        // In order but for the access token, which is not looked for here.
        Err(Error::BadReply(bad)) if bad.problem() == ReplyProblem::Missing("access_token") => {
            alone(reply.body().as_bytes())
        }
        Err(error) => return Err(error),
    };
    let bad = |problem| Error::from(BadReply::new(reply.status(), problem));
    let id_token = id_token.ok_or_else(|| bad(ReplyProblem::Missing("id_token")))?;
    presented(id_token, cx.wall()).ok_or_else(|| bad(ReplyProblem::Invalid("id_token")))
}

fn alone(body: &[u8]) -> Option<Secret> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut members: Map<String, Value> = serde_json::from_slice(body).ok()?;
    match members.remove("id_token") {
        Some(Value::String(text)) if !text.is_empty() => Some(Secret::new(text)),
        _ => None,
    }
}
