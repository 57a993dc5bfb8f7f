//! The story: consent, store, call, expiry, refresh, another process, revocation.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use grantflow::blocking::Credentials;
use grantflow::loopback::{LoginOptions, TerminalPrompt};
use grantflow::store::FileStore;
use grantflow::ureq::{Authorize as _, UreqTransport};
use grantflow::{Client, Issuer, Origin, TransportHost, flow, run};
use grantflow_testserver::TestServer;

use super::home::Home;
use super::{Teller, consent, ensure};
use crate::exit::{FAILED, Failure};
use crate::stores::{KEY_VARIABLE, STORE_VARIABLE};

/// How many threads meet the expired token at once.
const THREADS: u64 = 16;

pub(super) fn tell(teller: &mut Teller, yes: bool) -> Result<(), Failure> {
    let server = TestServer::start()
        .map_err(|error| Failure::new(FAILED, format!("cannot start the server: {error}")))?;
    let server = Arc::new(server);
    teller.did(
        "server",
        format!("started an authorization server at {}", server.issuer()),
        "everything below is real HTTP with it",
    )?;

    let transport = UreqTransport::new()?;
    let issuer = Issuer::allow_http_for_loopback(server.issuer())?;
    let metadata = run(flow::discover(&issuer), &TransportHost::new(&transport))?;
    let client = metadata
        .client("native-app")
        .with_origins([Origin::new(server.issuer())?]);
    teller.did(
        "discover",
        "asked it for its endpoints",
        "the issuer in the reply is the one that was asked (RFC 8414)",
    )?;

    let home = Home::make()?;
    let store = FileStore::new(home.file());
    let credentials = log_in(teller, &server, &client, &store, &transport, yes)?;
    ensure(
        server.stats().code_exchanges == 1,
        "the code was exchanged other than once",
    )?;
    teller.did(
        "consent",
        "sent the user to log in and say yes, and took the redirect on 127.0.0.1",
        "state, issuer and PKCE were checked; the code was exchanged exactly once",
    )?;
    teller.did(
        "store",
        "stored the credentials in a file, credentials.json",
        private(&home.file())?,
    )?;

    let agent = credentials.authorize(&ureq::Agent::new_with_defaults())?;
    let me = call(&agent, &server)?;
    teller.did(
        "call",
        format!("called the API with a ureq agent: {me}"),
        "the token goes to the API's origin and to no other",
    )?;

    refresh_once(teller, &server, &agent)?;
    another_process(teller, &server, &credentials, &home.file())?;

    let last = credentials.access_token()?;
    credentials.revoke()?;
    ensure(
        credentials.header().is_err_and(|error| error.needs_user()),
        "revoked credentials were handed out",
    )?;
    ensure(!home.file().exists(), "revoked credentials are still stored")?;
    let refused = ureq::get(server.url("/api/me"))
        .header("Authorization", format!("Bearer {}", last.token.expose()))
        .config()
        .proxy(None)
        .http_status_as_error(false)
        .build()
        .call();
    ensure(
        refused.is_ok_and(|reply| reply.status() == 401),
        "the server still takes the revoked token",
    )?;
    teller.did(
        "revoke",
        "made the record unusable, told the server, deleted the record",
        "the server refuses the old token, and the library says that a login is needed",
    )?;
    Ok(())
}

fn log_in(
    teller: &Teller,
    server: &Arc<TestServer>,
    client: &Client,
    store: &FileStore,
    transport: &UreqTransport,
    yes: bool,
) -> Result<Credentials, Failure> {
    if yes {
        return consent::by_stand_in(server, client, store, transport);
    }
    teller.ask("a browser opens: any name will do, the password is filled in")?;
    consent::ask(
        client,
        store,
        transport,
        LoginOptions::new(),
        &TerminalPrompt::new(),
    )
}

fn call(agent: &ureq::Agent, server: &TestServer) -> Result<String, Failure> {
    let failed = |error: ureq::Error| Failure::new(FAILED, format!("the API call failed: {error}"));
    agent
        .get(server.url("/api/me"))
        .call()
        .map_err(failed)?
        .body_mut()
        .read_to_string()
        .map_err(failed)
}

fn refresh_once(teller: &mut Teller, server: &Arc<TestServer>, agent: &ureq::Agent) -> Result<(), Failure> {
    server.advance(Duration::from_secs(7200));
    let together = Arc::new(Barrier::new(THREADS as usize));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (server, agent, together) = (Arc::clone(server), agent.clone(), Arc::clone(&together));
            thread::spawn(move || {
                together.wait();
                call(&agent, &server).is_ok()
            })
        })
        .collect();
    let served = threads
        .into_iter()
        .filter_map(|thread| thread.join().ok())
        .filter(|served| *served)
        .count();
    let stats = server.stats();
    ensure(served == THREADS as usize, "a thread was not served")?;
    ensure(
        stats.refreshes == 1 && stats.refresh_replays == 0,
        "other than one refresh was made",
    )?;
    teller.did(
        "refresh",
        format!("let two hours pass, then called the API from {THREADS} threads at once"),
        format!("{THREADS} of {THREADS} were served by 1 refresh; no spent refresh token was sent again"),
    )?;
    Ok(())
}

/// Another process shares the file: it finds the refreshed token and needs no refresh of its own.
fn another_process(
    teller: &mut Teller,
    server: &TestServer,
    credentials: &Credentials,
    file: &Path,
) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::new(FAILED, format!("cannot start another process: {error}"));
    let mut store = std::ffi::OsString::from("file:");
    store.push(file);
    let child = Command::new(std::env::current_exe().map_err(failed)?)
        .args(["token", "--store"])
        .arg(store)
        .env_remove(STORE_VARIABLE)
        .env_remove(KEY_VARIABLE)
        .output()
        .map_err(failed)?;
    let ours = credentials.access_token()?;
    ensure(
        child.stdout.trim_ascii_end() == ours.token.expose().as_bytes(),
        "two processes have different tokens",
    )?;
    ensure(server.stats().refreshes == 1, "the other process refreshed too")?;
    teller.did(
        "share",
        "asked for a token in another process, on the same file",
        "both have the same token, and still only 1 refresh was made",
    )?;
    Ok(())
}

#[cfg(unix)]
fn private(file: &Path) -> Result<String, Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata =
        fs::metadata(file).map_err(|error| Failure::new(FAILED, format!("nothing is stored: {error}")))?;
    let mode = metadata.permissions().mode() & 0o777;
    ensure(mode == 0o600, "the file is readable by others")?;
    Ok(format!("its mode is {mode:o}: nobody but you can read it"))
}

#[cfg(not(unix))]
fn private(file: &Path) -> Result<String, Failure> {
    ensure(file.exists(), "nothing is stored")?;
    Ok("it lies in your own directory".to_owned())
}
