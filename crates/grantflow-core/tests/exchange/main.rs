//! The exchanges over their public surface: what they send, and what they make of every reply.

#![expect(clippy::unwrap_used, reason = "tests")]

mod authorization_details;
mod backchannel;
mod device;
mod hostile;
mod introspection;
mod metadata;
mod providers;
mod pushed;
mod quirks;
mod refusals;
mod registration;
mod requests;
mod resource_metadata;
mod revocation;
mod token_reply;
mod vectors;

use std::sync::LazyLock;

use grantflow_core::error::ReplyProblem;
use grantflow_core::{
    Body, Client, Cx, Endpoint, Error, Issuer, Now, Request, Response, Secret, Timestamp, Token, TokenRequest,
};

/// Friday, 15 January 2027, 08:00:00.
const NOW: i64 = 1_800_000_000;

const JSON: &str = "application/json";

/// A secret that no error may show.
const CANARY: &str = "canary-7d3f";

fn at<R>(f: impl FnOnce(&mut Cx<'_>) -> R) -> R {
    let now = Now {
        wall: Timestamp::from_unix_seconds(NOW),
        ..Now::default()
    };
    let mut fill = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok(())
    };
    f(&mut Cx::new(now, &mut fill))
}

fn client() -> Client {
    let endpoint = |path: &str| Endpoint::new(format!("https://server.example.com/{path}")).unwrap();
    Client::new("s6BhdRkqt3", endpoint("token"))
        .with_issuer(Issuer::new("https://server.example.com").unwrap())
        .with_authorization_endpoint(endpoint("authorize"))
        .with_revocation_endpoint(endpoint("revoke"))
        .with_introspection_endpoint(endpoint("introspect"))
        .with_device_authorization_endpoint(endpoint("device_authorization"))
        .with_backchannel_authentication_endpoint(endpoint("bc-authorize"))
}

fn refresh(client: &Client) -> TokenRequest {
    TokenRequest::refresh(client, Secret::new("tGzv3JOkF0XG5Qx2TlKWIA"))
}

fn reply(status: u16, media_type: &str, body: impl Into<Body>) -> Response {
    let mut reply = http::Response::builder().status(status);
    if !media_type.is_empty() {
        reply = reply.header("content-type", media_type);
    }
    reply.body(body.into()).unwrap()
}

/// What a client without quirks makes of a reply.
fn parse(reply: &Response) -> Result<Token, Error> {
    static REQUEST: LazyLock<TokenRequest> = LazyLock::new(|| refresh(&client()));
    at(|cx| REQUEST.parse(reply, cx))
}

/// What a client without quirks makes of a successful reply in JSON.
fn ok(json: &str) -> Token {
    parse(&reply(200, JSON, json)).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// What is wrong with a successful reply in JSON.
fn wrong(json: &str) -> ReplyProblem {
    problem(&parse(&reply(200, JSON, json)))
}

fn problem<T: std::fmt::Debug>(result: &Result<T, Error>) -> ReplyProblem {
    match result {
        Err(Error::BadReply(bad)) => bad.problem(),
        other => panic!("{other:?}"),
    }
}

/// The code of a refusal.
fn refused<T: std::fmt::Debug>(result: &Result<T, Error>) -> &str {
    match result {
        Err(Error::Server(refusal)) => refusal.code().as_str(),
        other => panic!("{other:?}"),
    }
}

/// The parameters of a form.
fn pairs(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}

fn body(request: &Request) -> &str {
    std::str::from_utf8(request.body().as_bytes()).unwrap()
}
