//! A token reply of 522 bytes, from the bytes to a token.

use std::hint::black_box;

use grantflow_core::{Body, Client, Cx, Endpoint, EntropyError, Secret, TokenRequest, native};
use oauth2::basic::BasicTokenResponse;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Bar, Case, Group};
use crate::clock::Clock;

pub(super) fn group() -> Group {
    Group {
        name: "token-reply",
        title: "A token reply of 522 bytes",
        cases: vec![
            plain("limit: serde_json, extras kept", REPLY),
            ours("ours: TokenRequest::parse", REPLY),
            plain("limit: serde_json, one extra kept", WITH_EXTRA),
            ours("ours: TokenRequest::parse, one extra", WITH_EXTRA),
            Case::new("serde_json, extras dropped", |n| {
                (0..n).for_each(|_| drop(black_box(read::<Bare>(black_box(REPLY)))));
            }),
            Case::new("oauth2: as its requests read it", |n| {
                (0..n).for_each(|_| drop(black_box(oauth2(black_box(REPLY)))));
            }),
        ],
        bars: [
            ("ours: TokenRequest::parse", "limit: serde_json, extras kept"),
            (
                "ours: TokenRequest::parse, one extra",
                "limit: serde_json, one extra kept",
            ),
        ]
        .map(|(case, limit)| Bar {
            case,
            limit,
            times: 1.2,
            allocations: None,
            instructions: None,
        })
        .into(),
        clock: Clock::Thread,
    }
}

fn plain(name: &'static str, json: &'static str) -> Case {
    Case::new(name, move |n| {
        (0..n).for_each(|_| drop(black_box(read::<Plain>(black_box(json)))))
    })
}

fn ours(name: &'static str, json: &'static str) -> Case {
    let endpoint = Endpoint::new("https://server.example/token").expect("an address");
    let request = TokenRequest::refresh(&Client::new("client", endpoint), Secret::new("refresh"));
    let reply = http::Response::builder()
        .header("content-type", "application/json; charset=utf-8")
        .body(Body::from(json))
        .expect("a header");
    let now = native::now();
    Case::new(name, move |n| {
        let mut none = |_: &mut [u8]| Err(EntropyError::new());
        let cx = Cx::new(now, &mut none);
        (0..n).for_each(|_| drop(black_box(request.parse(black_box(&reply), &cx).expect("a token"))));
    })
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

fn read<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_slice(json.as_bytes()).expect("a reply")
}

fn oauth2(json: &str) -> BasicTokenResponse {
    let mut json = serde_json::Deserializer::from_slice(json.as_bytes());
    serde_path_to_error::deserialize(&mut json).expect("a reply")
}

/// An access token as long as those of Google.
macro_rules! access_token {
    () => {
        concat!(
            "ya29.a0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byC",
            "a0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCa0AfB_byCxxxxbb",
        )
    };
}

/// What Google answers, in the order it answers.
macro_rules! reply {
    ($refresh_token: literal, $extra: literal) => {
        concat!(
            r#"{"access_token":""#,
            access_token!(),
            r#"","expires_in":3599,"refresh_token":"1//0"#,
            $refresh_token,
            r#"","scope":"https://www.googleapis.com/auth/calendar openid","token_type":"Bearer""#,
            $extra,
            "}",
        )
    };
}

/// A reply with no other members than those of the protocol.
pub const REPLY: &str = reply!(
    "gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ012345",
    ""
);

const WITH_EXTRA: &str = reply!(
    "gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789gLbFcDnRkV",
    r#","refresh_token_expires_in":604799"#
);

const _: () = assert!(REPLY.len() == 522 && WITH_EXTRA.len() == 522);
