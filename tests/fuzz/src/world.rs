//! Replies, clocks and entropy for the targets that call the core.

use std::time::Duration;

use grantflow_core::{Body, Client, Cx, Endpoint, EntropyError, Issuer, Now, Response, Timestamp};

/// Long after 1970, so that nothing is too early.
pub(crate) const BEGIN: i64 = 1_800_000_000;

/// The clocks, so many milliseconds after the beginning.
pub(crate) fn at(elapsed: Duration) -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(BEGIN).plus(elapsed),
        boot: Duration::from_secs(1000).saturating_add(elapsed),
    }
}

/// Entropy that is the same each time.
pub(crate) fn sevens(bytes: &mut [u8]) -> Result<(), EntropyError> {
    bytes.fill(7);
    Ok(())
}

/// Asks with the clocks at the beginning.
pub(crate) fn with<T>(ask: impl FnOnce(&mut Cx<'_>) -> T) -> T {
    ask(&mut Cx::new(at(Duration::ZERO), &mut sevens))
}

/// A server that has everything.
pub(crate) fn client() -> Client {
    let endpoint = |path: &str| Endpoint::new(format!("https://as.example/{path}")).expect("an endpoint");
    Client::new("client", endpoint("token"))
        .with_issuer(Issuer::new("https://as.example").expect("an issuer"))
        .with_authorization_endpoint(endpoint("authorize"))
        .with_device_authorization_endpoint(endpoint("device"))
        .with_revocation_endpoint(endpoint("revoke"))
}

/// A reply with this status and type.
pub(crate) fn reply(status: u16, media_type: &'static str, body: &[u8]) -> Response {
    let mut reply = Response::new(Body::from(body.to_vec()));
    *reply.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    let value = http::HeaderValue::from_static(media_type);
    reply.headers_mut().insert(http::header::CONTENT_TYPE, value);
    reply
}

/// No member of an object is there twice: another reader would take the other one.
///
/// # Panics
///
/// If one is.
pub(crate) fn has_each_once(json: &[u8]) {
    let mut names = names(str::from_utf8(json).expect("it was read as JSON"));
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    assert!(twice.is_none(), "a member that is there twice: {twice:?}");
}

/// The names of an object's own members, each as often as it is there. Of what is no JSON they are any.
fn names(json: &str) -> Vec<String> {
    let (mut names, mut depth, mut is_name) = (Vec::new(), 0_u32, false);
    let mut rest = json;
    while let Some(at) = rest.find(['{', '}', '[', ']', ',', '"']) {
        let (sign, after) = rest[at..].split_at(1);
        rest = after;
        match sign {
            "{" | "[" => depth += 1,
            "}" | "]" => depth = depth.saturating_sub(1),
            "," => {}
            _ => {
                let end = end_of_text(rest);
                if is_name {
                    names.extend(serde_json::from_str::<String>(&format!("\"{}\"", &rest[..end])));
                }
                rest = rest.get(end + 1..).unwrap_or_default();
            }
        }
        is_name = depth == 1 && matches!(sign, "{" | ",");
    }
    names
}

/// Where the quotation mark is that ends a text.
fn end_of_text(rest: &str) -> usize {
    let mut is_escaped = false;
    let ends = |(_, byte): &(usize, u8)| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    };
    let found = rest.bytes().enumerate().find(ends);
    found.map_or(rest.len(), |(at, _)| at)
}
