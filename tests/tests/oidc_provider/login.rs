//! The blocking half against a certified provider: discovery, login, userinfo, refresh with rotation, revocation, introspection.

use std::time::Duration;

use grantflow_core::error::ErrorCode;
use grantflow_core::{
    CallbackError, Error, IntrospectionRequest, NotAuthorized, Quirks, RevocationRequest, Step, Store as _,
    StoreExt as _, Token, TokenRequest, TokenTypeHint,
};
use grantflow_suites::app::{App, LATER, NOWHERE, SCOPES, get, member, refresh_token};
use grantflow_suites::browser::Browser;
use grantflow_suites::driven::Over::Ureq;
use grantflow_suites::driven::Server::OidcProvider;
use grantflow_suites::driven::{
    BASIC, CODE, INTROSPECTION, ISS, METADATA, REFRESH, REUSE, REVOCATION, drives,
};
use grantflow_suites::login;
use grantflow_suites::provider::{CONFIDENTIAL_SECRET, Provider};
use serde_json::json;

fn ann() -> Browser {
    Browser::of("ann")
}

#[test]
fn a_login_gives_credentials_that_userinfo_takes_and_the_next_run_finds() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[METADATA, CODE, ISS]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    assert!(app.client().iss_promised(), "oidc-provider promises iss");
    app.log_in(&mut ann())?;
    let reply = app.credentials()?.authorized(get(&provider.url("/me")))?;
    assert_eq!(reply.status(), 200);
    assert_eq!(member(&reply, "sub"), "ann");
    assert_eq!(member(&reply, "email"), "ann@example.com");
    assert!(app.credentials()?.has_scopes("openid email")?);
    Ok(())
}

#[test]
fn an_expired_token_is_refreshed_and_the_rotated_refresh_token_is_kept() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[CODE, REFRESH]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    let credentials = app.log_in(&mut ann())?;
    let (first, before) = (credentials.access_token()?, credentials.record()?);
    app.clock.advance(LATER);
    let reply = credentials.authorized(get(&provider.url("/me")))?;
    assert_eq!(member(&reply, "sub"), "ann");
    let after = credentials.record()?;
    assert!(!credentials.access_token()?.token.eq_ct(&first.token));
    assert!(!refresh_token(&after).eq_ct(&refresh_token(&before)));
    assert_eq!(after.generation(), before.generation() + 1);
    // The chain goes on with the token that was kept.
    app.clock.advance(LATER);
    assert_eq!(
        app.credentials()?.authorized(get(&provider.url("/me")))?.status(),
        200
    );
    Ok(())
}

#[test]
fn a_server_that_does_not_rotate_keeps_its_refresh_token_good() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[CODE]);
    let Some(provider) = Provider::start(&json!({ "rotate": false })) else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    let credentials = app.log_in(&mut ann())?;
    let first = credentials.record()?;
    for _ in 0..3 {
        app.clock.advance(LATER);
        assert_eq!(credentials.authorized(get(&provider.url("/me")))?.status(), 200);
    }
    let last = credentials.record()?;
    assert_eq!(last.generation(), first.generation() + 3);
    assert!(refresh_token(&last).eq_ct(&refresh_token(&first)));
    Ok(())
}

#[test]
fn a_replayed_refresh_token_ends_its_family_and_the_next_refresh_needs_the_user() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[REFRESH, REUSE]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    let credentials = app.log_in(&mut ann())?;
    let spent = refresh_token(&credentials.record()?);
    credentials.refresh()?;
    // Somebody has a copy of the first one.
    let replay = app.run(TokenRequest::refresh(app.client(), spent).flow());
    assert!(
        matches!(&replay, Err(Error::Server(refusal)) if refusal.code() == &ErrorCode::InvalidGrant),
        "{replay:?}"
    );
    app.clock.advance(LATER);
    let refused = credentials.header().expect_err("the family is gone");
    assert!(refused.needs_user(), "{refused}");
    // Remembered: the next run of the application does not ask again.
    drop(provider);
    let refused = app.credentials()?.header().expect_err("the record says it");
    assert!(
        matches!(refused, Error::NotAuthorized(NotAuthorized::Refused)),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn a_new_login_takes_the_place_of_a_refused_one() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[CODE, REVOCATION]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    let credentials = app.log_in(&mut ann())?;
    let token = refresh_token(&credentials.record()?);
    app.run(RevocationRequest::new(app.client(), &token, TokenTypeHint::RefreshToken).flow())?;
    assert!(credentials.refresh().is_err_and(|error| error.needs_user()));
    let old = credentials.record()?.generation();
    let credentials = app.log_in(&mut ann())?;
    assert!(credentials.record()?.generation() > old);
    assert_eq!(credentials.authorized(get(&provider.url("/me")))?.status(), 200);
    Ok(())
}

#[test]
fn revoking_ends_the_grant_at_the_server_and_here() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[REVOCATION]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    let credentials = app.log_in(&mut ann())?;
    let copy = refresh_token(&credentials.record()?);
    credentials.revoke()?;
    assert!(app.store().read(&app.key()?)?.is_none());
    let needed = credentials.header().expect_err("nothing is left");
    assert!(needed.needs_user(), "{needed}");
    assert!(needed.to_string().starts_with("a login is needed"), "{needed}");
    // The server took part: what somebody copied before is of no use.
    let replay = app.run(TokenRequest::refresh(app.client(), copy).flow());
    assert!(replay.is_err_and(|error| error.needs_user()));
    Ok(())
}

#[test]
fn a_grant_that_the_server_ended_needs_the_user_at_the_next_refresh() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[REVOCATION]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    let credentials = app.log_in(&mut ann())?;
    let token = refresh_token(&credentials.record()?);
    app.run(RevocationRequest::new(app.client(), &token, TokenTypeHint::RefreshToken).flow())?;
    // The API answers 401; the one refresh that it costs is refused.
    let needed = credentials.authorized(get(&provider.url("/me")));
    assert!(needed.as_ref().is_err_and(Error::needs_user), "{needed:?}");
    Ok(())
}

#[test]
fn r25_a_401_costs_one_refresh_and_the_request_is_sent_again() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[REFRESH]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    let credentials = app.log_in(&mut ann())?;
    // A token that the server never gave, and that by our clock lives on.
    let record = credentials.record()?;
    let foreign = record.refreshed(Token::bearer("foreign", record.token().issued_at));
    let known = foreign.generation();
    app.store().put(foreign, PATIENCE)?;
    let credentials = app.credentials()?;
    let reply = credentials.authorized(get(&provider.url("/me")))?;
    assert_eq!(reply.status(), 200);
    assert_eq!(credentials.record()?.generation(), known + 1);
    Ok(())
}

#[test]
fn introspection_tells_an_active_token_from_a_revoked_one() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[INTROSPECTION, REVOCATION]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    let credentials = app.log_in(&mut ann())?;
    let token = credentials.access_token()?.token;
    let ask = || IntrospectionRequest::new(app.client(), &token, TokenTypeHint::AccessToken).flow();
    let answer = app.run(ask())?;
    assert!(answer.active);
    assert_eq!(answer.client_id.as_deref(), Some("native"));
    assert_eq!(answer.subject.as_deref(), Some("ann"));
    assert!(answer.scopes.is_some_and(|scopes| scopes.contains("email")));
    credentials.revoke()?;
    assert!(!app.run(ask())?.active);
    Ok(())
}

#[test]
fn t35_a_secret_that_needs_form_encoding_is_taken_and_its_raw_form_refused() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[BASIC, REFRESH]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let secret = |client: grantflow_core::Client| client.with_secret_basic(CONFIDENTIAL_SECRET);
    let app = App::discover(provider.issuer(), "confidential", secret)?;
    let credentials = app.log_in(&mut ann())?;
    credentials.refresh()?;
    credentials.revoke()?;

    let mut quirks = Quirks::default();
    quirks.raw_basic = true;
    let raw = |client| secret(client).with_quirks(quirks.clone());
    let app = App::discover(provider.issuer(), "confidential", raw)?;
    let refused = app
        .log_in(&mut ann())
        .expect_err("the server reads another secret");
    assert!(matches!(refused, Error::Server(_)), "{refused:?}");
    assert!(!refused.needs_user(), "no user can mend a wrong secret");
    Ok(())
}

#[test]
fn a_denied_consent_is_an_error_of_its_own_and_stores_nothing() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[CODE]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    let denied = app.log_in(&mut ann().who_denies()).expect_err("she said no");
    assert!(matches!(denied, Error::Denied(_)), "{denied:?}");
    assert!(app.store().read(&app.key()?)?.is_none());
    Ok(())
}

#[test]
fn t01_t07_a_redirect_with_another_state_or_issuer_gets_no_token() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[CODE, ISS]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    let (iss, other) = (
        format!("iss={}", encoded(provider.issuer())),
        format!("iss={}", encoded("http://127.0.0.1:1")),
    );
    let mut browser = ann();
    for (from, to, expected) in [
        ("state=", "state=A", CallbackError::State),
        ("state=", "other=", CallbackError::State),
        (&*iss, &*other, CallbackError::Issuer),
        (&*iss, "", CallbackError::Issuer),
    ] {
        let (url, pending) = app.run(login::start(app.client(), NOWHERE, SCOPES))?;
        let redirect = browser.authorize(&url);
        assert!(redirect.contains(from), "the server sends {from}");
        let forged = redirect.replace(from, to);
        let refused: Result<(), _> =
            app.run(login::finish(app.client(), pending, &forged).and_then(|_, _| Ok(Step::Done(()))));
        assert!(
            matches!(&refused, Err(Error::Callback(why)) if *why == expected),
            "{from} -> {to}: {refused:?}"
        );
    }
    assert!(app.store().read(&app.key()?)?.is_none());
    Ok(())
}

/// Nobody else locks here.
const PATIENCE: Duration = Duration::from_secs(1);

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
