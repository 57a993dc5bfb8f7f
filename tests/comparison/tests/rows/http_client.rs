//! Whose HTTP client sends the requests, and whether it can be the program's own.

use std::cell::Cell;

use grantflow::{Request, Response, Transport, TransportError};
use grantflow_comparison::yup::User;
use grantflow_comparison::{Door, Grant, gca, oauth2_rs, ours, runtime, tame, yup};
use grantflow_testserver::Rotation;
use oauth2::{HttpRequest, HttpResponse, RefreshToken};
use tame_oauth::gcp::TokenProvider as _;

const REPLY: &str = r#"{"access_token":"from nowhere","token_type":"bearer","expires_in":3600}"#;

fn canned<B>(body: B) -> http::Response<B> {
    let reply = http::Response::builder().header("content-type", "application/json");
    reply.body(body).expect("a reply")
}

/// An HTTP client in one function: it does not even have a socket.
#[derive(Debug)]
struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, _: Request) -> Result<Response, TransportError> {
        Ok(canned(REPLY.as_bytes().to_vec().into()))
    }
}

#[test]
fn grantflow_takes_any() {
    let grant = Grant::new(Rotation::Strict);
    let file = grant.path("credentials.json");
    drop(ours::stored(&grant, &file));
    let token = ours::open_with(&file, Nowhere).access_token().expect("a token");
    assert_eq!((token.token.expose(), grant.asked()), ("from nowhere", 0));
}

#[test]
fn oauth2_takes_any() {
    let sent = Cell::new(0);
    let http = |_: HttpRequest| -> Result<HttpResponse, std::io::Error> {
        sent.set(sent.get() + 1);
        Ok(canned(REPLY.as_bytes().to_vec()))
    };
    let client = oauth2_rs::client("http://127.0.0.1:1");
    let token = RefreshToken::new("any".to_owned());
    client
        .exchange_refresh_token(&token)
        .request(&http)
        .expect("a token");
    assert_eq!(sent.get(), 1);
}

/// What is its own to choose is the connector of hyper's client, which is a part of the type.
#[test]
fn yup_oauth2_takes_that_of_hyper() {
    let grant = Grant::new(Rotation::Strict);
    let file = grant.path("tokens.json");
    yup::store(&grant, &file);
    runtime().block_on(async {
        let authenticator = yup::open(grant.server.issuer(), &file, User::default()).await;
        assert!(std::any::type_name_of_val(&authenticator).contains("hyper_util::client::legacy"));
        yup::token(&authenticator).await.expect("a token");
    });
    assert_eq!(grant.asked(), 1);
}

#[test]
fn tame_oauth_takes_any() {
    let grant = Grant::new(Rotation::Strict);
    let credentials = tame::open(&grant);
    let (request, hash) = *tame::ask(&credentials).expect_err("a request");
    assert_eq!(request.uri(), "https://oauth2.googleapis.com/token");
    let token = credentials
        .parse_token_response(hash, canned(REPLY))
        .expect("a token");
    assert_eq!((token.access_token.as_str(), grant.asked()), ("from nowhere", 0));
}

/// The program gives none, and has no place to give one: it makes reqwest's, a new one for each refresh.
#[test]
fn google_cloud_auth_brings_its_own() {
    let grant = Grant::new(Rotation::Strict);
    let door = Door::to(&grant);
    runtime().block_on(async {
        let credentials = gca::open(&grant, &door);
        gca::token(&credentials).await.expect("a token");
    });
    assert_eq!(grant.asked(), 1);
}
