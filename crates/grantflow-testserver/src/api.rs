//! A protected resource ([RFC 6750]).
//!
//! `GET /api/me` says who the token speaks for, as `/userinfo` does in its own words; `POST /api/echo` says what it received, so that a
//! test sees whether a request that was sent again after a 401 came with its whole body.
//!
//! [RFC 6750]: https://www.rfc-editor.org/rfc/rfc6750

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::dpop::{self, Unproven};
use crate::fault::Endpoint;
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
    let Some((scheme, token)) = presented(turn) else {
        // RFC 6750 section 3.1: without authentication information there should be no error code.
        return Reply::json(401, &json!({}))
            .header("www-authenticate", "Bearer realm=\"grantflow-testserver\"");
    };
    turn.note.access_token = turn.state.access_tokens.get(token).map(|access| access.number);
    let bound = turn
        .state
        .access_tokens
        .get(token)
        .and_then(|access| access.jkt.clone());
    let proven = match (scheme, &bound) {
        (Scheme::Bearer, None) => true,
        (Scheme::Dpop, Some(jkt)) => match dpop::verify(turn, Some(token)) {
            Err(Unproven::Nonce) => {
                turn.state.stats.nonces_asked_for += 1;
                let nonce = dpop::new_nonce(turn, true);
                turn.note.error = Some(dpop::USE_NONCE.to_owned());
                let scheme = if turn.config.odd_challenges {
                    "dPoP"
                } else {
                    "DPoP"
                };
                return dpop::asks_for(Some(Endpoint::Api), &nonce, scheme);
            }
            proven => proven.is_ok_and(|proven| proven.as_ref() == Some(jkt)),
        },
        // RFC 9449 section 7.2: a bound token is of no use as a bearer token.
        _ => false,
    };
    if let Some(challenge) = Some(token)
        .filter(|_| proven)
        .and_then(|token| wanted_login(turn, token))
    {
        turn.note.error = Some("insufficient_user_authentication".to_owned());
        return Reply::json(401, &json!({})).header("www-authenticate", challenge);
    }
    if let Some(reply) = Some(token)
        .filter(|_| proven && !turn.state.api_refuses)
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

/// RFC 9470 section 3: what the login behind a good token lacks.
fn wanted_login(turn: &Turn<'_>, token: &str) -> Option<String> {
    let (_, grant) = turn.state.live_access_token(token)?;
    let (acr, max_age) = &turn.state.api_wants;
    let age = turn.state.clock.now().saturating_sub(grant.authentication.at);
    let acr = acr
        .as_ref()
        .filter(|acr| grant.authentication.acr.as_ref() != Some(acr));
    let max_age = max_age.filter(|max_age| age > *max_age);
    if acr.is_none() && max_age.is_none() {
        return None;
    }
    let mut challenge = String::from("Bearer error=\"insufficient_user_authentication\"");
    if let Some(acr) = acr {
        challenge.push_str(&format!(", acr_values=\"{acr}\""));
    }
    if let Some(max_age) = max_age {
        challenge.push_str(&format!(", max_age=\"{}\"", max_age.as_secs()));
    }
    Some(challenge)
}

enum Scheme {
    Bearer,
    Dpop,
}

fn presented<'a>(turn: &Turn<'a>) -> Option<(Scheme, &'a str)> {
    let (scheme, token) = turn.request.header("authorization")?.split_once(' ')?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Scheme::Bearer,
        "dpop" => Scheme::Dpop,
        _ => return None,
    };
    Some((scheme, token.trim()))
}
