//! What authorization requests can carry besides the usual, against a certified provider, through both transports.

use std::sync::Arc;
use std::time::Duration;

use grantflow_core::error::ErrorCode;
use grantflow_core::flow::discover;
use grantflow_core::{
    AuthorizationDetail, AuthorizationDetails, AuthorizationRequest, AuthorizationUrl, Client,
    EndSessionRequest, Error, IntrospectionRequest, Issuer, PendingAuthorization, ResponseType, Step, Token,
    TokenRequest, TokenTypeHint,
};
use grantflow_jwt::Algorithm;
use grantflow_oidc::{IdTokenVerifier, PrivateKeyJwt, SignedIntrospectionRequest, VerifiedIdToken, exchange};
use grantflow_suites::app::{NOWHERE, SCOPES};
use grantflow_suites::browser::Browser;
use grantflow_suites::driven::Server::OidcProvider;
use grantflow_suites::driven::{
    ASSERTION, AUTHORIZATION_DETAILS, CODE, HYBRID, ID_TOKEN, INTROSPECTION, JAR, LOGOUT, PUSHED, REFRESH,
    SIGNED_INTROSPECTION, STEP_UP, drives_over_both,
};
use grantflow_suites::either::Either;
use grantflow_suites::login;
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
    drives_over_both(OidcProvider, &[JAR, PUSHED, CODE, ASSERTION, ID_TOKEN]);
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
fn t09_a_code_of_the_provider_comes_beside_an_id_token_and_no_other_code_passes_for_it() -> Result<(), Error>
{
    drives_over_both(OidcProvider, &[HYBRID, CODE, ID_TOKEN]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    for app in Either::both(provider.issuer(), "hybrid", |client| client)? {
        let verifier = verifier(&app)?;
        let answered = || {
            let client = app.client().clone();
            let (url, pending) = app.run(Step::begin(move |cx| {
                let request = AuthorizationRequest::new(&client, NOWHERE).scopes(SCOPES)?;
                request.response_type(ResponseType::CodeIdToken).begin(cx)
            }))?;
            Ok::<_, Error>((Browser::of("ann").authorize(url.as_str()), pending))
        };
        let (body, pending) = answered()?;
        let code = app.run(verifier.accept(pending, &body))?;
        assert_eq!(code.user(), Some((provider.issuer(), "ann")));
        let (_, user) = app.run(exchange(app.client(), code, &verifier))?;
        assert_eq!(user.subject(), "ann");
        // A code of another login, in an answer that is right in all else.
        let (body, pending) = answered()?;
        let (other, _) = answered()?;
        let code = |body: &str| {
            let mut pairs = body.split('&');
            pairs.find(|pair| pair.starts_with("code=")).map(str::to_owned)
        };
        let (ours, theirs) = (code(&body).expect("a code"), code(&other).expect("a code"));
        let refused = app.run(verifier.accept(pending, &body.replace(&ours, &theirs)));
        assert!(
            matches!(
                refused,
                Err(Error::TokenRefused("its c_hash is that of another code"))
            ),
            "{refused:?}"
        );
    }
    Ok(())
}

#[test]
fn a_request_that_is_not_signed_or_by_another_key_is_refused_by_the_provider() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[JAR, PUSHED]);
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

#[test]
fn details_are_granted_kept_narrowed_and_told_of_by_the_provider() -> Result<(), Error> {
    drives_over_both(
        OidcProvider,
        &[AUTHORIZATION_DETAILS, PUSHED, REFRESH, INTROSPECTION],
    );
    // It knows details about resources alone.
    let options = json!({ "resources": [RESOURCE], "opaque_tokens": true });
    let Some(provider) = Provider::start(&options) else {
        return Ok(());
    };
    let detail = |action: &str| AuthorizationDetail::new("account_information").actions([action]);
    let both = AuthorizationDetails::from(detail("read")).and(detail("write"));
    let read = AuthorizationDetails::from(detail("read"));
    let more = AuthorizationDetails::from(detail("delete"));
    for app in Either::both(provider.issuer(), "native", |client| client)? {
        let ask = |push, details: &AuthorizationDetails| {
            let client = app.client().clone().with_push_required(push);
            let details = details.clone();
            app.run(Step::begin(move |cx| {
                let request = AuthorizationRequest::new(&client, NOWHERE).scopes(SCOPES)?;
                request
                    .resource(RESOURCE)
                    .authorization_details(&details)
                    .begin(cx)
            }))
        };
        for push in [false, true] {
            let (url, pending) = ask(push, &both)?;
            let redirect = Browser::of("ann").authorize(url.as_str());
            let record = app.run(login::finish(app.client(), pending, &redirect))?;
            let stored = app.read(record.key())?.expect("the login was kept");
            let granted = stored.token().authorization_details()?.unwrap_or_default();
            assert_eq!(granted.to_json(), both.to_json());
            let refresh = |token: &Token, details: &AuthorizationDetails| {
                let refresh_token = token.refresh_token.clone().expect("there is one");
                let request = TokenRequest::refresh(app.client(), refresh_token).resource(RESOURCE);
                app.run(request.authorization_details(details.clone()).flow())
            };
            let narrowed = refresh(stored.token(), &read)?;
            let granted = narrowed.authorization_details()?.unwrap_or_default();
            assert_eq!(granted.to_json(), read.to_json());
            let request =
                IntrospectionRequest::new(app.client(), &narrowed.access_token, TokenTypeHint::AccessToken);
            let told = app.run(request.flow())?;
            assert_eq!(
                told.authorization_details()?.unwrap_or_default().to_json(),
                read.to_json()
            );
            let refused = refresh(&narrowed, &more);
            assert!(
                matches!(&refused, Err(Error::Server(refusal)) if *refusal.code() == ErrorCode::InvalidAuthorizationDetails),
                "{refused:?}"
            );
        }
        let refused = ask(
            true,
            &AuthorizationDetails::from(AuthorizationDetail::new("unknown")),
        );
        assert!(
            matches!(&refused, Err(Error::Server(refusal)) if *refusal.code() == ErrorCode::InvalidAuthorizationDetails),
            "{refused:?}"
        );
    }
    Ok(())
}

fn log_in(
    app: &Either,
    browser: &mut Browser,
    ask: impl Fn(AuthorizationRequest<'_>) -> AuthorizationRequest<'_> + Send + 'static,
) -> Result<(Token, VerifiedIdToken), Error> {
    let client = app.client().clone();
    let (url, pending) = app.run(Step::begin(move |cx| {
        ask(AuthorizationRequest::new(&client, NOWHERE).scopes(SCOPES)?).begin(cx)
    }))?;
    let redirect = browser.authorize(url.as_str());
    let code = app.run(Step::begin(move |cx| {
        Ok(Step::Done(pending.accept(&redirect, cx)?))
    }))?;
    app.run(exchange(app.client(), code, &verifier(app)?))
}

#[test]
fn the_provider_says_when_a_user_logged_in_and_asks_again_where_that_is_too_long_ago() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[STEP_UP, CODE, ID_TOKEN]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    for app in Either::both(provider.issuer(), "native", |client| client)? {
        let mut browser = Browser::of("ann");
        let (_, user) = log_in(&app, &mut browser, |request| {
            request.max_age(Duration::from_secs(300))
        })?;
        let first = user.authenticated_at().expect("it was asked for");
        let (_, user) = log_in(&app, &mut browser, |request| {
            request.max_age(Duration::from_secs(300))
        })?;
        assert_eq!(user.authenticated_at(), Some(first), "the session is known");
        let (_, user) = log_in(&app, &mut browser, |request| request.max_age(Duration::ZERO))?;
        assert!(user.authenticated_at() >= Some(first));
        // It knows no way to log in by name, so one that is demanded is not what came.
        let refused = log_in(&app, &mut browser, |request| request.acr_values("mfa"));
        assert!(
            matches!(refused, Err(Error::TokenRefused(why)) if why.contains("in the way that was asked for")),
            "{refused:?}"
        );
    }
    Ok(())
}

#[test]
fn a_logout_ends_the_session_at_the_provider_and_comes_back() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[LOGOUT]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    for app in Either::both(provider.issuer(), "native", |client| client)? {
        let mut browser = Browser::of("ann");
        let (token, _) = log_in(&app, &mut browser, |request| request)?;
        let id_token = token.id_token.expect("there is one");
        let client = app.client().clone();
        let (url, pending) = app.run(Step::begin(move |cx| {
            let request = EndSessionRequest::new(&client).id_token_hint(&id_token);
            Ok(Step::Done(
                request.start_with_return("https://app.example/bye", cx)?,
            ))
        }))?;
        let back = browser.authorize(url.as_str());
        assert!(back.starts_with("https://app.example/bye?"), "{back}");
        pending.accept(&back)?;
        let silent = log_in_silently(&app, &mut browser);
        assert!(
            matches!(&silent, Err(Error::Server(refusal)) if *refusal.code() == ErrorCode::LoginRequired),
            "{silent:?}"
        );
    }
    Ok(())
}

/// Without a page: only for a user who is logged in.
fn log_in_silently(app: &Either, browser: &mut Browser) -> Result<(Token, VerifiedIdToken), Error> {
    log_in(app, browser, |request| request.prompt("none"))
}

#[test]
fn an_answer_about_a_token_is_signed_by_the_provider_for_this_client() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[SIGNED_INTROSPECTION]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    for app in Either::both(provider.issuer(), "native", |client| client)? {
        let (token, _) = log_in(&app, &mut Browser::of("ann"), |request| request)?;
        let ask = |algorithm| {
            let (hint, verifier) = (TokenTypeHint::AccessToken, verifier(&app)?);
            let request = SignedIntrospectionRequest::new(
                app.client(),
                &token.access_token,
                hint,
                [algorithm],
                verifier.keys(),
            )?;
            app.run(request.flow())
        };
        let told = ask(Algorithm::Es256)?;
        assert_eq!((told.active, told.subject.as_deref()), (true, Some("ann")));
        assert!(matches!(ask(Algorithm::Rs256), Err(Error::TokenRefused(_))));
    }
    Ok(())
}

const RESOURCE: &str = "https://api.example/accounts";
