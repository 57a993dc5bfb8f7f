//! Revocation: what counts as done.

use grantflow_core::error::{ErrorCode, ReplyProblem};
use grantflow_core::{Client, Endpoint, Error, Outcome, Response, RevocationRequest, Secret, TokenTypeHint};

use super::{JSON, at, client, problem, reply};

fn parse(reply: &Response) -> Result<(), Error> {
    let request = RevocationRequest::new(&client(), &Secret::new("t"), TokenTypeHint::RefreshToken);
    at(|cx| request.parse(reply, cx))
}

#[test]
fn a_success_is_done_whatever_the_body_says() {
    for body in [
        "",
        "{}",
        "OK",
        "<html>",
        r#"{"error":"invalid_token"}"#,
        r#"{"a":1,"a":1}"#,
    ] {
        assert!(parse(&reply(200, "", body)).is_ok(), "{body}");
    }
    assert!(parse(&reply(204, "", "")).is_ok());
}

#[test]
fn a_refusal_is_never_taken_for_done_even_when_the_token_is_unknown() {
    for code in [
        "invalid_token",
        "invalid_grant",
        "unsupported_token_type",
        "invalid_client",
    ] {
        match parse(&reply(400, JSON, format!(r#"{{"error":"{code}"}}"#))) {
            Err(Error::Server(refusal)) => assert_eq!(refusal.code(), &ErrorCode::from(code)),
            other => panic!("{code}: {other:?}"),
        }
    }
    assert_eq!(problem(&parse(&reply(404, "", ""))), ReplyProblem::Status);
}

#[test]
fn a_server_that_is_busy_may_be_asked_again() {
    let mut reply = reply(503, "", "");
    reply.headers_mut().insert("retry-after", "30".parse().unwrap());
    let error = parse(&reply).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Transient);
    assert!(error.retry_at().is_some());
}

#[test]
fn a_client_without_the_endpoint_is_told_so() {
    let bare = Client::new("c", Endpoint::new("https://x.example/token").unwrap());
    let request = RevocationRequest::new(&bare, &Secret::new("t"), TokenTypeHint::AccessToken);
    assert!(matches!(
        at(|cx| request.to_http(cx)),
        Err(Error::InvalidInput(_))
    ));
}
