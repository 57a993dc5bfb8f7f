//! Pushed authorization requests ([RFC 9126]): taken from the client, and continued when a browser brings their reference.
//!
//! ```text
//! /par ──▶ request_uri ──/authorize, once, by the same client──▶ as any authorization request
//! ```
//!
//! [RFC 9126]: https://www.rfc-editor.org/rfc/rfc9126

use std::time::Duration;

use serde_json::{Value, json};

use crate::authorize::{AuthorizationRequest, Target};
use crate::client_auth::{Refusal, authenticate};
use crate::dpop::{self, Unproven};
use crate::message::{Parameters, Reply};
use crate::request_object;
use crate::site::Turn;
use crate::state::{Pushed, random};

pub(crate) fn push(turn: &mut Turn<'_>) -> Reply {
    match dpop::verify(turn, None) {
        Ok(jkt) => turn.jkt = jkt,
        Err(Unproven::Nonce) => return dpop::ask_for_nonce(turn),
        Err(Unproven::Proof(problem)) => return Refusal::new("invalid_dpop_proof", problem).into_reply(turn),
    }
    match take(turn) {
        Ok(value) => Reply::json(201, &value).no_store(),
        Err(refusal) => refusal.into_reply(turn),
    }
}

fn take(turn: &mut Turn<'_>) -> Result<Value, Refusal> {
    let form = &turn.request.form;
    let client = authenticate(turn)?;
    // Section 2.1: the client id is a parameter of the authorization request too.
    if form.value("client_id") != Some(client.id()) {
        return Err(Refusal::new(
            "invalid_request",
            "client_id is missing, or another client's",
        ));
    }
    if form.value("request_uri").is_some() {
        return Err(Refusal::new("invalid_request", "request_uri must not be pushed"));
    }
    let opened = request_object::open(turn, form, &AUTHENTICATION);
    let opened = opened.map_err(|problem| Refusal::new(problem.0, problem.1))?;
    let form = opened.as_ref().unwrap_or(form);
    let target = Target::parse(form, turn).map_err(|problem| Refusal::new("invalid_request", problem))?;
    let mut request = AuthorizationRequest::parse(form, target, turn)
        .map_err(|problem| Refusal::new(problem.0, problem.1))?;
    // RFC 9449 section 10.1: one of both is enough, and both have to name the same key.
    if let Some(jkt) = turn.jkt.clone()
        && request.dpop_jkt.get_or_insert_with(|| jkt.clone()) != &jkt
    {
        return Err(Refusal::new(
            "invalid_dpop_proof",
            "dpop_jkt is another key than the proof's",
        ));
    }
    let request_uri = random(PREFIX);
    let expires_at = turn.state.clock.now().saturating_add(LIFETIME);
    let pushed = Pushed { request, expires_at };
    turn.state.pushed.insert(request_uri.clone(), pushed);
    turn.state.stats.pushed_requests += 1;
    Ok(json!({ "request_uri": request_uri, "expires_in": LIFETIME.as_secs() }))
}

/// The request that a reference stands for: once, in time, for the client that pushed it, and with nothing beside it.
pub(crate) fn find(
    turn: &mut Turn<'_>,
    parameters: &Parameters,
) -> Result<AuthorizationRequest, &'static str> {
    if parameters
        .names()
        .any(|name| name != "client_id" && name != "request_uri")
    {
        return Err("The request has parameters beside the reference to a pushed one.");
    }
    let reference = parameters.value("request_uri").unwrap_or_default();
    let pushed = turn.state.pushed.remove(reference);
    let pushed = pushed.ok_or("No request was pushed under this reference, or it was used before.")?;
    if turn.state.clock.now() >= pushed.expires_at {
        return Err("The pushed request has expired.");
    }
    let mut request = pushed.request;
    if parameters.value("client_id") != Some(&request.target.client) {
        return Err("Another client pushed this request.");
    }
    request.target.fault = turn.fault.take_if(|fault| fault.is_in_authorization_response());
    Ok(request)
}

pub(crate) const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
const LIFETIME: Duration = Duration::from_secs(60);
/// RFC 9126 section 3: who the client is stands beside a request object, and nothing else.
const AUTHENTICATION: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];
