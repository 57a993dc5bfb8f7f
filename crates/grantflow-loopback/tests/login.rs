//! Logins from beginning to end, at a real authorization server.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use grantflow_core::{Error, Store};
use grantflow_loopback::{LoginError, run_flow_with};
use grantflow_store::MemoryStore;
use grantflow_testserver::TestServer;
use grantflow_ureq::UreqTransport;
use support::{User, client, follow, options};

fn transport() -> UreqTransport {
    UreqTransport::builder().no_proxy().build().unwrap()
}

#[test]
fn a_login_ends_in_credentials_that_are_stored_and_work() {
    let server = TestServer::start().unwrap();
    let store = MemoryStore::new();
    let user = User::consents();
    let client = client(&server, "native-app");
    let credentials = run_flow_with(
        &client,
        "read write",
        store.clone(),
        transport(),
        &options(),
        &user,
    )
    .unwrap();
    assert!(
        credentials
            .access_token()
            .unwrap()
            .token
            .expose()
            .starts_with("gft_at_")
    );
    assert_eq!(store.keys().unwrap().len(), 1);
    assert!(
        user.said().last().unwrap().starts_with("LoggedIn"),
        "{:?}",
        user.said()
    );
}

#[test]
fn a_denied_consent_is_an_error_that_needs_the_user_and_stores_nothing() {
    let server = TestServer::start().unwrap();
    let store = MemoryStore::new();
    let user = User::new(|url, _| {
        let location = grantflow_testserver::Browser::new().deny(url).unwrap();
        assert!(follow(&location).body.contains("Access was not granted"));
    });
    let client = client(&server, "native-app");
    let error = run_flow_with(&client, "read", store.clone(), transport(), &options(), &user).unwrap_err();
    assert!(matches!(error, LoginError::Flow(Error::Denied(_))), "{error:?}");
    assert!(error.needs_user());
    assert_eq!(store.keys().unwrap(), []);
}
