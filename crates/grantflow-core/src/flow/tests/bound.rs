//! Tokens that are bound to a key: who may refresh them, what is kept of the key, and when a request is sent once more.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};

use super::super::scripted::{Scripted, both, client, ends_in, key};
use super::super::{Access, AccessTokenFlow, Unless};
use crate::{
    Client, Cx, DeviceAuthorizationRequest, Endpoint, Error, Proven, Record, Secret, Step, TokenConstraint,
    TokenType,
};

/// Proves with a word, and asks for another proof as the server does.
#[derive(Debug)]
struct Binds;

impl TokenConstraint for Binds {
    fn prove(&self, _: &Proven<'_>, _: &mut Cx<'_>) -> Result<Option<HeaderValue>, Error> {
        Ok(Some(HeaderValue::from_static("proof")))
    }

    fn heard(&self, _: &Proven<'_>, _: StatusCode, _: &HeaderMap, error: Option<&str>) -> bool {
        error == Some("use_dpop_nonce")
    }

    fn thumbprint(&self) -> Option<&str> {
        Some("thumb")
    }

    fn takes(&self, token_type: TokenType) -> bool {
        token_type == TokenType::Dpop
    }

    fn stored(&self) -> Option<Secret> {
        Some(Secret::new("ES256:KEY"))
    }

    fn with_stored(&self, _: &Secret) -> Result<Arc<dyn TokenConstraint>, Error> {
        Ok(Arc::new(Self))
    }
}

const BOUND: &str = r#"{"access_token":"AT2","token_type":"DPoP","expires_in":3600,"refresh_token":"RT2"}"#;
const ASKS: &str = r#"{"error":"use_dpop_nonce"}"#;

fn binding() -> Client {
    client().with_token_constraint(Arc::new(Binds))
}

fn expired(client: Option<Client>) -> Step<Access> {
    let flow = AccessTokenFlow::new(key(), Unless::Expired);
    match client {
        Some(client) => flow.as_client(client).flow(),
        None => flow.flow(),
    }
}

fn kept(record: &Record) -> Option<&str> {
    record.token_key().map(Secret::expose)
}

/// The server would refuse the refresh token, and the record would say so to all who share it, the one with the key too.
#[test]
fn t50_nobody_refreshes_a_bound_token_without_what_proves_it() {
    let bound = || ends_in(0).bound_by(&binding());
    for with in [None, Some(client())] {
        let script = || Scripted::default().stores(bound());
        let (access, host) = both(script, || expired(with.clone()));
        assert!(matches!(access, Err(Error::InvalidInput(_))), "{access:?}");
        let log = host.log();
        assert!(!log.iter().any(|line| line.starts_with("send")), "{log:?}");
        assert!(host.stored().unwrap().refresh_state().refused.is_none());
        assert!(
            host.stored()
                .unwrap()
                .refresh_state()
                .attempt_started_at
                .is_none()
        );
    }
}

#[test]
fn r01_the_key_that_a_refresh_binds_a_token_to_is_in_the_record() {
    let script = || Scripted::default().stores(ends_in(0)).replies(200, BOUND);
    let (access, host) = both(script, || expired(Some(binding())));
    assert_eq!(kept(&access.unwrap().record), Some("ES256:KEY"));
    assert_eq!(kept(&host.stored().unwrap()), Some("ES256:KEY"));
}

#[test]
fn t50_a_refresh_is_sent_once_more_for_a_nonce_and_not_twice() {
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .replies(400, ASKS)
            .replies(200, BOUND)
    };
    let (access, host) = both(script, || expired(Some(binding())));
    assert_eq!(access.unwrap().record.token().access_token.expose(), "AT2");
    assert_eq!(host.bodies().len(), 2);

    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .replies(400, ASKS)
            .replies(400, ASKS)
    };
    let (access, host) = both(script, || expired(Some(binding())));
    assert!(matches!(access, Err(Error::Server(_))), "{access:?}");
    assert_eq!(host.bodies().len(), 2);
}

/// Those who wait for the lock give up after 75 s: what a server asks for too late is for the next refresh.
#[test]
fn r12_t50_a_nonce_that_comes_late_holds_no_lock() {
    for (takes, requests) in [(32_000, 2), (32_001, 1)] {
        let script = || {
            Scripted::default()
                .stores(ends_in(0))
                .takes(Duration::from_millis(takes))
                .replies(400, ASKS)
                .replies(200, BOUND)
        };
        let (access, host) = both(script, || expired(Some(binding())));
        assert_eq!(host.bodies().len(), requests, "{takes}");
        assert_eq!(access.is_ok(), requests == 2, "{access:?}");
        let stored = host.stored().unwrap();
        assert!(
            stored.refresh_state().refused.is_none(),
            "the token is as good as before"
        );
    }
}

/// Each poll may be sent once more, whatever became of the one before.
#[test]
fn t50_a_lost_reply_takes_no_poll_its_second_proof() {
    let code = r#"{"device_code":"D","user_code":"U","verification_uri":"https://as.example/device","expires_in":1800}"#;
    let script = || {
        Scripted::default()
            .replies(200, code)
            .replies(400, ASKS)
            .loses_the_reply()
            .replies(400, ASKS)
            .replies(200, BOUND)
    };
    let endpoint = Endpoint::new("https://as.example/device_authorization").unwrap();
    let client = binding().with_device_authorization_endpoint(endpoint);
    let login = || {
        DeviceAuthorizationRequest::new(&client)
            .flow()
            .and_then(|grant, _| Ok(grant.poll()))
    };
    let (token, host) = both(script, login);
    assert_eq!(token.unwrap().access_token.expose(), "AT2");
    assert_eq!(host.bodies().len(), 5);
}
