//! Whole logins of installed applications: receiver, browser, consent, code, token, file; then what the token is for.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use grantflow_core::{Client, Error, ResponseMode, Store as _, blocking::Credentials};
use grantflow_jwt::Algorithm;
use grantflow_loopback::{Environment, LoginError, LoginOptions, LoopbackHost, run_flow_with};
use grantflow_oidc::ResponseVerifier;
use grantflow_suites::app::{App, SCOPES};
use grantflow_suites::browser::{Answer, Browser};
use grantflow_suites::chat::Chat;
use grantflow_suites::chromium::{Chromium, Window};
use grantflow_suites::driven::Server::OidcProvider;
use grantflow_suites::driven::{CODE, Over, RESPONSE_MODE, drives};
use grantflow_suites::provider::{CONFIDENTIAL_SECRET, Provider};
use grantflow_suites::skip::artifacts;
use grantflow_testserver::{Endpoint, Fault, IdTokenFlaw, TestServer};
use grantflow_ureq::{Authorize as _, UreqTransport};
use serde_json::{Value, json};

fn native(client: Client) -> Client {
    client.with_redirect_uris(["http://127.0.0.1/cb"])
}

/// Nobody opens a browser but the test.
fn options() -> LoginOptions {
    let limit = Duration::from_secs(60);
    LoginOptions::new()
        .environment(Environment::new())
        .time_limit(limit)
}

/// Runs the login on a thread of its own while `user` does their part, and gives what came of both.
fn log_in<T>(
    app: &App,
    options: &LoginOptions,
    user: impl FnOnce(&Receiver<String>) -> T,
) -> (Result<Credentials, LoginError>, T) {
    let (chat, opened) = Chat::new();
    std::thread::scope(|scope| {
        let login = scope.spawn(move || {
            let transport = UreqTransport::new()?;
            run_flow_with(app.client(), SCOPES, app.store(), transport, options, &chat)
        });
        let seen = user(&opened);
        (login.join().expect("a login does not panic"), seen)
    })
}

fn type_name_and_password(window: &Window) {
    window.type_into("input[name=login]", "ann");
    window.type_into("input[name=password]", "password");
    window.click("button[type=submit]");
    let consents = || (window.text("button[type=submit]") == "Continue").then_some(());
    window.wait_for("consent page", consents);
}

/// The address line once the server has sent the window to the application.
fn end_of(window: &Window, provider: &Provider) -> String {
    let end = || Some(window.url()).filter(|url| !url.starts_with(provider.issuer()));
    let end = window.wait_for("page of the application", end);
    assert!(end.starts_with("http://127.0.0.1:"), "{end}");
    end
}

#[test]
fn t10_a_person_logs_in_with_chromium_and_the_code_leaves_the_address_line() -> Result<(), LoginError> {
    drives(OidcProvider, Over::Ureq, &[CODE]);
    let (Some(provider), Some(chromium)) = (Provider::start_default(), Chromium::start()) else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", native)?;
    let window = chromium.window();
    let (login, (end, title)) = log_in(&app, &options(), |opened| {
        window.open(&opened.recv().expect("the login says where to go"));
        type_name_and_password(&window);
        window.click("button[type=submit]");
        let end = end_of(&window, &provider);
        window.screenshot(&artifacts().join("finished-page.png"));
        (end, window.text("h1"))
    });
    let credentials = login?;
    assert_eq!(title, "Login received");
    assert!(!end.contains(['?', '#']), "{end}");
    // By Chromium's own account the page loads nothing from elsewhere.
    let receiver = &end[..=end.rfind('/').expect("an address has slashes")];
    let requests = window.requests_of(receiver);
    assert!(
        requests.iter().any(|url| url.contains("code=")),
        "the redirect is among them"
    );
    assert!(
        requests.iter().all(|url| url.starts_with(receiver)),
        "{requests:?}"
    );

    // What it was all for: an agent like any other.
    let agent = credentials.authorize(&ureq::Agent::new_with_defaults())?;
    let mut reply = agent
        .get(provider.url("/me"))
        .call()
        .expect("the API takes the token");
    let body = reply.body_mut().read_to_string().expect("the API answers text");
    assert!(body.contains(r#""sub":"ann""#), "{body}");
    Ok(())
}

#[test]
fn a_person_who_says_no_in_chromium_sees_so_and_the_login_is_denied() -> Result<(), LoginError> {
    drives(OidcProvider, Over::Ureq, &[CODE]);
    let (Some(provider), Some(chromium)) = (Provider::start_default(), Chromium::start()) else {
        return Ok(());
    };
    let app = App::discover(provider.issuer(), "native", native)?;
    let window = chromium.window();
    let (login, title) = log_in(&app, &options(), |opened| {
        window.open(&opened.recv().expect("the login says where to go"));
        type_name_and_password(&window);
        window.click("a[href$='/abort']");
        end_of(&window, &provider);
        window.text("h1")
    });
    assert!(
        matches!(login, Err(LoginError::Flow(Error::Denied(_)))),
        "{login:?}"
    );
    assert_eq!(title, "Access was not granted");
    assert!(app.store().read(&app.key()?).map_err(Error::from)?.is_none());
    Ok(())
}

#[test]
fn the_redirect_is_received_at_either_loopback_address_and_at_localhost() -> Result<(), LoginError> {
    drives(OidcProvider, Over::Ureq, &[CODE]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    for host in [LoopbackHost::V4, LoopbackHost::V6, LoopbackHost::Localhost] {
        let with = |client: Client| client.with_redirect_uris([format!("http://{host}/cb")]);
        let app = App::discover(provider.issuer(), "native", with)?;
        let (login, page) = log_in(&app, &options(), |opened| {
            Browser::of("ann").log_in(&opened.recv().expect("the login says where to go"))
        });
        assert!(page.url.starts_with(&format!("http://{host}:")), "{}", page.url);
        assert_eq!(page.status, 200);
        assert!(login?.has_scopes("openid email")?);
    }
    Ok(())
}

#[test]
fn a_confidential_application_logs_in_through_the_browser_that_the_user_named() -> Result<(), LoginError> {
    drives(OidcProvider, Over::Ureq, &[CODE]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    let with = |client| native(client).with_secret_basic(CONFIDENTIAL_SECRET);
    let app = App::discover(provider.issuer(), "confidential", with)?;
    let browser = format!("'{}' ann", env!("CARGO_BIN_EXE_stand-in-browser"));
    let options = options().environment(Environment::new().browser(&browser));
    let (login, ()) = log_in(&app, &options, |_| ());
    assert!(login?.has_scopes("openid email")?);

    // Stored credentials serve, so nobody is asked again; she would say no.
    let options = options.environment(Environment::new().browser(format!("{browser} --deny")));
    let (again, ()) = log_in(&app, &options, |_| ());
    assert!(again?.access_token()?.remaining.is_some());
    let (denied, ()) = log_in(&app, &options.always_ask(), |_| ());
    assert!(
        matches!(denied, Err(LoginError::Flow(Error::Denied(_)))),
        "{denied:?}"
    );
    assert!(
        app.credentials()?.header().is_ok(),
        "what was stored is still there"
    );
    Ok(())
}

const MODES: [ResponseMode; 3] = [
    ResponseMode::FormPost,
    ResponseMode::QueryJwt,
    ResponseMode::FormPostJwt,
];

/// An application that takes signed answers.
fn proving(issuer: &str, id: &str, algorithm: Algorithm) -> Result<App, LoginError> {
    Ok(App::discover_over(UreqTransport::new()?, issuer, |server| {
        let verifier = ResponseVerifier::of_server([algorithm], server, id).expect("the server has keys");
        let paths = ["http://127.0.0.1/cb", "http://127.0.0.1/callback"];
        let path = if id == "native" { paths[0] } else { paths[1] };
        server
            .client(id)
            .with_redirect_uris([path])
            .with_response_check(Arc::new(verifier))
    })?)
}

#[test]
fn an_answer_that_is_posted_or_signed_ends_in_credentials_or_in_a_denial() -> Result<(), LoginError> {
    drives(OidcProvider, Over::Ureq, &[CODE, RESPONSE_MODE]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    for mode in MODES {
        for denies in [false, true] {
            let app = proving(provider.issuer(), "native", Algorithm::Es256)?;
            let (login, page) = log_in(&app, &options().response_mode(mode), |opened| {
                let url = opened.recv().expect("the login says where to go");
                assert!(url.contains(&format!("response_mode={}", mode.as_str())));
                let browser = Browser::of("ann");
                let mut browser = if denies { browser.who_denies() } else { browser };
                browser.log_in(&url)
            });
            assert_eq!(page.status, 200, "{mode:?}");
            if denies {
                assert!(page.body.contains("Access was not granted"), "{}", page.body);
                assert!(
                    matches!(login, Err(LoginError::Flow(Error::Denied(_)))),
                    "{login:?}"
                );
            } else {
                assert!(login?.has_scopes("openid email")?, "{mode:?}");
            }
        }
    }
    Ok(())
}

/// With a code of somebody else; the signature is still the server's.
fn forge(mut answer: Answer) -> Answer {
    let text = answer.form.as_mut().unwrap_or(&mut answer.url);
    let (before, token) = text.split_once("response=").expect("it is signed");
    let parts: Vec<&str> = token.split('.').collect();
    let payload = BASE64.decode(parts[1]).expect("a payload is base64url");
    let mut claims: Value = serde_json::from_slice(&payload).expect("claims are JSON");
    claims["code"] = json!("stolen");
    let payload = BASE64.encode(claims.to_string());
    *text = format!("{before}response={}.{payload}.{}", parts[0], parts[2]);
    answer
}

#[test]
fn t09_a_forged_answer_ends_the_login_and_nothing_is_stored() -> Result<(), LoginError> {
    drives(OidcProvider, Over::Ureq, &[RESPONSE_MODE]);
    let Some(provider) = Provider::start_default() else {
        return Ok(());
    };
    for mode in [ResponseMode::QueryJwt, ResponseMode::FormPostJwt] {
        let app = proving(provider.issuer(), "native", Algorithm::Es256)?;
        let (login, page) = log_in(&app, &options().response_mode(mode), |opened| {
            let mut browser = Browser::of("ann");
            let answer = browser.answer(&opened.recv().expect("the login says where to go"));
            browser.bring(forge(answer))
        });
        assert!(
            matches!(login, Err(LoginError::Flow(Error::TokenRefused(_)))),
            "{login:?}"
        );
        assert!(!page.body.contains("Login received"), "{}", page.body);
        assert!(app.store().read(&app.key()?).map_err(Error::from)?.is_none());
    }
    Ok(())
}

#[test]
fn t09_an_answer_with_one_thing_wrong_is_none() -> Result<(), LoginError> {
    let refused = [
        IdTokenFlaw::BrokenSignature,
        IdTokenFlaw::ForeignKey,
        IdTokenFlaw::Unsigned,
        IdTokenFlaw::HmacOfPublicKey,
        IdTokenFlaw::OtherAlgorithm,
        IdTokenFlaw::Expired,
        IdTokenFlaw::WrongIssuer,
        IdTokenFlaw::WrongAudience,
        IdTokenFlaw::NoExpiry,
    ];
    let flaws = refused.map(Some).into_iter().chain([None]);
    for flaw in flaws {
        let server = TestServer::start().expect("a server starts");
        if let Some(flaw) = flaw {
            server.push_fault(Endpoint::Authorization, Fault::Response(flaw));
        }
        let app = proving(server.issuer(), "native-app", Algorithm::Rs256)?;
        let options = options().response_mode(ResponseMode::QueryJwt);
        let (login, _) = log_in(&app, &options, |opened| {
            let redirect = server.approve(&opened.recv().expect("the login says where to go"));
            Browser::of("ann").visit(&redirect.expect("the user consents"))
        });
        match flaw {
            Some(_) => assert!(
                matches!(login, Err(LoginError::Flow(Error::TokenRefused(_)))),
                "{flaw:?}: {login:?}"
            ),
            None => assert!(login.is_ok(), "{login:?}"),
        }
    }
    Ok(())
}
