//! What authorization requests can carry besides the usual, against a certified provider, through both transports.

use std::sync::Arc;

use grantflow_core::error::ErrorCode;
use grantflow_core::{AuthorizationRequest, AuthorizationUrl, Client, Error, PendingAuthorization, Step};
use grantflow_core::{Issuer, flow::discover};
use grantflow_jwt::Algorithm;
use grantflow_oidc::PrivateKeyJwt;
use grantflow_oidc::{IdTokenVerifier, exchange};
use grantflow_suites::app::{NOWHERE, SCOPES};
use grantflow_suites::browser::Browser;
use grantflow_suites::either::Either;
use grantflow_suites::provider::Provider;
use grantflow_suites::signing::{ed25519, foreign, key, public, request_object};
use serde_json::json;

#[track_caller]
fn signing_provider() -> Option<Provider> {
    Provider::start(&json!({ "signing_keys": [public(ed25519())] }))
}

fn begin(app: &Either, push: bool) -> Result<(AuthorizationUrl, PendingAuthorization), Error> {
    let client = app.client().clone().with_push_required(push);
    app.run(Step::begin(move |cx| {
        AuthorizationRequest::new(&client, NOWHERE)
            .scopes(SCOPES)?
            .begin(cx)
    }))
}

fn verifier(app: &Either) -> Result<IdTokenVerifier, Error> {
    let issuer = app.client().issuer().map(Issuer::as_str).unwrap_or_default();
    let server = app.run(discover(&Issuer::allow_http_for_loopback(issuer)?))?;
    IdTokenVerifier::of_server([Algorithm::Es256], &server, app.client().id())
}

#[test]
fn a_signed_request_logs_in_in_the_address_and_pushed_with_its_nonce_and_its_challenge() -> Result<(), Error>
{
    let Some(provider) = signing_provider() else {
        return Ok(());
    };
    // The one has keys for its requests alone, the other proves itself by the same key.
    for id in ["asking", "signing"] {
        let with = |client: Client| {
            let client = client.with_request_signer(Arc::new(request_object(&ed25519())));
            if id == "asking" {
                return client;
            }
            let method = PrivateKeyJwt::new(key(&ed25519()), Algorithm::EdDsa).expect("it is the key's");
            client.with_authentication(method.into())
        };
        for app in Either::both(provider.issuer(), id, with)? {
            let verifier = verifier(&app)?;
            for push in [false, true] {
                let (url, pending) = begin(&app, push)?;
                assert_eq!(url.as_str().contains("request="), !push);
                assert!(!url.as_str().contains("state="));
                let redirect = Browser::of("ann").authorize(url.as_str());
                let code = app.run(Step::begin(move |cx| {
                    Ok(Step::Done(pending.accept(&redirect, cx)?))
                }))?;
                let (_, user) = app.run(exchange(app.client(), code, &verifier))?;
                assert_eq!(user.subject(), "ann", "{id}, {push}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_request_that_is_not_signed_or_by_another_key_is_refused_by_the_provider() -> Result<(), Error> {
    let Some(provider) = signing_provider() else {
        return Ok(());
    };
    let refused = |with: &dyn Fn(Client) -> Client, code: &ErrorCode| {
        for app in Either::both(provider.issuer(), "asking", with)? {
            let refused = begin(&app, true);
            assert!(
                matches!(&refused, Err(Error::Server(refusal)) if refusal.code() == code),
                "{refused:?}"
            );
        }
        Ok(())
    };
    refused(&|client| client, &ErrorCode::InvalidRequest)?;
    refused(
        &|client| client.with_request_signer(Arc::new(request_object(&foreign()))),
        &ErrorCode::InvalidRequestObject,
    )
}
