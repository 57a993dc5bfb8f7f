//! Token introspection ([RFC 7662]).
//!
//! Any confidential client may ask about any token, as a resource server would. A public client may not: section
//! 2.1 wants the endpoint protected against token scanning.
//!
//! [RFC 7662]: https://www.rfc-editor.org/rfc/rfc7662

use std::time::Duration;

use serde_json::{Value, json};

use crate::client_auth::{Refusal, authenticate};
use crate::message::Reply;
use crate::site::Turn;

pub(crate) fn introspect(turn: &mut Turn<'_>) -> Reply {
    match try_introspect(turn) {
        Ok(value) => {
            turn.state.stats.introspections += 1;
            Reply::json(200, &value).no_store()
        }
        Err(refusal) => refusal.into_reply(turn),
    }
}

fn try_introspect(turn: &mut Turn<'_>) -> Result<Value, Refusal> {
    let client = authenticate(turn)?;
    if client.expose_secret().is_none() {
        return Err(Refusal::new(
            "invalid_client",
            "introspection is for confidential clients",
        ));
    }
    let token = turn
        .request
        .form
        .value("token")
        .ok_or(Refusal::new("invalid_request", "token is missing"))?;
    Ok(active(turn, token).unwrap_or_else(|| json!({ "active": false })))
}

fn active(turn: &Turn<'_>, token: &str) -> Option<Value> {
    if let Some((access, grant)) = turn.state.live_access_token(token) {
        return Some(json!({
            "active": true,
            "token_type": "Bearer",
            "scope": access.scope.join(" "),
            "client_id": grant.client,
            "sub": grant.user,
            "username": grant.user,
            "iss": turn.issuer,
            "iat": access.issued_at.as_secs(),
            "exp": up(access.expires_at),
        }));
    }
    let refresh = turn
        .state
        .refresh_tokens
        .get(token)
        .filter(|token| token.spent.is_none())?;
    let grant = Some(turn.state.grant(refresh.grant)).filter(|grant| !grant.revoked)?;
    Some(json!({
        "active": true,
        "scope": grant.scope.join(" "),
        "client_id": grant.client,
        "sub": grant.user,
        "username": grant.user,
        "iss": turn.issuer,
        "iat": refresh.issued_at.as_secs(),
    }))
}

/// Whole seconds, rounded up: a token whose `exp` has come is not valid any more.
fn up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
