//! Logins at another device against a certified provider, blocking and async: pending, then allowed or denied.

use std::sync::{Arc, Mutex};

use grantflow_core::error::ErrorCode;
use grantflow_core::{
    Client, DeviceAuthorizationRequest, DeviceGrant, Error, Key, NotAuthorized, Provenance, Record, Scopes,
    Step, TokenRequest, flow,
};
use grantflow_suites::app::{App, AsyncApp, LATER, SCOPES, get, member};
use grantflow_suites::browser::Browser;
use grantflow_suites::driven::Over::{Reqwest, Ureq};
use grantflow_suites::driven::Server::OidcProvider;
use grantflow_suites::driven::{BASIC, DEVICE, REFRESH, drives};
use grantflow_suites::provider::{CONFIDENTIAL_SECRET, Provider};

fn request(client: &Client) -> Result<DeviceAuthorizationRequest, Error> {
    Ok(DeviceAuthorizationRequest::new(client).scopes(Scopes::parse(SCOPES)?))
}

/// Polls, and keeps what is granted.
fn finish(client: &Client, grant: DeviceGrant) -> Step<Record> {
    let (client, key) = (client.clone(), Key::new(client, grant.requested_scopes().clone()));
    grant.poll().and_then(move |token, cx| {
        let provenance = Provenance::new("device_code", cx.wall());
        Ok(flow::keep(Record::new(key, client, token, provenance), None))
    })
}

/// Somebody who goes to the page during the third wait, and what they read there in the end.
fn answers(
    browser: Browser,
    grant: &DeviceGrant,
) -> (impl FnMut(u32) + Send + 'static, Arc<Mutex<Vec<String>>>) {
    let (page, code) = (grant.verification_uri().to_owned(), grant.user_code().to_owned());
    let read = Arc::new(Mutex::new(Vec::new()));
    let (shared, mut browser) = (Arc::clone(&read), browser);
    let act = move |wait| {
        let text = if wait == 3 {
            browser.connect_device(&page, &code)
        } else {
            "pending".to_owned()
        };
        shared.lock().expect("nobody panics with it").push(text);
    };
    (act, read)
}

fn texts(read: &Mutex<Vec<String>>) -> Vec<String> {
    read.lock().expect("nobody panics with it").clone()
}

#[test]
fn a_device_gets_its_token_once_the_user_has_allowed_and_refreshes_it() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[DEVICE, BASIC, REFRESH]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    for (id, secret) in [("native", None), ("confidential", Some(CONFIDENTIAL_SECRET))] {
        let app = App::discover(provider.issuer(), id, |client| match secret {
            Some(secret) => client.with_secret_basic(secret),
            None => client,
        })?;
        let grant = app.run(request(app.client())?.flow())?;
        assert_eq!(grant.verification_uri(), provider.url("/device"));
        assert!(
            grant
                .verification_uri_complete()
                .is_some_and(|uri| uri.contains(grant.user_code()))
        );
        let (act, read) = answers(Browser::of("ann"), &grant);
        app.clock.hurry(act);
        app.run(finish(app.client(), grant))?;
        let texts = texts(&read);
        // Two polls were answered that nobody had answered yet, and the third had the token.
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert!(texts[2].contains("successful"), "{texts:?}");
        let credentials = app.credentials()?;
        assert_eq!(
            member(&credentials.authorized(get(&provider.url("/me")))?, "sub"),
            "ann"
        );
        app.clock.advance(LATER);
        assert_eq!(credentials.authorized(get(&provider.url("/me")))?.status(), 200);
    }
    Ok(())
}

#[test]
fn a_device_that_is_denied_is_told_so() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[DEVICE]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    let grant = app.run(request(app.client())?.flow())?;
    let (act, read) = answers(Browser::of("ann").who_denies(), &grant);
    app.clock.hurry(act);
    let denied = app.run(finish(app.client(), grant));
    assert!(matches!(&denied, Err(Error::Denied(_))), "{denied:?}");
    assert_eq!(texts(&read).len(), 3);
    Ok(())
}

#[test]
fn a_device_whose_code_has_ended_is_told_so() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[DEVICE]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", |client| client)?;
    let grant = app.run(request(app.client())?.flow())?;
    app.clock.hurry(|_| {});
    let ended = app.run(grant.poll());
    assert!(
        matches!(&ended, Err(Error::NotAuthorized(NotAuthorized::NotInTime))),
        "{ended:?}"
    );
    // A code that was never given is no login that may come.
    let unknown = TokenRequest::device_code(app.client(), "unknown".into());
    let refused = app.run(unknown.flow());
    assert!(
        matches!(&refused, Err(Error::Server(refusal)) if *refusal.code() == ErrorCode::InvalidGrant),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_async_program_logs_in_on_a_device_and_is_denied_there() -> Result<(), Error> {
    drives(OidcProvider, Reqwest, &[DEVICE]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let app = AsyncApp::discover(provider.issuer(), "native", |client| client).await?;
    let grant = app.run(request(app.client())?.flow()).await?;
    let (act, read) = answers(Browser::of("bob"), &grant);
    app.clock.hurry(act);
    app.run(finish(app.client(), grant)).await?;
    assert_eq!(texts(&read).len(), 3);
    let reply = app.credentials()?.authorized(get(&provider.url("/me"))).await?;
    assert_eq!(member(&reply, "sub"), "bob");

    let grant = app.run(request(app.client())?.flow()).await?;
    let (act, _) = answers(Browser::of("bob").who_denies(), &grant);
    app.clock.hurry(act);
    let denied = app.run(finish(app.client(), grant)).await;
    assert!(matches!(&denied, Err(Error::Denied(_))), "{denied:?}");
    Ok(())
}
