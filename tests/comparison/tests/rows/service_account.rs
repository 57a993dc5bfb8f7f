//! A Google service account's key: who makes a signed assertion of it ([RFC 7523 section 2.1]).
//!
//! The key in `tests/keys` was made for these tests and opens nothing.
//!
//! [RFC 7523 section 2.1]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1

use std::cell::RefCell;

use grantflow::Endpoint;
use grantflow::google::{ServiceAccountKey, TrustedEndpoints};
use grantflow::ureq::UreqTransport;
use grantflow_comparison::{Grant, SCOPE, oauth2_rs, runtime};
use grantflow_testserver::Rotation;
use oauth2::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use tame_oauth::gcp::{ServiceAccountInfo, ServiceAccountProvider, TokenOrRequest, TokenProvider as _};

const KEY: &str = include_str!("../keys/made-for-these-tests.pem");

fn service_account(grant: &Grant) -> Value {
    json!({
        "type": "service_account", "project_id": "project", "private_key_id": "1", "private_key": KEY,
        "client_email": "robot@project.example", "client_id": "1", "token_uri": grant.token_uri(),
        "auth_uri": grant.server.url("/authorize"), "auth_provider_x509_cert_url": "", "client_x509_cert_url": "",
    })
}

/// The file names a server that is not Google's, so the program has to name it too.
#[test]
fn grantflow_does() {
    let grant = Grant::new(Rotation::Strict);
    let json = service_account(&grant).to_string();
    ServiceAccountKey::from_json(&json).expect_err("not Google's server");
    let endpoint = Endpoint::allow_http_for_loopback(grant.token_uri()).expect("an address");
    let trusted = TrustedEndpoints::google().and_endpoint(endpoint);
    let key = ServiceAccountKey::from_json_trusting(&json, &trusted).expect("a key");
    let source = key.credentials([SCOPE]).expect("a scope");
    let transport = UreqTransport::new().expect("a transport");
    let token = source.build_blocking(transport).header();
    token.expect_err("the test server knows no service account of this name");
    let log = grant.server.log();
    let asked = log.last().expect("a request");
    assert!(
        asked.parameters.iter().any(|name| name == "assertion"),
        "{asked:?}"
    );
}

/// What it has for a program of its own is a client secret; a signed assertion is the program's part.
#[test]
fn oauth2_does_not() {
    let sent = RefCell::new(String::new());
    let http = |request: HttpRequest| -> Result<HttpResponse, std::io::Error> {
        sent.replace(String::from_utf8_lossy(request.body()).into_owned());
        Err(std::io::Error::other("not sent"))
    };
    let client = oauth2_rs::client("http://127.0.0.1:1");
    client
        .exchange_client_credentials()
        .request(&http)
        .expect_err("not sent");
    let sent = sent.into_inner();
    assert!(
        sent.contains("grant_type=client_credentials") && !sent.contains("assertion"),
        "{sent}"
    );
}

#[test]
fn yup_oauth2_does() {
    let grant = Grant::new(Rotation::Strict);
    runtime().block_on(async {
        let key = yup_oauth2::parse_service_account_key(service_account(&grant).to_string()).expect("a key");
        let authenticator = yup_oauth2::ServiceAccountAuthenticator::builder(key)
            .build()
            .await;
        let token = authenticator.expect("a key").token(&[SCOPE]).await;
        token.expect_err("the test server knows no service accounts");
    });
    let log = grant.server.log();
    let asked = log.last().expect("a request");
    assert!(
        asked.parameters.iter().any(|name| name == "assertion"),
        "{asked:?}"
    );
}

#[test]
fn tame_oauth_does() {
    let grant = Grant::new(Rotation::Strict);
    let account = ServiceAccountInfo::deserialize(service_account(&grant).to_string()).expect("a key");
    let provider = ServiceAccountProvider::new(account).expect("a key");
    let TokenOrRequest::Request { request, .. } = provider.get_token(&[SCOPE]).expect("a request") else {
        panic!("nothing is cached");
    };
    let body = String::from_utf8_lossy(request.body()).into_owned();
    assert!(body.contains("assertion=ey"), "{body}");
    assert_eq!(request.uri().to_string(), grant.token_uri());
}

/// It asks no server: the assertion is the access token.
#[test]
fn google_cloud_auth_does() {
    use google_cloud_auth::credentials::service_account::Builder;
    _ = rustls::crypto::ring::default_provider().install_default();
    let grant = Grant::new(Rotation::Strict);
    let token = runtime().block_on(async {
        let credentials = Builder::new(service_account(&grant)).build_access_token_credentials();
        credentials.expect("a key").access_token().await.expect("a token")
    });
    assert!(token.token.starts_with("ey"));
    assert_eq!(grant.asked(), 0);
}
