//! The redirect that comes back: which are taken, and why others are not.

use super::{at, client, request, start};
use crate::error::ErrorCode;
use crate::{
    AuthorizationCode, CallbackError, Client, Endpoint, Error, Issuer, PendingAuthorization, Secret,
};

/// A pending authorization and its state.
fn pending(client: &Client) -> (PendingAuthorization, String) {
    let (_, pending) = start(request(client).scopes("openid calendar").unwrap());
    let state = pending.state.expose().to_owned();
    (pending, state)
}

/// What becomes of a redirect in which `{}` stands for the right state.
fn accept(client: &Client, callback: &str) -> Result<AuthorizationCode, Error> {
    let (pending, state) = pending(client);
    at(1, |cx| pending.accept(&callback.replace("{}", &state), cx))
}

fn refused(client: &Client, callback: &str) -> CallbackError {
    match accept(client, callback) {
        Err(Error::Callback(why)) => why,
        other => panic!("{callback}: {other:?}"),
    }
}

fn promising(issuer: Option<&str>) -> Client {
    let endpoint = |address| Endpoint::new(address).unwrap();
    let client = Client::new("s6BhdRkqt3", endpoint("https://as.example/token"))
        .with_authorization_endpoint(endpoint("https://as.example/authorize"))
        .with_iss_promised(true);
    match issuer {
        Some(issuer) => client.with_issuer(Issuer::new(issuer).unwrap()),
        None => client,
    }
}

#[test]
fn the_right_redirect_gives_a_code_with_all_that_its_exchange_needs() {
    let client = client();
    let (pending, state) = pending(&client);
    let verifier = pending.verifier.secret().clone();
    let nonce = pending.nonce.clone().unwrap();
    let callback =
        format!("http://127.0.0.1:8080/callback?state={state}&code=SplxlOBeZQQYbYS6WxSbIA&scope=calendar");
    let code = at(1, |cx| pending.accept(&callback, cx)).unwrap();
    assert_eq!(code.code().expose(), "SplxlOBeZQQYbYS6WxSbIA");
    assert!(code.verifier().eq_ct(&verifier));
    assert!(code.nonce().unwrap().eq_ct(&nonce));
    assert_eq!(code.redirect_uri(), "http://127.0.0.1:8080/callback");
    assert_eq!(code.scopes().to_string(), "openid calendar");
    assert!(code.resources().is_empty());
    assert!(code.check_client(&client).is_ok());
}

#[test]
fn t01_a_redirect_without_the_state_that_was_sent_is_refused_with_a_code_and_with_an_error() {
    let client = client();
    let (_, state) = pending(&client);
    let flipped: String = state
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let states = [
        String::new(),
        "&state=".to_owned(),
        "&state=other".to_owned(),
        format!("&state={}", &state[..42]),
        format!("&state={state}A"),
        format!("&state={state}+"),
        format!("&state=%20{state}"),
        format!("&state={flipped}"),
        format!("&State={state}"),
        format!("&state={}", "A".repeat(43)),
    ];
    for answer in ["code=SplxlOBeZQQYbYS6WxSbIA", "error=access_denied"] {
        for state in &states {
            assert_eq!(
                refused(&client, &format!("/cb?{answer}{state}")),
                CallbackError::State
            );
        }
        for doubled in [
            "&state={}&state={}",
            "&state={}&state=other",
            "&state=other&st%61te={}",
        ] {
            assert_eq!(
                refused(&client, &format!("/cb?{answer}{doubled}")),
                CallbackError::Repeated
            );
        }
    }
}

#[test]
fn t01_a_pasted_code_without_its_redirect_is_refused() {
    let client = client();
    for text in [
        "",
        " ",
        "SplxlOBeZQQYbYS6WxSbIA",
        "4/0AbUR2VMeHx",
        "http://127.0.0.1:8080/callback",
    ] {
        assert_eq!(refused(&client, text), CallbackError::Malformed, "{text}");
    }
    assert_eq!(
        refused(&client, "code=SplxlOBeZQQYbYS6WxSbIA"),
        CallbackError::State
    );
}

#[test]
fn t01_a_pasted_address_is_taken_by_the_same_checks() {
    let client = client();
    for form in [
        "http://127.0.0.1:8080/callback?code=c&state={}",
        "  \n http://127.0.0.1:8080/callback?code=c&state={} \r\n",
        "127.0.0.1:8080/callback?code=c&state={}#",
        "/callback?code=c&state={}",
        "?code=c&state={}",
        "code=c&state={}",
        "state={}&code=c&",
        "http://127.0.0.1:8080/callback?code=c&state={}#_=_",
    ] {
        assert_eq!(accept(&client, form).unwrap().code().expose(), "c", "{form}");
    }
}

#[test]
fn t07_a_redirect_of_another_issuer_is_refused_with_a_code_and_with_an_error() {
    let plain = client();
    let promised = promising(Some("https://as.example"));
    for answer in ["code=c", "error=access_denied"] {
        for issuer in [
            "https://evil.example",
            "https://as.example/",
            "https://AS.example",
            "HTTPS://as.example",
            "https://as.example:443",
            "https%253A%252F%252Fas.example",
            "https://%2561s.example",
            "as.example",
            "https://as.exampl",
            "https://as.example.evil.example",
            "+https://as.example",
        ] {
            let callback = format!("/cb?{answer}&state={{}}&iss={issuer}");
            assert_eq!(refused(&plain, &callback), CallbackError::Issuer, "{issuer}");
            assert_eq!(refused(&promised, &callback), CallbackError::Issuer, "{issuer}");
        }
        let doubled = format!("/cb?{answer}&state={{}}&iss=https://as.example&iss=https://as.example");
        assert_eq!(refused(&plain, &doubled), CallbackError::Repeated);
    }
}

#[test]
fn t07_q49_an_issuer_that_was_promised_has_to_come_and_another_may_be_absent() {
    let promised = promising(Some("https://as.example"));
    let nameless = promising(None);
    for answer in ["code=c", "error=access_denied"] {
        for issuer in ["", "&iss="] {
            let callback = format!("/cb?{answer}&state={{}}{issuer}");
            assert_eq!(refused(&promised, &callback), CallbackError::Issuer, "{callback}");
            assert_eq!(refused(&nameless, &callback), CallbackError::Issuer, "{callback}");
        }
        // A promise that cannot be checked is no check.
        let callback = format!("/cb?{answer}&state={{}}&iss=https://as.example");
        assert_eq!(refused(&nameless, &callback), CallbackError::Issuer);
    }
    let there = "/cb?code=c&state={}&iss=https%3A%2F%2Fas.example";
    assert!(accept(&promised, there).is_ok());
    assert!(accept(&client(), there).is_ok());
    assert!(accept(&client(), "/cb?code=c&state={}").is_ok());
    assert!(accept(&nameless.with_iss_promised(false), there).is_ok());
}

#[test]
fn t07_a_code_goes_to_no_other_client_than_the_one_it_was_asked_for() {
    let code = accept(&client(), "/cb?code=c&state={}").unwrap();
    assert!(code.check_client(&client().with_secret_post("s")).is_ok());
    let endpoint = Endpoint::new("https://evil.example/token").unwrap();
    let issuer = Issuer::new("https://as.example").unwrap();
    let others = [
        Client::new("s6BhdRkqt3", endpoint).with_issuer(issuer.clone()),
        Client::new("other", Endpoint::new("https://as.example/token").unwrap()).with_issuer(issuer),
        client().with_issuer(Issuer::new("https://evil.example").unwrap()),
        Client::new("s6BhdRkqt3", Endpoint::new("https://as.example/token").unwrap()),
    ];
    for other in others {
        assert!(
            matches!(code.check_client(&other), Err(Error::InvalidInput(_))),
            "{other:?}"
        );
    }
}

#[test]
fn t08_a_redirect_that_can_be_read_in_two_ways_is_refused() {
    let client = client();
    let long = format!("/cb?code=c&state={{}}&x={}", "a".repeat(1 << 20));
    let many = format!("/cb?code=c&state={{}}{}", "&a".repeat(30_000));
    for (callback, why) in [
        ("/cb?code=a&code=b&state={}", CallbackError::Repeated),
        ("/cb?code=a&state={}&code=a", CallbackError::Repeated),
        ("/cb?code=a&state={}&x&x", CallbackError::Repeated),
        ("/cb?error=a&error=b&state={}", CallbackError::Repeated),
        ("/cb?code=%FF&state={}", CallbackError::Malformed),
        ("/cb?code=a&state={}&x=%FF", CallbackError::Malformed),
        ("/cb?code=a%00&state={}", CallbackError::Malformed),
        ("/cb?code=a&state={}%00", CallbackError::Malformed),
        ("/cb?code=a&state={}&%00=x", CallbackError::Malformed),
        ("/cb?code=a%&state={}", CallbackError::Malformed),
        (
            "/cb?code=a&error=access_denied&state={}",
            CallbackError::CodeAndError,
        ),
        ("/cb?state={}", CallbackError::NoCode),
        ("/cb?code=&state={}", CallbackError::NoCode),
        ("/cb?code=&error=&state={}", CallbackError::NoCode),
        ("/cb#code=a&state={}", CallbackError::NoCode),
        (&long, CallbackError::Malformed),
        (&many, CallbackError::Repeated),
    ] {
        let shown = &callback[..callback.len().min(60)];
        assert_eq!(refused(&client, callback), why, "{shown}");
    }
}

#[test]
fn t08_a_redirect_is_taken_up_to_64_kib() {
    let client = client();
    let (_, state) = pending(&client);
    let fixed = format!("?code=c&state={state}&x=");
    for (length, taken) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        let callback = format!("{fixed}{}", "a".repeat(length - fixed.len()));
        assert_eq!(accept(&client, &callback).is_ok(), taken, "{length}");
    }
}

#[test]
fn t01_t08_what_comes_first_decides() {
    // Malformed before repeated, repeated before state, state before issuer, issuer before refusal.
    let client = promising(Some("https://as.example"));
    for (callback, why) in [
        ("/cb?code=%FF&code=a", CallbackError::Malformed),
        ("/cb?code=a&code=a&state=other", CallbackError::Repeated),
        (
            "/cb?error=access_denied&state=other&iss=https://evil.example",
            CallbackError::State,
        ),
        (
            "/cb?error=access_denied&state={}&iss=https://evil.example",
            CallbackError::Issuer,
        ),
    ] {
        assert_eq!(refused(&client, callback), why, "{callback}");
    }
    let (pending, _) = pending(&client);
    let late = at(600, |cx| pending.accept("/cb?code=a&state=other", cx));
    assert!(matches!(late, Err(Error::Callback(CallbackError::Expired))));
}

#[test]
fn a_redirect_that_comes_too_late_is_refused() {
    let client = client();
    for (seconds, taken) in [(599, true), (600, false), (i64::from(u32::MAX), false)] {
        let (pending, state) = pending(&client);
        let code = at(seconds, |cx| {
            pending.accept(&format!("?code=c&state={state}"), cx)
        });
        match code {
            Ok(_) => assert!(taken, "{seconds}"),
            Err(error) => {
                assert!(
                    !taken && matches!(error, Error::Callback(CallbackError::Expired)),
                    "{seconds}"
                );
            }
        }
    }
}

#[test]
fn t18_a_receiver_tells_its_redirect_from_others_without_using_it_up() {
    let client = client();
    let (pending, state) = pending(&client);
    for foreign in [
        "/".to_owned(),
        "/favicon.ico".to_owned(),
        "/callback?error=access_denied".to_owned(),
        "/callback?error=access_denied&state=x".to_owned(),
        format!("/callback?code=c&state={}", &state[1..]),
        format!("/callback?code=c&state={state}&state={state}"),
        format!("/callback?code=a&code=b&state={state}"),
        format!("/callback?code=%FF&state={state}"),
    ] {
        assert!(!pending.matches(&foreign), "{foreign}");
    }
    for own in ["code=c", "error=access_denied"] {
        assert!(
            pending.matches(&format!("/callback?{own}&state={state}")),
            "{own}"
        );
    }
    assert!(
        at(1, |cx| pending
            .accept(&format!("/callback?code=c&state={state}"), cx))
        .is_ok()
    );
}

#[test]
fn q35_a_code_is_decoded_exactly_once() {
    let client = client();
    for (sent, code) in [
        ("4%2F0AbUR2V", "4/0AbUR2V"),
        ("4/0AbUR2V", "4/0AbUR2V"),
        ("sq0cgp-a%253D%253D", "sq0cgp-a%3D%3D"),
        ("a%2Bb+c%20d", "a+b c d"),
        ("a=b==", "a=b=="),
    ] {
        let accepted = accept(&client, &format!("/cb?code={sent}&state={{}}")).unwrap();
        assert!(accepted.code().eq_ct(&Secret::from(code)), "{sent}");
    }
}

#[test]
fn q48_a_denied_consent_is_an_error_of_its_own_by_either_name() {
    let client = client();
    for callback in [
        "/cb?error=access_denied&state={}",
        "/cb?error=user_denied&state={}",
        "/cb?error=access_denied&error_reason=user_denied&state={}&code=",
        "/cb#error=access_denied&state={}",
    ] {
        let error = accept(&client, callback).unwrap_err();
        assert!(matches!(error, Error::Denied(_)), "{callback}: {error:?}");
        assert!(error.needs_user());
    }
}

#[test]
fn q48_another_refusal_is_the_servers_with_its_words() {
    let client = client();
    let callback =
        "/cb?error=login_required&error_description=Log+in%21&error_uri=https://as.example/e&state={}";
    match accept(&client, callback) {
        Err(Error::Server(refusal)) => {
            assert_eq!(refusal.code(), &ErrorCode::LoginRequired);
            assert_eq!(refusal.description(), Some("Log in!"));
            assert_eq!(refusal.uri(), Some("https://as.example/e"));
            assert_eq!(refusal.status(), None);
        }
        other => panic!("{other:?}"),
    }
    for code in ["temporarily_unavailable", "interaction_required", "unheard_of"] {
        let error = accept(&client, &format!("/cb?error={code}&state={{}}")).unwrap_err();
        assert!(matches!(error, Error::Server(refusal) if refusal.code().as_str() == code));
    }
}
