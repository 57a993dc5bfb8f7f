//! Polling for a login that the server asks the user about: as that of a device, with another grant.

use std::sync::Arc;

use super::super::scripted::{Scripted, both, client};
use super::checked::Says;
use crate::{
    BackchannelAuthenticationRequest, Client, Endpoint, Error, NotAuthorized, Step, Token, UserHint,
};

const ASKED: &str = r#"{"auth_req_id":"1c266114","expires_in":120,"interval":2}"#;
const PENDING: &str = r#"{"error":"authorization_pending"}"#;

fn bank() -> Client {
    let endpoint = Endpoint::new("https://as.example/bc-authorize").unwrap();
    client()
        .with_backchannel_authentication_endpoint(endpoint)
        .with_id_token_check(Arc::new(Says))
}

fn login() -> Step<Token> {
    let request = BackchannelAuthenticationRequest::new(&bank(), UserHint::LoginHint("ann".to_owned()));
    request.flow().and_then(|grant, _| Ok(grant.poll()))
}

fn asked() -> Scripted {
    Scripted::default().replies(200, ASKED)
}

#[test]
fn the_login_is_polled_for_until_the_user_has_answered() {
    let script = || {
        asked()
            .replies(400, PENDING)
            .replies(400, r#"{"error":"slow_down"}"#)
            .loses_the_reply()
            .replies(200, r#"{"access_token":"AT1","id_token":"good"}"#)
    };
    let (token, host) = both(script, login);
    assert_eq!(token.unwrap().access_token.expose(), "AT1");
    let log = host.log();
    let waits: Vec<&str> = log.iter().filter_map(|line| line.strip_prefix("wait ")).collect();
    assert_eq!(waits, ["2000 ms", "2000 ms", "7000 ms", "14000 ms"]);
    assert_eq!(log[0], "send POST /bc-authorize");
    assert_eq!(
        host.bodies()[4],
        "grant_type=urn%3Aopenid%3Aparams%3Agrant-type%3Aciba&auth_req_id=1c266114&client_id=cid"
    );
}

/// RFC 8707 section 2.2, as on a device.
#[test]
fn the_resource_that_was_asked_for_is_named_in_each_poll() {
    let granted = r#"{"access_token":"AT1","id_token":"good"}"#;
    let script = || asked().replies(400, PENDING).replies(200, granted);
    let (token, host) = both(script, || {
        let hint = UserHint::LoginHint("ann".to_owned());
        let request = BackchannelAuthenticationRequest::new(&bank(), hint).resource("https://api.example/");
        request.flow().and_then(|grant, _| Ok(grant.poll()))
    });
    assert!(token.is_ok(), "{token:?}");
    let bodies = host.bodies();
    assert_eq!(bodies.len(), 3);
    let names = |body: &String| body.contains("resource=https%3A%2F%2Fapi.example%2F");
    assert!(bodies.iter().all(names), "{bodies:?}");
}

#[test]
fn t45_its_id_token_has_to_pass() {
    for reply in [
        r#"{"access_token":"AT1","id_token":"bad"}"#,
        r#"{"access_token":"AT1"}"#,
    ] {
        let (end, _) = both(|| asked().replies(200, reply), login);
        assert!(matches!(end, Err(Error::TokenRefused(_))), "{end:?}");
    }
}

/// RFC 9470: a login that was to be of a kind is one, or gives no token, without a redirect too.
#[test]
fn t45_the_user_has_to_have_logged_in_as_was_asked_for() {
    let ways = |values: &'static str| {
        move || {
            let hint = UserHint::LoginHint("ann".to_owned());
            let request = BackchannelAuthenticationRequest::new(&bank(), hint).acr_values(values);
            request.flow().and_then(|grant, _| Ok(grant.poll()))
        }
    };
    let granted = r#"{"access_token":"AT1","id_token":"strong"}"#;
    let (token, host) = both(|| asked().replies(200, granted), ways("strong stronger"));
    assert!(token.is_ok(), "{token:?}");
    assert!(
        host.bodies()[0].contains("acr_values=strong+stronger"),
        "{:?}",
        host.bodies()
    );
    let (end, _) = both(|| asked().replies(200, granted), ways("stronger"));
    assert!(matches!(end, Err(Error::TokenRefused(_))), "{end:?}");
}

#[test]
fn a_login_that_is_denied_or_that_nobody_answers_needs_the_user() {
    let (end, _) = both(|| asked().replies(400, r#"{"error":"access_denied"}"#), login);
    assert!(matches!(end, Err(Error::Denied(_))), "{end:?}");
    let script = || (0..59).fold(asked(), |script, _| script.replies(400, PENDING));
    for end in [
        both(script, login).0,
        both(|| asked().replies(400, r#"{"error":"expired_token"}"#), login).0,
    ] {
        assert!(
            matches!(end, Err(Error::NotAuthorized(NotAuthorized::NotInTime))),
            "{end:?}"
        );
    }
}
