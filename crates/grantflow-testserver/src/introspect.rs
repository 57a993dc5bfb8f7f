//! Token introspection ([RFC 7662]), signed where that is asked for ([RFC 9701]).
//!
//! Any confidential client may ask about any token, as a resource server would. A public client may not: section
//! 2.1 wants the endpoint protected against token scanning.
//!
//! [RFC 7662]: https://www.rfc-editor.org/rfc/rfc7662
//! [RFC 9701]: https://www.rfc-editor.org/rfc/rfc9701

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::TestClient;
use crate::client_auth::{Refusal, authenticate};
use crate::id_token::sign_as;
use crate::message::Reply;
use crate::site::Turn;
use crate::state::Grant;

pub(crate) fn introspect(turn: &mut Turn<'_>) -> Reply {
    match try_introspect(turn) {
        Ok((client, told)) => {
            turn.state.stats.introspections += 1;
            if turn.request.header("accept") == Some(SIGNED) {
                return signed(turn, client, &told).no_store();
            }
            Reply::json(200, &told).no_store()
        }
        Err(refusal) => refusal.into_reply(turn),
    }
}

/// RFC 9701 section 5, signed as the client's ID tokens are.
fn signed(turn: &mut Turn<'_>, client: &TestClient, told: &Value) -> Reply {
    let claims = json!({
        "iss": turn.issuer,
        "aud": client.id(),
        "iat": turn.state.clock.now().as_secs(),
        "token_introspection": told,
    });
    let with = (
        client.id_token_algorithm(),
        client.expose_secret().unwrap_or_default(),
    );
    let token = sign_as(turn, "token-introspection+jwt", &claims, with, None);
    Reply::new(200).header("content-type", SIGNED).content(token)
}

const SIGNED: &str = "application/token-introspection+jwt";

fn try_introspect<'a>(turn: &mut Turn<'a>) -> Result<(&'a TestClient, Value), Refusal> {
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
    let told = active(turn, token).unwrap_or_else(|| json!({ "active": false }));
    Ok((client, told))
}

fn active(turn: &Turn<'_>, token: &str) -> Option<Value> {
    if let Some((access, grant)) = turn.state.live_access_token(token) {
        return Some(with_details(
            grant,
            json!({
                "active": true,
                "token_type": "Bearer",
                "scope": access.scope.join(" "),
                "client_id": grant.client,
                "sub": grant.user,
                "username": grant.user,
                "iss": turn.issuer,
                "iat": access.issued_at.as_secs(),
                "exp": up(access.expires_at),
            }),
        ));
    }
    let refresh = turn
        .state
        .refresh_tokens
        .get(token)
        .filter(|token| token.spent.is_none())?;
    let grant = Some(turn.state.grant(refresh.grant)).filter(|grant| !grant.revoked)?;
    Some(with_details(
        grant,
        json!({
            "active": true,
            "scope": grant.scope.join(" "),
            "client_id": grant.client,
            "sub": grant.user,
            "username": grant.user,
            "iss": turn.issuer,
            "iat": refresh.issued_at.as_secs(),
        }),
    ))
}

/// RFC 9396 section 9.2.
fn with_details(grant: &Grant, mut told: Value) -> Value {
    if !grant.details.is_empty() {
        told["authorization_details"] = json!(grant.details);
    }
    told
}

/// Whole seconds, rounded up: a token whose `exp` has come is not valid any more.
fn up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
