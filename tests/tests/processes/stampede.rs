//! Processes and threads that find one expired record at once: one of them refreshes, and all get its token. A server that asks to
//! be left alone is left alone by all of them, and a process that ends in the middle of a refresh stores what it brings.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use grantflow_core::{Error, Record, Store as _, StoreExt as _};
use grantflow_suites::app::{App, LATER, NOWHERE, SCOPES};
use grantflow_suites::child::Running;
use grantflow_suites::login;
use grantflow_testserver::{Endpoint, Fault, RetryAfter, TestServer};

const PATIENCE: Duration = Duration::from_secs(60);
const PROCESSES: usize = 2;
const THREADS: usize = 8;

/// An application whose token is so old, and its server.
fn logged_in(age: Duration) -> Result<(TestServer, App), Error> {
    let server = TestServer::start().expect("there is a port");
    let app = App::discover(server.issuer(), "native-app", |client| client)?;
    let redirect_uri = NOWHERE.replace("/cb", "/callback");
    let (url, pending) = app.run(login::start(app.client(), &redirect_uri, SCOPES))?;
    let redirect = server.approve(&url).expect("ann logs in");
    let record = app.run(login::finish(app.client(), pending, &redirect))?;
    let mut token = record.token().clone();
    token.issued_at = token.issued_at.minus(age);
    token.expires_at = token.expires_at.map(|end| end.minus(age));
    app.store().put(record.refreshed(token), PATIENCE)?;
    Ok((server, app))
}

fn is(word: &str) -> impl Fn(&str) -> Option<()> {
    move |line| (line == word).then_some(())
}

fn program(path: &str, app: &App, server: &TestServer) -> Command {
    let mut command = Command::new(path);
    command
        .arg(app.store().path())
        .arg(server.issuer())
        .arg("native-app");
    command
}

/// Processes that all ask at once.
fn herd(app: &App, server: &TestServer, processes: usize, threads: usize, handles: &str) -> Vec<Running> {
    let start = |_| {
        let mut command = program(env!("CARGO_BIN_EXE_refresh-herd"), app, server);
        Running::start(command.arg(threads.to_string()).arg(handles))
    };
    let mut herd: Vec<Running> = (0..processes).map(start).collect();
    herd.iter().for_each(|process| process.wait_for(is("ready")));
    herd.iter_mut().for_each(|process| process.say("go"));
    for process in &herd {
        (0..threads).for_each(|_| process.wait_for(is("asking")));
    }
    herd
}

fn all_say(herd: Vec<Running>) -> Vec<String> {
    herd.into_iter().flat_map(|process| process.finish().1).collect()
}

/// Every process of the herd has asked before the first reply leaves the server.
fn stampede(handles: &str) -> Result<(), Error> {
    let (server, app) = logged_in(LATER)?;
    server.push_fault(Endpoint::Refresh, Fault::Hold);
    let herd = herd(&app, &server, PROCESSES, THREADS, handles);
    let held = server.wait_until(PATIENCE, |stats| stats.held == 1);
    server.release();

    let said = all_say(herd);
    assert!(held, "one of them refreshes, but: {said:?}");
    let stored = app.store().read(&app.key()?)?.expect("the record is there");
    let expected = format!("token {}", stored.token().access_token.expose());
    assert_eq!(said.len(), PROCESSES * THREADS);
    assert_eq!(said.iter().collect::<BTreeSet<_>>(), BTreeSet::from([&expected]));
    let stats = server.stats();
    assert_eq!(
        (stats.refreshes, stats.refresh_replays, stats.families_revoked),
        (1, 0, 0)
    );
    Ok(())
}

#[test]
fn r09_r10_two_processes_of_eight_threads_that_share_a_handle_refresh_once() -> Result<(), Error> {
    stampede("shared")
}

#[test]
fn r09_r10_two_processes_of_eight_threads_with_a_handle_each_refresh_once() -> Result<(), Error> {
    stampede("apart")
}

#[test]
fn r16_eight_processes_leave_a_server_alone_as_long_as_it_asks_and_then_ask_once() -> Result<(), Error> {
    let (server, app) = logged_in(LATER)?;
    let asked = {
        let before = server.stats().token_requests;
        let server = &server;
        move || server.stats().token_requests - before
    };
    server.push_fault(
        Endpoint::Refresh,
        Fault::TooManyRequests(RetryAfter::Seconds(600)),
    );
    // Whoever comes first is told to come back later, and writes it down; the others read it.
    for _ in 0..2 {
        let said = all_say(herd(&app, &server, 8, 1, "shared"));
        assert!(said.iter().all(|line| line.starts_with("error ")), "{said:?}");
        assert_eq!((said.len(), asked()), (8, 1));
    }
    // The time comes.
    let stored = app.store().read(&app.key()?)?.expect("the record is there");
    let retry_at = stored.refresh_state().retry_at.expect("it is written down");
    let past = retry_at.minus(Duration::from_secs(700));
    let json = stored.expose_json();
    let json = json.expose().replace(&retry_at.to_string(), &past.to_string());
    app.store().put(Record::from_json(&json)?, PATIENCE)?;
    let said = all_say(herd(&app, &server, 8, 1, "shared"));
    assert!(said.iter().all(|line| line.starts_with("token ")), "{said:?}");
    assert_eq!(said.iter().collect::<BTreeSet<_>>().len(), 1);
    assert_eq!((said.len(), asked(), server.stats().refresh_replays), (8, 2, 0));
    Ok(())
}

/// In the first case the token is stale, in the second it has ended.
#[test]
fn r03_a_process_that_returns_from_main_in_the_middle_of_a_refresh_stores_what_it_brings() -> Result<(), Error>
{
    let stale = Duration::from_secs(3500);
    for age in [stale, LATER] {
        let (server, app) = logged_in(age)?;
        let before = app.store().read(&app.key()?)?.expect("the record is there");
        server.push_fault(Endpoint::Refresh, Fault::Hold);
        let mut leaver = Running::start(&mut program(env!("CARGO_BIN_EXE_leave-main"), &app, &server));
        leaver.wait_for(is("ready"));
        leaver.say("ask");
        leaver.wait_for(is("asking"));
        assert!(server.wait_until(PATIENCE, |stats| stats.held == 1));
        leaver.say("leave");
        leaver.wait_for(is("leaving"));
        server.release();
        assert!(leaver.finish().0.success());

        let after = app.store().read(&app.key()?)?.expect("the record is there");
        assert_eq!(after.generation(), before.generation() + 1);
        assert!(!after.refresh_state().is_in_doubt());
        let stats = server.stats();
        assert_eq!((stats.refreshes, stats.refresh_replays), (1, 0));
        // What was stored is what the server takes next.
        let next = app.credentials()?;
        next.refresh()?;
        assert_eq!(server.stats().refresh_replays, 0);
    }
    Ok(())
}
