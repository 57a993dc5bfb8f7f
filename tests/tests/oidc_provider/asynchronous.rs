//! The async half against a certified provider, on reqwest and tokio.

use grantflow_core::error::ErrorCode;
use grantflow_core::{Error, TokenRequest};
use grantflow_suites::app::{AsyncApp, LATER, get, member, refresh_token};
use grantflow_suites::browser::Browser;
use grantflow_suites::driven::Over::Reqwest;
use grantflow_suites::driven::Server::OidcProvider;
use grantflow_suites::driven::{BASIC, CODE, ISS, METADATA, REFRESH, REUSE, REVOCATION, drives};
use grantflow_suites::provider::{CONFIDENTIAL_SECRET, Provider};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_lives_through_login_rotation_replay_and_a_second_login() -> Result<(), Error> {
    drives(OidcProvider, Reqwest, &[METADATA, CODE, ISS, REFRESH, REUSE]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let me = provider.url("/me");
    let app = AsyncApp::discover(provider.issuer(), "native", |client| client).await?;
    let mut ann = Browser::of("ann");
    let credentials = app.log_in(&mut ann).await?;
    let first = credentials.authorized(get(&me)).await?;
    assert_eq!(member(&first, "sub"), "ann");

    let before = credentials.record().await?;
    let spent = refresh_token(&before);
    app.clock.advance(LATER);
    assert_eq!(credentials.authorized(get(&me)).await?.status(), 200);
    app.clock.advance(LATER);
    assert_eq!(credentials.authorized(get(&me)).await?.status(), 200);
    assert_eq!(credentials.record().await?.generation(), before.generation() + 2);

    let replay = app.run(TokenRequest::refresh(app.client(), spent).flow()).await;
    assert!(
        matches!(&replay, Err(Error::Server(refusal)) if refusal.code() == &ErrorCode::InvalidGrant),
        "{replay:?}"
    );
    app.clock.advance(LATER);
    assert!(credentials.header().await.is_err_and(|error| error.needs_user()));

    let credentials = app.log_in(&mut ann).await?;
    assert_eq!(credentials.authorized(get(&me)).await?.status(), 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_ends_the_grant_of_a_confidential_client() -> Result<(), Error> {
    drives(OidcProvider, Reqwest, &[CODE, BASIC, REFRESH, REVOCATION]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let secret = |client: grantflow_core::Client| client.with_secret_basic(CONFIDENTIAL_SECRET);
    let app = AsyncApp::discover(provider.issuer(), "confidential", secret).await?;
    let credentials = app.log_in(&mut Browser::of("bob")).await?;
    credentials.refresh().await?;
    let copy = refresh_token(&credentials.record().await?);
    credentials.revoke().await?;
    let needed = credentials.header().await.expect_err("nothing is left");
    assert!(needed.needs_user(), "{needed}");
    let replay = app.run(TokenRequest::refresh(app.client(), copy).flow()).await;
    assert!(replay.is_err_and(|error| error.needs_user()));
    Ok(())
}

#[tokio::test]
async fn a_denied_consent_is_an_error_of_its_own() -> Result<(), Error> {
    drives(OidcProvider, Reqwest, &[CODE]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = AsyncApp::discover(provider.issuer(), "native", |client| client).await?;
    let denied = app.log_in(&mut Browser::of("ann").who_denies()).await;
    assert!(matches!(denied, Err(Error::Denied(_))), "{denied:?}");
    Ok(())
}
