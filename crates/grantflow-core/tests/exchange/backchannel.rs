//! Backchannel authentication (OpenID Connect CIBA): what is asked, and what is made of the reply.

use std::time::Duration;

use grantflow_core::error::ReplyProblem;
use grantflow_core::{
    BackchannelAuthenticationRequest, BackchannelGrant, Client, Error, Scopes, Secret, Timestamp, UserHint,
};

use super::{CANARY, JSON, NOW, at, body, client, problem, refused, reply};

fn ann() -> UserHint {
    UserHint::LoginHint("ann@example.com".to_owned())
}

fn parse(json: &str) -> Result<BackchannelGrant, Error> {
    at(|cx| BackchannelAuthenticationRequest::new(&client(), ann()).parse(&reply(200, JSON, json), cx))
}

#[test]
fn the_request_says_who_and_all_that_was_asked_for() {
    let client = client().with_secret_basic("s");
    let request = BackchannelAuthenticationRequest::new(&client, ann())
        .scopes(Scopes::parse("openid a").unwrap())
        .binding_message("W4SCT")
        .user_code(Secret::new("1234"))
        .requested_expiry(Duration::from_millis(90_500))
        .acr_values("urn:a urn:b")
        .resource("https://api.example/");
    let http = at(|cx| request.to_http(cx)).unwrap();
    assert_eq!(http.uri(), "https://server.example.com/bc-authorize");
    assert!(http.headers().contains_key("authorization"));
    assert_eq!(
        body(&http),
        "scope=openid+a&login_hint=ann%40example.com&binding_message=W4SCT&user_code=1234&requested_expiry=90\
         &acr_values=urn%3Aa+urn%3Ab&resource=https%3A%2F%2Fapi.example%2F"
    );
    for (hint, expected) in [
        (ann(), "scope=openid&login_hint=ann%40example.com"),
        (
            UserHint::IdToken(Secret::new("e.y.J")),
            "scope=openid&id_token_hint=e.y.J",
        ),
        (
            UserHint::LoginHintToken(Secret::new("t")),
            "scope=openid&login_hint_token=t",
        ),
    ] {
        let request = BackchannelAuthenticationRequest::new(&client, hint);
        assert_eq!(body(&at(|cx| request.to_http(cx)).unwrap()), expected);
    }
}

#[test]
fn without_openid_or_an_endpoint_nothing_is_asked() {
    let request = BackchannelAuthenticationRequest::new(&client(), ann());
    let request = request.scopes(Scopes::parse("a").unwrap());
    assert!(matches!(
        at(|cx| request.to_http(cx)),
        Err(Error::InvalidInput(_))
    ));
    let bare = Client::new("cid", client().token_endpoint().clone());
    let request = BackchannelAuthenticationRequest::new(&bare, ann());
    assert!(matches!(
        at(|cx| request.to_http(cx)),
        Err(Error::InvalidInput(_))
    ));
}

#[test]
fn the_example_of_the_standard_reads_back() {
    let grant =
        parse(r#"{"auth_req_id":"1c266114-a1be-4252-8ad1-04986c5b9ac1","expires_in":120,"interval":2}"#)
            .unwrap();
    assert_eq!(grant.interval(), Duration::from_secs(2));
    assert_eq!(grant.expires_at(), Timestamp::from_unix_seconds(NOW + 120));
    assert_eq!(grant.requested_scopes().to_string(), "openid");
    // Section 7.3: "If no value is provided, clients MUST use 5 as the default value".
    let plain = parse(r#"{"auth_req_id":"1","expires_in":120}"#).unwrap();
    assert_eq!(plain.interval(), Duration::from_secs(5));
}

#[test]
fn what_is_missing_or_refused_is_said() {
    assert_eq!(
        problem(&parse(r#"{"expires_in":120}"#)),
        ReplyProblem::Missing("auth_req_id")
    );
    assert_eq!(
        problem(&parse(r#"{"auth_req_id":7}"#)),
        ReplyProblem::Invalid("auth_req_id")
    );
    let unknown = at(|cx| {
        let reply = reply(400, JSON, r#"{"error":"unknown_user_id"}"#);
        BackchannelAuthenticationRequest::new(&client(), ann()).parse(&reply, cx)
    });
    assert_eq!(refused(&unknown), "unknown_user_id");
}

#[test]
fn t59_neither_who_nor_the_id_is_printed() {
    for hint in [
        UserHint::LoginHint(CANARY.to_owned()),
        UserHint::IdToken(Secret::new(CANARY)),
        UserHint::LoginHintToken(Secret::new(CANARY)),
    ] {
        let request = BackchannelAuthenticationRequest::new(&client(), hint).user_code(Secret::new(CANARY));
        assert!(!format!("{request:?}").contains(CANARY));
    }
    let grant = parse(&format!(r#"{{"auth_req_id":"{CANARY}"}}"#)).unwrap();
    let shown = format!("{grant:?}");
    assert!(
        shown.contains("BackchannelGrant") && !shown.contains(CANARY),
        "{shown}"
    );
}
