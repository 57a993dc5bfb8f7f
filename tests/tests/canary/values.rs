//! The two steps of a login and the requests beside it, with every value on the way shown as it prints itself.

use grantflow_core::{
    AuthorizationRequest, Change, Client, IntrospectionRequest, Key, PendingAuthorization, Provenance,
    Record, RevocationRequest, Step, Token, TokenRequest, TokenTypeHint, flow,
};
use grantflow_suites::app::SCOPES;
use grantflow_suites::canary::Canary;
use grantflow_suites::watched::Seen;

use crate::REDIRECT_URI;

/// Step 1 of a login with what it was made of.
pub(crate) fn start(client: &Client, seen: &Seen) -> Step<(String, PendingAuthorization)> {
    let (client, seen) = (client.clone(), seen.clone());
    Step::begin(move |cx| {
        let request = AuthorizationRequest::new(&client, REDIRECT_URI)
            .scopes(SCOPES)?
            .login_hint("canary");
        seen.with(|seen| seen.debug("AuthorizationRequest", &request));
        let (url, pending) = request.start(cx)?;
        seen.with(|seen| {
            seen.debug("AuthorizationUrl", &url);
            seen.debug("PendingAuthorization", &pending);
        });
        Ok(Step::Done((url.as_str().to_owned(), pending)))
    })
}

/// What is secret in a login that was begun; its written form is given back.
pub(crate) fn plant(canaries: &mut Vec<Canary>, pending: &PendingAuthorization) -> String {
    let json = pending.expose_json().expose().to_owned();
    let members: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    for name in ["state", "verifier", "nonce"] {
        let value = members[name].as_str().expect("it is there");
        canaries.push(Canary::new(name, value));
    }
    canaries.push(Canary::new("pending JSON", &json));
    json
}

/// Redirects that are not the answer, all with the real code in them.
pub(crate) fn forged(redirect: &str) -> Vec<String> {
    let state = redirect.split("state=").nth(1).unwrap_or_default();
    let state = state.split('&').next().unwrap_or_default();
    vec![
        redirect.replace(state, "another"),
        redirect.replace("iss=", "other="),
        redirect.replace("iss=", "iss=x"),
        redirect.replace("code=", "error=access_denied&error_description="),
        redirect.replace("code=", "error=server_error&error_uri="),
        redirect.replace("code=", "a="),
        format!("{redirect}&{}", redirect.split('?').nth(1).unwrap_or_default()),
        redirect.replace('?', "?%zz="),
        redirect.replace('?', "/"),
    ]
}

/// Step 2 with all values on the way.
pub(crate) fn finish(
    client: &Client,
    pending: PendingAuthorization,
    redirect: &str,
    seen: &Seen,
) -> Step<Record> {
    let (client, redirect, seen) = (client.clone(), redirect.to_owned(), seen.clone());
    Step::begin(move |cx| {
        let code = pending.accept(&redirect, cx)?;
        seen.with(|seen| seen.debug("AuthorizationCode", &code));
        let key = Key::new(&client, code.scopes().clone());
        let request = TokenRequest::authorization_code(&client, code);
        let on_the_wire = request.to_http(cx)?;
        seen.with(|seen| {
            seen.debug("TokenRequest", &request);
            seen.debug("TokenRequest on the wire", &on_the_wire);
            seen.debug("its headers", on_the_wire.headers());
            seen.debug("its body", on_the_wire.body());
        });
        let step = request.flow();
        seen.with(|seen| seen.debug("Step::Send", &step));
        Ok(step.and_then(move |token: Token, cx| {
            let record = Record::new(
                key,
                client,
                token,
                Provenance::new("authorization_code", cx.wall()),
            );
            see_record(&seen, &record);
            let step = flow::keep(record, None);
            seen.with(|seen| seen.debug("Step::Lock", &step));
            Ok(step)
        }))
    })
}

pub(crate) fn see_record(seen: &Seen, record: &Record) {
    let header = record.token().header().expect("the token fits in a header");
    seen.with(|seen| {
        seen.debug("Client", record.client());
        seen.debug("Authentication", record.client().authentication());
        seen.debug("Token", record.token());
        seen.debug("Secret", &record.token().access_token);
        seen.debug("Extras", &record.token().extras);
        seen.debug("header", &header);
        seen.debug("Record", record);
        seen.debug("Key", record.key());
        seen.debug("Change", &Change::Put(Box::new(record.clone())));
        seen.debug("stored form", &record.expose_json());
    });
}

pub(crate) fn requests(client: &Client, record: &Record) -> [Step<()>; 3] {
    let token = &record.token().access_token;
    let refresh_token = record.token().refresh_token.clone().expect("the server gave one");
    [
        IntrospectionRequest::new(client, token, TokenTypeHint::AccessToken)
            .flow()
            .and_then(|_, _| Ok(Step::Done(()))),
        TokenRequest::refresh(client, refresh_token)
            .flow()
            .and_then(|_, _| Ok(Step::Done(()))),
        RevocationRequest::new(client, token, TokenTypeHint::AccessToken).flow(),
    ]
}
