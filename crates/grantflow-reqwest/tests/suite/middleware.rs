//! The middleware on a client of `reqwest-middleware`, against a server that counts.

#![expect(clippy::unwrap_used, reason = "tests")]

use grantflow_core::flow::ClientCredentials;
use grantflow_core::{Client, Credentials, Endpoint, Error, Origin, Quirks};
use grantflow_reqwest::{Authorize as _, ReqwestTransport};
use mockito::{Matcher, Mock, Server, ServerGuard};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

/// Credentials whose tokens come from `server`, for its own origin.
fn credentials(server: &ServerGuard) -> Credentials {
    let endpoint = Endpoint::allow_http_for_loopback(format!("{}/token", server.url())).unwrap();
    let client = Client::new("cid", endpoint).with_origins([Origin::new(&server.url()).unwrap()]);
    let source = ClientCredentials::new(client, "a").unwrap();
    Credentials::from_source(source, ReqwestTransport::new().unwrap())
}

fn client(credentials: &Credentials) -> ClientWithMiddleware {
    ClientBuilder::new(grantflow_reqwest::client().unwrap())
        .with(credentials.middleware())
        .build()
}

/// The token endpoint: `AT1`, then `AT2`, and then nothing more.
async fn tokens(server: &mut ServerGuard, grants: usize) -> Vec<Mock> {
    let mut mocks = Vec::new();
    for number in 1..=grants {
        let body = format!(r#"{{"access_token":"AT{number}","token_type":"Bearer","expires_in":3600}}"#);
        let mock = server
            .mock("POST", "/token")
            .with_header("content-type", "application/json")
            .with_body(body)
            .expect(1)
            .create_async()
            .await;
        mocks.push(mock);
    }
    mocks
}

async fn api(server: &mut ServerGuard, token: &str, status: usize, hits: usize) -> Mock {
    server
        .mock("POST", "/me")
        .match_header("authorization", format!("Bearer {token}").as_str())
        .match_body("data")
        .with_status(status)
        .expect(hits)
        .create_async()
        .await
}

/// reqwest takes a header that it does not know along to another host.
#[tokio::test]
async fn t28_q65_a_token_in_another_header_is_not_sent_by_the_middleware() {
    let mut server = Server::new_async().await;
    let mut quirks = Quirks::default();
    quirks.token_header = Some("x-api-token".to_owned());
    let endpoint = Endpoint::allow_http_for_loopback(format!("{}/token", server.url())).unwrap();
    let registered = Client::new("cid", endpoint)
        .with_origins([Origin::new(&server.url()).unwrap()])
        .with_quirks(quirks);
    let source = ClientCredentials::new(registered, "a").unwrap();
    let credentials = Credentials::from_source(source, ReqwestTransport::new().unwrap());
    let _granted = tokens(&mut server, 1).await;
    let me = server.mock("GET", "/me").expect(0).create_async().await;
    let refused = client(&credentials)
        .get(format!("{}/me", server.url()))
        .send()
        .await;
    assert!(refused.is_err());
    me.assert_async().await;
}

#[tokio::test]
async fn a_request_for_an_allowed_origin_has_the_header_and_a_token_is_asked_for_once() {
    let mut server = Server::new_async().await;
    let grants = tokens(&mut server, 1).await;
    let me = api(&mut server, "AT1", 200, 2).await;
    let client = client(&credentials(&server));
    for _ in 0..2 {
        let reply = client
            .post(format!("{}/me", server.url()))
            .body("data")
            .send()
            .await;
        assert_eq!(reply.unwrap().status(), 200);
    }
    me.assert_async().await;
    grants[0].assert_async().await;
}

#[tokio::test]
async fn another_origin_gets_no_header_and_no_token_is_asked_for() {
    let mut elsewhere = Server::new_async().await;
    let bare = elsewhere
        .mock("GET", "/me")
        .match_header("authorization", mockito::Matcher::Missing)
        .expect(1)
        .create_async()
        .await;
    let mut server = Server::new_async().await;
    let token = server.mock("POST", "/token").expect(0).create_async().await;
    let client = client(&credentials(&server));
    client
        .get(format!("{}/me", elsewhere.url()))
        .send()
        .await
        .unwrap();
    bare.assert_async().await;
    token.assert_async().await;
}

#[tokio::test]
async fn a_401_costs_one_refresh_and_one_replay_with_the_same_body() {
    let mut server = Server::new_async().await;
    let refused = api(&mut server, "AT1", 401, 1).await;
    let taken = api(&mut server, "AT2", 200, 1).await;
    let grants = tokens(&mut server, 2).await;
    let client = client(&credentials(&server));
    let reply = client
        .post(format!("{}/me", server.url()))
        .body("data")
        .send()
        .await;
    assert_eq!(reply.unwrap().status(), 200);
    for mock in grants.iter().chain([&refused, &taken]) {
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn r25_an_api_that_always_answers_401_is_asked_twice_and_then_gives_it_to_the_caller() {
    let mut server = Server::new_async().await;
    let refused = api(&mut server, "AT1", 401, 1).await;
    let again = api(&mut server, "AT2", 401, 2).await;
    let grants = tokens(&mut server, 2).await;
    let client = client(&credentials(&server));
    for _ in 0..2 {
        let reply = client
            .post(format!("{}/me", server.url()))
            .body("data")
            .send()
            .await;
        assert_eq!(reply.unwrap().status(), 401);
    }
    for mock in grants.iter().chain([&refused, &again]) {
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn why_no_token_can_be_had_is_the_error_and_the_api_is_not_asked() {
    let mut server = Server::new_async().await;
    let refused = server
        .mock("POST", "/token")
        .with_status(401)
        .with_header("content-type", "application/json")
        .with_body(r#"{"error":"invalid_client"}"#)
        .create_async()
        .await;
    let me = server.mock("POST", "/me").expect(0).create_async().await;
    let client = client(&credentials(&server));
    let failed = client
        .post(format!("{}/me", server.url()))
        .body("data")
        .send()
        .await;
    let reqwest_middleware::Error::Middleware(why) = failed.unwrap_err() else {
        panic!("an error of the middleware")
    };
    assert!(matches!(why.downcast_ref::<Error>(), Some(Error::Server(_))));
    refused.assert_async().await;
    me.assert_async().await;
}

#[tokio::test]
async fn t51_a_header_of_the_client_goes_where_the_token_goes_and_nowhere_else() {
    let (mut server, mut elsewhere) = (Server::new_async().await, Server::new_async().await);
    let tokens = tokens(&mut server, 1).await;
    let endpoint = Endpoint::allow_http_for_loopback(format!("{}/token", server.url())).unwrap();
    let client_of_it = Client::new("cid", endpoint)
        .with_origins([Origin::new(&server.url()).unwrap()])
        .with_api_header(PROJECT, "billed".parse().unwrap());
    let source = ClientCredentials::new(client_of_it, "a").unwrap();
    let client = client(&Credentials::from_source(
        source,
        ReqwestTransport::new().unwrap(),
    ));
    let exactly = |project: &str| Matcher::Exact(project.to_owned());
    let usual = server
        .mock("GET", "/usual")
        .match_header(PROJECT.as_str(), exactly("billed"));
    let own = server
        .mock("GET", "/own")
        .match_header(PROJECT.as_str(), exactly("own"));
    let nowhere = elsewhere
        .mock("GET", "/")
        .match_header(PROJECT.as_str(), Matcher::Missing);
    let mut mocks = Vec::new();
    for mock in [usual, own, nowhere] {
        mocks.push(mock.expect(1).create_async().await);
    }
    client
        .get(format!("{}/usual", server.url()))
        .send()
        .await
        .unwrap();
    let own = client.get(format!("{}/own", server.url())).header(PROJECT, "own");
    own.send().await.unwrap();
    client.get(elsewhere.url()).send().await.unwrap();
    for mock in mocks.iter().chain(&tokens) {
        mock.assert_async().await;
    }
}

const PROJECT: http::HeaderName = http::HeaderName::from_static("x-goog-user-project");
