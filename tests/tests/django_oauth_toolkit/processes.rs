//! Processes that find one ended token at once, against a server that would end the login if two of them sent it.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use grantflow_core::{Error, StoreExt as _};
use grantflow_suites::app::{App, LATER};
use grantflow_suites::browser::Browser;
use grantflow_suites::child::Running;
use grantflow_suites::django_oauth_toolkit::Toolkit;
use grantflow_suites::driven::Server::DjangoOauthToolkit;
use grantflow_suites::driven::{CODE, Over, REFRESH, drives};

const PROCESSES: usize = 3;
const THREADS: usize = 4;

#[test]
fn r09_r10_processes_that_refresh_at_once_never_burn_the_family() -> Result<(), Error> {
    drives(DjangoOauthToolkit, Over::Ureq, &[CODE, REFRESH]);
    let Some(mut server) = Toolkit::start() else {
        return Ok(());
    };
    let app = App::discover(server.issuer(), "native", |client| client)?;
    let record = app.log_in(&mut Browser::of("ann"))?.record()?;
    let mut token = record.token().clone();
    token.issued_at = token.issued_at.minus(LATER);
    token.expires_at = token.expires_at.map(|end| end.minus(LATER));
    app.store().put(record.refreshed(token), Duration::from_secs(1))?;

    let mut herd: Vec<Running> = (0..PROCESSES)
        .map(|_| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_refresh-herd"));
            command.arg(app.store().path()).args([server.issuer(), "native"]);
            Running::start(command.arg(THREADS.to_string()).arg("apart"))
        })
        .collect();
    let ready = |line: &str| (line == "ready").then_some(());
    herd.iter().for_each(|process| process.wait_for(ready));
    herd.iter_mut().for_each(|process| process.say("go"));
    let said: Vec<String> = herd.into_iter().flat_map(|process| process.finish().1).collect();
    let tokens: Vec<&String> = said.iter().filter(|line| *line != "asking").collect();
    assert!(tokens.iter().all(|line| line.starts_with("token ")), "{said:?}");
    assert_eq!(tokens.len(), PROCESSES * THREADS);
    assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), 1);

    // One refresh, and the family lives on.
    assert_eq!(server.refresh_tokens(), (2, 1));
    app.credentials()?.refresh()?;
    assert_eq!(server.refresh_tokens(), (3, 1));
    Ok(())
}
