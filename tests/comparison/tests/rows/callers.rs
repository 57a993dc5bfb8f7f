//! A hundred callers find an access token that has ended: how many requests the token endpoint gets.
//!
//! The server keeps all replies back until everybody has asked, so that the numbers do not depend on the machine.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use grantflow_comparison::yup::User;
use grantflow_comparison::{Door, Grant, gca, oauth2_rs, ours, runtime, tame, yup};
use grantflow_testserver::{Endpoint, Fault, Rotation};
use oauth2::TokenResponse as _;
use tokio::task::JoinSet;

const CALLERS: usize = 100;
const PATIENCE: Duration = Duration::from_secs(60);

/// A grant whose refreshes are answered once they are released.
fn held() -> Arc<Grant> {
    let grant = Grant::new(Rotation::Never);
    grant.server.set_fault(Endpoint::Refresh, Fault::Hold);
    Arc::new(grant)
}

/// Releases the replies once `requests` of them are kept back.
fn release(grant: &Grant, requests: u64) {
    let held = grant.server.wait_until(PATIENCE, |stats| stats.held >= requests);
    grant.server.clear_faults();
    grant.server.release();
    assert!(held, "{} requests, not {requests}", grant.asked());
}

/// A task for each caller; all of them end with the same result or each with its own.
fn tasks<F>(grant: &Arc<Grant>, requests: u64, call: impl Fn() -> F + Send) -> Vec<String>
where
    F: Future<Output = Result<String, String>> + Send + 'static,
{
    let releaser = {
        let grant = Arc::clone(grant);
        std::thread::spawn(move || release(&grant, requests))
    };
    let tokens = runtime().block_on(async {
        let mut callers = JoinSet::new();
        (0..CALLERS).for_each(|_| drop(callers.spawn(call())));
        callers.join_all().await
    });
    releaser.join().expect("released");
    tokens
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("each has a token")
}

#[test]
fn grantflow_asks_once() {
    let grant = held();
    let credentials = ours::stored(&grant, &grant.path("credentials.json"));
    let start = Barrier::new(CALLERS + 1);
    let tokens: Vec<String> = std::thread::scope(|scope| {
        let call = || {
            start.wait();
            let access = credentials.access_token().expect("a token");
            access.token.expose().to_owned()
        };
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
        start.wait();
        release(&grant, 1);
        callers
            .into_iter()
            .map(|caller| caller.join().expect("no panic"))
            .collect()
    });
    assert!(
        tokens
            .iter()
            .all(|token| *token == tokens[0] && token.starts_with("gft_at_"))
    );
    assert_eq!(grant.asked(), 1);
}

/// It keeps no token, so each caller who has none has to ask.
#[test]
fn oauth2_asks_a_hundred_times() {
    let grant = held();
    let (issuer, refresh_token) = (grant.server.issuer().to_owned(), grant.refresh_token.clone());
    tasks(&grant, CALLERS as u64, || {
        let (issuer, refresh_token) = (issuer.clone(), refresh_token.clone());
        async move {
            let token = oauth2_rs::refresh(&issuer, &refresh_token).await?;
            Ok(token.access_token().secret().clone())
        }
    });
    assert_eq!(grant.asked(), CALLERS as u64);
}

#[test]
fn yup_oauth2_asks_a_hundred_times() {
    let grant = held();
    let file = grant.path("tokens.json");
    yup::store(&grant, &file);
    let user = User::default();
    let authenticator = runtime().block_on(yup::open(grant.server.issuer(), &file, user.clone()));
    let authenticator = Arc::new(authenticator);
    tasks(&grant, CALLERS as u64, || {
        let authenticator = Arc::clone(&authenticator);
        async move { yup::token(&authenticator).await }
    });
    assert_eq!(grant.asked(), CALLERS as u64);
    assert!(user.asked().is_empty());
}

/// Each caller is handed a request: that only one of them is sent is the program's part.
#[test]
fn tame_oauth_wants_a_hundred_requests() {
    let grant = Grant::new(Rotation::Never);
    let credentials = tame::open(&grant);
    let wanted: Vec<_> = (0..CALLERS)
        .map(|_| tame::ask(&credentials).expect_err("no token yet"))
        .collect();
    for wanted in wanted {
        tame::send(&credentials, *wanted, &grant.token_uri()).expect("a token");
    }
    assert_eq!(grant.asked(), CALLERS as u64);
    assert!(tame::ask(&credentials).is_ok(), "it is cached now");
}

#[test]
fn google_cloud_auth_asks_once() {
    let grant = held();
    let door = Door::to(&grant);
    let runtime_of_its_task = runtime();
    let credentials = runtime_of_its_task.block_on(async { gca::open(&grant, &door) });
    let tokens = tasks(&grant, 1, || {
        let credentials = credentials.clone();
        async move { gca::token(&credentials).await }
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(grant.asked(), 1);
}
