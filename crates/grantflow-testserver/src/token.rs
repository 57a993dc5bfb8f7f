//! The token endpoint ([RFC 6749 section 4.1.3], [RFC 6749 section 6], [RFC 7636 section 4.6], [RFC 9700 section
//! 4.14.2]).
//!
//! ```text
//! refresh token: live ──refresh──▶ spent ──again, in the grace period, successor unused──▶ the same successor
//!                                    └──again, otherwise──▶ the family is revoked
//! ```
//!
//! [RFC 6749 section 4.1.3]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3
//! [RFC 6749 section 6]: https://www.rfc-editor.org/rfc/rfc6749#section-6
//! [RFC 7636 section 4.6]: https://www.rfc-editor.org/rfc/rfc7636#section-4.6
//! [RFC 9700 section 4.14.2]: https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::assertion;
use crate::authorize::scope_list;
use crate::client::TestClient;
use crate::client_auth::{Refusal, authenticate};
use crate::config::{ExpiresIn, Rotation};
use crate::device;
use crate::dpop::{self, Unproven};
use crate::exchange as token_exchange;
use crate::fault::Fault;
use crate::id_token::{Login, With, id_token};
use crate::message::Reply;
use crate::rar;
use crate::saml;
use crate::site::Turn;
use crate::state::{Authentication, Grant, GrantId, Spent};

pub(crate) fn token(turn: &mut Turn<'_>) -> Reply {
    let inbound = turn.request;
    match dpop::verify(turn, None) {
        Ok(jkt) => turn.jkt = jkt,
        Err(Unproven::Nonce) => return dpop::ask_for_nonce(turn),
        Err(Unproven::Proof(problem)) => {
            return answer(turn, Err(Refusal::new("invalid_dpop_proof", problem)));
        }
    }
    if inbound.form.value("grant_type") == Some(assertion::GRANT_TYPE) {
        let granted = assertion::grant(turn);
        return answer(turn, granted);
    }
    if inbound.form.value("grant_type") == Some(saml::GRANT_TYPE) {
        let granted = saml::grant(turn);
        return answer(turn, granted);
    }
    let result = authenticate(turn).and_then(|client| match inbound.form.value("grant_type") {
        Some("authorization_code") => exchange(turn, client),
        Some("refresh_token") => refresh(turn, client),
        Some(device::GRANT_TYPE) => {
            let missing = Refusal::new("invalid_request", "device_code is missing");
            device::poll(turn, client, inbound.form.value("device_code").ok_or(missing)?)
        }
        Some(token_exchange::GRANT_TYPE) => token_exchange::exchange(turn, client),
        Some("password") => token_exchange::password(turn, client),
        Some(_) => Err(Refusal::new("unsupported_grant_type", "no such grant")),
        None => Err(Refusal::new("invalid_request", "grant_type is missing")),
    });
    answer(turn, result)
}

/// The reply, with the date of this server's clock: a client may learn from it that its own is wrong.
fn answer(turn: &mut Turn<'_>, result: Result<Value, Refusal>) -> Reply {
    let reply = match result {
        Ok(value) => Reply::json(200, &value).no_store(),
        Err(refusal) => {
            let is_an_answer = matches!(refusal.code, "authorization_pending" | "slow_down");
            turn.state.stats.token_errors += u64::from(!is_an_answer);
            refusal.into_reply(turn)
        }
    };
    let now = SystemTime::UNIX_EPOCH + turn.state.clock.now();
    reply.header("date", httpdate::fmt_http_date(now))
}

/// Trades a code for tokens. Only success spends the code.
fn exchange(turn: &mut Turn<'_>, client: &TestClient) -> Result<Value, Refusal> {
    let form = &turn.request.form;
    let text = form
        .value("code")
        .ok_or(Refusal::new("invalid_request", "code is missing"))?;
    let verifier = form.value("code_verifier");
    let Some(code) = turn
        .state
        .codes
        .get(text)
        .filter(|code| code.request.target.client == client.id())
    else {
        return Err(Refusal::new(
            "invalid_grant",
            "the code is unknown or another client's",
        ));
    };
    if let Some(grant) = code.grant {
        // RFC 6749 section 4.1.2: the server "SHOULD revoke (when possible) all tokens previously issued based on
        // that authorization code".
        turn.state.stats.code_replays += 1;
        revoke_family(turn, grant);
        return Err(Refusal::new(
            "invalid_grant",
            "the code was used before; its tokens are revoked",
        ));
    }
    if turn.state.clock.now() >= code.expires_at {
        return Err(Refusal::new("invalid_grant", "the code has expired"));
    }
    if form.value("redirect_uri") != Some(&code.request.target.redirect_uri) {
        return Err(Refusal::new(
            "invalid_grant",
            "redirect_uri is not that of the authorization request",
        ));
    }
    let verifier = verifier.ok_or(Refusal::new("invalid_request", "code_verifier is missing"))?;
    if !is_verifier(verifier) {
        return Err(Refusal::new(
            "invalid_request",
            "code_verifier is no string of 43 to 128 unreserved characters",
        ));
    }
    if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != code.request.code_challenge {
        return Err(Refusal::new(
            "invalid_grant",
            "code_verifier does not fit the code challenge",
        ));
    }
    // RFC 9449 section 10.
    if code.request.dpop_jkt.is_some() && code.request.dpop_jkt != turn.jkt {
        return Err(Refusal::new("invalid_grant", "the code is bound to another key"));
    }
    let (request, user, logged_in_at) = (code.request.clone(), code.user.clone(), code.logged_in_at);
    turn.details = rar::narrowed(turn, &request.details)?;
    let (scope, nonce) = (request.scope, request.nonce);
    let grant = Grant {
        client: request.target.client,
        user,
        scope,
        details: request.details,
        authentication: Authentication {
            at: logged_in_at,
            acr: request.acr,
            says_when: request.max_age.is_some(),
        },
        // RFC 9449 section 5: those of a confidential client are bound to its authentication.
        jkt: turn.jkt.clone().filter(|_| client.auth_method() == "none"),
        revoked: false,
    };
    let scope = grant.scope.clone();
    let grant = turn.state.add_grant(grant);
    if let Some(code) = turn.state.codes.get_mut(text) {
        code.grant = Some(grant);
    }
    turn.state.stats.code_exchanges += 1;
    let refresh_token = turn
        .config
        .refresh_tokens
        .then(|| turn.state.issue_refresh_token(grant));
    let login = Login {
        code: text,
        nonce: nonce.as_deref(),
        state: None,
    };
    Ok(issue(turn, grant, (scope, refresh_token), Some(login)))
}

/// Trades a refresh token for a new access token and, if they rotate, for its successor.
fn refresh(turn: &mut Turn<'_>, client: &TestClient) -> Result<Value, Refusal> {
    let form = &turn.request.form;
    let text = form
        .value("refresh_token")
        .ok_or(Refusal::new("invalid_request", "refresh_token is missing"))?;
    let known = turn.state.refresh_tokens.get(text);
    let Some(token) = known.filter(|token| turn.state.grant(token.grant).client == client.id()) else {
        return Err(Refusal::new(
            "invalid_grant",
            "the refresh token is unknown or another client's",
        ));
    };
    let id = token.grant;
    let grant = turn.state.grant(id);
    if grant.revoked {
        if token.spent.is_some() {
            turn.state.stats.refresh_replays += 1;
        }
        return Err(Refusal::new("invalid_grant", "the grant was revoked"));
    }
    if grant.jkt.is_some() && grant.jkt != turn.jkt {
        return Err(Refusal::new(
            "invalid_dpop_proof",
            "the refresh token is bound to another key",
        ));
    }
    let scope = narrowed(form.value("scope"), &grant.scope)?;
    let details = rar::narrowed(turn, &grant.details)?;
    let successor = match &token.spent {
        None => None,
        Some(spent) if is_tolerated(turn, spent) => Some(spent.successor.clone()),
        Some(_) => {
            turn.state.stats.refresh_replays += 1;
            revoke_family(turn, id);
            return Err(Refusal::new(
                "invalid_grant",
                "the refresh token was used before; its family is revoked",
            ));
        }
    };
    turn.details = details;
    turn.state.stats.refreshes += 1;
    if successor.is_some() {
        turn.state.stats.graced_refreshes += 1;
        return Ok(issue(turn, id, (scope, successor), None));
    }
    if turn.state.rotation == Rotation::Never {
        return Ok(issue(turn, id, (scope, None), None));
    }
    let successor = turn.state.issue_refresh_token(id);
    let at = turn.state.clock.now();
    if let Some(token) = turn.state.refresh_tokens.get_mut(text) {
        token.spent = Some(Spent {
            at,
            successor: successor.clone(),
        });
    }
    Ok(issue(turn, id, (scope, Some(successor)), None))
}

/// Whether a spent token may come again.
fn is_tolerated(turn: &Turn<'_>, spent: &Spent) -> bool {
    let Rotation::Grace(grace) = turn.state.rotation else {
        return false;
    };
    let successor = turn.state.refresh_tokens.get(&spent.successor);
    let unused = successor.is_some_and(|successor| successor.spent.is_none());
    unused && turn.state.clock.now() < spent.at.saturating_add(grace)
}

/// RFC 6749 section 6: the requested scope "MUST NOT include any scope not originally granted".
pub(crate) fn narrowed(asked: Option<&str>, granted: &[String]) -> Result<Vec<String>, Refusal> {
    let Some(asked) = asked else {
        return Ok(granted.to_vec());
    };
    scope_list(asked)
        .filter(|scopes| scopes.iter().all(|scope| granted.contains(scope)))
        .ok_or(Refusal::new("invalid_scope", "more scope than was granted"))
}

pub(crate) fn issue(
    turn: &mut Turn<'_>,
    grant: GrantId,
    (scope, refresh_token): (Vec<String>, Option<String>),
    login: Option<Login<'_>>,
) -> Value {
    let jkt = turn.jkt.clone().filter(|_| turn.fault != Some(Fault::Unbound));
    let mut reply =
        json!({ "token_type": if jkt.is_some() { "DPoP" } else { "Bearer" }, "scope": scope.join(" ") });
    match (&turn.fault, reply.as_object_mut()) {
        (Some(Fault::NoScope), Some(members)) => _ = members.remove("scope"),
        (Some(Fault::OddTokenType), _) => {
            reply["token_type"] = if jkt.is_some() { "dPoP" } else { "bEaReR" }.into();
        }
        _ => {}
    }
    if let ExpiresIn::Stated(lifetime) = turn.state.expires_in {
        reply["expires_in"] = lifetime.as_secs().into();
    }
    if let Some(refresh_token) = refresh_token {
        reply["refresh_token"] = refresh_token.into();
    }
    if !turn.details.is_empty() {
        reply["authorization_details"] = std::mem::take(&mut turn.details).into();
    }
    let access_token = turn.state.issue_access_token(grant, scope, jkt);
    let with = With {
        access_token: Some(&access_token),
        login,
    };
    if let Some(id_token) = id_token(turn, grant, &with) {
        reply["id_token"] = id_token.into();
    }
    reply["access_token"] = access_token.into();
    reply
}

fn revoke_family(turn: &mut Turn<'_>, grant: GrantId) {
    if turn.state.revoke(grant) {
        turn.state.stats.families_revoked += 1;
    }
}

/// RFC 7636 section 4.1.
fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}
