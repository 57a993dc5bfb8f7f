//! Rich authorization requests (RFC 9396): what exactly is asked for, on each way, and what was granted, where it is kept.

use grantflow_core::error::ErrorCode;
use grantflow_core::{
    AuthorizationDetail, AuthorizationDetails, AuthorizationRequest, Client, Endpoint, Error,
    IntrospectionRequest, Issuer, Key, MetadataRequest, Provenance, Record, Request, Scopes, Secret,
    Timestamp, TokenRequest, TokenTypeHint,
};

use super::{JSON, NOW, at, client, ok, pairs, parse, refresh, reply};

fn details() -> AuthorizationDetails {
    let detail = AuthorizationDetail::new("account_information");
    AuthorizationDetails::from(detail.actions(["read_balances"]).identifier("DE02"))
}

const AS_JSON: &str = r#"[{"type":"account_information","actions":["read_balances"],"identifier":"DE02"}]"#;

fn pushing() -> Client {
    let endpoint = Endpoint::new("https://server.example.com/par").unwrap();
    client().with_pushed_authorization_request_endpoint(endpoint)
}

fn sent(request: &Request) -> Vec<String> {
    let pairs = pairs(request.body().as_bytes()).into_iter();
    pairs
        .filter(|(name, _)| name == "authorization_details")
        .map(|(_, value)| value)
        .collect()
}

#[test]
fn details_are_asked_for_in_the_address_and_pushed_once() {
    // What the client has for every request gives way to them.
    let client = pushing().with_parameter("authorization_details", "[]");
    let request = || AuthorizationRequest::new(&client, "https://client.example.org/cb");
    let (url, _) = at(|cx| request().authorization_details(&details()).start(cx)).unwrap();
    let query = pairs(url.as_str().split_once('?').unwrap().1.as_bytes());
    let named = query.iter().filter(|(name, _)| name == "authorization_details");
    assert_eq!(named.map(|(_, value)| &**value).collect::<Vec<_>>(), [AS_JSON]);
    let (pushed, _) = at(|cx| request().authorization_details(&details()).push(cx)).unwrap();
    assert_eq!(sent(&at(|cx| pushed.to_http(cx)).unwrap()), [AS_JSON]);
    let none = AuthorizationDetails::default();
    let (url, _) = at(|cx| request().authorization_details(&none).start(cx)).unwrap();
    assert!(!url.as_str().contains("authorization_details"));
}

#[test]
fn a_token_is_asked_for_with_some_of_them_or_with_all() {
    let client = client();
    for request in [TokenRequest::client_credentials(&client), refresh(&client)] {
        let narrowed = request.authorization_details(details());
        assert_eq!(sent(&at(|cx| narrowed.to_http(cx)).unwrap()), [AS_JSON]);
    }
    assert!(sent(&at(|cx| refresh(&client).to_http(cx)).unwrap()).is_empty());
}

#[test]
fn what_was_granted_is_read_and_kept_with_the_record_and_through_a_refresh() {
    let json = format!(r#"{{"access_token":"a","refresh_token":"r","authorization_details":{AS_JSON}}}"#);
    let token = ok(&json);
    assert_eq!(token.authorization_details().unwrap().unwrap().to_json(), AS_JSON);
    let provenance = Provenance::new("authorization_code", Timestamp::from_unix_seconds(NOW));
    let record = Record::new(Key::new(&client(), Scopes::none()), client(), token, provenance);
    let stored = Record::from_json(record.expose_json().expose()).unwrap();
    let kept = |record: &Record| {
        let details = record.token().authorization_details().unwrap().unwrap();
        let detail = details.iter().next().unwrap();
        (
            details.iter().count(),
            detail.detail_type().to_owned(),
            detail.get::<String>("identifier"),
        )
    };
    let expected = (1, "account_information".to_owned(), Some("DE02".to_owned()));
    assert_eq!(kept(&stored), expected);
    let silent = stored.refreshed(ok(r#"{"access_token":"b"}"#));
    assert_eq!(
        kept(&silent),
        expected,
        "a reply without them leaves them as they were"
    );
    let emptied = stored.refreshed(ok(r#"{"access_token":"b","authorization_details":[]}"#));
    assert!(
        emptied
            .token()
            .authorization_details()
            .unwrap()
            .unwrap()
            .is_empty()
    );
    assert!(
        ok(r#"{"access_token":"b"}"#)
            .authorization_details()
            .unwrap()
            .is_none()
    );
    let odd = ok(r#"{"access_token":"b","authorization_details":"all"}"#);
    assert!(matches!(odd.authorization_details(), Err(Error::InvalidInput(_))));
}

#[test]
fn t69_a_refusal_of_details_has_its_name_and_needs_no_user() {
    let refused = parse(&reply(400, JSON, r#"{"error":"invalid_authorization_details"}"#));
    assert!(
        matches!(&refused, Err(error @ Error::Server(refusal))
            if *refusal.code() == ErrorCode::InvalidAuthorizationDetails && !error.needs_user()),
        "{refused:?}"
    );
}

#[test]
fn introspection_and_metadata_name_details_and_their_types() {
    let endpoint = Endpoint::new("https://server.example.com/introspect").unwrap();
    let client = client().with_introspection_endpoint(endpoint);
    let request = IntrospectionRequest::new(&client, &Secret::new("t"), TokenTypeHint::AccessToken);
    let json = format!(r#"{{"active":true,"authorization_details":{AS_JSON}}}"#);
    let told = at(|cx| request.parse(&reply(200, JSON, json.as_str()), cx)).unwrap();
    assert_eq!(told.authorization_details().unwrap().unwrap().to_json(), AS_JSON);
    let json = r#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token","authorization_details_types_supported":["a","b"]}"#;
    let request = MetadataRequest::new(&Issuer::new("https://as.example").unwrap());
    let server = at(|cx| request.parse(&reply(200, JSON, json), cx)).unwrap();
    assert_eq!(
        server.authorization_details_types_supported().unwrap(),
        ["a", "b"]
    );
}
