//! Logins on devices ([RFC 8628]): codes, the page where a person enters one, and polls.
//!
//! ```text
//! /device_authorization ──▶ codes ──poll──▶ authorization_pending, slow_down, expired_token
//!                             │
//!            /device ──▶ /login ──▶ /consent ──▶ answered ──poll──▶ tokens, access_denied
//! ```
//!
//! The interval is enforced: who polls too early is told to slow down, and has to.
//!
//! [RFC 8628]: https://www.rfc-editor.org/rfc/rfc8628

use std::time::Duration;

use serde_json::{Value, json};

use crate::authorize::scope_list;
use crate::client::TestClient;
use crate::client_auth::{Refusal, authenticate};
use crate::fault::Fault;
use crate::interaction::{self, About};
use crate::message::Reply;
use crate::pages;
use crate::site::Turn;
use crate::state::{Answer, Authentication, Awaited, Grant, random};
use crate::token::issue;

pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// RFC 8628 section 3.1.
pub(crate) fn authorize(turn: &mut Turn<'_>) -> Reply {
    match codes(turn) {
        Ok(value) => Reply::json(200, &value).no_store(),
        Err(refusal) => refusal.into_reply(turn),
    }
}

fn codes(turn: &mut Turn<'_>) -> Result<Value, Refusal> {
    let client = authenticate(turn)?;
    let scope = turn.request.form.value("scope").unwrap_or_default();
    let scope = scope_list(scope).ok_or(Refusal::new("invalid_scope", "no such scope"))?;
    turn.state.stats.device_authorizations += 1;
    let device_code = random("gft_dc_");
    turn.state.issued.push(device_code.clone());
    let user_code = user_code();
    let (interval, lifetime) = (turn.config.device_interval, turn.config.device_lifetime);
    let awaited = Awaited {
        client: client.id().to_owned(),
        scope,
        user_code: user_code.clone(),
        expires_at: turn.state.clock.now().saturating_add(lifetime),
        interval,
        polled_at: None,
        answer: match &turn.config.auto_approve {
            Some(user) => Answer::Allowed(user.clone()),
            None => Answer::None,
        },
    };
    turn.state.awaited.insert(device_code.clone(), awaited);
    let page = format!("{}/device", turn.issuer);
    let mut reply = json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri_complete": format!("{page}?user_code={user_code}"),
        "expires_in": lifetime.as_secs(),
    });
    let name = match turn.fault {
        Some(Fault::VerificationUrl) => "verification_url",
        _ => "verification_uri",
    };
    reply[name] = page.into();
    if turn.fault != Some(Fault::NoInterval) {
        reply["interval"] = interval.as_secs().into();
    }
    Ok(reply)
}

/// RFC 8628 section 6.1: twenty letters that make no words and are not taken for one another.
fn user_code() -> String {
    const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
    let random = random("");
    let mut letters = random
        .bytes()
        .map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
    let mut half = || letters.by_ref().take(4).collect::<String>();
    format!("{}-{}", half(), half())
}

/// Where the person enters the code.
pub(crate) fn page(turn: &mut Turn<'_>) -> Reply {
    pages::user_code(200, turn.request.query.value("user_code"), None)
}

/// The code is entered: who has not, logs in, and is asked.
pub(crate) fn enter(turn: &mut Turn<'_>) -> Reply {
    let typed = turn.request.form.value("user_code").unwrap_or_default();
    let now = turn.state.clock.now();
    let mut awaited = turn.state.awaited.iter();
    // In upper or lower case, with or without the dash, as RFC 8628 section 6.1 recommends.
    let plain = |code: &str| code.replace(['-', ' '], "").to_ascii_uppercase();
    let found = awaited.find(|(_, awaited)| {
        let fits = !awaited.user_code.is_empty() && plain(&awaited.user_code) == plain(typed);
        fits && awaited.answer == Answer::None && now < awaited.expires_at
    });
    match found.map(|(device_code, _)| device_code.clone()) {
        Some(device_code) => interaction::ask(turn, About::Device(device_code)),
        None => pages::user_code(
            422,
            Some(typed),
            Some("This code is unknown, has ended, or was used before."),
        ),
    }
}

/// The person has decided.
pub(crate) fn answered(turn: &mut Turn<'_>, code: &str, user: String, allows: bool) -> Reply {
    match allows {
        true => turn.state.stats.consents += 1,
        false => turn.state.stats.denials += 1,
    }
    if let Some(awaited) = turn.state.awaited.get_mut(code) {
        awaited.answer = if allows {
            Answer::Allowed(user)
        } else {
            Answer::Denied
        };
    }
    pages::device_answered(allows)
}

/// RFC 8628 sections 3.4 and 3.5: `code` is what is polled for.
pub(crate) fn poll(turn: &mut Turn<'_>, client: &TestClient, code: &str) -> Result<Value, Refusal> {
    turn.state.stats.polls += 1;
    let now = turn.state.clock.now();
    let known = turn.state.awaited.get_mut(code);
    let awaited = known
        .filter(|awaited| awaited.client == client.id() && awaited.answer != Answer::Spent)
        .ok_or(Refusal::new(
            "invalid_grant",
            "the code is unknown, used, or another client's",
        ))?;
    if now >= awaited.expires_at {
        return Err(Refusal::new("expired_token", "the code has ended"));
    }
    let before = awaited.polled_at.replace(now);
    if before.is_some_and(|before| now < before.saturating_add(awaited.interval)) {
        // "the interval MUST be increased by 5 seconds for this and all subsequent requests".
        awaited.interval = awaited.interval.saturating_add(Duration::from_secs(5));
        turn.state.stats.early_polls += 1;
        return Err(Refusal::new("slow_down", "you poll too often"));
    }
    let user = match &awaited.answer {
        Answer::Allowed(user) => user.clone(),
        Answer::Denied => return Err(Refusal::new("access_denied", "the user said no")),
        _ => return Err(Refusal::new("authorization_pending", "nobody has answered yet")),
    };
    awaited.answer = Answer::Spent;
    let mut scope = awaited.scope.clone();
    if let Some(grantable) = &turn.config.grantable {
        scope.retain(|scope| grantable.contains(scope));
    }
    let grant = turn.state.add_grant(Grant {
        client: client.id().to_owned(),
        user,
        scope: scope.clone(),
        details: Vec::new(),
        authentication: Authentication::default(),
        revoked: false,
        jkt: turn.jkt.clone().filter(|_| client.auth_method() == "none"),
    });
    let refresh_token = turn
        .config
        .refresh_tokens
        .then(|| turn.state.issue_refresh_token(grant));
    Ok(issue(turn, grant, (scope, refresh_token), None))
}
