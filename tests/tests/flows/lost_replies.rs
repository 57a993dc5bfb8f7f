//! A server that carries a refresh out and drops the connection: how often it is asked, and what the application is told.

use std::time::Duration;

use grantflow_core::{Client, Error, Quirks, Store as _, StoreExt as _};
use grantflow_suites::app::{App, LATER, NOWHERE, SCOPES};
use grantflow_suites::login;
use grantflow_testserver::{Config, Endpoint, Fault, Rotation, Stats, TestServer};

const PATIENCE: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(10);
/// So old a token of an hour is stale, and lives.
const STALE: Duration = Duration::from_secs(3400);

/// An application with a token of this age, whose next refresh is carried out and gets no reply.
fn losing(
    rotation: Rotation,
    age: Duration,
    with: impl Fn(Client) -> Client,
) -> Result<(TestServer, App, Stats), Error> {
    let server = Config::new().rotate(rotation).start().expect("there is a port");
    let app = App::discover(server.issuer(), "native-app", with)?;
    let redirect_uri = NOWHERE.replace("/cb", "/callback");
    let (url, pending) = app.run(login::start(app.client(), &redirect_uri, SCOPES))?;
    let redirect = server.approve(&url).expect("ann logs in");
    let record = app.run(login::finish(app.client(), pending, &redirect))?;
    let mut token = record.token().clone();
    token.issued_at = token.issued_at.minus(age);
    token.expires_at = token.expires_at.map(|end| end.minus(age));
    app.store().put(record.refreshed(token), PATIENCE)?;
    server.push_fault(Endpoint::Refresh, Fault::DropAfterCommit);
    let before = server.stats();
    Ok((server, app, before))
}

/// Requests, refreshes carried out, those of them inside the grace period, and spent tokens that must not have come.
fn since(before: &Stats, server: &TestServer) -> (u64, u64, u64, u64) {
    let now = server.stats();
    (
        now.token_requests - before.token_requests,
        now.refreshes - before.refreshes,
        now.graced_refreshes - before.graced_refreshes,
        now.refresh_replays - before.refresh_replays,
    )
}

fn is_stored(app: &App, token: &str) -> Result<bool, Error> {
    let stored = app.store().read(&app.key()?)?.expect("the record is there");
    Ok(stored.token().access_token.expose() == token && !stored.refresh_state().is_in_doubt())
}

#[test]
fn r02_without_a_grace_period_an_ended_token_is_asked_for_twice_and_then_the_user() -> Result<(), Error> {
    let (server, app, before) = losing(Rotation::Strict, LATER, |client| client)?;
    let credentials = app.credentials()?;
    let error = credentials.access_token().expect_err("the successor is lost");
    assert!(error.needs_user() && !error.is_transient(), "{error}");
    assert_eq!(since(&before, &server), (2, 1, 0, 1));
    // It is remembered: another run asks the user, and nobody else.
    let again = app
        .credentials()?
        .access_token()
        .expect_err("the grant has ended");
    assert!(again.needs_user(), "{again}");
    assert_eq!(since(&before, &server), (2, 1, 0, 1));
    Ok(())
}

#[test]
fn r02_within_a_grace_period_an_ended_token_is_asked_for_twice_and_nobody_notices() -> Result<(), Error> {
    let (server, app, before) = losing(Rotation::Grace(GRACE), LATER, |client| client)?;
    let credentials = app.credentials()?;
    let access = credentials.access_token()?;
    assert_eq!(since(&before, &server), (2, 2, 1, 0));
    assert!(is_stored(&app, access.token.expose())?);
    // What was stored is the one that the server takes next.
    credentials.refresh()?;
    assert_eq!(since(&before, &server), (3, 3, 1, 0));
    Ok(())
}

#[test]
fn r02_while_the_token_lives_a_lost_reply_costs_one_request_until_its_end() -> Result<(), Error> {
    for rotation in [Rotation::Strict, Rotation::Grace(GRACE)] {
        let (server, app, before) = losing(rotation, STALE, |client| client)?;
        let credentials = app.credentials()?;
        let old = credentials.access_token()?;
        assert_eq!(since(&before, &server), (1, 1, 0, 0), "{rotation:?}");
        // Nor does another run ask.
        let same = app.credentials()?.access_token()?;
        assert!(same.token.eq_ct(&old.token));
        assert_eq!(since(&before, &server), (1, 1, 0, 0), "{rotation:?}");
    }
    Ok(())
}

#[test]
fn r02_where_the_grace_period_is_known_a_lost_reply_is_made_good_at_once() -> Result<(), Error> {
    let tolerant = |client: Client| {
        let mut quirks = Quirks::default();
        quirks.refresh_grace_seconds = Some(10);
        client.with_quirks(quirks)
    };
    let (server, app, before) = losing(Rotation::Grace(GRACE), STALE, tolerant)?;
    let access = app.credentials()?.access_token()?;
    assert_eq!(since(&before, &server), (2, 2, 1, 0));
    assert!(is_stored(&app, access.token.expose())?);
    Ok(())
}
