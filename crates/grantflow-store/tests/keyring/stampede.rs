//! Processes and threads that find one expired record in a real keyring at once: one of them refreshes.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use grantflow_core::blocking::Credentials;
use grantflow_core::flow::{discover, keep};
use grantflow_core::{
    AuthorizationRequest, Error, Issuer, Key, Origin, Provenance, Record, Step, Store as _, StoreExt as _,
    Token, TokenRequest, TransportHost, run,
};
use grantflow_store::{Keyring, KeyringStore};
use grantflow_testserver::{Endpoint, Fault, TestServer};
use grantflow_ureq::UreqTransport;

use crate::room::PATIENCE;
use crate::session::{fresh_user, keyring};

const APPLICATION: &str = "grantflow-test";
const USER: &str = "GRANTFLOW_TEST_USER";
const LOCKS: &str = "GRANTFLOW_TEST_DIR";
const PROCESSES: usize = 2;
const THREADS: usize = 8;
const CALLBACK: &str = "http://127.0.0.1:49151/callback";

/// Logs in, into this store.
fn log_in(server: &TestServer, store: &KeyringStore) -> Result<Record, Error> {
    let transport = UreqTransport::new()?;
    let host = || TransportHost::new(&transport).with_store(store);
    let issuer = Issuer::allow_http_for_loopback(server.issuer())?;
    let origin = Origin::new(server.issuer())?;
    let client = run(discover(&issuer), &host())?
        .client("native-app")
        .with_origins([origin]);
    let asked = client.clone();
    let (url, pending) = run(
        Step::begin(move |cx| {
            let request =
                AuthorizationRequest::new(&asked, CALLBACK).scopes("openid email offline_access")?;
            let (url, pending) = request.start(cx)?;
            Ok(Step::Done((url.as_str().to_owned(), pending)))
        }),
        &host(),
    )?;
    let redirect = server.approve(&url).expect("ann logs in");
    run(
        Step::begin(move |cx| {
            let code = pending.accept(&redirect, cx)?;
            let key = Key::new(&client, code.scopes().clone());
            let exchange = TokenRequest::authorization_code(&client, code).flow();
            Ok(exchange.and_then(move |token: Token, cx| {
                let provenance = Provenance::new("authorization_code", cx.wall());
                Ok(keep(Record::new(key, client, token, provenance), None))
            }))
        }),
        &host(),
    )
}

#[test]
fn r28_two_processes_of_eight_threads_on_a_keyring_refresh_once() {
    let Some(keyring) = keyring() else { return };
    let (locks, user) = (tempfile::tempdir().unwrap(), fresh_user());
    let store = KeyringStore::new(keyring, APPLICATION, &user, locks.path());
    let server = TestServer::start().unwrap();
    let record = log_in(&server, &store).unwrap();
    let mut token = record.token().clone();
    let long_ago = Duration::from_secs(2 * 3600);
    token.issued_at = token.issued_at.minus(long_ago);
    token.expires_at = token.expires_at.map(|end| end.minus(long_ago));
    store.put(record.refreshed(token), PATIENCE).unwrap();

    server.push_fault(Endpoint::Refresh, Fault::Hold);
    let start = |_| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "stampede::the_herd", "--nocapture", "--test-threads=1"])
            .env(USER, &user)
            .env(LOCKS, locks.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut herd: Vec<Child> = (0..PROCESSES).map(start).collect();
    let mut said: Vec<_> = herd
        .iter_mut()
        .map(|child| {
            BufReader::new(child.stderr.take().unwrap())
                .lines()
                .map_while(Result::ok)
        })
        .collect();
    // Every thread of every process has asked before the first reply leaves the server.
    for lines in &mut said {
        assert_eq!(
            lines.filter(|line| line == "@asking").take(THREADS).count(),
            THREADS
        );
    }
    let held = server.wait_until(Duration::from_secs(60), |stats| stats.held == 1);
    server.release();
    let tokens: Vec<String> = said
        .into_iter()
        .flatten()
        .filter(|line| line.starts_with('@') && line != "@asking")
        .collect();
    for child in &mut herd {
        child.wait().unwrap();
    }
    assert!(held, "one of them refreshes, but: {tokens:?}");
    let stored = store.read(record.key()).unwrap().unwrap();
    let expected = format!("@token {}", stored.token().access_token.expose());
    assert_eq!(tokens.len(), PROCESSES * THREADS);
    assert_eq!(
        tokens.iter().collect::<BTreeSet<_>>(),
        BTreeSet::from([&expected])
    );
    let stats = server.stats();
    assert_eq!(
        (stats.refreshes, stats.refresh_replays, stats.families_revoked),
        (1, 0, 0)
    );
}

/// No test of its own: without a user there is nothing to do.
#[test]
fn the_herd() {
    let (Ok(user), Some(locks)) = (std::env::var(USER), std::env::var_os(LOCKS)) else {
        return;
    };
    let store = || KeyringStore::new(Keyring::system(), APPLICATION, &user, &locks);
    let key = store().keys().unwrap().remove(0);
    let say = |what: &str| {
        use std::io::Write as _;
        std::io::stderr()
            .write_all(format!("@{what}\n").as_bytes())
            .unwrap();
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let credentials = Credentials::new(key.clone(), store(), UreqTransport::new().unwrap());
            scope.spawn(move || {
                say("asking");
                match credentials.access_token() {
                    Ok(access) => say(&format!("token {}", access.token.expose())),
                    Err(error) => say(&format!("error {error}")),
                }
            });
        }
    });
}
