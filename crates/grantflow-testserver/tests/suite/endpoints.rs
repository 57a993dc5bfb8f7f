//! Client authentication, revocation, introspection, metadata, the API, counters and the log.
#![expect(clippy::unwrap_used, reason = "a test fails where its server does not start")]

use std::time::Duration;

use crate::support::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantflow_testserver::{Config, Endpoint, Fault, IdTokenFlaw, TestServer};
use serde_json::json;
use url::form_urlencoded;

/// A refresh with an unknown token: it shows whether the client was accepted, and nothing else.
fn status_with(server: &TestServer, authorization: Option<&str>, form: &[(&str, &str)]) -> (u16, String) {
    let mut form = form.to_vec();
    form.extend([
        ("grant_type", "refresh_token"),
        ("refresh_token", "gft_rt_unknown"),
    ]);
    let header = authorization.map(|value| ("authorization", value));
    let reply = try_post(&server.url("/token"), &form, header.as_slice()).unwrap();
    if reply.status == 401 {
        assert!(reply.header("www-authenticate").starts_with("Basic realm="));
    }
    (reply.status, reply.error())
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn accepted() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

fn refused() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

#[test]
fn basic_credentials_are_form_encoded_first() {
    let server = TestServer::start().unwrap();
    let secret = server.client("basic-app").unwrap().expose_secret().unwrap();
    assert_eq!(
        status_with(&server, Some(&basic("basic-app", &encoded(secret))), &[]),
        accepted()
    );
    assert_eq!(
        status_with(&server, Some(&basic("basic-app", secret)), &[]),
        refused(),
        "the raw form"
    );
    let percent = secret
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect::<String>();
    assert_eq!(
        status_with(&server, Some(&basic("basic-app", &percent)), &[]),
        accepted()
    );
    for malformed in ["%", "%2", "%zz", "%+1", "%ff"] {
        assert_eq!(
            status_with(&server, Some(&basic("basic-app", malformed)), &[]),
            refused(),
            "{malformed}"
        );
    }
}

#[test]
fn each_client_authenticates_in_its_registered_way_only() {
    let server = TestServer::start().unwrap();
    let post = [("client_id", "post-app"), ("client_secret", "post-app-secret")];
    assert_eq!(status_with(&server, None, &post), accepted());
    assert_eq!(
        status_with(&server, Some(&basic("post-app", "post-app-secret")), &[]),
        refused()
    );
    assert_eq!(
        status_with(&server, None, &[("client_id", "post-app")]),
        refused()
    );
    assert_eq!(
        status_with(&server, Some(&basic("web-app", "web-app-secret")), &[]),
        accepted()
    );
    let in_form = [("client_id", "web-app"), ("client_secret", "web-app-secret")];
    assert_eq!(status_with(&server, None, &in_form), refused());
    assert_eq!(
        status_with(&server, None, &[("client_id", "native-app")]),
        accepted()
    );
    assert_eq!(
        status_with(
            &server,
            None,
            &[("client_id", "native-app"), ("client_secret", "x")]
        ),
        refused()
    );
    assert_eq!(
        status_with(&server, Some(&basic("native-app", "")), &[]),
        refused()
    );
}

#[test]
fn a_client_must_say_who_it_is_and_know_its_secret() {
    let server = TestServer::start().unwrap();
    assert_eq!(status_with(&server, None, &[]), refused());
    assert_eq!(status_with(&server, None, &[("client_id", "nobody")]), refused());
    let wrong = [("client_id", "post-app"), ("client_secret", "wrong")];
    assert_eq!(status_with(&server, None, &wrong), refused());
    assert_eq!(status_with(&server, Some("Bearer x"), &[]), refused());
    assert_eq!(status_with(&server, Some("Basic !"), &[]), refused());
}

#[test]
fn two_ways_to_authenticate_at_once_are_refused() {
    let server = TestServer::start().unwrap();
    let header = basic("web-app", "web-app-secret");
    let invalid_request = (400, "invalid_request".to_owned());
    let twice = [("client_secret", "web-app-secret")];
    assert_eq!(status_with(&server, Some(&header), &twice), invalid_request);
    assert_eq!(
        status_with(&server, Some(&header), &[("client_id", "native-app")]),
        invalid_request
    );
    assert_eq!(
        status_with(&server, Some(&header), &[("client_id", "web-app")]),
        accepted()
    );
}

#[test]
fn the_token_endpoint_wants_one_form_by_post() {
    let server = TestServer::start().unwrap();
    let token = server.url("/token");
    let wrong = get(&token);
    assert_eq!((wrong.status, wrong.header("allow")), (405, "POST"));
    let json = ureq_json(&token);
    assert_eq!((json.status, json.error().as_str()), (400, "invalid_request"));
    let twice = [
        ("client_id", "native-app"),
        ("grant_type", "a"),
        ("grant_type", "b"),
    ];
    assert_eq!(post(&token, &twice).error(), "invalid_request");
    let client = ("client_id", "native-app");
    assert_eq!(post(&token, &[client]).error(), "invalid_request");
    assert_eq!(
        post(&token, &[client, ("grant_type", "")]).error(),
        "invalid_request"
    );
    assert_eq!(
        post(&token, &[client, ("grant_type", "implicit")]).error(),
        "unsupported_grant_type"
    );
    assert_eq!(server.stats().token_errors, 5);
}

fn ureq_json(url: &str) -> Reply {
    try_post(url, &[], &[("content-type", "application/json")]).unwrap()
}

#[test]
fn revoking_a_refresh_token_ends_its_family() {
    let server = TestServer::start().unwrap();
    let (access, token) = login(&server);
    let form = [
        ("client_id", "native-app"),
        ("token", token.as_str()),
        ("token_type_hint", "refresh_token"),
    ];
    let reply = post(&server.url("/revoke"), &form);
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert_eq!(refresh(&server, &token).error(), "invalid_grant");
    assert_eq!(me(&server, &access).status, 401);
    assert_eq!(
        (server.stats().revocations, server.stats().families_revoked),
        (1, 0)
    );
}

#[test]
fn revoking_an_access_token_leaves_the_refresh_token() {
    let server = TestServer::start().unwrap();
    let (access, token) = login(&server);
    assert_eq!(
        post(
            &server.url("/revoke"),
            &[("client_id", "native-app"), ("token", &access)]
        )
        .status,
        200
    );
    assert_eq!(me(&server, &access).status, 401);
    assert_eq!(refresh(&server, &token).status, 200);
}

#[test]
fn revoking_an_unknown_token_is_no_error_and_another_clients_is() {
    let server = TestServer::start().unwrap();
    let (access, token) = login(&server);
    let url = server.url("/revoke");
    assert_eq!(
        post(&url, &[("client_id", "native-app"), ("token", "never issued")]).status,
        200
    );
    let other = [
        ("client_id", "post-app"),
        ("client_secret", "post-app-secret"),
        ("token", token.as_str()),
    ];
    assert_eq!(post(&url, &other).error(), "invalid_grant");
    assert_eq!(
        post(&url, &[("client_id", "native-app")]).error(),
        "invalid_request"
    );
    assert_eq!(post(&url, &[("token", &token)]).error(), "invalid_client");
    assert_eq!(me(&server, &access).status, 200);
}

fn introspect(server: &TestServer, token: &str) -> serde_json::Value {
    let form = [
        ("client_id", "post-app"),
        ("client_secret", "post-app-secret"),
        ("token", token),
    ];
    let reply = post(&server.url("/introspect"), &form);
    assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"));
    reply.json()
}

#[test]
fn introspection_describes_live_tokens() {
    let server = TestServer::start().unwrap();
    let (access, token) = login(&server);
    let answer = introspect(&server, &access);
    assert_eq!(answer["active"], true);
    assert_eq!(answer["scope"], "read write");
    assert_eq!(answer["client_id"], "native-app");
    assert_eq!(answer["sub"], "ann");
    assert_eq!(answer["iss"], server.issuer());
    let (issued, expires) = (answer["iat"].as_u64().unwrap(), answer["exp"].as_u64().unwrap());
    assert!((3600..=3601).contains(&(expires - issued)));
    assert_eq!(introspect(&server, &token)["active"], true);
}

#[test]
fn introspection_says_only_that_dead_tokens_are_dead() {
    let server = TestServer::start().unwrap();
    let dead = json!({ "active": false });
    assert_eq!(introspect(&server, "never issued"), dead);
    let (access, token) = login(&server);
    let successor = refresh(&server, &token);
    assert_eq!(introspect(&server, &token), dead, "spent");
    server.advance(Duration::from_secs(3600));
    assert_eq!(introspect(&server, &access), dead, "expired");
    server.revoke_everything();
    assert_eq!(
        introspect(&server, &successor.text("refresh_token")),
        dead,
        "revoked"
    );
    assert_eq!(server.stats().introspections, 4);
}

#[test]
fn introspection_is_not_for_public_clients() {
    let server = TestServer::start().unwrap();
    let reply = post(
        &server.url("/introspect"),
        &[("client_id", "native-app"), ("token", "x")],
    );
    assert_eq!((reply.status, reply.error().as_str()), (401, "invalid_client"));
}

#[test]
fn metadata_names_the_endpoints_and_what_they_support() {
    let server = TestServer::start().unwrap();
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let reply = get(&server.url(path));
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, "application/json")
        );
        let metadata = reply.json();
        assert_eq!(metadata["issuer"], server.issuer());
        for (name, path) in [
            ("authorization_endpoint", "/authorize"),
            ("token_endpoint", "/token"),
            ("revocation_endpoint", "/revoke"),
            ("introspection_endpoint", "/introspect"),
            ("userinfo_endpoint", "/userinfo"),
        ] {
            assert_eq!(metadata[name], server.url(path));
        }
        assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    }
    assert_eq!(server.stats().metadata_requests, 2);
}

#[test]
fn the_openid_document_says_how_id_tokens_are_signed_and_where_the_keys_are() {
    let server = TestServer::start().unwrap();
    let metadata = get(&server.url("/.well-known/openid-configuration")).json();
    assert_eq!(metadata["subject_types_supported"], json!(["public"]));
    assert_eq!(
        metadata["id_token_signing_alg_values_supported"],
        json!(["RS256", "ES256", "HS256", "none"])
    );
    let keys = get(metadata["jwks_uri"].as_str().unwrap()).json();
    let types: Vec<_> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["kty"])
        .collect();
    assert_eq!(types, ["RSA", "EC"]);
    assert_eq!(server.stats().key_requests, 1);
}

#[test]
fn the_api_says_what_is_wrong_with_a_token() {
    let server = TestServer::start().unwrap();
    let without = get(&server.url("/api/me"));
    assert_eq!(
        (
            without.status,
            without.header("www-authenticate").contains("error")
        ),
        (401, false)
    );
    let wrong = me(&server, "gft_at_unknown");
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("www-authenticate").starts_with("Bearer "));
    assert!(
        wrong
            .header("www-authenticate")
            .contains("error=\"invalid_token\"")
    );
    let (access, _) = login(&server);
    let in_query = get(&server.url(&format!("/api/me?access_token={access}")));
    assert_eq!(in_query.status, 401, "a token in the query does not count");
    assert_eq!(
        (server.stats().api_requests, server.stats().api_unauthorized),
        (3, 3)
    );
}

#[test]
fn the_api_can_refuse_good_tokens() {
    let server = TestServer::start().unwrap();
    let (access, _) = login(&server);
    server.set_api_refuses(true);
    assert_eq!(me(&server, &access).status, 401);
    server.set_api_refuses(false);
    assert_eq!(me(&server, &access).status, 200);
}

#[test]
fn echo_proves_that_a_body_came_whole() {
    let server = TestServer::start().unwrap();
    let (access, _) = login(&server);
    let header = format!("Bearer {access}");
    let reply = try_post(
        &server.url("/api/echo"),
        &[("a", "b")],
        &[("authorization", &header)],
    )
    .unwrap();
    // printf a=b | sha256sum
    let hash = "42144f3939c3ffbbf0bf8b1f12affb5c23a4c5bd41e0ff672d54a5754f062058";
    assert_eq!(reply.json()["length"], 3);
    assert_eq!(reply.text("sha256"), hash);
}

#[test]
fn userinfo_says_who_the_token_speaks_for_and_their_address_if_that_was_asked_for() {
    let server = TestServer::start().unwrap();
    let (access, _) = login(&server);
    let header = format!("Bearer {access}");
    let reply = try_get(&server.url("/userinfo"), &[("authorization", &header)]).unwrap();
    assert_eq!(reply.json()["sub"], me(&server, &access).json()["sub"]);
    assert_eq!(reply.json().get("email"), None);
    server.push_fault(Endpoint::Api, Fault::UserInfo(IdTokenFlaw::OtherSubject));
    let reply = try_get(&server.url("/userinfo"), &[("authorization", &header)]).unwrap();
    assert_eq!(reply.json()["sub"], "somebody-else");
}

#[test]
fn stats_and_log_over_http_are_those_in_process_and_leave_no_trace() {
    let server = TestServer::start().unwrap();
    login(&server);
    let stats: grantflow_testserver::Stats = serde_json::from_str(&get(&server.url("/stats")).body).unwrap();
    let log: Vec<grantflow_testserver::LoggedRequest> =
        serde_json::from_str(&get(&server.url("/log")).body).unwrap();
    assert_eq!(log, server.log());
    assert_eq!(stats.requests, server.stats().requests);
    assert_eq!(stats.requests, log.len() as u64);
    assert_eq!((stats.code_exchanges, stats.authorization_requests), (1, 1));
    assert!(server.stats().connections > stats.requests);
}

#[test]
fn the_log_tells_names_and_ordinals_and_no_secrets() {
    let server = TestServer::start().unwrap();
    let (access, token) = login(&server);
    refresh(&server, &token);
    me(&server, &access);
    let header = basic("basic-app", &encoded("s p+c%i&a=l:é/"));
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    try_post(&server.url("/token"), &form, &[("authorization", &header)]).unwrap();

    let log = server.log();
    let [.., refreshed, called, refused] = log.as_slice() else {
        panic!("three requests are logged")
    };
    assert_eq!(
        (
            refreshed.method.as_str(),
            refreshed.path.as_str(),
            refreshed.status
        ),
        ("POST", "/token", Some(200))
    );
    assert_eq!(refreshed.grant_type.as_deref(), Some("refresh_token"));
    assert_eq!(refreshed.client_id.as_deref(), Some("native-app"));
    assert_eq!(refreshed.client_auth.as_deref(), Some("none"));
    assert_eq!(refreshed.parameters, ["client_id", "grant_type", "refresh_token"]);
    assert!(refreshed.headers.contains(&"content-type".to_owned()));
    assert_eq!((called.access_token, called.status), (Some(1), Some(200)));
    assert_eq!(refused.client_auth.as_deref(), Some("client_secret_basic"));
    assert_eq!(refused.error.as_deref(), Some("invalid_grant"));

    let text = format!("{log:?} {:?} {server:?} {:?}", server.clients(), server.browser());
    let pages = format!(
        "{} {}",
        get(&server.url("/log")).body,
        get(&server.url("/stats")).body
    );
    let issued = server.expose_issued();
    assert_eq!(
        issued.len(),
        5,
        "a code, two access tokens and two refresh tokens"
    );
    for secret in issued
        .iter()
        .map(String::as_str)
        .chain(["post-app-secret", "s p+c", VERIFIER])
    {
        assert!(!text.contains(secret) && !pages.contains(secret));
    }
}

#[test]
fn a_body_that_is_no_form_does_not_reach_the_log() {
    let server = TestServer::start().unwrap();
    let json = r#"{"refresh_token":"gft_rt_secret"}"#;
    post(&server.url("/token"), &[(json, "")]);
    assert_eq!(server.log().last().unwrap().parameters, ["(other)"]);
}

#[test]
fn connections_are_kept_alive_and_counted() {
    let server = TestServer::start().unwrap();
    let agent = agent();
    for _ in 0..3 {
        agent
            .get(server.url("/"))
            .call()
            .unwrap()
            .body_mut()
            .read_to_string()
            .unwrap();
    }
    let connections: Vec<u64> = server.log().iter().map(|entry| entry.connection).collect();
    assert_eq!(connections, [1, 1, 1]);
    assert_eq!(server.stats().connections, 1);
}

#[test]
fn a_taken_port_is_an_error_and_a_stopped_server_frees_it() {
    let server = TestServer::start().unwrap();
    let port = server.port();
    assert!(Config::new().port(port).start().is_err());
    get(&server.url("/"));
    drop(server);
    assert_eq!(Config::new().port(port).start().unwrap().port(), port);
}

#[test]
fn unknown_paths_are_not_found() {
    let server = TestServer::start().unwrap();
    assert_eq!(get(&server.url("/nothing")).status, 404);
}
