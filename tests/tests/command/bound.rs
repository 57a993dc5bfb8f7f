//! The command with credentials that are bound to a key or a client certificate, against a certified provider.

use std::time::{Duration, Instant};

use grantflow_core::ServerMetadata;
use grantflow_suites::app::App;
use grantflow_suites::desk::{Desk, code, said, succeeds};
use grantflow_suites::provider::Provider;
use grantflow_suites::tls::{Identity, TlsProvider};
use serde_json::json;

/// Each process looks at the clock for itself, so a refresh takes as long as the token lives.
const TTL: u32 = 3;

fn stand_in(words: &str) -> String {
    format!("'{}' {words}", env!("CARGO_BIN_EXE_stand-in-browser"))
}

/// Asks for tokens until there is another one.
#[track_caller]
fn wait_for_another_token(desk: &Desk, more: &[&str]) {
    let words = [&["token"], more].concat();
    let first = desk.json(&words);
    let end = Instant::now() + Duration::from_secs(60);
    while desk.json(&words)["access_token"] == first["access_token"] {
        assert!(Instant::now() < end, "the token does not end");
    }
}

#[test]
fn t50_a_token_that_is_bound_to_a_key_is_proved_to_the_api_and_printed_as_a_header_for_nobody() {
    let (Some(desk), Some(provider)) = (Desk::new(), Provider::start(&json!({ "access_token_ttl": TTL })))
    else {
        return;
    };
    let me = provider.url("/me");
    let mut login = desk.login(provider.issuer(), "bound");
    login.arg("--dpop").env("BROWSER", stand_in("ann"));
    succeeds(&login.output().expect("the command starts"));
    assert_eq!(desk.json(&["info"])["bound_to"], "key");
    assert_eq!(desk.json(&["token"])["bound_to"], "key");
    let header = desk.run(&["header"]);
    assert_eq!((code(&header), header.stdout.len()), (2, 0), "{}", said(&header));
    assert!(said(&header).contains("a proof of its own"), "{}", said(&header));
    let calls: [&[&str]; 4] = [
        &["curl", &me, "--", "-sf"],
        &["curl", &me, "--", "-sf", "-X", "POST"],
        // The proof is for the address without its query.
        &["curl", &me, "--", "-sf", "-G", "-d", "a=b"],
        &["curl", &format!("{me}?x=y"), "--", "-sf"],
    ];
    for words in calls {
        let reply = desk.run(words);
        succeeds(&reply);
        let body = String::from_utf8_lossy(&reply.stdout);
        assert!(body.contains("ann@example.com"), "{body}");
    }
    // A proof is good once.
    assert_eq!(code(&desk.run(&["curl", &me, "--", "--retry", "3"])), 2);

    wait_for_another_token(&desk, &[]);
    succeeds(&desk.run(&["curl", &me, "--", "-sf"]));
    assert_eq!(desk.json(&["revoke"])["revoked"], true);
}

#[test]
fn t50_credentials_that_anybody_could_use_do_not_serve_a_login_for_bound_ones() {
    let (Some(desk), Some(provider)) = (Desk::new(), Provider::start_default()) else {
        return;
    };
    for (dpop, bound_to) in [(false, json!(null)), (true, json!("key")), (true, json!("key"))] {
        let mut login = desk.login(provider.issuer(), "native");
        // Asked once more than needed, she would say no.
        let user = if desk.file().exists() && desk.json(&["info"])["bound_to"] == "key" {
            "ann --deny"
        } else {
            "ann"
        };
        login
            .args(dpop.then_some("--dpop"))
            .env("BROWSER", stand_in(user));
        succeeds(&login.output().expect("the command starts"));
        assert_eq!(desk.json(&["info"])["bound_to"], bound_to);
    }
    succeeds(&desk.run(&["curl", &provider.url("/me"), "--", "-sf"]));
}

/// The words that name a certificate.
fn showing(identity: &Identity) -> [&str; 4] {
    let [chain, key] = identity.files();
    ["--client-certificate", chain, "--client-key", key]
}

#[test]
fn t51_a_client_with_a_certificate_needs_it_for_each_command_and_has_all_of_them_with_it() {
    let Some(provider) = TlsProvider::start(json!({ "access_token_ttl": TTL })) else {
        return;
    };
    let ca = provider.ca_file();
    let ca = ca.to_str().expect("temporary directories have plain names");
    let app = App::discover_over(
        provider.ureq(None),
        provider.issuer(),
        |server: &ServerMetadata| server.over_mtls().client("mtls"),
    );
    let app = app.expect("the provider tells");
    let me = app.client().userinfo_endpoint().expect("the provider has one");
    let api = me.origin().to_string();
    for (id, way, identity) in [
        ("mtls", "tls", &provider.ours),
        ("self-signed", "self-signed-tls", &provider.self_signed),
    ] {
        let Some(desk) = Desk::new() else { return };
        let desk = desk.always(&["--ca-file", ca]);
        let ours = showing(identity);
        let mut login = desk.login(provider.issuer(), id);
        login.args(["--client-auth", way, "--origin", &api]).args(ours);
        login.env("BROWSER", stand_in(&format!("ann --trust {ca}")));
        succeeds(&login.output().expect("the command starts"));
        assert_eq!(desk.json(&["info"])["bound_to"], "certificate");

        // Without it, and with another, nothing is sent: what is stored stays as good as it was.
        let call = ["curl", me.as_str(), "--", "-sf", "--cacert", ca];
        let before = desk.record().generation();
        let [token, header, revoke] = ["token", "header", "revoke"].map(|word| vec![word]);
        for words in [token, header, revoke, call.to_vec()] {
            let without = desk.run(&words);
            assert_eq!(
                (code(&without), without.stdout.len()),
                (2, 0),
                "{}",
                said(&without)
            );
            assert!(said(&without).contains("none was named"), "{}", said(&without));
            assert!(
                said(&without).contains("--client-certificate FILE"),
                "{}",
                said(&without)
            );
            let other = desk.run(&[&showing(&provider.strange), &*words].concat());
            assert_eq!((code(&other), other.stdout.len()), (2, 0), "{}", said(&other));
            assert!(
                said(&other).contains("another client certificate"),
                "{}",
                said(&other)
            );
        }
        assert_eq!(desk.record().generation(), before);

        // By options, and by variables.
        let [chain, key] = identity.files();
        let mut by_variables = desk.command(&call);
        by_variables
            .env("GRANTFLOW_CLIENT_CERTIFICATE", chain)
            .env("GRANTFLOW_CLIENT_KEY", key);
        let by_options = desk.command(&[&ours, &call[..]].concat());
        for mut command in [by_variables, by_options] {
            let reply = command.output().expect("the command starts");
            succeeds(&reply);
            let body = String::from_utf8_lossy(&reply.stdout);
            assert!(body.contains("ann@example.com"), "{body}");
        }
        wait_for_another_token(&desk, &ours);
        assert_eq!(desk.json(&[&["revoke"], &ours[..]].concat())["revoked"], true);
    }
}

#[test]
fn half_of_a_certificate_or_one_that_is_none_is_told_before_anybody_is_asked() {
    let (Some(desk), Some(provider)) = (Desk::new(), Provider::start_default()) else {
        return;
    };
    let text = desk.home().join("text.pem");
    std::fs::write(&text, "no PEM").expect("there is room");
    let text = text.to_str().expect("temporary directories have plain names");
    let both = ["--client-certificate", text, "--client-key", text];
    for (words, why) in [
        (&both[..2], "and not its key"),
        (&both[2..], "and not the certificate"),
        (&both[..], "cannot use the client certificate"),
        (&["--client-auth", "tls"], "none was named"),
    ] {
        let login = desk.login(provider.issuer(), "native").args(words).output();
        let login = login.expect("the command starts");
        assert_eq!(code(&login), 2, "{}", said(&login));
        assert!(said(&login).contains(why), "{}", said(&login));
    }
}
