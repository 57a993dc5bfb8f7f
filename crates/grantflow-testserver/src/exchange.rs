//! Token exchange ([RFC 8693]), and a user's name and password for a token ([RFC 6749 section 4.3]).
//!
//! A subject or an actor proves itself by an access token of this server that is good now. The token that is issued is about the
//! subject, and has at most its scopes.
//!
//! [RFC 8693]: https://www.rfc-editor.org/rfc/rfc8693
//! [RFC 6749 section 4.3]: https://www.rfc-editor.org/rfc/rfc6749#section-4.3

use serde_json::Value;

use crate::authorize::scope_list;
use crate::client::TestClient;
use crate::client_auth::Refusal;
use crate::fault::Fault;
use crate::interaction::PASSWORD;
use crate::site::Turn;
use crate::state::{Authentication, Grant};
use crate::token::{issue, narrowed};

pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";

/// RFC 8693 section 2.
pub(crate) fn exchange(turn: &mut Turn<'_>, client: &TestClient) -> Result<Value, Refusal> {
    let form = &turn.request.form;
    let (user, granted) = party(turn, "subject_token", "subject_token_type")?
        .ok_or(Refusal::new("invalid_request", "subject_token is missing"))?;
    // Who acts is checked; what it says goes nowhere, since the tokens here say nothing.
    party(turn, "actor_token", "actor_token_type")?;
    let audiences = ["audience", "resource"].map(|name| form.value(name));
    if audiences
        .into_iter()
        .flatten()
        .any(|name| name.contains("unknown"))
    {
        return Err(Refusal::new("invalid_target", "no such service"));
    }
    let requested = form.value("requested_token_type").unwrap_or(ACCESS_TOKEN);
    if !matches!(requested, ACCESS_TOKEN | REFRESH_TOKEN) {
        return Err(Refusal::new(
            "invalid_request",
            "no tokens of this type are issued",
        ));
    }
    let scope = narrowed(form.value("scope"), &granted)?;
    let grant = turn.state.add_grant(Grant {
        client: client.id().to_owned(),
        user,
        scope: scope.clone(),
        details: Vec::new(),
        authentication: Authentication::default(),
        revoked: false,
        jkt: turn.jkt.clone().filter(|_| client.auth_method() == "none"),
    });
    turn.state.stats.token_exchanges += 1;
    let mut reply = issue(turn, grant, (scope, None), None);
    if requested == REFRESH_TOKEN {
        reply["access_token"] = turn.state.issue_refresh_token(grant).into();
        reply["token_type"] = "N_A".into();
    }
    if turn.fault != Some(Fault::NoIssuedTokenType) {
        reply["issued_token_type"] = requested.into();
    }
    Ok(reply)
}

/// The user and the scopes behind a token in the form, which has to be good.
fn party(turn: &Turn<'_>, token: &str, token_type: &str) -> Result<Option<(String, Vec<String>)>, Refusal> {
    let form = &turn.request.form;
    let (token, token_type) = match (form.value(token), form.value(token_type)) {
        (None, None) => return Ok(None),
        (Some(token), Some(token_type)) => (token, token_type),
        // RFC 8693 section 2.1: the type is "REQUIRED when" there is a token, and "MUST NOT be included" without.
        _ => {
            return Err(Refusal::new(
                "invalid_request",
                "a token and its type come together",
            ));
        }
    };
    if token_type != ACCESS_TOKEN {
        return Err(Refusal::new(
            "invalid_request",
            "no tokens of this type are taken",
        ));
    }
    let live = turn.state.live_access_token(token);
    let (access, grant) = live.ok_or(Refusal::new("invalid_request", "the token is none that is good"))?;
    Ok(Some((grant.user.clone(), access.scope.clone())))
}

/// RFC 6749 section 4.3.2: any name, and the one password.
pub(crate) fn password(turn: &mut Turn<'_>, client: &TestClient) -> Result<Value, Refusal> {
    let form = &turn.request.form;
    let (Some(user), Some(password)) = (form.value("username"), form.value("password")) else {
        return Err(Refusal::new(
            "invalid_request",
            "username and password are needed",
        ));
    };
    if password != PASSWORD {
        return Err(Refusal::new("invalid_grant", "that name and password do not fit"));
    }
    let scope = scope_list(form.value("scope").unwrap_or_default());
    let scope = scope.ok_or(Refusal::new("invalid_scope", "no such scope"))?;
    let grant = turn.state.add_grant(Grant {
        client: client.id().to_owned(),
        user: user.to_owned(),
        scope: scope.clone(),
        details: Vec::new(),
        authentication: Authentication::default(),
        revoked: false,
        jkt: turn.jkt.clone().filter(|_| client.auth_method() == "none"),
    });
    turn.state.stats.passwords += 1;
    let refresh_token = turn
        .config
        .refresh_tokens
        .then(|| turn.state.issue_refresh_token(grant));
    Ok(issue(turn, grant, (scope, refresh_token), None))
}
