//! What authorization requests can carry besides the usual, against the test server, which checks all of it; through both transports.

use std::sync::Arc;

use grantflow_core::error::ErrorCode;
use grantflow_core::{
    AuthorizationRequest, AuthorizationUrl, Client, Error, PendingAuthorization, Step, Token, TokenRequest,
};
use grantflow_suites::app::{NOWHERE, SCOPES};
use grantflow_suites::either::Either;
use grantflow_suites::signing::{ed25519, foreign, public, request_object};
use grantflow_testserver::{Config, TestClient, TestServer};
use serde_json::json;

const APP: &str = "asking-app";

/// A server that knows the client `asking-app`, which signs its requests.
fn signing_server() -> TestServer {
    let jwks = json!({ "keys": [public(ed25519())] }).to_string();
    let client = TestClient::public(APP, [NOWHERE]).signing_requests(&jwks);
    let config = Config::new().client(client.expect("keys are ones"));
    config.start().expect("a server starts on loopback")
}

fn begin(app: &Either, push: bool) -> Result<(AuthorizationUrl, PendingAuthorization), Error> {
    let client = app.client().clone().with_push_required(push);
    app.run(Step::begin(move |cx| {
        AuthorizationRequest::new(&client, NOWHERE)
            .scopes(SCOPES)?
            .begin(cx)
    }))
}

fn finish(app: &Either, pending: PendingAuthorization, redirect: String) -> Result<Token, Error> {
    let client = app.client().clone();
    app.run(Step::begin(move |cx| {
        let code = pending.accept(&redirect, cx)?;
        Ok(TokenRequest::authorization_code(&client, code).flow())
    }))
}

#[track_caller]
fn refused_with<T: std::fmt::Debug>(outcome: &Result<T, Error>, code: &ErrorCode) {
    assert!(
        matches!(outcome, Err(Error::Server(refusal)) if refusal.code() == code),
        "{outcome:?}"
    );
}

#[test]
fn a_signed_request_logs_in_in_the_address_and_pushed() -> Result<(), Error> {
    let server = signing_server();
    let signing = |client: Client| client.with_request_signer(Arc::new(request_object(&ed25519())));
    for app in Either::both(server.issuer(), APP, signing)? {
        for push in [false, true] {
            let before = server.stats();
            let (url, pending) = begin(&app, push)?;
            assert_eq!(url.as_str().contains("request="), !push);
            assert!(!url.as_str().contains("state=") && !url.as_str().contains("scope="));
            let redirect = server.approve(url.as_str()).expect("the user consents");
            let token = finish(&app, pending, redirect)?;
            assert!(token.id_token.is_some());
            let after = server.stats();
            assert_eq!(after.request_objects, before.request_objects + 1);
            assert_eq!(after.pushed_requests, before.pushed_requests + u64::from(push));
        }
    }
    Ok(())
}

#[test]
fn a_request_that_is_not_signed_or_by_another_key_is_refused() -> Result<(), Error> {
    let server = signing_server();
    for app in Either::both(server.issuer(), APP, |client| client)? {
        refused_with(&begin(&app, true), &ErrorCode::InvalidRequest);
    }
    let foreign = |client: Client| client.with_request_signer(Arc::new(request_object(&foreign())));
    for app in Either::both(server.issuer(), APP, foreign)? {
        refused_with(&begin(&app, true), &ErrorCode::InvalidRequestObject);
        let (url, _) = begin(&app, false)?;
        assert!(server.approve(url.as_str()).is_err());
    }
    assert_eq!(server.stats().consents, 0);
    Ok(())
}
