//! Replies that are no success: what kind of error, when to try again, and what is shown.

use std::time::Duration;

use grantflow_core::error::{ErrorCode, Outcome, ReplyProblem};
use grantflow_core::{
    BackchannelAuthenticationRequest, DeviceAuthorizationRequest, Error, IntrospectionRequest, Issuer,
    MetadataRequest, Response, RevocationRequest, Secret, Timestamp, TokenTypeHint, UserHint,
};

use super::{CANARY, JSON, NOW, at, client, parse, problem, refresh, refused, reply};

const TOKEN: &str = r#"{"access_token":"a","token_type":"Bearer"}"#;
const REFUSAL: &str = r#"{"error":"invalid_grant"}"#;

/// What every exchange makes of a reply.
fn every(reply: &Response) -> Vec<Result<(), Error>> {
    let (client, token) = (client(), Secret::new("t"));
    let issuer = Issuer::new("https://server.example.com").unwrap();
    let hint = TokenTypeHint::AccessToken;
    at(|cx| {
        vec![
            refresh(&client).parse(reply, cx).map(drop),
            RevocationRequest::new(&client, &token, hint).parse(reply, cx),
            IntrospectionRequest::new(&client, &token, hint)
                .parse(reply, cx)
                .map(drop),
            BackchannelAuthenticationRequest::new(&client, UserHint::LoginHint("ann".to_owned()))
                .parse(reply, cx)
                .map(drop),
            DeviceAuthorizationRequest::new(&client)
                .parse(reply, cx)
                .map(drop),
            MetadataRequest::new(&issuer).parse(reply, cx).map(drop),
            MetadataRequest::openid(&issuer).parse(reply, cx).map(drop),
        ]
    })
}

#[test]
fn t28_no_exchange_takes_a_redirect_for_an_answer() {
    let whole = r#"{"access_token":"a","active":true,"issuer":"https://server.example.com","token_endpoint":"https://x"}"#;
    for status in 300..=308 {
        for body in ["", whole, REFUSAL] {
            let mut reply = reply(status, JSON, body);
            reply
                .headers_mut()
                .insert("location", "https://evil.example/".parse().unwrap());
            for result in every(&reply) {
                assert_eq!(problem(&result), ReplyProblem::Redirect, "{status} {body}");
            }
        }
    }
}

#[test]
fn t30_success_needs_a_success_status_and_json_and_an_error_needs_neither() {
    let types = [
        "application/json",
        "text/html",
        "",
        "application/x-www-form-urlencoded",
    ];
    for (status, media_type) in [200, 201, 400, 500]
        .into_iter()
        .flat_map(|status| types.map(|kind| (status, kind)))
    {
        let token = parse(&reply(status, media_type, TOKEN));
        let refusal = parse(&reply(status, media_type, REFUSAL));
        match (status, media_type) {
            (200 | 201, "application/json") => {
                assert!(token.is_ok());
                assert_eq!(refused(&refusal), "invalid_grant", "q16");
            }
            (200 | 201, _) => {
                assert_eq!(problem(&token), ReplyProblem::MediaType, "{media_type}");
                assert_eq!(problem(&refusal), ReplyProblem::MediaType, "{media_type}");
            }
            _ => {
                assert_eq!(problem(&token), ReplyProblem::Status, "{status} {media_type}");
                assert_eq!(refused(&refusal), "invalid_grant", "{status} {media_type}");
            }
        }
    }
}

#[test]
fn t30_json_is_known_by_its_name_alone() {
    for good in [
        "application/json",
        "Application/JSON",
        " application/json ;charset=UTF-8",
        "application/json; x=\"a;b\"",
    ] {
        assert!(parse(&reply(200, good, TOKEN)).is_ok(), "{good}");
    }
    for bad in [
        "application/jsonp",
        "application/json5",
        "text/json",
        "application/problem+json",
        "json",
        "; application/json",
    ] {
        assert_eq!(
            problem(&parse(&reply(200, bad, TOKEN))),
            ReplyProblem::MediaType,
            "{bad}"
        );
    }
}

#[test]
fn t31_no_exchange_reads_more_than_a_mebibyte() {
    let padded = |json: &str, size: usize| format!("{json}{}", " ".repeat(size - json.len()));
    assert!(parse(&reply(200, JSON, padded(TOKEN, 1 << 20))).is_ok());
    for status in [200, 400, 503] {
        for result in every(&reply(status, JSON, padded(REFUSAL, (1 << 20) + 1))) {
            assert_eq!(problem(&result), ReplyProblem::TooLarge, "{status}");
        }
    }
}

#[test]
fn q16_a_refusal_counts_whatever_its_status_is() {
    for status in [200, 201, 400, 401, 403, 404, 429, 500, 503] {
        let result = parse(&reply(status, JSON, REFUSAL));
        assert_eq!(refused(&result), "invalid_grant", "{status}");
    }
    // A token beside it changes nothing.
    let both = parse(&reply(
        200,
        JSON,
        r#"{"access_token":"a","error":"invalid_scope"}"#,
    ));
    assert_eq!(refused(&both), "invalid_scope");
}

#[test]
fn a_refusal_keeps_what_the_server_said_and_every_code() {
    let json = r#"{"error":"weird_\u0063ode","error_description":"d","error_uri":"https://x/e","other":1}"#;
    let Err(Error::Server(refusal)) = parse(&reply(400, "", json)) else {
        panic!()
    };
    assert_eq!(refusal.code(), &ErrorCode::Other("weird_code".to_owned()));
    assert_eq!(refusal.description(), Some("d"));
    assert_eq!(refusal.uri(), Some("https://x/e"));
    assert_eq!(refusal.status().unwrap(), 400);
    let odd = r#"{"error":"invalid_client","error_description":7,"error_uri":null}"#;
    let Err(Error::Server(refusal)) = parse(&reply(401, JSON, odd)) else {
        panic!()
    };
    assert_eq!(
        (refusal.code(), refusal.description(), refusal.uri()),
        (&ErrorCode::InvalidClient, None, None)
    );
}

#[test]
fn t71_an_error_shows_the_code_and_nothing_else_of_the_reply() {
    let bodies = [
        format!(
            r#"{{"error":"invalid_grant","error_description":"{CANARY}","error_uri":"https://x/{CANARY}"}}"#
        ),
        format!(r#"{{"message":"{CANARY}"}}"#),
        format!(r#"{{"error":{{"message":"{CANARY}"}}}}"#),
        format!(r#"{{"access_token":"{CANARY}","expires_in":"{CANARY}"}}"#),
        format!(r#"{{"access_token":"{CANARY}\n"}}"#),
        format!(r#"{{"access_token":"{CANARY}","token_type":"{CANARY}"}}"#),
        format!(r#"{{"{CANARY}":1,"{CANARY}":1}}"#),
        format!("{{\"access_token\":{CANARY}}}"),
        format!("<html>{CANARY}</html>"),
        CANARY.to_owned(),
    ];
    for body in bodies {
        for status in [200, 400, 500] {
            let Err(error) = parse(&reply(status, JSON, body.clone())) else {
                continue;
            };
            let shown = format!("{error} {error:?} {error:#?}");
            assert!(!shown.contains(CANARY), "{shown}");
            assert!(std::error::Error::source(&error).is_none());
        }
    }
    let error = parse(&reply(400, JSON, r#"{"error":"a\u001b[2Jb\r\n\u202e"}"#)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server refused: a\\u{1b}[2Jb\\r\\n\\u{202e}"
    );
}

#[test]
fn r16_every_error_says_when_the_server_wants_to_be_asked_again() {
    let after = |seconds| Some(Timestamp::from_unix_seconds(NOW).plus(Duration::from_secs(seconds)));
    for (value, expected) in [
        ("120", after(120)),
        ("Fri, 15 Jan 2027 08:02:00 GMT", after(120)),
        ("86400", after(3600)),
        ("Sat, 16 Jan 2027 08:00:00 GMT", after(3600)),
        ("Fri, 15 Jan 2027 07:00:00 GMT", after(0)),
        ("tomorrow", None),
    ] {
        for (status, body) in [
            (429, REFUSAL),
            (503, REFUSAL),
            (503, "<html>"),
            (429, ""),
            (500, "{}"),
            (302, ""),
            (200, "{}"),
            (200, "<html>"),
            (200, REFUSAL),
        ] {
            let mut reply = reply(status, JSON, body);
            reply.headers_mut().insert("retry-after", value.parse().unwrap());
            for error in every(&reply).into_iter().filter_map(Result::err) {
                assert_eq!(error.retry_at(), expected, "{value} {status} {body}");
            }
        }
    }
}

#[test]
fn r17_what_a_failure_means_for_a_second_try_follows_from_the_status() {
    for (status, body, outcome) in [
        (429, "", Outcome::Transient),
        (503, "<html>", Outcome::Transient),
        (408, "", Outcome::Ambiguous),
        (500, "", Outcome::Ambiguous),
        (502, "<html>", Outcome::Ambiguous),
        (504, "{}", Outcome::Ambiguous),
        (400, "{}", Outcome::Permanent),
        (400, REFUSAL, Outcome::Permanent),
        (404, "", Outcome::Permanent),
        (302, "", Outcome::Permanent),
    ] {
        assert_eq!(
            parse(&reply(status, "", body)).unwrap_err().outcome(),
            outcome,
            "{status} {body}"
        );
    }
}

#[test]
fn r21_what_a_proxy_or_a_portal_answers_is_a_typed_error() {
    let not_json: &[&[u8]] = &[
        b"",
        b" ",
        b"\n",
        b"\xEF\xBB\xBF",
        b"<html><title>Log in to the hotel</title></html>",
        b"<!DOCTYPE html>",
        b"<?xml version=\"1.0\"?><access_token>a</access_token>",
        b"{",
        b"}",
        b"{}{}",
        b"{\"access_token\":\"a\"}x",
        b"{\"access_token\":\"a\"",
        b"{\"access_token\":\"a",
        b"{\"access_token\":",
        b"{\"access_token\"",
        b"{'access_token':'a'}",
        b"{access_token:\"a\"}",
        b"{\"access_token\":\"a\",}",
        b"{\"access_token\":\"a\nb\"}",
        b"{\"access_token\":\"\\x\"}",
        b"{\"access_token\":\"\\u00\"}",
        b"{\"\\ud800\":1}",
        b"{\"access_token\":NaN}",
        b"{\"access_token\":01}",
        b"{\"access_token\":+1}",
        b"{\"access_token\":\"a\"}\0",
        b"\0{\"access_token\":\"a\"}",
        b"{\"access_token\":\"\xff\"}",
        b"{\"access_token\":\"\xc3\"}",
        b"{\"access_token\":\"\xed\xa0\x80\"}",
        b"{\"access_token\":\"\xc0\x80\"}",
        b"\xff\xfe{\0}\0",
        b"\xfe\xff\0{\0}",
        b"{\0\"\0a\0\"\0}\0",
        b"access_token=a&token_type=bearer",
        b"callback({\"access_token\":\"a\"})",
        b")]}',\n{\"access_token\":\"a\"}",
        b"\x1f\x8b\x08\0\0\0\0\0",
        b"OK",
        b"[1,",
    ];
    for body in not_json {
        let shown = String::from_utf8_lossy(body);
        let result = parse(&reply(200, JSON, body.to_vec()));
        assert!(
            matches!(problem(&result), ReplyProblem::NotJson { .. }),
            "{shown}: {result:?}"
        );
        assert_eq!(
            problem(&parse(&reply(200, "text/html", body.to_vec()))),
            ReplyProblem::MediaType
        );
        assert_eq!(
            problem(&parse(&reply(502, "text/html", body.to_vec()))),
            ReplyProblem::Status,
            "{shown}"
        );
    }
}

#[test]
fn r21_the_place_of_the_first_error_is_kept() {
    for (body, line, column) in [
        (&b"{\n\"access_token\": x}"[..], 2, 17),
        (b"{\"a\":\"\xff\"}", 1, 7),
        (b"{\n\n\"a\":\xff}", 3, 5),
    ] {
        let expected = ReplyProblem::NotJson { line, column };
        assert_eq!(problem(&parse(&reply(200, JSON, body.to_vec()))), expected);
    }
}

#[test]
fn an_informational_status_is_no_success() {
    assert_eq!(problem(&parse(&reply(101, JSON, TOKEN))), ReplyProblem::Status);
}
