//! A token reply of 522 bytes, from the bytes to a token.

use std::hint::black_box;

use grantflow_core::{Body, Client, Cx, Endpoint, EntropyError, Secret, TokenRequest, native};
use oauth2::basic::BasicTokenResponse;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Bar, Case, Group};
use crate::clock::Clock;

pub(super) fn group() -> Group {
    let endpoint = Endpoint::new("https://server.example/token").expect("an address");
    let request = TokenRequest::refresh(&Client::new("client", endpoint), Secret::new("refresh"));
    let reply = http::Response::builder()
        .header("content-type", "application/json; charset=utf-8")
        .body(Body::from(REPLY))
        .expect("a header");
    let now = native::now();
    Group {
        name: "token-reply",
        title: "A token reply of 522 bytes",
        cases: vec![
            Case::new("limit: serde_json, extras kept", |n| {
                (0..n).for_each(|_| drop(black_box(plain(black_box(REPLY.as_bytes())))));
            }),
            Case::new("ours: TokenRequest::parse", move |n| {
                let mut none = |_: &mut [u8]| Err(EntropyError::new());
                let cx = Cx::new(now, &mut none);
                (0..n).for_each(|_| drop(black_box(request.parse(black_box(&reply), &cx))));
            }),
            Case::new("serde_json, extras dropped", |n| {
                (0..n).for_each(|_| drop(black_box(bare(black_box(REPLY.as_bytes())))));
            }),
            Case::new("oauth2: as its requests read it", |n| {
                (0..n).for_each(|_| drop(black_box(oauth2(black_box(REPLY.as_bytes())))));
            }),
        ],
        bars: vec![Bar {
            case: "ours: TokenRequest::parse",
            limit: "limit: serde_json, extras kept",
            times: 1.2,
            allocations: None,
            instructions: None,
        }],
        clock: Clock::Thread,
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only made and dropped")]
struct Plain {
    access_token: String,
    token_type: String,
    expires_in: u64,
    refresh_token: Option<String>,
    scope: Option<String>,
    id_token: Option<String>,
    #[serde(flatten)]
    extras: Map<String, Value>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only made and dropped")]
struct Bare {
    access_token: String,
    token_type: String,
    expires_in: u64,
    refresh_token: Option<String>,
    scope: Option<String>,
    id_token: Option<String>,
}

fn plain(json: &[u8]) -> Plain {
    serde_json::from_slice(json).expect("a reply")
}

fn bare(json: &[u8]) -> Bare {
    serde_json::from_slice(json).expect("a reply")
}

fn oauth2(json: &[u8]) -> BasicTokenResponse {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(json)).expect("a reply")
}

/// What Google answers, in the order it answers.
pub const REPLY: &str = concat!(
    r#"{"access_token":"ya29."#,
    "a0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_b",
    "yCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB",
    "x",
    r#"","expires_in":3599,"refresh_token":"1//0"#,
    "gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkV",
    r#"","scope":"https://www.googleapis.com/auth/calendar openid","token_type":"Bearer","#,
    r#""refresh_token_expires_in":604799}"#,
);

const _: () = assert!(REPLY.len() == 522);
