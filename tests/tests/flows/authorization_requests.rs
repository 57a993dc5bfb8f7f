//! What authorization requests can carry besides the usual, against the test server, which checks all of it; through both transports.

use std::sync::Arc;
use std::time::Duration;

use grantflow_core::error::ErrorCode;
use grantflow_core::flow::{authorized, discover, keep};
use grantflow_core::{
    AuthorizationDetail, AuthorizationDetails, AuthorizationRequest, AuthorizationUrl, Challenge, Client,
    EndSessionRequest, Error, IntrospectionRequest, Issuer, Key, PendingAuthorization, Provenance, Record,
    Scopes, Secret, Step, Timestamp, Token, TokenRequest, TokenTypeHint,
};
use grantflow_jwt::Algorithm;
use grantflow_oidc::{IdTokenVerifier, SignedIntrospectionRequest, VerifiedIdToken, exchange};
use grantflow_suites::app::{LATER, NOWHERE, SCOPES, get, refresh_token};
use grantflow_suites::either::Either;
use grantflow_suites::signing::{ed25519, foreign, public, request_object};
use grantflow_testserver::{
    BrowseError, Browser, Config, Endpoint, Fault, IdTokenFlaw, TestClient, TestServer,
};
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

/// A server that grants details of the type `account_information` to whoever asks.
fn granting_server() -> TestServer {
    let client = TestClient::confidential_basic(APP, SECRET, [NOWHERE]);
    let config = Config::new().client(client);
    let config = config.authorization_details_types(["account_information"]);
    config.start().expect("a server starts on loopback")
}

const SECRET: &str = "a secret of the tests";

fn detail(action: &str) -> AuthorizationDetail {
    AuthorizationDetail::new("account_information").actions([action])
}

fn ask_for(
    app: &Either,
    push: bool,
    details: &AuthorizationDetails,
) -> Result<(AuthorizationUrl, PendingAuthorization), Error> {
    let client = app.client().clone().with_push_required(push);
    let details = details.clone();
    app.run(Step::begin(move |cx| {
        let request = AuthorizationRequest::new(&client, NOWHERE).authorization_details(&details);
        request.begin(cx)
    }))
}

#[test]
fn details_are_granted_narrowed_told_of_and_never_more_than_they_were() -> Result<(), Error> {
    let server = granting_server();
    let both = AuthorizationDetails::from(detail("read")).and(detail("write"));
    let read = AuthorizationDetails::from(detail("read"));
    let more = AuthorizationDetails::from(detail("delete"));
    let granted =
        |token: &Token| Ok::<_, Error>(token.authorization_details()?.unwrap_or_default().to_json());
    for app in Either::both(server.issuer(), APP, |client| client.with_secret_basic(SECRET))? {
        for push in [false, true] {
            let (url, pending) = ask_for(&app, push, &both)?;
            let redirect = server.approve(url.as_str()).expect("the user consents");
            let client = app.client().clone();
            let narrowed = read.clone();
            let token = app.run(Step::begin(move |cx| {
                let code = pending.accept(&redirect, cx)?;
                let exchange = TokenRequest::authorization_code(&client, code);
                Ok(exchange.authorization_details(narrowed).flow())
            }))?;
            assert_eq!(granted(&token)?, read.to_json(), "some of them, for this token");
            let refresh = |token: &Token, details: AuthorizationDetails| {
                let refresh_token = token.refresh_token.clone().expect("there is one");
                let request = TokenRequest::refresh(app.client(), refresh_token);
                app.run(request.authorization_details(details).flow())
            };
            refused_with(
                &refresh(&token, more.clone()),
                &ErrorCode::InvalidAuthorizationDetails,
            );
            let token = refresh(&token, AuthorizationDetails::default())?;
            assert_eq!(granted(&token)?, both.to_json(), "all of the grant");
            let hint = TokenTypeHint::AccessToken;
            let told = app.run(IntrospectionRequest::new(app.client(), &token.access_token, hint).flow())?;
            assert_eq!(
                told.authorization_details()?.unwrap_or_default().to_json(),
                both.to_json()
            );
        }
        let unknown = AuthorizationDetails::from(AuthorizationDetail::new("unknown"));
        refused_with(
            &ask_for(&app, true, &unknown),
            &ErrorCode::InvalidAuthorizationDetails,
        );
        let (url, pending) = ask_for(&app, false, &unknown)?;
        // In the browser it is refused at once, to the client.
        let mut browser = server.browser();
        let redirect = browser
            .approve(url.as_str())
            .expect("the server sends the browser back");
        refused_with(
            &finish(&app, pending, redirect),
            &ErrorCode::InvalidAuthorizationDetails,
        );
    }
    Ok(())
}

/// Logs in with the request that `ask` makes of the client, and gives the token of a proven login.
fn log_in_proven(
    app: &Either,
    browser: &mut Browser,
    ask: impl Fn(AuthorizationRequest<'_>) -> AuthorizationRequest<'_> + Send + 'static,
) -> Result<(Token, VerifiedIdToken), Error> {
    let client = app.client().clone();
    let (url, pending) = app.run(Step::begin(move |cx| {
        ask(AuthorizationRequest::new(&client, NOWHERE).scopes(SCOPES)?).begin(cx)
    }))?;
    let redirect = browser.approve(url.as_str()).expect("the user consents");
    let code = app.run(Step::begin(move |cx| {
        Ok(Step::Done(pending.accept(&redirect, cx)?))
    }))?;
    app.run(exchange(app.client(), code, &verifier(app)?))
}

fn verifier(app: &Either) -> Result<IdTokenVerifier, Error> {
    let issuer = app.client().issuer().map(Issuer::as_str).unwrap_or_default();
    let server = app.run(discover(&Issuer::allow_http_for_loopback(issuer)?))?;
    IdTokenVerifier::of_server([Algorithm::Rs256], &server, app.client().id())
}

fn plain_server() -> TestServer {
    let client = TestClient::confidential_basic(APP, SECRET, [NOWHERE]);
    let config = Config::new().client(client).acr_values(["pwd", "mfa"]);
    config.start().expect("a server starts on loopback")
}

#[test]
fn an_api_that_wants_a_fresher_or_stronger_login_gets_it_and_no_refresh_is_spent() -> Result<(), Error> {
    let server = plain_server();
    let me = get(&server.url("/api/me"));
    let apps = Either::both(server.issuer(), APP, |client| client.with_secret_basic(SECRET))?;
    for app in &apps {
        server.set_api_wants(None, None);
        let mut browser = server.browser();
        let (token, _) = log_in_proven(app, &mut browser, |request| request)?;
        let record = Record::new(
            Key::new(app.client(), Scopes::parse(SCOPES)?),
            app.client().clone(),
            token,
            Provenance::new("authorization_code", Timestamp::from_unix_seconds(0)),
        );
        let key = record.key().clone();
        app.run(keep(record, None))?;
        assert_eq!(app.authorized(&key, me.clone())?.status(), 200);
        server.set_api_wants(Some("mfa"), Some(Duration::from_secs(300)));
        let before = server.stats();
        let refused = app.authorized(&key, me.clone())?;
        assert_eq!(refused.status(), 401);
        let refused = app.run(authorized(key.clone(), me.clone()))?;
        assert_eq!(refused.status(), 401);
        assert_eq!(
            server.stats().refreshes,
            before.refreshes,
            "another token of this login is of no use"
        );
        let challenge = Challenge::bearer(refused.headers()).expect("it says what it wants");
        assert!(challenge.is_insufficient_user_authentication());
        assert_eq!((challenge.acr_values(), challenge.max_age()), (Some("mfa"), None));
        // Later it is too old as well, though the browser still knows the user.
        server.advance(LATER);
        for app in &apps {
            app.clock().advance(LATER);
        }
        let fresh = app.run(
            TokenRequest::refresh(app.client(), refresh_token(&app.read(&key)?.expect("it is kept"))).flow(),
        )?;
        let refused = app.send_with(&fresh, me.clone())?;
        let challenge = Challenge::bearer(refused.headers()).expect("it says what it wants");
        let (acr, age) = (
            challenge.acr_values().unwrap_or_default().to_owned(),
            challenge.max_age(),
        );
        assert_eq!((&*acr, age), ("mfa", Some(Duration::from_secs(300))));
        let logins = server.stats().logins;
        let (token, user) = log_in_proven(app, &mut browser, move |request| {
            request.acr_values(&acr).max_age(age.unwrap_or_default())
        })?;
        assert_eq!(server.stats().logins, logins + 1);
        assert_eq!(user.acr().as_deref(), Some("mfa"));
        assert!(user.authenticated_at().is_some());
        assert_eq!(app.send_with(&token, me.clone())?.status(), 200);
    }
    Ok(())
}

#[test]
fn t45_an_id_token_that_says_another_login_than_was_asked_for_is_refused() -> Result<(), Error> {
    let server = plain_server();
    for app in Either::both(server.issuer(), APP, |client| client.with_secret_basic(SECRET))? {
        for (flaw, refusal) in [
            (IdTokenFlaw::OldLogin, "its user logged in too long ago"),
            (IdTokenFlaw::NoAuthTime, "it does not say when its user logged in"),
            (
                IdTokenFlaw::OtherAcr,
                "its user did not log in in the way that was asked for",
            ),
        ] {
            server.push_fault(Endpoint::Token, Fault::IdToken(flaw));
            let refused = log_in_proven(&app, &mut server.browser(), |request| {
                request.acr_values("mfa").max_age(Duration::from_secs(300))
            });
            assert!(
                matches!(refused, Err(Error::TokenRefused(why)) if why == refusal),
                "{flaw}: {refused:?}"
            );
        }
        // Who only wishes takes what comes.
        let (_, user) = log_in_proven(&app, &mut server.browser(), |request| {
            let wish = request.parameter("acr_values", "hwk");
            wish.expect("it is not the flow's")
        })?;
        assert_eq!(user.acr(), None);
    }
    Ok(())
}

#[test]
fn a_logout_ends_the_session_at_the_server_and_comes_back() -> Result<(), Error> {
    let server = plain_server();
    for app in Either::both(server.issuer(), APP, |client| client.with_secret_basic(SECRET))? {
        let mut browser = server.browser();
        let (token, _) = log_in_proven(&app, &mut browser, |request| request)?;
        let id_token = token.id_token.expect("there is one");
        let client = app.client().clone();
        let start = |client: Client, hint: Secret, back: &'static str| {
            app.run(Step::begin(move |cx| {
                let request = EndSessionRequest::new(&client).id_token_hint(&hint);
                Ok(Step::Done(request.start_with_return(back, cx)?))
            }))
        };
        let (url, pending) = start(client.clone(), id_token.clone(), NOWHERE)?;
        pending.accept(
            &browser
                .approve(url.as_str())
                .expect("the server sends the browser back"),
        )?;
        // What is not this client's, or not registered, leads nowhere.
        for (hint, back) in [
            (Secret::new("eyJ.eyJ.x"), NOWHERE),
            (id_token, "http://127.0.0.1:1/other"),
        ] {
            let (url, _) = start(client.clone(), hint, back)?;
            let refused = browser.approve(url.as_str());
            assert!(
                matches!(refused, Err(BrowseError::Page { status: 400, .. })),
                "{refused:?}"
            );
        }
        let logins = server.stats().logins;
        log_in_proven(&app, &mut browser, |request| request)?;
        assert_eq!(
            server.stats().logins,
            logins + 1,
            "the browser had forgotten who it was"
        );
    }
    assert_eq!(server.stats().logouts, 2);
    Ok(())
}

#[test]
fn an_answer_about_a_token_is_signed_by_the_server_for_this_client() -> Result<(), Error> {
    let server = plain_server();
    for app in Either::both(server.issuer(), APP, |client| client.with_secret_basic(SECRET))? {
        let (token, _) = log_in_proven(&app, &mut server.browser(), |request| request)?;
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
        let told = ask(Algorithm::Rs256)?;
        assert!(told.active);
        assert_eq!(told.subject.as_deref(), Some("ann"));
        assert!(matches!(ask(Algorithm::Es256), Err(Error::TokenRefused(_))));
    }
    Ok(())
}
