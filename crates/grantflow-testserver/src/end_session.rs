//! Logout ([OpenID Connect RP-Initiated Logout section 2]): the browser's session ends, without a question.
//!
//! A hint has to be an ID token of this server for the client that is named, and the way back one of the client's redirect addresses: a
//! test server has no other list of them.
//!
//! [OpenID Connect RP-Initiated Logout section 2]: https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout

use serde_json::Value;
use url::Url;

use crate::jws::Jws;
use crate::message::{Parameters, Reply};
use crate::pages;
use crate::site::Turn;

pub(crate) fn end(turn: &mut Turn<'_>) -> Reply {
    let inbound = turn.request;
    let parameters = if inbound.method == "POST" {
        &inbound.form
    } else {
        &inbound.query
    };
    let way_back = match checked(turn, parameters) {
        Ok(way_back) => way_back,
        Err(problem) => {
            turn.note.error = Some("invalid_request".to_owned());
            return pages::problem(400, problem);
        }
    };
    if let Some(session) = turn.session_cookie() {
        turn.state.sessions.remove(session);
    }
    turn.state.stats.logouts += 1;
    match way_back {
        Some(url) => Reply::see_other(url),
        None => Reply::html(200, "<title>Logged out</title><p>You are logged out.".to_owned()),
    }
}

/// Where the browser goes in the end, with the state of the request.
fn checked(turn: &Turn<'_>, parameters: &Parameters) -> Result<Option<Url>, &'static str> {
    if parameters.repeated().is_some() {
        return Err("The request has a parameter twice.");
    }
    let named = parameters.value("client_id");
    if let Some(hint) = parameters.value("id_token_hint") {
        if !turn.state.issued.iter().any(|token| token == hint) {
            return Err("The hint is no token of this server.");
        }
        let claims = Jws::parse(hint).and_then(|token| serde_json::from_slice::<Value>(&token.payload).ok());
        let claims = claims.unwrap_or_default();
        if named.is_some_and(|named| claims["aud"] != named) {
            return Err("The hint is a token of another client.");
        }
    }
    let Some(way_back) = parameters.value("post_logout_redirect_uri") else {
        return Ok(None);
    };
    let client = named.and_then(|id| turn.client(id));
    if !client.is_some_and(|client| client.allows_redirect(way_back)) {
        return Err("This way back is not registered.");
    }
    let mut url = Url::parse(way_back).map_err(|_| "The way back is no address.")?;
    if let Some(state) = parameters.value("state") {
        url.query_pairs_mut().append_pair("state", state);
    }
    Ok(Some(url))
}
