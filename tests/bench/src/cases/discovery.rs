//! What a server says of itself and its keys, 21 KB in the shape of Keycloak's documents, against reading them into any JSON.

use std::hint::black_box;

use grantflow_core::{Body, Cx, Issuer, MetadataRequest, Response, native};
use grantflow_jwt::KeySet;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::{Bar, Case, Group};
use crate::clock::Clock;

const METADATA: &str = include_str!("../../documents/discovery.json");
const KEYS: &str = include_str!("../../documents/jwks.json");
const OURS: &str = "ours: `MetadataRequest::parse` and `KeySet::from_json`";
const LIMIT: &str = "limit: both into `serde_json::Value`";

pub(super) fn group() -> Group {
    let issuer = Issuer::new("https://as.example/realms/main").expect("an issuer");
    let request = MetadataRequest::openid(&issuer);
    let mut reply = Response::new(Body::from(METADATA));
    let json = HeaderValue::from_static("application/json");
    reply.headers_mut().insert(CONTENT_TYPE, json);
    Group {
        name: "discovery",
        title: "Metadata and keys of a server, 21 KB",
        cases: vec![
            Case::new(LIMIT, |n| {
                for _ in 0..n {
                    for document in [METADATA, KEYS] {
                        let value: serde_json::Value =
                            serde_json::from_str(black_box(document)).expect("JSON");
                        drop(black_box(value));
                    }
                }
            }),
            Case::new(OURS, move |n| {
                for _ in 0..n {
                    let mut fill = native::fill;
                    let cx = Cx::new(native::now(), &mut fill);
                    let read = request.parse(black_box(&reply), &cx).expect("metadata");
                    let keys = KeySet::from_json(black_box(KEYS)).expect("keys");
                    assert_eq!(keys.len(), 8);
                    drop(black_box((read, keys)));
                }
            }),
        ],
        bars: vec![Bar {
            case: OURS,
            limit: LIMIT,
            times: 1.5,
            allocations: None,
            instructions: None,
        }],
        clock: Clock::Thread,
    }
}
