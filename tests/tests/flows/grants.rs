//! Grants without a browser against a server that really checks them: passwords, exchanged tokens, SAML assertions; each as a source of
//! `Credentials` that asks once for all of its callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use grantflow_core::error::{ErrorCode, ReplyProblem};
use grantflow_core::flow::{
    PresentedToken, ResourceOwnerPassword, SamlBearer, TokenExchange, TokenSource, TokenTypeIdentifier,
};
use grantflow_core::{
    Client, Error, Issuer, Origin, Secret, Step, Store as _, TokenType, TransportHost, blocking, flow, run,
};
use grantflow_store::MemoryStore;
use grantflow_suites::app::{get, member};
use grantflow_testserver::{Config, Endpoint, Fault, TestSamlIssuer, TestServer};
use grantflow_ureq::UreqTransport;

const MINUTE: Duration = Duration::from_secs(60);

fn start(config: Config) -> TestServer {
    config.start().expect("a port is free")
}

fn client(server: &TestServer) -> Result<Client, Error> {
    let issuer = Issuer::allow_http_for_loopback(server.issuer())?;
    let transport = UreqTransport::new()?;
    let metadata = run(flow::discover(&issuer), &TransportHost::new(&transport))?;
    Ok(metadata
        .client("native-app")
        .with_origins([Origin::new(server.issuer())?]))
}

fn once(source: &dyn TokenSource) -> Result<grantflow_core::Token, Error> {
    run(source.token(), &TransportHost::new(&UreqTransport::new()?))
}

fn code(end: &Result<grantflow_core::Token, Error>) -> &ErrorCode {
    match end {
        Err(Error::Server(refusal)) => refusal.code(),
        other => panic!("{other:?}"),
    }
}

/// Eight threads at once get one token, which is the subject's and is stored under the source's key; an ended one is got anew.
fn serves(source: impl TokenSource + 'static, server: &TestServer, subject: &str) -> Result<(), Error> {
    let (key, store) = (source.key().clone(), MemoryStore::new());
    let credentials = blocking::Credentials::from_source_stored(source, store.clone(), UreqTransport::new()?);
    let before = server.stats().token_requests;
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let credentials = credentials.clone();
            thread::spawn(move || credentials.header())
        })
        .collect();
    for thread in threads {
        thread.join().expect("no thread panics")?;
    }
    assert_eq!(server.stats().token_requests, before + 1);
    let me = credentials.authorized(get(&server.url("/api/me")))?;
    assert_eq!(member(&me, "sub"), subject);
    assert_eq!(store.keys()?, [key]);
    // One that the API takes no more is replaced without anybody noticing.
    server.expire_access_tokens();
    assert_eq!(credentials.authorized(get(&server.url("/api/me")))?.status(), 200);
    assert_eq!(server.stats().token_requests, before + 2);
    Ok(())
}

#[test]
fn a_password_gives_tokens_and_a_wrong_one_needs_the_user() -> Result<(), Error> {
    let server = start(Config::new());
    let with = |password: &str| {
        ResourceOwnerPassword::new(client(&server)?, "ann", Secret::new(password), "profile")
    };
    serves(with("password")?, &server, "ann")?;
    assert_eq!(server.stats().passwords, 2);
    let wrong = once(&with("Password")?);
    assert_eq!(code(&wrong), &ErrorCode::InvalidGrant);
    assert!(wrong.is_err_and(|error| error.needs_user()));
    Ok(())
}

/// A token of ann's, as another application brings it.
fn anns(server: &TestServer) -> Result<Secret, Error> {
    let source =
        ResourceOwnerPassword::new(client(server)?, "ann", Secret::new("password"), "profile orders")?;
    Ok(once(&source)?.access_token)
}

fn exchange(
    server: &TestServer,
    token: impl Into<PresentedToken>,
    scopes: &str,
) -> Result<TokenExchange, Error> {
    TokenExchange::new(
        client(server)?,
        "ann",
        token,
        TokenTypeIdentifier::AccessToken,
        scopes,
    )
}

#[test]
fn a_token_is_exchanged_for_one_of_the_same_user_for_another_service() -> Result<(), Error> {
    let server = start(Config::new());
    // The one that is there ends with all others; a source that gets it anew does not mind.
    let (asked, again) = (Arc::new(AtomicU32::new(0)), client(&server)?);
    let count = Arc::clone(&asked);
    let anew = PresentedToken::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        let source =
            ResourceOwnerPassword::new(again.clone(), "ann", Secret::new("password"), "profile orders");
        Step::begin(move |_| {
            let token = source?.token();
            Ok(token.and_then(|token, _| Ok(Step::Done(token.access_token))))
        })
    });
    let source = exchange(&server, anew, "orders")?;
    let source = source
        .audience("backend")
        .audience("archive")
        .resource("https://backend.example/api");
    let first = once(&source)?;
    assert_eq!(first.issued_token_type(), Some(TokenTypeIdentifier::AccessToken));
    assert_eq!(
        first.scopes.as_ref().map(ToString::to_string).as_deref(),
        Some("orders")
    );
    assert_eq!(
        (asked.load(Ordering::SeqCst), server.stats().token_exchanges),
        (1, 1)
    );

    let credentials = blocking::Credentials::from_source(source, UreqTransport::new()?);
    for _ in 0..2 {
        let me = credentials.authorized(get(&server.url("/api/me")))?;
        assert_eq!(member(&me, "sub"), "ann");
    }
    assert_eq!(
        (asked.load(Ordering::SeqCst), server.stats().token_exchanges),
        (2, 2)
    );
    server.expire_access_tokens();
    assert_eq!(credentials.authorized(get(&server.url("/api/me")))?.status(), 200);
    assert_eq!(
        (asked.load(Ordering::SeqCst), server.stats().token_exchanges),
        (3, 3)
    );
    Ok(())
}

#[test]
fn an_exchange_is_refused_for_whoever_proves_nothing() -> Result<(), Error> {
    let server = start(Config::new());
    let token = anns(&server)?;
    let kind = || TokenTypeIdentifier::AccessToken;
    let plain = || exchange(&server, token.clone(), "orders");
    assert!(once(&plain()?.actor("robot", token.clone(), kind())).is_ok());

    let forged = exchange(&server, Secret::new("gft_at_forged"), "orders")?;
    assert_eq!(code(&once(&forged)), &ErrorCode::InvalidRequest);
    let actor = plain()?.actor("robot", Secret::new("gft_at_forged"), kind());
    assert_eq!(code(&once(&actor)), &ErrorCode::InvalidRequest);
    let wide = exchange(&server, token.clone(), "orders admin")?;
    assert_eq!(code(&once(&wide)), &ErrorCode::InvalidScope);
    let nowhere = plain()?.audience("unknown");
    assert_eq!(code(&once(&nowhere)), &ErrorCode::InvalidTarget);
    let saml = plain()?.requested_token_type(TokenTypeIdentifier::Saml2);
    assert_eq!(code(&once(&saml)), &ErrorCode::InvalidRequest);
    server.push_fault(Endpoint::Token, Fault::NoIssuedTokenType);
    let unsaid = once(&plain()?);
    let Err(Error::BadReply(bad)) = &unsaid else {
        panic!("{unsaid:?}");
    };
    assert_eq!(bad.problem(), ReplyProblem::Missing("issued_token_type"));
    server.expire_access_tokens();
    assert_eq!(code(&once(&plain()?)), &ErrorCode::InvalidRequest);
    Ok(())
}

#[test]
fn what_is_issued_may_be_no_access_token() -> Result<(), Error> {
    let server = start(Config::new());
    let source = exchange(&server, anns(&server)?, "orders")?;
    let source = source.requested_token_type(TokenTypeIdentifier::RefreshToken);
    let token = once(&source)?;
    assert_eq!(token.token_type, TokenType::NotApplicable);
    assert_eq!(token.issued_token_type(), Some(TokenTypeIdentifier::RefreshToken));
    assert!(token.access_token.expose().starts_with("gft_rt_"));
    let credentials = blocking::Credentials::from_source(source, UreqTransport::new()?);
    let refused = credentials.authorized(get(&server.url("/api/me")));
    assert!(matches!(&refused, Err(Error::InvalidInput(_))), "{refused:?}");
    assert_eq!(server.stats().api_requests, 0, "it went into no header");
    Ok(())
}

#[test]
fn an_assertion_of_an_identity_provider_gives_tokens() -> Result<(), Error> {
    let issuer = TestSamlIssuer::new("https://idp.example", "a key of the test");
    let server = start(Config::new().saml_issuer(issuer.clone()));
    let made = Arc::new(AtomicU32::new(0));
    let (count, audience) = (Arc::clone(&made), server.url("/token"));
    let assertion = PresentedToken::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        let (issuer, audience) = (issuer.clone(), audience.clone());
        Step::begin(move |cx| {
            let now = u64::try_from(cx.wall().unix_seconds()).unwrap_or_default();
            let end = Duration::from_secs(now) + MINUTE;
            Ok(Step::Done(Secret::new(issuer.assertion("ann", &audience, end))))
        })
    });
    serves(
        SamlBearer::new(client(&server)?, "ann", assertion, "profile")?,
        &server,
        "ann",
    )?;
    assert_eq!((made.load(Ordering::SeqCst), server.stats().assertions), (2, 2));
    Ok(())
}

#[test]
fn an_assertion_with_one_thing_wrong_is_refused() -> Result<(), Error> {
    let issuer = TestSamlIssuer::new("https://idp.example", "a key of the test");
    let server = start(Config::new().saml_issuer(issuer.clone()));
    let (audience, end) = (server.url("/token"), server.now() + MINUTE);
    let present = |assertion: String| {
        once(&SamlBearer::new(
            client(&server)?,
            "ann",
            Secret::new(assertion),
            "a",
        )?)
    };
    let good = issuer.assertion("ann", &audience, end);
    assert!(present(good.clone()).is_ok());
    let stranger = TestSamlIssuer::new("https://other.example", "a key of the test");
    let thief = TestSamlIssuer::new("https://idp.example", "another key");
    for (wrong, assertion) in [
        ("subject", good.replace("ann", "bob")),
        ("end", issuer.assertion("ann", &audience, server.now())),
        (
            "audience",
            issuer.assertion("ann", "https://other.example/token", end),
        ),
        ("issuer", stranger.assertion("ann", &audience, end)),
        ("key", thief.assertion("ann", &audience, end)),
        ("form", "<Assertion/>".to_owned()),
    ] {
        let end = present(assertion);
        assert_eq!(code(&end), &ErrorCode::InvalidGrant, "{wrong}");
        assert!(end.is_err_and(|error| error.needs_user()), "{wrong}");
    }
    assert_eq!(server.stats().assertions, 1);
    Ok(())
}
