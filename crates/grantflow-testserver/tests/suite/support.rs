//! A client that does what a test says and nothing more: no state, no checks, no retries.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::Duration;

use grantflow_testserver::TestServer;
use serde_json::Value;
use ureq::http::Response;
use url::{Url, form_urlencoded};

/// The pair of RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:5000/callback";

/// A reply, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("headers are text"))
    }

    pub(crate) fn error(&self) -> String {
        self.text("error")
    }

    pub(crate) fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into()
}

fn read(response: Response<ureq::Body>) -> Result<Reply, ureq::Error> {
    let (parts, mut body) = response.into_parts();
    let body = body.read_to_string()?;
    Ok(Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

pub(crate) fn get(url: &str) -> Reply {
    try_get(url, &[]).expect("the server answers")
}

pub(crate) fn try_get(url: &str, headers: &[(&str, &str)]) -> Result<Reply, ureq::Error> {
    let mut request = agent().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(request.call()?)
}

pub(crate) fn post(url: &str, form: &[(&str, &str)]) -> Reply {
    try_post(url, form, &[]).expect("the server answers")
}

pub(crate) fn try_post(
    url: &str,
    form: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> Result<Reply, ureq::Error> {
    let mut request = agent()
        .post(url)
        .content_type("application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    read(request.send(body)?)
}

/// The parameters of a good authorization request from `native-app`.
pub(crate) fn good_request() -> Vec<(&'static str, &'static str)> {
    vec![
        ("response_type", "code"),
        ("client_id", "native-app"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "read write"),
        ("state", "s t+a&te"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

/// The same with some parameters replaced, or left out where the value is empty.
pub(crate) fn request_with(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut request = good_request();
    request.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    request.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    request
}

pub(crate) fn authorization_url(server: &TestServer, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    format!("{}?{query}", server.url("/authorize"))
}

/// A parameter in the query of a redirect; empty if it is not there.
pub(crate) fn parameter(location: &str, name: &str) -> String {
    let url = Url::parse(location).expect("a redirect leads to a URL");
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// A code for `native-app`, approved by ann.
pub(crate) fn code(server: &TestServer) -> String {
    let location = server
        .approve(&authorization_url(server, &good_request()))
        .expect("ann approves");
    parameter(&location, "code")
}

pub(crate) fn exchange(server: &TestServer, code: &str) -> Reply {
    exchange_with(server, code, &[])
}

pub(crate) fn exchange_with(server: &TestServer, code: &str, changes: &[(&str, &str)]) -> Reply {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", "native-app"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    form.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    form.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    post(&server.url("/token"), &form)
}

pub(crate) fn refresh(server: &TestServer, refresh_token: &str) -> Reply {
    try_refresh(server, refresh_token).expect("the server answers")
}

pub(crate) fn try_refresh(server: &TestServer, refresh_token: &str) -> Result<Reply, ureq::Error> {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "native-app"),
        ("refresh_token", refresh_token),
    ];
    try_post(&server.url("/token"), &form, &[])
}

/// The access and refresh token of a new login.
pub(crate) fn login(server: &TestServer) -> (String, String) {
    let reply = exchange(server, &code(server));
    assert_eq!(reply.status, 200);
    (reply.text("access_token"), reply.text("refresh_token"))
}

pub(crate) fn me(server: &TestServer, access_token: &str) -> Reply {
    let header = format!("Bearer {access_token}");
    try_get(&server.url("/api/me"), &[("authorization", &header)]).expect("the server answers")
}
