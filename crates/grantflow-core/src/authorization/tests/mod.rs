//! Tests of the authorization code grant over its public surface.
#![expect(clippy::unwrap_used, reason = "tests")]

mod arbitrary;
mod end_session;
mod mode;
mod redirect;
mod response_type;
mod stored;
mod url;
mod vectors;

use sha2::{Digest, Sha256};

use super::{AuthorizationRequest, AuthorizationUrl, PendingAuthorization};
use crate::{Client, Cx, Endpoint, EntropyError, Issuer, Now, Timestamp};

const START: i64 = 1_800_000_000;

/// Random bytes without a random source: SHA-256 of a counter.
struct Noise(u64);

impl Noise {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for part in bytes.chunks_mut(32) {
            self.0 += 1;
            let noise = Sha256::digest(self.0.to_be_bytes());
            part.copy_from_slice(&noise[..part.len()]);
        }
        Ok(())
    }
}

/// Runs `f` at so many seconds after the start.
fn at<T>(seconds: i64, f: impl FnOnce(&mut Cx<'_>) -> T) -> T {
    let mut noise = Noise(0);
    let mut fill = |bytes: &mut [u8]| noise.fill(bytes);
    f(&mut Cx::new(now(seconds), &mut fill))
}

fn now(seconds: i64) -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(START + seconds),
        ..Now::default()
    }
}

fn client() -> Client {
    Client::new("s6BhdRkqt3", Endpoint::new("https://as.example/token").unwrap())
        .with_issuer(Issuer::new("https://as.example").unwrap())
        .with_authorization_endpoint(Endpoint::new("https://as.example/authorize").unwrap())
}

fn request(client: &Client) -> AuthorizationRequest<'_> {
    AuthorizationRequest::new(client, "http://127.0.0.1:8080/callback")
}

fn start(request: AuthorizationRequest<'_>) -> (AuthorizationUrl, PendingAuthorization) {
    at(0, |cx| request.start(cx)).unwrap()
}

/// The parameters of an address, decoded.
fn parameters(url: &str) -> Vec<(String, String)> {
    let query = url.split_once('?').unwrap().1;
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn parameter(url: &AuthorizationUrl, name: &str) -> Option<String> {
    let mut values = parameters(url.as_str())
        .into_iter()
        .filter(|(known, _)| known == name);
    let value = values.next().map(|(_, value)| value);
    assert!(values.next().is_none(), "{name} is there twice");
    value
}
