//! The crates whose builds take minutes (feature `peers`): their cached tokens, their refresh, their storms.

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gcp_auth::TokenProvider as _;
use google_cloud_auth::credentials::{Credentials, user_account};
use http::{Extensions, HeaderValue};
use oauth2::basic::BasicClient;
use oauth2::{ClientId, RefreshToken, TokenResponse as _, TokenUrl};
use tame_oauth::gcp::end_user::{EndUserCredentials, EndUserCredentialsInfo};
use tame_oauth::gcp::{TokenOrRequest, TokenProvider as _};
use tokio::runtime::Runtime;
use yup_oauth2::ServiceAccountAuthenticator;

use crate::cases::Case;
use crate::cases::token_reply::REPLY;
use crate::server::Server;
use crate::storm::{self, Storm};

const SCOPES: [&str; 1] = ["https://www.googleapis.com/auth/calendar"];

/// A cached token as a header, by each peer.
pub fn cached_token() -> Vec<Case> {
    let server: &'static Server = Box::leak(Box::new(Server::start(Duration::ZERO, |_| REPLY.to_owned())));
    let runtime: &'static Runtime = Box::leak(Box::new(storm::runtime()));
    let yup = runtime.block_on(yup(server));
    let gcp = gcp(server);
    let gca = runtime.block_on(async { gca(server) });
    let tame = tame();
    // Filled before the first turn.
    runtime.block_on(async {
        yup.token(&SCOPES).await.expect("a token");
        gcp.token(&SCOPES).await.expect("a token");
        gca.headers(Extensions::new()).await.expect("headers");
    });
    tame_token(&tame, server);
    vec![
        Case::new("yup-oauth2: token() as a header", move |n| {
            runtime.block_on(async {
                for _ in 0..n {
                    let token = yup.token(&SCOPES).await.expect("a token");
                    drop(black_box(header(token.token().expect("a token"))));
                }
            });
        }),
        Case::new("gcp_auth: token() as a header", move |n| {
            runtime.block_on(async {
                for _ in 0..n {
                    let token = gcp.token(&SCOPES).await.expect("a token");
                    drop(black_box(header(token.as_str())));
                }
            });
        }),
        Case::new("google-cloud-auth: headers()", move |n| {
            runtime.block_on(async {
                for _ in 0..n {
                    drop(black_box(gca.headers(Extensions::new()).await.expect("headers")));
                }
            });
        }),
        Case::new("tame-oauth: get_token() as a header", move |n| {
            for _ in 0..n {
                let TokenOrRequest::Token(token) = tame.get_token(&SCOPES).expect("a token") else {
                    panic!("the token is cached");
                };
                drop(black_box(header(&token.access_token)));
            }
        }),
    ]
}

/// A refresh of a kept connection by oauth2 on its reqwest.
pub fn refresh(url: &str, refresh_token: &'static str) -> Case {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let http = oauth2::reqwest::Client::builder()
        .no_proxy()
        .redirect(oauth2::reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let client = BasicClient::new(ClientId::new("client".to_owned()))
        .set_auth_type(oauth2::AuthType::RequestBody)
        .set_token_uri(TokenUrl::new(url.to_owned()).expect("an address"));
    let token = RefreshToken::new(refresh_token.to_owned());
    Case::new("oauth2 on reqwest 0.12, async", move |n| {
        runtime.block_on(async {
            for _ in 0..n {
                let reply = client.exchange_refresh_token(&token).request_async(&http).await;
                black_box(reply.expect("a token").access_token().secret().len());
            }
        });
    })
}

/// The storms: cold, and after the token has ended, each so many times.
pub fn storms(times: usize, report: impl Fn(&str, &[Storm])) {
    let runtime = storm::runtime();
    // A token counts as ended a while before its end; each first one lives just longer.
    let both = |name: &str, storms: Vec<[Storm; 2]>| {
        let (cold, ended): (Vec<_>, Vec<_>) = storms.into_iter().map(|[a, b]| (a, b)).unzip();
        report(&format!("{name}: cold"), &cold);
        report(&format!("{name}: expired"), &ended);
    };
    let storms = (0..times).map(|_| {
        let server = storm::endpoint(|_| 61);
        let yup = Arc::new(runtime.block_on(yup(&server)));
        storm::twice(|| {
            runtime.block_on(storm::by_tasks(&server, || {
                let yup = Arc::clone(&yup);
                async move { drop(yup.token(&SCOPES).await.expect("a token")) }
            }))
        })
    });
    both("yup-oauth2, tasks", storms.collect());
    let storms = (0..times).map(|_| {
        let server = storm::endpoint(|number| if number == 1 { 21 } else { 3600 });
        let gcp = Arc::new(gcp(&server));
        storm::twice(|| {
            runtime.block_on(storm::by_tasks(&server, || {
                let gcp = Arc::clone(&gcp);
                async move { drop(gcp.token(&SCOPES).await.expect("a token")) }
            }))
        })
    });
    both("gcp_auth, tasks", storms.collect());
    let storms = (0..times).map(|_| {
        let server = storm::endpoint(|number| if number == 1 { 1 } else { 3600 });
        let gca = runtime.block_on(async { gca(&server) });
        storm::twice(|| {
            runtime.block_on(storm::by_tasks(&server, || {
                let gca = gca.clone();
                async move { drop(gca.headers(Extensions::new()).await.expect("headers")) }
            }))
        })
    });
    both("google-cloud-auth, tasks", storms.collect());
    let storms = (0..times).map(|_| {
        let server = storm::endpoint(|_| 3600);
        let tame = tame();
        storm::by_threads(&server, || tame_token(&tame, &server))
    });
    report("tame-oauth, threads, ureq: cold", &storms.collect::<Vec<_>>());
}

fn header(token: &str) -> HeaderValue {
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).expect("visible characters");
    header.set_sensitive(true);
    header
}

async fn yup(server: &Server) -> yup_oauth2::authenticator::DefaultAuthenticator {
    let key = yup_oauth2::parse_service_account_key(service_account(server)).expect("a key");
    ServiceAccountAuthenticator::builder(key)
        .build()
        .await
        .expect("a key")
}

fn gcp(server: &Server) -> gcp_auth::CustomServiceAccount {
    gcp_auth::CustomServiceAccount::from_json(&service_account(server)).expect("a key")
}

fn gca(server: &Server) -> Credentials {
    let user = serde_json::json!({
        "type": "authorized_user", "client_id": "client", "client_secret": "secret", "refresh_token": "RT0",
    });
    let builder = user_account::Builder::new(user).with_token_uri(server.url());
    builder.build().expect("credentials")
}

fn tame() -> EndUserCredentials {
    EndUserCredentials::new(EndUserCredentialsInfo {
        client_id: "client".to_owned(),
        client_secret: "secret".to_owned(),
        refresh_token: "RT0".to_owned(),
        client_type: "authorized_user".to_owned(),
    })
}

/// What a caller of tame-oauth has to do: its request is for Google, and goes to the endpoint here.
fn tame_token(tame: &EndUserCredentials, server: &Server) {
    if let TokenOrRequest::Request {
        request, scope_hash, ..
    } = tame.get_token(&SCOPES).expect("a request")
    {
        static AGENT: OnceLock<ureq::Agent> = OnceLock::new();
        let agent = AGENT.get_or_init(|| ureq::Agent::config_builder().proxy(None).build().new_agent());
        let mut reply = agent
            .post(server.url())
            .send(&request.body()[..])
            .expect("a reply");
        let body = reply.body_mut().read_to_vec().expect("a body");
        let reply = http::Response::new(body);
        tame.parse_token_response(scope_hash, reply).expect("a token");
    }
}

/// The file of a service account whose tokens come from the endpoint here, with a key made for this run.
fn service_account(server: &Server) -> String {
    static KEY: OnceLock<String> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let made = Command::new("openssl")
            .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
            .stderr(Stdio::null())
            .output();
        String::from_utf8(made.expect("the command `openssl`").stdout).expect("PEM")
    });
    let json = serde_json::json!({
        "type": "service_account", "project_id": "project", "private_key_id": "1", "private_key": key,
        "client_email": "bench@project.example", "client_id": "1", "token_uri": server.url(),
        "auth_uri": server.url(), "auth_provider_x509_cert_url": "", "client_x509_cert_url": "",
    });
    json.to_string()
}
