//! The pages: nothing reflected unescaped, no form from another browser, no frame, no script.
#![expect(clippy::unwrap_used, reason = "a test fails where its server does not start")]

use crate::support::*;
use grantflow_testserver::{Config, TestClient, TestServer};

/// The cookie and the login page that a new browser gets.
fn open_login(server: &TestServer, request: &[(&str, &str)]) -> (String, String, Reply) {
    let begun = get(&authorization_url(server, request));
    assert_eq!(begun.status, 303);
    let set_cookie = begun.header("set-cookie");
    assert!(
        set_cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"),
        "{set_cookie}"
    );
    let cookie = set_cookie.split(';').next().unwrap().to_owned();
    let location = begun.header("location").to_owned();
    let page = try_get(&server.url(&location), &[("cookie", &cookie)]).unwrap();
    (cookie, parameter(&server.url(&location), "interaction"), page)
}

fn log_in(server: &TestServer, cookie: &str, interaction: &str) -> Reply {
    let form = [
        ("interaction", interaction),
        ("username", "ann"),
        ("password", "password"),
    ];
    try_post(&server.url("/login"), &form, &[("cookie", cookie)]).unwrap()
}

#[test]
fn what_a_request_brings_is_escaped_on_every_page() {
    const EVIL: &str = "\"'><script>alert(1)</script>&";
    let client = TestClient::public(EVIL, [REDIRECT_URI]);
    let server = Config::new().client(client).start().unwrap();
    let request = request_with(&[
        ("client_id", EVIL),
        ("login_hint", EVIL),
        ("scope", "<script>'&"),
        ("redirect_uri", REDIRECT_URI),
    ]);
    let (cookie, interaction, login) = open_login(&server, &request);
    assert!(
        login
            .body
            .contains("&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;")
    );

    let form = [
        ("interaction", interaction.as_str()),
        ("username", EVIL),
        ("password", "password"),
    ];
    let logged_in = try_post(&server.url("/login"), &form, &[("cookie", &cookie)]).unwrap();
    let cookie = logged_in.header("set-cookie").split(';').next().unwrap();
    let consent = try_get(&server.url(logged_in.header("location")), &[("cookie", cookie)]).unwrap();
    assert!(
        consent.body.contains("&lt;script&gt;&#39;&amp;"),
        "the scope is shown"
    );

    let home = get(&server.url("/"));
    for page in [login, consent, home] {
        assert_eq!(page.status, 200);
        assert!(!page.body.contains("<script"), "{}", page.body);
    }
}

#[test]
fn pages_let_nothing_in_and_are_not_framed() {
    let server = TestServer::start().unwrap();
    let (_, _, login) = open_login(&server, &good_request());
    let error = get(&server.url("/authorize"));
    for page in [login, error] {
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"),
            "{policy}"
        );
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
    }
}

#[test]
fn forms_may_lead_to_the_client_and_nowhere_else() {
    let client = TestClient::public("scheme", ["com.example.app:/callback"]);
    let server = Config::new().client(client).start().unwrap();
    for (client, redirect_uri, source) in [
        ("native-app", REDIRECT_URI, "http://127.0.0.1:5000"),
        ("native-app", "http://[::1]:5000/callback", "http:"),
        ("web-app", "https://app.example/callback", "https://app.example"),
        ("scheme", "com.example.app:/callback", "com.example.app:"),
    ] {
        let request = request_with(&[("client_id", client), ("redirect_uri", redirect_uri)]);
        let (_, _, page) = open_login(&server, &request);
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains(&format!("form-action 'self' {source};")),
            "{policy}"
        );
    }
}

#[test]
fn an_interaction_is_worth_nothing_in_another_browser() {
    let server = TestServer::start().unwrap();
    let (_, interaction, _) = open_login(&server, &good_request());
    let (other_cookie, _, _) = open_login(&server, &good_request());
    assert_eq!(log_in(&server, &other_cookie, &interaction).status, 403);
    assert_eq!(log_in(&server, "x=y", &interaction).status, 403);
    assert_eq!(server.stats().logins, 0);
}

#[test]
fn consent_needs_a_login_first() {
    let server = TestServer::start().unwrap();
    let (cookie, interaction, _) = open_login(&server, &good_request());
    let form = [("interaction", interaction.as_str()), ("decision", "allow")];
    let reply = try_post(&server.url("/consent"), &form, &[("cookie", &cookie)]).unwrap();
    assert_eq!(reply.status, 403);
    assert_eq!(server.stats().consents, 0);
}

#[test]
fn the_session_cookie_changes_at_login() {
    let server = TestServer::start().unwrap();
    let (before, interaction, _) = open_login(&server, &good_request());
    let logged_in = log_in(&server, &before, &interaction);
    let after = logged_in
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert_ne!(before, after);
    let consent = server.url(logged_in.header("location"));
    assert_eq!(try_get(&consent, &[("cookie", &before)]).unwrap().status, 403);
    assert_eq!(try_get(&consent, &[("cookie", &after)]).unwrap().status, 200);
}

#[test]
fn an_interaction_is_answered_once() {
    let server = TestServer::start().unwrap();
    let (cookie, interaction, _) = open_login(&server, &good_request());
    let logged_in = log_in(&server, &cookie, &interaction);
    let cookie = logged_in.header("set-cookie").split(';').next().unwrap();
    let form = [("interaction", interaction.as_str()), ("decision", "allow")];
    let answer = || {
        try_post(&server.url("/consent"), &form, &[("cookie", cookie)])
            .unwrap()
            .status
    };
    assert_eq!((answer(), answer()), (303, 403));
}

#[test]
fn a_login_hint_fills_in_the_name() {
    let server = TestServer::start().unwrap();
    let (_, _, page) = open_login(&server, &request_with(&[("login_hint", "bob@example.com")]));
    assert!(page.body.contains("value=\"bob@example.com\""));
}
