//! Processes and threads that find one expired record at once: one of them refreshes, and all get its token.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use grantflow_core::{Error, Store as _, StoreExt as _};
use grantflow_suites::app::{App, LATER, NOWHERE, SCOPES};
use grantflow_suites::child::Running;
use grantflow_suites::login;
use grantflow_testserver::{Endpoint, Fault, TestServer};

const PROCESSES: usize = 2;
const THREADS: usize = 8;

/// Every process of the herd has asked before the first reply leaves the server.
fn stampede(handles: &str) -> Result<(), Error> {
    let server = TestServer::start().expect("there is a port");
    let app = App::discover(server.issuer(), "native-app", |client| client)?;
    let redirect_uri = NOWHERE.replace("/cb", "/callback");
    let (url, pending) = app.run(login::start(app.client(), &redirect_uri, SCOPES))?;
    let redirect = server.approve(&url).expect("ann logs in");
    let record = app.run(login::finish(app.client(), pending, &redirect))?;
    let mut token = record.token().clone();
    token.issued_at = token.issued_at.minus(LATER);
    token.expires_at = token.expires_at.map(|end| end.minus(LATER));
    app.store().put(record.refreshed(token), Duration::from_secs(1))?;

    server.push_fault(Endpoint::Refresh, Fault::Hold);
    let mut herd: Vec<Running> = (0..PROCESSES)
        .map(|_| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_refresh-herd"));
            command
                .arg(app.store().path())
                .arg(server.issuer())
                .arg("native-app");
            Running::start(command.arg(THREADS.to_string()).arg(handles))
        })
        .collect();
    herd.iter()
        .for_each(|process| process.wait_for(|line| (line == "ready").then_some(())));
    herd.iter_mut().for_each(|process| process.say("go"));
    for process in &herd {
        for _ in 0..THREADS {
            process.wait_for(|line| (line == "asking").then_some(()));
        }
    }
    let held = server.wait_until(Duration::from_secs(60), |stats| stats.held == 1);
    server.release();

    let said: Vec<String> = herd.into_iter().flat_map(|process| process.finish().1).collect();
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
