//! Token revocation ([RFC 7009]).
//!
//! A refresh token takes its whole family with it, a spent one too; an access token goes alone.
//!
//! [RFC 7009]: https://www.rfc-editor.org/rfc/rfc7009

use crate::client_auth::{Refusal, authenticate};
use crate::message::Reply;
use crate::site::Turn;

pub(crate) fn revoke(turn: &mut Turn<'_>) -> Reply {
    match try_revoke(turn) {
        Ok(()) => {
            turn.state.stats.revocations += 1;
            Reply::new(200).no_store()
        }
        Err(refusal) => refusal.into_reply(turn),
    }
}

/// RFC 7009 section 2.1: the server "verifies whether the token was issued to the client making the revocation
/// request. If this validation fails, the request is refused"; section 2.2: a token it does not know is no error.
fn try_revoke(turn: &mut Turn<'_>) -> Result<(), Refusal> {
    let client = authenticate(turn)?;
    let token = turn
        .request
        .form
        .value("token")
        .ok_or(Refusal::new("invalid_request", "token is missing"))?;
    let refresh = turn.state.refresh_tokens.get(token).map(|token| token.grant);
    let access = turn.state.access_tokens.get(token).map(|token| token.grant);
    let Some(grant) = refresh.or(access) else {
        return Ok(());
    };
    if turn.state.grant(grant).client != client.id() {
        return Err(Refusal::new("invalid_grant", "the token is another client's"));
    }
    match turn.state.access_tokens.get_mut(token) {
        Some(access) => access.revoked = true,
        None => _ = turn.state.revoke(grant),
    }
    Ok(())
}
