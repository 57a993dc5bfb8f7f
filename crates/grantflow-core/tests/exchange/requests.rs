//! What the exchanges send.

use grantflow_core::{
    AuthorizationCode, AuthorizationRequest, Client, Cx, Endpoint, Error, IntrospectionRequest, Issuer, Next,
    Quirks, Request, Response, RevocationRequest, Scopes, Secret, Step, Token, TokenRequest, TokenTypeHint,
    TransportError, TransportErrorKind,
};

use super::{CANARY, JSON, at, client, ok, pairs, refresh, reply};

fn code(client: &Client) -> AuthorizationCode {
    let request = AuthorizationRequest::new(client, "http://127.0.0.1:7777/cb?x=1")
        .scopes("a b")
        .unwrap()
        .resource("https://api.example.com/");
    at(|cx| {
        let (url, pending) = request.start(cx)?;
        let query = pairs(url.as_str().split_once('?').unwrap().1.as_bytes());
        let state = &query.iter().find(|(name, _)| name == "state").unwrap().1;
        pending.accept(
            &format!("http://127.0.0.1:7777/cb?x=1&code=c%2F1&state={state}"),
            cx,
        )
    })
    .unwrap()
}

fn sent(request: &TokenRequest) -> Vec<(String, String)> {
    pairs(at(|cx| request.to_http(cx)).unwrap().body().as_bytes())
}

fn names(pairs: &[(String, String)]) -> Vec<&str> {
    pairs.iter().map(|(name, _)| &**name).collect()
}

#[test]
fn the_exchange_of_a_code_sends_its_redirect_address_verifier_and_resource_and_never_its_scopes() {
    let client = client();
    let sent = sent(&TokenRequest::authorization_code(&client, code(&client)));
    assert_eq!(
        names(&sent),
        [
            "grant_type",
            "code",
            "redirect_uri",
            "code_verifier",
            "resource",
            "client_id"
        ]
    );
    let value = |name: &str| &*sent.iter().find(|(known, _)| known == name).unwrap().1;
    assert_eq!(value("code"), "c/1");
    assert_eq!(value("redirect_uri"), "http://127.0.0.1:7777/cb?x=1");
    assert_eq!(value("resource"), "https://api.example.com/");
    assert_eq!(value("code_verifier").len(), 43);
}

#[test]
fn t07_a_code_goes_to_no_other_server_than_the_one_that_was_asked() {
    let code = code(&client());
    let evil = Client::new("s6BhdRkqt3", Endpoint::new("https://evil.example/token").unwrap())
        .with_issuer(Issuer::new("https://server.example.com").unwrap());
    let request = TokenRequest::authorization_code(&evil, code);
    assert!(matches!(
        at(|cx| request.to_http(cx)),
        Err(Error::InvalidInput(_))
    ));
}

#[test]
fn a_refresh_sends_scopes_and_resources_only_when_they_are_asked_for() {
    assert_eq!(
        names(&sent(&refresh(&client()))),
        ["grant_type", "refresh_token", "client_id"]
    );
    let narrowed = refresh(&client())
        .scopes(Scopes::parse("a b").unwrap())
        .resource("https://a.example/")
        .resource("https://b.example/");
    let sent = sent(&narrowed);
    let mut names = names(&sent);
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "client_id",
            "grant_type",
            "refresh_token",
            "resource",
            "resource",
            "scope"
        ]
    );
    assert!(sent.contains(&("scope".to_owned(), "a b".to_owned())));
}

#[test]
fn q37_scopes_are_joined_with_commas_where_the_provider_wants_it() {
    let mut quirks = Quirks::default();
    quirks.comma_scopes = true;
    let client = client().with_quirks(quirks);
    let request = refresh(&client).scopes(Scopes::parse("a b").unwrap());
    assert!(sent(&request).contains(&("scope".to_owned(), "a,b".to_owned())));
}

#[test]
fn t34_the_scopes_asked_for_can_be_compared_with_those_granted() {
    let client = client();
    let exchange = TokenRequest::authorization_code(&client, code(&client));
    assert_eq!(exchange.requested_scopes().to_string(), "a b");
    let fewer = ok(r#"{"access_token":"a","scope":"a"}"#);
    assert!(!fewer.scopes.unwrap().covers(exchange.requested_scopes()));
    let others = ok(r#"{"access_token":"a","scope":"a b openid"}"#);
    assert!(others.scopes.unwrap().covers(exchange.requested_scopes()));
}

#[test]
fn every_exchange_with_a_token_is_a_post_of_a_form_that_asks_for_json() {
    let client = client().with_secret_basic(CANARY);
    let token = Secret::new(CANARY);
    let requests: [Request; 4] = at(|cx| {
        [
            TokenRequest::refresh(&client, token.clone()).to_http(cx),
            TokenRequest::authorization_code(&client, code(&client)).to_http(cx),
            RevocationRequest::new(&client, &token, TokenTypeHint::AccessToken).to_http(cx),
            IntrospectionRequest::new(&client, &token, TokenTypeHint::AccessToken).to_http(cx),
        ]
        .map(Result::unwrap)
    });
    for request in requests {
        assert_eq!(request.method(), "POST");
        assert_eq!(
            request.headers()["content-type"],
            "application/x-www-form-urlencoded"
        );
        assert_eq!(request.headers()["accept"], JSON);
        assert_eq!(request.uri().query(), None);
    }
}

#[test]
fn t36_no_debug_of_a_request_shows_a_secret() {
    let client = client().with_secret_basic(CANARY);
    let token = Secret::new(CANARY);
    let refresh = TokenRequest::refresh(&client, token.clone());
    let revoke = RevocationRequest::new(&client, &token, TokenTypeHint::RefreshToken);
    let introspect = IntrospectionRequest::new(&client, &token, TokenTypeHint::RefreshToken);
    let http = at(|cx| refresh.to_http(cx)).unwrap();
    let basic = http.headers()["authorization"].to_str().unwrap().to_owned();
    for debug in [
        format!("{refresh:?}"),
        format!("{revoke:?}"),
        format!("{introspect:?}"),
        format!("{http:?}"),
    ] {
        assert!(!debug.contains(CANARY) && !debug.contains(&basic), "{debug}");
    }
}

/// The request that a flow sends first, and what takes the reply.
fn sending(flow: Step<Token>, cx: &mut Cx<'_>) -> (Request, Next<Result<Response, TransportError>, Token>) {
    let Step::Begin(next) = flow else {
        panic!("{flow:?}")
    };
    match next.resume((), cx).unwrap() {
        Step::Send(request, next) => (request, next),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flow_sends_once_and_gives_what_the_reply_says() {
    at(|cx| {
        let (request, next) = sending(refresh(&client()).flow(), cx);
        assert_eq!(request.uri(), "https://server.example.com/token");
        let answer = reply(200, JSON, r#"{"access_token":"a"}"#);
        match next.resume(Ok(answer), cx) {
            Ok(Step::Done(token)) => assert_eq!(token.access_token.expose(), "a"),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_flow_ends_with_the_error_of_the_transport() {
    at(|cx| {
        let (_, next) = sending(refresh(&client()).flow(), cx);
        let end = next.resume(Err(TransportError::new(TransportErrorKind::Timeout)), cx);
        assert!(matches!(end, Err(Error::Transport(_))));
    });
}
