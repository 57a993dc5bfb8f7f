//! The address a user consents at, with PKCE and state.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantflow_core::{AuthorizationRequest, Client, Cx, Endpoint, EntropyError, native};
use oauth2::basic::BasicClient;
use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, RedirectUrl, Scope};
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};

use super::{Bar, Case, Group};
use crate::clock::Clock;

const ENDPOINT: &str = "https://accounts.google.com/o/oauth2/v2/auth";
const CLIENT_ID: &str = "1234567890-abcdefghijklmnop.apps.googleusercontent.com";
const REDIRECT_URI: &str = "http://127.0.0.1:8080/callback";
const SCOPES: [&str; 2] = ["https://www.googleapis.com/auth/calendar", "email"];

const OURS: &str = "ours: AuthorizationRequest::start, OS randomness";
const OURS_GENERATED: &str = "ours: AuthorizationRequest::start, the generator of oauth2";
const PEER: &str = "oauth2, randomness of its own";

pub(super) fn group() -> Group {
    let endpoint = |address: &str| Endpoint::new(address).expect("an address");
    let client = Client::new(CLIENT_ID, endpoint("https://oauth2.googleapis.com/token"))
        .with_authorization_endpoint(endpoint(ENDPOINT));
    let peer = BasicClient::new(ClientId::new(CLIENT_ID.to_owned()))
        .set_auth_uri(AuthUrl::new(ENDPOINT.to_owned()).expect("an address"))
        .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.to_owned()).expect("an address"));
    Group {
        name: "authorization-url",
        title: "An authorization URL with PKCE and state",
        cases: vec![
            by_hand("by hand, OS randomness", native::fill),
            by_hand("by hand, the generator of oauth2", generated),
            ours(OURS, client.clone(), native::fill),
            ours(OURS_GENERATED, client, generated),
            Case::new(PEER, move |n| {
                for _ in 0..n {
                    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
                    let url = peer
                        .authorize_url(CsrfToken::new_random)
                        .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
                        .set_pkce_challenge(challenge)
                        .url();
                    drop(black_box((url, verifier)));
                }
            }),
        ],
        bars: [OURS_GENERATED, OURS]
            .map(|case| Bar {
                case,
                limit: PEER,
                times: 0.5,
                allocations: Some(0.5),
                instructions: None,
            })
            .into(),
        clock: Clock::Thread,
    }
}

type Fill = fn(&mut [u8]) -> Result<(), EntropyError>;

/// As `oauth2` gets its random bytes: from a generator of each thread, which the system seeds.
fn generated(bytes: &mut [u8]) -> Result<(), EntropyError> {
    rand::thread_rng().fill_bytes(bytes);
    Ok(())
}

fn ours(name: &'static str, client: Client, fill: Fill) -> Case {
    Case::new(name, move |n| {
        let mut fill = fill;
        for _ in 0..n {
            let mut cx = Cx::new(native::now(), &mut fill);
            let request = AuthorizationRequest::new(&client, REDIRECT_URI).scopes(SCOPES);
            drop(black_box(
                request
                    .and_then(|request| request.start(&mut cx))
                    .expect("an address"),
            ));
        }
    })
}

fn by_hand(name: &'static str, fill: Fill) -> Case {
    Case::new(name, move |n| (0..n).for_each(|_| drop(black_box(written(fill)))))
}

/// Strings pushed into one buffer: no type says what is in it, and nothing is checked.
fn written(fill: Fill) -> (String, String, String) {
    let mut random = [0; 64];
    fill(&mut random).expect("random bytes");
    let state = URL_SAFE_NO_PAD.encode(&random[..32]);
    let verifier = URL_SAFE_NO_PAD.encode(&random[32..]);
    let mut url = String::with_capacity(512);
    url.push_str(ENDPOINT);
    url.push_str("?response_type=code&client_id=");
    url.extend(form_urlencoded::byte_serialize(CLIENT_ID.as_bytes()));
    url.push_str("&redirect_uri=");
    url.extend(form_urlencoded::byte_serialize(REDIRECT_URI.as_bytes()));
    url.push_str("&scope=");
    for (at, scope) in SCOPES.iter().enumerate() {
        url.push_str(if at > 0 { "+" } else { "" });
        url.extend(form_urlencoded::byte_serialize(scope.as_bytes()));
    }
    url.push_str("&state=");
    url.push_str(&state);
    url.push_str("&code_challenge=");
    URL_SAFE_NO_PAD.encode_string(Sha256::digest(&verifier), &mut url);
    url.push_str("&code_challenge_method=S256");
    (url, state, verifier)
}
