//! Pushed authorization requests: the same parameters by another way, and an address that says nothing of them.

use grantflow_core::error::ReplyProblem;
use grantflow_core::{
    AuthorizationRequest, AuthorizationUrl, Client, Endpoint, Error, PendingAuthorization,
    PushedAuthorizationRequest, Quirks, Request, Response, ResponseMode, Secret, Step, Timestamp,
};

use super::{CANARY, JSON, NOW, at, body, client, pairs, problem, refused, reply};

fn pushing() -> Client {
    let endpoint = Endpoint::new("https://server.example.com/par").unwrap();
    client().with_pushed_authorization_request_endpoint(endpoint)
}

fn request(client: &Client) -> AuthorizationRequest<'_> {
    AuthorizationRequest::new(client, "https://client.example.org/cb")
        .scopes("openid account-information")
        .unwrap()
        .response_mode(ResponseMode::FormPost)
        .resource("https://api.example.com/")
        .login_hint(CANARY)
}

fn push(client: &Client) -> (PushedAuthorizationRequest, PendingAuthorization) {
    at(|cx| request(client).push(cx)).unwrap()
}

fn sent(client: &Client) -> (Request, Vec<(String, String)>) {
    let (pushed, _) = push(client);
    let request = at(|cx| pushed.to_http(cx)).unwrap();
    let parameters = pairs(request.body().as_bytes());
    (request, parameters)
}

fn answered(reply: &Response) -> Result<AuthorizationUrl, Error> {
    let (pushed, _) = push(&pushing());
    at(|cx| pushed.parse(reply, cx))
}

fn created(json: &str) -> Result<AuthorizationUrl, Error> {
    answered(&reply(201, JSON, json))
}

#[test]
fn v27_the_reply_of_rfc_9126_gives_an_address_with_a_reference_alone() {
    let json = r#"{"request_uri": "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c", "expires_in": 60}"#;
    let url = created(json).unwrap();
    assert_eq!(
        url.as_str(),
        "https://server.example.com/authorize?client_id=s6BhdRkqt3\
         &request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A6esc_11ACC5bwc014ltc14eY22c"
    );
    assert_eq!(url.expires_at(), Some(Timestamp::from_unix_seconds(NOW + 60)));
    assert_eq!(format!("{url:?}"), "https://server.example.com/authorize");
}

#[test]
fn what_is_pushed_is_what_the_address_would_have_said() {
    let client = pushing();
    let (url, _) = at(|cx| request(&client).start(cx)).unwrap();
    let mut said = pairs(url.as_str().split_once('?').unwrap().1.as_bytes());
    let (request, mut pushed) = sent(&client);
    assert_eq!(
        (request.method().as_str(), request.uri().to_string().as_str()),
        ("POST", "https://server.example.com/par")
    );
    said.sort();
    pushed.sort();
    assert_eq!(pushed, said);
    assert!(
        pushed
            .iter()
            .any(|(name, value)| name == "login_hint" && value == CANARY)
    );
}

#[test]
fn t35_the_client_authenticates_as_at_the_token_endpoint_and_is_named_once() {
    let secret = "gX1f Bat3bV";
    for (client, header) in [
        (pushing(), false),
        (pushing().with_secret_post(secret), false),
        (pushing().with_secret_basic(secret), true),
    ] {
        let (request, parameters) = sent(&client);
        let count = |name: &str| parameters.iter().filter(|(known, _)| known == name).count();
        assert_eq!(count("client_id"), 1, "{client:?}");
        assert_eq!(request.headers().contains_key("authorization"), header);
        let method = client.authentication().method();
        assert_eq!(
            count("client_secret"),
            usize::from(method == "client_secret_post")
        );
    }
}

#[test]
fn q24_q27_a_client_that_is_named_otherwise_is_named_so_and_once() {
    let quirks = |beside_basic, renamed| {
        let mut quirks = Quirks::default();
        quirks.client_id_beside_basic = beside_basic;
        if renamed {
            quirks
                .renamed_parameters
                .insert("client_id".into(), "client_key".into());
        }
        quirks
    };
    let secret = "gX1fBat3bV";
    for client in [
        pushing(),
        pushing().with_secret_post(secret),
        pushing().with_secret_basic(secret),
    ] {
        for (beside_basic, name) in [(true, "client_id"), (false, "client_key"), (true, "client_key")] {
            let client = client
                .clone()
                .with_quirks(quirks(beside_basic, name == "client_key"));
            let (_, parameters) = sent(&client);
            let names: Vec<_> = parameters
                .iter()
                .filter(|(_, value)| value == client.id())
                .collect();
            assert_eq!(names, [&(name.to_owned(), client.id().to_owned())], "{client:?}");
            let url = at(|cx| {
                push(&client)
                    .0
                    .parse(&reply(201, JSON, r#"{"request_uri":"urn:x"}"#), cx)
            });
            let address =
                format!("https://server.example.com/authorize?{name}=s6BhdRkqt3&request_uri=urn%3Ax");
            assert_eq!(url.unwrap().as_str(), address);
        }
    }
}

#[test]
fn the_query_of_the_authorization_endpoint_stays_in_the_address() {
    let endpoint = Endpoint::new("https://server.example.com/authorize?tenant=1").unwrap();
    let client = pushing().with_authorization_endpoint(endpoint);
    let (_, parameters) = sent(&client);
    assert!(parameters.iter().all(|(name, _)| name != "tenant"));
    let (pushed, _) = push(&client);
    let url = at(|cx| pushed.parse(&reply(201, JSON, r#"{"request_uri":"urn:x"}"#), cx)).unwrap();
    let address = "https://server.example.com/authorize?tenant=1&client_id=s6BhdRkqt3&request_uri=urn%3Ax";
    assert_eq!((url.as_str(), url.expires_at()), (address, None));
}

#[test]
fn the_redirect_is_judged_by_what_was_pushed() {
    let (pushed, pending) = push(&pushing());
    let request = at(|cx| pushed.to_http(cx)).unwrap();
    let parameters = pairs(request.body().as_bytes());
    let state = &parameters.iter().find(|(name, _)| name == "state").unwrap().1;
    assert_eq!(pending.response_mode(), ResponseMode::FormPost);
    let code = at(|cx| pending.accept(&format!("code=c&state={state}"), cx)).unwrap();
    assert_eq!(code.scopes().to_string(), "openid account-information");
    let nonce = parameters.iter().find(|(name, _)| name == "nonce").unwrap();
    assert!(code.nonce().unwrap().eq_ct(&Secret::new(&*nonce.1)));
}

#[test]
fn a_server_that_takes_nothing_else_gets_no_request_in_an_address() {
    let client = pushing().with_push_required(true);
    let refused = at(|cx| request(&client).start(cx));
    assert!(matches!(refused, Err(Error::InvalidInput(_))), "{refused:?}");
    let step = at(|cx| request(&client).begin(cx)).unwrap();
    assert!(!matches!(step, Step::Done(_)));
    let step = at(|cx| request(&pushing()).begin(cx)).unwrap();
    assert!(
        matches!(step, Step::Done(_)),
        "where it takes both, the address is enough"
    );
    let nowhere = at(|cx| request(&super::client()).push(cx).map(|_| ()));
    assert!(matches!(nowhere, Err(Error::InvalidInput(_))), "{nowhere:?}");
}

#[test]
fn a_client_cannot_push_what_belongs_to_the_flow() {
    for name in [
        "state",
        "redirect_uri",
        "code_challenge",
        "response_mode",
        "request_uri",
        "request",
    ] {
        let client = pushing().with_parameter(name, "x");
        let refused = at(|cx| AuthorizationRequest::new(&client, "https://client.example.org/cb").push(cx));
        assert!(refused.is_err(), "{name}");
    }
}

#[test]
fn t28_t30_t32_replies_that_make_no_sense_are_refused() {
    let missing = ReplyProblem::Missing("request_uri");
    let invalid = ReplyProblem::Invalid("request_uri");
    let long = format!(r#"{{"request_uri":"urn:{}"}}"#, "a".repeat(2048));
    for (json, expected) in [
        ("{}", missing),
        (r#"{"request_uri":null}"#, missing),
        (r#"{"request_uri":""}"#, missing),
        (r#"{"request_uri":7}"#, invalid),
        (r#"{"request_uri":"urn:a b"}"#, invalid),
        (r#"{"request_uri":"urn:\u0000"}"#, invalid),
        (r#"{"request_uri":"urn:\u00e9"}"#, invalid),
        (&*long, invalid),
        (
            r#"{"request_uri":"urn:a","request_uri":"urn:b"}"#,
            ReplyProblem::Repeated,
        ),
        (
            r#"{"request_uri":"urn:a","expires_in":"soon"}"#,
            ReplyProblem::Invalid("expires_in"),
        ),
    ] {
        assert_eq!(problem(&created(json)), expected, "{json}");
    }
    let good = r#"{"request_uri":"urn:a"}"#;
    assert_eq!(
        problem(&answered(&reply(201, "text/html", good))),
        ReplyProblem::MediaType
    );
    for status in [301, 302, 303, 307, 308] {
        assert_eq!(
            problem(&answered(&reply(status, JSON, good))),
            ReplyProblem::Redirect
        );
    }
    let refusal = answered(&reply(400, JSON, r#"{"error":"invalid_request"}"#));
    assert_eq!(refused(&refusal), "invalid_request");
    assert!(
        answered(&reply(200, JSON, good)).is_ok(),
        "some say no more than that it went well"
    );
}

#[test]
fn t59_nothing_prints_what_is_pushed() {
    let (pushed, pending) = push(&pushing());
    let request = at(|cx| pushed.to_http(cx)).unwrap();
    let sent = pairs(body(&request).as_bytes());
    let printed = format!("{pushed:?} {pending:?} {request:?}");
    for (name, value) in sent
        .iter()
        .filter(|(name, _)| matches!(name.as_str(), "state" | "nonce" | "login_hint"))
    {
        assert!(!printed.contains(value.as_str()), "{name}");
    }
}
