//! The address of the consent: what is in it, and what can never be.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::{at, client, now, parameter, parameters, request, start};
use crate::{AuthorizationRequest, Client, Cx, Endpoint, EntropyError, Error, Quirks, Scopes};

#[test]
fn t02_without_entropy_there_is_no_address() {
    for good in [0, 1, 31, 32, 63] {
        // A source that gives a few bytes and then fails, as a kernel may.
        let mut fill = |bytes: &mut [u8]| {
            bytes[..good].fill(7);
            Err(EntropyError::new())
        };
        let client = client();
        let started = request(&client).start(&mut Cx::new(now(0), &mut fill));
        assert!(matches!(started, Err(Error::Entropy(_))), "{good}");
    }
}

#[test]
fn t02_q46_states_verifiers_and_nonces_are_43_characters_of_base64url_and_never_the_same() {
    let client = client();
    at(0, |cx| {
        let mut seen = BTreeSet::new();
        for _ in 0..10_000 {
            let (url, pending) = request(&client).scopes("openid").unwrap().start(cx).unwrap();
            let state = pending.state.expose().to_owned();
            let verifier = pending.verifier.secret().expose().to_owned();
            let nonce = pending.nonce.as_ref().unwrap().expose().to_owned();
            assert!(url.as_str().contains(&format!("&state={state}&")));
            assert_eq!(parameter(&url, "nonce").as_ref(), Some(&nonce));
            for value in [state, verifier, nonce] {
                assert_eq!(value.len(), 43);
                assert!(
                    value
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                    "{value}"
                );
                assert!(seen.insert(value));
            }
        }
    });
}

#[test]
fn t02_entropy_is_asked_for_once() {
    let client = client();
    for (scopes, wanted) in [("email", 64), ("email openid", 96)] {
        let mut asked = Vec::new();
        let mut fill = |bytes: &mut [u8]| {
            asked.push(bytes.len());
            Ok(())
        };
        let request = request(&client).scopes(scopes).unwrap();
        request.start(&mut Cx::new(now(0), &mut fill)).unwrap();
        assert_eq!(asked, [wanted], "{scopes}");
    }
}

#[test]
fn t05_every_address_has_the_s256_challenge_of_its_verifier_and_never_the_verifier() {
    let google = Client::google("cid").unwrap();
    let clients = [
        client(),
        client().with_secret_basic("s3cr3t"),
        client().with_secret_post("s3cr3t"),
        google,
    ];
    for client in clients {
        let (url, pending) = start(request(&client));
        let verifier = pending.verifier.secret().expose();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        assert_eq!(parameter(&url, "code_challenge"), Some(challenge));
        assert_eq!(parameter(&url, "code_challenge_method").as_deref(), Some("S256"));
        assert!(!url.as_str().contains(verifier));
        assert!(!url.as_str().contains("s3cr3t"));
    }
}

#[test]
fn t05_what_belongs_to_the_flow_cannot_be_set_from_outside() {
    let protected = [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "dpop_jkt",
        "resource",
        "request",
        "request_uri",
        "response_mode",
        "",
    ];
    for name in protected {
        let plain = client();
        let refused = request(&plain).parameter(name, "x");
        assert!(matches!(refused, Err(Error::InvalidInput(_))), "{name}");

        let preset = client().with_parameter(name, "x");
        let refused = at(0, |cx| request(&preset).start(cx));
        assert!(matches!(refused, Err(Error::InvalidInput(_))), "{name}");
    }
    for query in ["state=x", "a=b&%73tate=x", "code_challenge_method=plain", "nonce"] {
        let endpoint = format!("https://as.example/authorize?{query}");
        let client = client().with_authorization_endpoint(Endpoint::new(endpoint).unwrap());
        let refused = at(0, |cx| request(&client).start(cx));
        assert!(matches!(refused, Err(Error::InvalidInput(_))), "{query}");
    }
}

#[test]
fn the_address_has_what_was_asked_for_in_the_form_encoding() {
    let client = client();
    let request = AuthorizationRequest::new(&client, "https://app.example/cb?x=1&y")
        .scopes(["calendar", "e&mail"])
        .unwrap()
        .prompt("select_account consent")
        .login_hint("ann+1@example.com")
        .resource("https://api.example/?a=b")
        .resource("https://other.example")
        .parameter("\u{e9}", "100% =&+")
        .unwrap();
    let (url, pending) = start(request);
    let challenge = parameter(&url, "code_challenge").unwrap();
    assert_eq!(
        url.as_str(),
        format!(
            "https://as.example/authorize?response_type=code&client_id=s6BhdRkqt3\
             &redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Fx%3D1%26y&scope=calendar+e%26mail&state={}\
             &code_challenge={challenge}&code_challenge_method=S256\
             &resource=https%3A%2F%2Fapi.example%2F%3Fa%3Db&resource=https%3A%2F%2Fother.example\
             &prompt=select_account+consent&login_hint=ann%2B1%40example.com&%C3%A9=100%25+%3D%26%2B",
            pending.state.expose()
        )
    );
}

#[test]
fn a_nonce_is_sent_with_openid_and_only_then() {
    let client = client();
    for (scopes, nonce) in [("", false), ("email openid2", false), ("email openid", true)] {
        let (url, pending) = start(request(&client).scopes(scopes).unwrap());
        assert_eq!(parameter(&url, "nonce").is_some(), nonce, "{scopes}");
        assert_eq!(pending.nonce.is_some(), nonce, "{scopes}");
    }
}

#[test]
fn a_parameter_of_the_request_replaces_that_of_the_client_and_that_of_the_endpoint() {
    let endpoint = Endpoint::new("https://as.example/authorize?p=signin&tenant=a").unwrap();
    let client = client()
        .with_authorization_endpoint(endpoint)
        .with_parameter("access_type", "offline")
        .with_parameter("tenant", "b");
    let all = |request: AuthorizationRequest<'_>| {
        let (url, _) = start(request);
        ["p", "tenant", "access_type"].map(|name| parameter(&url, name).unwrap_or_default())
    };
    assert_eq!(all(request(&client)), ["signin", "b", "offline"]);
    let request = request(&client).access_type("online").access_type("other");
    let request = request.parameter("p", "reset").unwrap();
    assert_eq!(all(request), ["reset", "b", "other"]);
}

#[test]
fn q37_scopes_are_joined_as_the_provider_wants_them() {
    let mut quirks = Quirks::default();
    for (comma, joined) in [(false, "&scope=a+b&"), (true, "&scope=a%2Cb&")] {
        quirks.comma_scopes = comma;
        let client = client().with_quirks(quirks.clone());
        let (url, _) = start(request(&client).scopes("a b").unwrap());
        assert!(url.as_str().contains(joined), "{joined}");
    }
}

#[test]
fn q41_a_query_of_the_endpoint_stays_as_it_is() {
    for (endpoint, begins) in [
        ("https://as.example", "https://as.example?response_type=code&"),
        (
            "https://as.example/authorize?",
            "https://as.example/authorize?response_type=code&",
        ),
        (
            "https://as.example/authorize?a=%7e+b&c&d=",
            "https://as.example/authorize?a=%7e+b&c&d=&response_type=code&",
        ),
        (
            "https://as.example/authorize?a=1&",
            "https://as.example/authorize?a=1&response_type=code&",
        ),
    ] {
        let client = client().with_authorization_endpoint(Endpoint::new(endpoint).unwrap());
        let (url, _) = start(request(&client));
        assert!(url.as_str().starts_with(begins), "{endpoint}");
    }
}

#[test]
fn q42_empty_parameters_are_not_sent() {
    let client = client().with_parameter("access_type", "offline");
    let request = request(&client)
        .scopes(Scopes::none())
        .unwrap()
        .prompt("")
        .login_hint("")
        .access_type("")
        .resource("")
        .parameter("audience", "")
        .unwrap();
    let (url, _) = start(request);
    let names: Vec<String> = parameters(url.as_str())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "response_type",
            "client_id",
            "redirect_uri",
            "state",
            "code_challenge",
            "code_challenge_method"
        ]
    );
}

#[test]
fn a_redirect_address_is_absolute_and_has_no_fragment() {
    let client = client();
    let started = |uri: &str| at(0, |cx| AuthorizationRequest::new(&client, uri).start(cx)).is_ok();
    for good in [
        "https://app.example/cb",
        "http://localhost:3000/cb?x=1",
        "com.example.app:/cb",
        "urn:ietf:wg:oauth:2.0:oob",
    ] {
        assert!(started(good), "{good}");
    }
    for bad in [
        "",
        "/cb",
        "app.example/cb",
        "https:",
        ":x",
        "1a:x",
        "https://app.example/#f",
        "https://app.example/a b",
        "https://app.example/\u{e9}",
        "https://app.example/\n",
    ] {
        assert!(!started(bad), "{bad}");
    }
}

#[test]
fn nothing_secret_is_in_a_debug_output() {
    let client = client();
    let request = request(&client)
        .scopes("openid")
        .unwrap()
        .login_hint("ann@example.com");
    let request_text = format!("{request:?}");
    let (url, pending) = start(request);
    let secrets = [
        pending.state.expose().to_owned(),
        pending.verifier.secret().expose().to_owned(),
        pending.nonce.as_ref().unwrap().expose().to_owned(),
        "SplxlOBeZQQYbYS6WxSbIA".to_owned(),
        "ann@example.com".to_owned(),
    ];
    assert_eq!(format!("{url:?}"), "https://as.example/authorize");
    let mut text = format!("{request_text} {pending:?}");
    let callback = format!("?code=SplxlOBeZQQYbYS6WxSbIA&state={}", secrets[0]);
    let code = at(1, |cx| pending.accept(&callback, cx)).unwrap();
    text.push_str(&format!("{code:?}"));
    for secret in secrets {
        assert!(!text.contains(&secret), "{text}");
    }
}

#[test]
fn an_authorization_lives_ten_minutes_or_as_long_as_it_is_told_to() {
    let client = client();
    let lives = |request: AuthorizationRequest<'_>| {
        let (_, pending) = start(request);
        pending.expires_at().since(pending.created_at())
    };
    assert_eq!(lives(request(&client)), Duration::from_secs(600));
    let hour = Duration::from_secs(3600);
    assert_eq!(lives(request(&client).lifetime(hour)), hour);
}
