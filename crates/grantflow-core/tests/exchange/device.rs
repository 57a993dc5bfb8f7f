//! The codes of a device: what is asked, what is shown, and what is not fit to be shown.

use std::time::Duration;

use grantflow_core::error::ReplyProblem;
use grantflow_core::{
    Client, DeviceAuthorizationRequest, DeviceGrant, Endpoint, Error, Quirks, Scopes, Timestamp,
};
use serde_json::Value;

use super::vectors::text;
use super::{CANARY, JSON, NOW, at, body, client, problem, refused, reply};

fn parse(json: &str) -> Result<DeviceGrant, Error> {
    at(|cx| DeviceAuthorizationRequest::new(&client()).parse(&reply(200, JSON, json), cx))
}

/// A reply with `members` beside the codes.
fn with(members: &str) -> String {
    format!(r#"{{"device_code":"D","expires_in":1800,{members}}}"#)
}

/// The example of RFC 8628 section 3.2.
pub(super) fn vector(value: &Value) {
    let asks = Client::new(text(value, "client_id"), client().token_endpoint().clone())
        .with_device_authorization_endpoint(client().device_authorization_endpoint().unwrap().clone());
    let request = DeviceAuthorizationRequest::new(&asks).scopes(Scopes::parse(text(value, "scope")).unwrap());
    let http = at(|cx| request.to_http(cx)).unwrap();
    assert_eq!(body(&http), text(value, "body"));
    assert_eq!(http.uri(), "https://server.example.com/device_authorization");

    let example = &value["reply"];
    let grant = at(|cx| request.parse(&reply(200, JSON, example.to_string()), cx)).unwrap();
    assert_eq!(grant.user_code(), text(example, "user_code"));
    assert_eq!(grant.verification_uri(), text(example, "verification_uri"));
    assert_eq!(
        grant.verification_uri_complete(),
        Some(text(example, "verification_uri_complete"))
    );
    assert_eq!(grant.verification_host(), "example.com");
    assert_eq!(grant.lifetime(), Duration::from_secs(1800));
    assert_eq!(grant.expires_at(), Timestamp::from_unix_seconds(NOW + 1800));
    assert_eq!(grant.interval(), Duration::from_secs(5));
    assert_eq!(grant.requested_scopes().to_string(), "example_scope");
}

#[test]
fn q51_the_address_may_have_googles_name() {
    let grant = parse(&with(
        r#""user_code":"U","verification_url":"https://www.google.com/device""#,
    ))
    .unwrap();
    assert_eq!(grant.verification_uri(), "https://www.google.com/device");
    let both = r#""user_code":"U","verification_url":"https://old.example/","verification_uri":"https://new.example/""#;
    assert_eq!(
        parse(&with(both)).unwrap().verification_uri(),
        "https://new.example/"
    );
}

#[test]
fn what_is_missing_or_of_another_type_is_named_in_the_error() {
    use ReplyProblem::{Invalid, Missing};
    let address = r#""verification_uri":"https://as.example/d""#;
    for (json, expected) in [
        (with(r#""user_code":"U""#), Missing("verification_uri")),
        (with(address), Missing("user_code")),
        (
            with(&format!(r#""user_code":"",{address}"#)),
            Missing("user_code"),
        ),
        (with(&format!(r#""user_code":7,{address}"#)), Invalid("user_code")),
        (
            format!(r#"{{"user_code":"U",{address}}}"#),
            Missing("device_code"),
        ),
        (
            format!(r#"{{"device_code":"D","user_code":"U","expires_in":"soon",{address}}}"#),
            Invalid("expires_in"),
        ),
        ("[]".to_owned(), Missing("user_code")),
    ] {
        assert_eq!(problem(&parse(&json)), expected, "{json}");
    }
    let result = at(|cx| {
        let reply = reply(400, JSON, r#"{"error":"unauthorized_client"}"#);
        DeviceAuthorizationRequest::new(&client()).parse(&reply, cx)
    });
    assert_eq!(refused(&result), "unauthorized_client");
}

#[test]
fn t26_a_code_that_steers_a_terminal_is_refused() {
    for code in [r"\u001b]0;x\u0007", r"A\rB", r"A\nB", r"\u009b1m", r"\u007f"] {
        let json = with(&format!(
            r#""user_code":"{code}","verification_uri":"https://as.example/d""#
        ));
        assert_eq!(
            problem(&parse(&json)),
            ReplyProblem::Invalid("user_code"),
            "{code}"
        );
    }
}

#[test]
fn t25_t26_only_an_address_that_may_be_visited_is_shown() {
    for bad in [
        "http://as.example/d",
        "http://127.0.0.1/d",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "as.example/d",
        r"https://as.example/\u001b[2J",
        r"https://as.example/\u202ed",
        r"https://as.example/d#\u202e",
        "https://as.example/d#a b",
        "https://as.example@evil.example/d",
        "https://as.example /d",
    ] {
        let json = with(&format!(r#""user_code":"U","verification_uri":"{bad}""#));
        assert_eq!(
            problem(&parse(&json)),
            ReplyProblem::Invalid("verification_uri"),
            "{bad}"
        );
        let json = with(&format!(
            r#""user_code":"U","verification_uri":"https://as.example/d","verification_uri_complete":"{bad}""#
        ));
        assert_eq!(parse(&json).unwrap().verification_uri_complete(), None, "{bad}");
    }
    let json = with(r##""user_code":"U","verification_uri":"https://as.example/#/device""##);
    assert_eq!(
        parse(&json).unwrap().verification_uri(),
        "https://as.example/#/device"
    );
}

#[test]
fn an_address_on_loopback_may_be_http_where_the_server_is() {
    let local = Endpoint::allow_http_for_loopback("http://127.0.0.1:8080/device_authorization").unwrap();
    let client = client().with_device_authorization_endpoint(local);
    let parse = |address: &str| {
        let json = with(&format!(r#""user_code":"U","verification_uri":"{address}""#));
        at(|cx| DeviceAuthorizationRequest::new(&client).parse(&reply(200, JSON, json), cx))
    };
    let hosts = [
        "http://127.0.0.1:8080/device",
        "http://127.0.0.1:8080?a=b",
        "http://127.0.0.1:8080#/a",
    ];
    for address in hosts {
        assert_eq!(parse(address).unwrap().verification_host(), "127.0.0.1:8080");
    }
    for never in ["http://as.example/device", "http://localhost:8080/device"] {
        assert!(parse(never).is_err(), "{never}");
    }

    let local = Endpoint::allow_http_for_localhost("http://localhost:8080/device_authorization").unwrap();
    let client = client.with_device_authorization_endpoint(local);
    let parse = |address: &str| {
        let json = with(&format!(r#""user_code":"U","verification_uri":"{address}""#));
        at(|cx| DeviceAuthorizationRequest::new(&client).parse(&reply(200, JSON, json), cx))
    };
    for address in ["http://localhost:8080/device", "http://127.0.0.1:8080/device"] {
        assert!(parse(address).is_ok(), "{address}");
    }
    for never in ["http://as.example/device", "http://localhost.evil.example/device"] {
        assert!(parse(never).is_err(), "{never}");
    }
}

#[test]
fn t59_neither_code_is_printed() {
    let json = format!(
        r#"{{"device_code":"d-{CANARY}","user_code":"u-{CANARY}","verification_uri":"https://as.example/{CANARY}","verification_uri_complete":"https://as.example/?c={CANARY}"}}"#
    );
    let grant = parse(&json).unwrap();
    let shown = format!("{grant:?}");
    assert!(
        shown.contains("DeviceGrant") && !shown.contains(CANARY),
        "{shown}"
    );
    let shown = format!("{:?}", grant.poll());
    assert!(!shown.contains(CANARY), "{shown}");
}

#[test]
fn the_request_names_scopes_as_the_provider_wants_them_and_each_resource() {
    let mut quirks = Quirks::default();
    quirks.comma_scopes = true;
    let client = client().with_quirks(quirks).with_secret_post("s");
    let request = DeviceAuthorizationRequest::new(&client)
        .scopes(Scopes::parse("a b").unwrap())
        .resource("https://api.example/1")
        .resource("https://api.example/2");
    assert_eq!(
        body(&at(|cx| request.to_http(cx)).unwrap()),
        "client_id=s6BhdRkqt3&client_secret=s&scope=a%2Cb\
         &resource=https%3A%2F%2Fapi.example%2F1&resource=https%3A%2F%2Fapi.example%2F2"
    );
}

#[test]
fn a_client_without_an_endpoint_for_devices_asks_nowhere() {
    let client = Client::new("cid", client().token_endpoint().clone());
    let request = at(|cx| DeviceAuthorizationRequest::new(&client).to_http(cx));
    assert!(matches!(request, Err(Error::InvalidInput(_))), "{request:?}");
    assert_eq!(
        Client::google("cid")
            .unwrap()
            .device_authorization_endpoint()
            .unwrap()
            .as_str(),
        "https://oauth2.googleapis.com/device/code"
    );
}
