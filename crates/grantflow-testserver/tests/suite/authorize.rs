//! The authorization endpoint: what is granted, what goes back to the client, and what must not.
#![expect(clippy::unwrap_used, reason = "a test fails where its server does not start")]

use crate::support::*;
use grantflow_testserver::{BrowseError, Config, TestServer};

#[test]
fn an_approval_brings_code_state_and_issuer() {
    let server = TestServer::start().unwrap();
    let location = server
        .approve(&authorization_url(&server, &good_request()))
        .unwrap();
    assert!(location.starts_with("http://127.0.0.1:5000/callback?"));
    assert!(parameter(&location, "code").starts_with("gft_ac_"));
    assert_eq!(parameter(&location, "state"), "s t+a&te");
    assert_eq!(parameter(&location, "iss"), server.issuer());
    assert_eq!((server.stats().logins, server.stats().consents), (1, 1));
}

#[test]
fn a_denial_brings_an_error_with_state_and_issuer() {
    let server = TestServer::start().unwrap();
    let location = server.deny(&authorization_url(&server, &good_request())).unwrap();
    assert_eq!(parameter(&location, "error"), "access_denied");
    assert_eq!(parameter(&location, "state"), "s t+a&te");
    assert_eq!(parameter(&location, "iss"), server.issuer());
    assert_eq!(parameter(&location, "code"), "");
    assert_eq!(server.stats().denials, 1);
}

#[test]
fn what_the_client_did_wrong_goes_back_to_the_client() {
    let server = TestServer::start().unwrap();
    let cases: [(&[(&str, &str)], &str); 13] = [
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge", "too-short")], "invalid_request"),
        (
            &[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")],
            "invalid_request",
        ),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("response_type", "")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "code token")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("scope", "quote\"d")], "invalid_scope"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "sing")], "invalid_request"),
        (&[("request", "eyJ")], "request_not_supported"),
    ];
    for (changes, error) in cases {
        let reply = get(&authorization_url(&server, &request_with(changes)));
        assert_eq!(reply.status, 303, "{changes:?}");
        let location = reply.header("location");
        assert!(location.starts_with(REDIRECT_URI), "{changes:?}");
        assert_eq!(parameter(location, "error"), error, "{changes:?}");
        assert_eq!(parameter(location, "state"), "s t+a&te", "{changes:?}");
        assert_eq!(parameter(location, "iss"), server.issuer(), "{changes:?}");
    }
    assert_eq!(server.stats().consents, 0);
}

#[test]
fn a_repeated_parameter_is_an_error_for_the_client() {
    let server = TestServer::start().unwrap();
    let mut request = good_request();
    request.push(("scope", "admin"));
    let reply = get(&authorization_url(&server, &request));
    assert_eq!(parameter(reply.header("location"), "error"), "invalid_request");
}

#[test]
fn an_unknown_client_or_redirect_uri_ends_on_a_page() {
    let server = TestServer::start().unwrap();
    let cases: [&[(&str, &str)]; 15] = [
        &[("client_id", "")],
        &[("client_id", "nobody")],
        &[("redirect_uri", "")],
        &[("redirect_uri", "nonsense")],
        &[("redirect_uri", "https://attacker.example/callback")],
        &[("redirect_uri", "http://127.0.0.1:5000/callback/")],
        &[("redirect_uri", "http://127.0.0.1:5000/callback?x=1")],
        &[("redirect_uri", "http://127.0.0.1:5000/callback#x")],
        &[("redirect_uri", "http://127.0.0.1:5000/a/../callback")],
        &[("redirect_uri", "http://127.1:5000/callback")],
        &[("redirect_uri", "http://127.0.0.2:5000/callback")],
        &[("redirect_uri", "http://127.0.0.1:5000@attacker.example/callback")],
        &[("redirect_uri", "http://user@127.0.0.1:5000/callback")],
        &[("redirect_uri", "https://127.0.0.1:5000/callback")],
        &[("redirect_uri", "http://127.0.0.1:99999/callback")],
    ];
    for changes in cases {
        let reply = get(&authorization_url(&server, &request_with(changes)));
        assert_eq!(reply.status, 400, "{changes:?}");
        assert_eq!(reply.header("location"), "", "{changes:?}");
        assert!(
            reply.header("content-type").starts_with("text/html"),
            "{changes:?}"
        );
    }
}

#[test]
fn two_redirect_uris_end_on_a_page() {
    let server = TestServer::start().unwrap();
    let mut request = good_request();
    request.push(("redirect_uri", "http://127.0.0.1:6000/callback"));
    assert_eq!(get(&authorization_url(&server, &request)).status, 400);
}

#[test]
fn loopback_redirects_may_have_any_port() {
    let server = Config::new().auto_approve("ann").start().unwrap();
    for uri in [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:1/callback",
        "http://127.0.0.1:65535/",
        "http://[::1]:5000/callback",
        "http://[::1]/",
        "http://localhost:5000/callback",
    ] {
        let reply = get(&authorization_url(
            &server,
            &request_with(&[("redirect_uri", uri)]),
        ));
        assert_eq!(reply.status, 303, "{uri}");
        assert!(
            reply.header("location").starts_with(&format!("{uri}?code=")),
            "{uri}"
        );
    }
}

#[test]
fn a_port_in_a_registered_loopback_redirect_binds_nobody() {
    let client = grantflow_testserver::TestClient::public("ported", ["http://127.0.0.1:8080/cb"]);
    let server = Config::new().client(client).auto_approve("ann").start().unwrap();
    for (uri, status) in [
        ("http://127.0.0.1:8080/cb", 303),
        ("http://127.0.0.1:9090/cb", 303),
        ("http://localhost:8080/cb", 400),
        ("http://127.0.0.1:8080/cb/", 400),
    ] {
        let request = request_with(&[("client_id", "ported"), ("redirect_uri", uri)]);
        assert_eq!(get(&authorization_url(&server, &request)).status, status, "{uri}");
    }
}

#[test]
fn localhost_is_a_loopback_redirect_only_where_it_is_registered() {
    let server = Config::new().auto_approve("ann").start().unwrap();
    let request = request_with(&[
        ("client_id", "post-app"),
        ("redirect_uri", "http://localhost:5000/callback"),
    ]);
    assert_eq!(get(&authorization_url(&server, &request)).status, 400);
}

#[test]
fn a_web_redirect_may_not_have_another_port() {
    let server = Config::new().auto_approve("ann").start().unwrap();
    let with = |uri| request_with(&[("client_id", "web-app"), ("redirect_uri", uri)]);
    assert_eq!(
        get(&authorization_url(&server, &with("https://app.example/callback"))).status,
        303
    );
    assert_eq!(
        get(&authorization_url(
            &server,
            &with("https://app.example:8443/callback")
        ))
        .status,
        400
    );
}

#[test]
fn the_answer_joins_the_query_a_redirect_uri_has() {
    let client = grantflow_testserver::TestClient::public("query", ["https://app.example/cb?tenant=1"]);
    let server = Config::new().client(client).auto_approve("ann").start().unwrap();
    let request = request_with(&[
        ("client_id", "query"),
        ("redirect_uri", "https://app.example/cb?tenant=1"),
    ]);
    let reply = get(&authorization_url(&server, &request));
    assert!(
        reply
            .header("location")
            .starts_with("https://app.example/cb?tenant=1&code=")
    );
}

#[test]
fn auto_approval_shows_no_page() {
    let server = Config::new().auto_approve("bob").start().unwrap();
    let reply = get(&authorization_url(&server, &good_request()));
    assert_eq!(reply.status, 303);
    let token = exchange(&server, &parameter(reply.header("location"), "code")).text("access_token");
    assert_eq!(me(&server, &token).text("sub"), "bob");
    assert_eq!((server.stats().logins, server.stats().consents), (0, 1));
}

#[test]
fn a_request_may_come_as_a_form() {
    let server = Config::new().auto_approve("ann").start().unwrap();
    let reply = post(&server.url("/authorize"), &good_request());
    assert!(parameter(reply.header("location"), "code").starts_with("gft_ac_"));
}

#[test]
fn fewer_scopes_can_be_granted_than_asked() {
    let server = Config::new().grant_only(["read", "list"]).start().unwrap();
    let reply = exchange(&server, &code(&server));
    assert_eq!(reply.text("scope"), "read");
    let reply = get(&authorization_url(&server, &request_with(&[("scope", "write")])));
    assert_eq!(parameter(reply.header("location"), "error"), "invalid_scope");
    let metadata = get(&server.url("/.well-known/oauth-authorization-server"));
    assert_eq!(
        metadata.json()["scopes_supported"],
        serde_json::json!(["read", "list"])
    );
}

#[test]
fn prompt_none_needs_a_login_and_a_consent() {
    let server = TestServer::start().unwrap();
    let silent = authorization_url(&server, &request_with(&[("prompt", "none")]));
    let silent_admin = authorization_url(&server, &request_with(&[("prompt", "none"), ("scope", "admin")]));
    let mut browser = server.browser();
    assert_eq!(
        parameter(&browser.approve(&silent).unwrap(), "error"),
        "login_required"
    );
    browser
        .deny(&authorization_url(&server, &good_request()))
        .unwrap();
    assert_eq!(
        parameter(&browser.approve(&silent).unwrap(), "error"),
        "consent_required"
    );
    browser
        .approve(&authorization_url(&server, &good_request()))
        .unwrap();
    assert!(parameter(&browser.approve(&silent).unwrap(), "code").starts_with("gft_ac_"));
    assert_eq!(
        parameter(&browser.approve(&silent_admin).unwrap(), "error"),
        "consent_required"
    );
}

#[test]
fn a_browser_stays_logged_in_until_a_login_is_asked_for() {
    let server = TestServer::start().unwrap();
    let mut browser = server.browser();
    let url = authorization_url(&server, &good_request());
    browser.approve(&url).unwrap();
    browser.approve(&url).unwrap();
    assert_eq!((server.stats().logins, server.stats().consents), (1, 2));
    browser
        .approve(&authorization_url(&server, &request_with(&[("prompt", "login")])))
        .unwrap();
    assert_eq!(server.stats().logins, 2);
}

#[test]
fn any_name_may_log_in() {
    let server = TestServer::start().unwrap();
    let mut browser = server.browser().user("Zoë <z@example.com> & \"Co\"");
    let location = browser
        .approve(&authorization_url(&server, &good_request()))
        .unwrap();
    let token = exchange(&server, &parameter(&location, "code")).text("access_token");
    assert_eq!(me(&server, &token).text("sub"), "Zoë <z@example.com> & \"Co\"");
}

#[test]
fn a_wrong_password_does_not_log_in() {
    let server = TestServer::start().unwrap();
    let mut browser = server.browser().password("hunter2");
    let error = browser
        .approve(&authorization_url(&server, &good_request()))
        .unwrap_err();
    assert!(matches!(error, BrowseError::Page { status: 422, .. }), "{error}");
    assert_eq!(server.stats().logins, 0);
}

#[test]
fn approving_a_bad_request_tells_what_the_page_said() {
    let server = TestServer::start().unwrap();
    let url = authorization_url(&server, &request_with(&[("client_id", "nobody")]));
    let error = server.approve(&url).unwrap_err();
    assert!(matches!(error, BrowseError::Page { status: 400, .. }), "{error}");
    assert!(error.to_string().contains("No client with this id"), "{error}");
}

#[test]
fn a_browser_delivers_the_answer_to_the_client() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!(
        "http://127.0.0.1:{}/callback",
        listener.local_addr().unwrap().port()
    );
    let client = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 2048];
        let length = stream.read(&mut request).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nthank you")
            .unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let server = TestServer::start().unwrap();
    let mut request = request_with(&[("redirect_uri", "")]);
    request.push(("redirect_uri", &uri));
    let mut browser = server.browser();
    let location = browser.approve(&authorization_url(&server, &request)).unwrap();
    assert_eq!(browser.follow(&location).unwrap(), (200, "thank you".to_owned()));
    assert!(client.join().unwrap().starts_with("GET /callback?code=gft_ac_"));
}
