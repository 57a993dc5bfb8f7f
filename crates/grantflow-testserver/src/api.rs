//! A protected resource ([RFC 6750]).
//!
//! `GET /api/me` says who the token speaks for, as `/userinfo` does in its own words; `POST /api/echo` says what it received, so that a
//! test sees whether a request that was sent again after a 401 came with its whole body.
//!
//! [RFC 6750]: https://www.rfc-editor.org/rfc/rfc6750

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::message::Reply;
use crate::site::Turn;

pub(crate) fn me(turn: &mut Turn<'_>) -> Reply {
    protected(turn, |turn, token| {
        let (access, grant) = turn.state.live_access_token(token)?;
        let me = json!({ "sub": grant.user, "scope": access.scope.join(" "), "client_id": grant.client });
        Some(Reply::json(200, &me))
    })
}

pub(crate) fn echo(turn: &mut Turn<'_>) -> Reply {
    protected(turn, |turn, token| {
        turn.state.live_access_token(token)?;
        let body = &turn.request.body;
        let hash: String = Sha256::digest(body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Some(Reply::json(200, &json!({ "length": body.len(), "sha256": hash })))
    })
}

/// Answers a request with a good token; the token must be in the `Authorization` header.
pub(crate) fn protected(turn: &mut Turn<'_>, answer: fn(&mut Turn<'_>, &str) -> Option<Reply>) -> Reply {
    let Some(token) = bearer(turn) else {
        // RFC 6750 section 3.1: without authentication information there should be no error code.
        return Reply::json(401, &json!({}))
            .header("www-authenticate", "Bearer realm=\"grantflow-testserver\"");
    };
    turn.note.access_token = turn.state.access_tokens.get(token).map(|access| access.number);
    if let Some(reply) = Some(token)
        .filter(|_| !turn.state.api_refuses)
        .and_then(|token| answer(turn, token))
    {
        return reply.no_store();
    }
    turn.note.error = Some("invalid_token".to_owned());
    Reply::json(401, &json!({ "error": "invalid_token" })).header(
        "www-authenticate",
        "Bearer realm=\"grantflow-testserver\", error=\"invalid_token\", \
         error_description=\"the access token is unknown, expired or revoked\"",
    )
}

fn bearer<'a>(turn: &Turn<'a>) -> Option<&'a str> {
    let (scheme, token) = turn.request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
