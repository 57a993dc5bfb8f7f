//! Tokens that are bound to a key, from the login to the API: against the test server, and against a certified provider with nonces and
//! without.

use std::sync::Arc;

use grantflow_core::blocking::Credentials;
use grantflow_core::flow::discover;
use grantflow_core::{
    AuthorizationRequest, Client, Error, Issuer, Key, Record, Secret, Step, Token, TokenType,
};
use grantflow_jwt::{Algorithm, Signer, SigningKey};
use grantflow_oidc::{Dpop, IdTokenVerifier, JwtBearer, UserInfoRequest, VerifiedIdToken, exchange};
use grantflow_suites::account;
use grantflow_suites::app::{App, AsyncApp, LATER, NOWHERE, get, member};
use grantflow_suites::browser::Browser;
use grantflow_suites::driven::Server::OidcProvider;
use grantflow_suites::driven::{
    CODE, DPOP, ID_TOKEN, Over, PUSHED, REFRESH, USERINFO, drives, drives_over_both,
};
use grantflow_suites::either::Either;
use grantflow_suites::login;
use grantflow_suites::provider::Provider;
use grantflow_testserver::{Config, Endpoint, Fault, TestServer};
use grantflow_ureq::{Authorize as _, UreqTransport};
use serde_json::json;

const SCOPES: &str = "openid email offline_access";

fn server(nonces: bool) -> TestServer {
    let config = Config::new().client(grantflow_testserver::TestClient::public(
        "app",
        ["http://127.0.0.1/cb"],
    ));
    let config = if nonces {
        config.require_dpop_nonces()
    } else {
        config
    };
    config.start().expect("a server starts on loopback")
}

fn bound(client: Client, dpop: Dpop) -> Client {
    client.with_token_constraint(Arc::new(dpop))
}

fn log_in(app: &App, redirect: impl Fn(&str) -> String) -> Result<Record, Error> {
    let (url, pending) = app.run(login::start(app.client(), NOWHERE, SCOPES))?;
    app.run(login::finish(app.client(), pending, &redirect(&url)))
}

/// What the next run of the program has: the store, and a constraint without a key.
fn next_run(app: &App, key: &Key) -> Result<Credentials, Error> {
    let client = bound(app.client().clone(), Dpop::of_records());
    let transport = app.clock.on(UreqTransport::new()?);
    Ok(Credentials::new(key.clone(), app.store(), transport).with_client(client))
}

#[test]
fn a_bound_token_is_stored_with_its_key_used_and_refreshed_by_the_next_run() -> Result<(), Error> {
    for (nonces, algorithm) in [
        (false, Algorithm::Es256),
        (true, Algorithm::Es256),
        (true, Algorithm::EdDsa),
    ] {
        let server = server(nonces);
        let dpop = Dpop::generate(algorithm)?;
        let app = App::discover(server.issuer(), "app", |client| bound(client, dpop.clone()))?;
        let record = log_in(&app, |url| server.approve(url).expect("the user consents"))?;
        assert_eq!(record.token().token_type, TokenType::Dpop);
        let credentials = next_run(&app, record.key())?;
        let me = get(&server.url("/api/me"));
        assert_eq!(member(&credentials.authorized(me.clone())?, "sub"), "ann");
        let before = server.stats();
        app.clock.advance(LATER);
        server.advance(LATER);
        assert_eq!(
            member(&credentials.authorized(me.clone())?, "sub"),
            "ann",
            "refreshed first"
        );
        let after = server.stats();
        assert_eq!(
            (after.refreshes, after.refresh_replays),
            (before.refreshes + 1, 0)
        );
        assert_eq!(
            credentials.record()?.token_key().map(Secret::expose),
            record.token_key().map(Secret::expose)
        );
        // A 401 costs a refresh, as ever.
        server.set_api_refuses(true);
        assert_eq!(credentials.authorized(me.clone())?.status(), 401);
        server.set_api_refuses(false);
        assert_eq!(server.stats().refreshes, after.refreshes + 1);
        // One nonce from each: the token endpoint of this run and of the one before, and the API.
        assert_eq!(server.stats().nonces_asked_for, if nonces { 3 } else { 0 });
    }
    Ok(())
}

#[test]
fn t50_a_bound_token_is_of_no_use_without_its_key() -> Result<(), Error> {
    let server = server(false);
    let app = App::discover(server.issuer(), "app", |client| {
        bound(client, Dpop::generate(Algorithm::Es256).expect("a key is made"))
    })?;
    let record = log_in(&app, |url| server.approve(url).expect("the user consents"))?;
    let me = get(&server.url("/api/me"));
    // Without a constraint nothing is sent at all.
    let requests = server.stats().requests;
    let plain = Credentials::new(
        record.key().clone(),
        app.store(),
        app.clock.on(UreqTransport::new()?),
    );
    let refused = plain.authorized(me.clone());
    assert!(matches!(refused, Err(Error::InvalidInput(_))), "{refused:?}");
    assert_eq!(server.stats().requests, requests);
    // Whoever has the token alone is refused: as a bearer token, and with a proof by another key.
    let token = record.token().access_token.clone();
    let mut stolen = grantflow_core::Token::bearer(token, record.token().issued_at);
    let origin = grantflow_core::Origin::new(server.issuer())?;
    let thief = |token| -> Result<Credentials, Error> {
        let credentials = Credentials::from_access_token(token, UreqTransport::new()?);
        Ok(credentials
            .allow_origins([origin.clone()])
            .with_client(bound(app.client().clone(), Dpop::generate(Algorithm::Es256)?)))
    };
    for token_type in [TokenType::Bearer, TokenType::Dpop] {
        stolen.token_type = token_type;
        let reply = thief(stolen.clone())?.authorized(me.clone());
        let refused = reply.map_or(true, |reply| reply.status() == 401);
        assert!(refused, "{token_type}");
    }
    // The refresh token of a public client is bound too.
    let refresh_token = record.token().refresh_token.clone().expect("there is one");
    let other = bound(app.client().clone(), Dpop::generate(Algorithm::Es256)?);
    let refused = app.run(grantflow_core::TokenRequest::refresh(&other, refresh_token).flow());
    assert!(
        matches!(&refused, Err(Error::Server(refusal)) if refusal.code().as_str() == "invalid_dpop_proof"),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn programs_that_share_a_source_have_each_their_own_key_and_the_record_that_of_its_token() -> Result<(), Error>
{
    let server = account::server();
    let app = App::discover(server.issuer(), "native-app", |client| client)?;
    let handle = || -> Result<Credentials, Error> {
        let endpoint = grantflow_core::Endpoint::allow_http_for_loopback(server.url("/token"))?;
        let client = bound(
            Client::new("svc@project.example", endpoint),
            Dpop::generate(Algorithm::Es256)?,
        );
        let key = SigningKey::from_pem(&account::pem("pkcs8")).expect("a key of the tests");
        let signer = Signer::local(key, Algorithm::Rs256).expect("it signs so");
        let source = JwtBearer::new(client, signer, "read")?;
        let transport = app.clock.on(UreqTransport::new()?);
        let origin = grantflow_core::Origin::new(server.issuer())?;
        Ok(Credentials::from_source_stored(source, app.store(), transport).allow_origins([origin]))
    };
    let me = get(&server.url("/api/me"));
    let (one, two) = (handle()?, handle()?);
    assert_eq!(one.authorized(me.clone())?.status(), 200);
    assert_eq!(
        two.authorized(me.clone())?.status(),
        200,
        "with the key of the record"
    );
    assert_eq!(server.stats().assertions, 1);
    two.refresh()?;
    for handle in [two, handle()?, one] {
        assert_eq!(handle.authorized(me.clone())?.status(), 200);
    }
    assert_eq!(
        (server.stats().assertions, server.stats().api_unauthorized),
        (2, 0)
    );
    Ok(())
}

#[test]
fn t50_a_server_that_always_wants_another_nonce_is_asked_twice() -> Result<(), Error> {
    let server = server(false);
    let app = App::discover(server.issuer(), "app", |client| {
        bound(client, Dpop::generate(Algorithm::Es256).expect("a key is made"))
    })?;
    let record = log_in(&app, |url| server.approve(url).expect("the user consents"))?;
    let credentials = next_run(&app, record.key())?;
    server.set_fault(Endpoint::Api, Fault::NewNonce);
    let before = server.stats();
    assert_eq!(credentials.authorized(get(&server.url("/api/me")))?.status(), 401);
    let after = server.stats();
    // Twice with the token, and twice with the one that a refresh brought.
    assert_eq!(
        (
            after.api_requests - before.api_requests,
            after.refreshes - before.refreshes
        ),
        (4, 1)
    );
    server.clear_faults();
    server.set_fault(Endpoint::Refresh, Fault::NewNonce);
    let before = server.stats();
    let refused = credentials.refresh();
    assert!(matches!(refused, Err(Error::Server(_))), "{refused:?}");
    assert_eq!(server.stats().token_requests - before.token_requests, 2);
    server.clear_faults();
    credentials.refresh()?;
    assert_eq!(server.stats().refresh_replays, 0);
    Ok(())
}

#[test]
fn t33_a_bearer_token_is_refused_where_a_bound_one_was_asked_for() -> Result<(), Error> {
    for (tolerant, passes) in [(false, false), (true, true)] {
        let server = server(false);
        let app = App::discover(server.issuer(), "app", |client| {
            let dpop = Dpop::generate(Algorithm::Es256).expect("a key is made");
            bound(client, if tolerant { dpop.or_bearer() } else { dpop })
        })?;
        server.set_fault(Endpoint::Token, Fault::Unbound);
        let record = log_in(&app, |url| server.approve(url).expect("the user consents"));
        assert_eq!(record.is_ok(), passes, "{record:?}");
        if let Ok(record) = record {
            let credentials = Credentials::new(
                record.key().clone(),
                app.store(),
                app.clock.on(UreqTransport::new()?),
            );
            assert_eq!(
                member(&credentials.authorized(get(&server.url("/api/me")))?, "sub"),
                "ann"
            );
        }
    }
    Ok(())
}

/// The agent of ureq, which makes errors of statuses, sees the nonce nevertheless.
#[test]
fn t50_an_authorized_agent_proves_each_request_and_gives_the_nonce_that_is_asked_for()
-> Result<(), Box<dyn std::error::Error>> {
    let server = server(true);
    let app = App::discover(server.issuer(), "app", |client| {
        bound(client, Dpop::generate(Algorithm::Es256).expect("a key is made"))
    })?;
    let record = log_in(&app, |url| server.approve(url).expect("the user consents"))?;
    let credentials = next_run(&app, record.key())?;
    let agent = credentials.authorize(&ureq::Agent::new_with_defaults())?;
    for _ in 0..3 {
        let mut reply = agent.get(server.url("/api/me")).call()?;
        assert!(reply.body_mut().read_to_string()?.contains("\"ann\""));
    }
    assert_eq!(server.stats().api_unauthorized, 1, "the nonce was asked for once");
    // What cannot be sent again is not, and the next has the nonce.
    let fresh = next_run(&app, record.key())?.authorize(&ureq::Agent::new_with_defaults())?;
    let first = fresh.post(server.url("/api/echo")).send("body");
    assert!(matches!(first, Err(ureq::Error::StatusCode(401))), "{first:?}");
    fresh.post(server.url("/api/echo")).send("body")?;
    assert_eq!(server.stats().refreshes, 0, "the token was never at fault");
    server.set_api_refuses(true);
    let refused = agent.get(server.url("/api/me")).call();
    assert!(
        matches!(refused, Err(ureq::Error::StatusCode(401))),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t50_a_client_with_the_middleware_proves_each_request_too() -> Result<(), Box<dyn std::error::Error>>
{
    use grantflow_reqwest::Authorize as _;
    let server = server(true);
    let dpop = Dpop::generate(Algorithm::Es256)?;
    let app = AsyncApp::discover(server.issuer(), "app", |client| bound(client, dpop.clone())).await?;
    let (url, pending) = app.run(login::start(app.client(), NOWHERE, SCOPES)).await?;
    let redirect = tokio::task::block_in_place(|| server.approve(&url))?;
    let record = app.run(login::finish(app.client(), pending, &redirect)).await?;
    let transport = grantflow_reqwest::ReqwestTransport::new()?;
    let credentials = grantflow_core::Credentials::new(record.key().clone(), app.store(), transport)
        .with_client(app.client().clone());
    let client = reqwest_middleware::ClientBuilder::new(grantflow_reqwest::client()?)
        .with(credentials.middleware())
        .build();
    for _ in 0..3 {
        let reply = client.get(server.url("/api/me")).send().await?;
        assert!(reply.text().await?.contains("\"ann\""));
    }
    let reply = client.post(server.url("/api/echo")).body("body").send().await?;
    assert_eq!(reply.status(), 200);
    assert_eq!(
        (server.stats().api_unauthorized, server.stats().refreshes),
        (1, 0)
    );
    Ok(())
}

#[test]
fn a_certified_provider_binds_tokens_with_nonces_and_without() -> Result<(), Error> {
    drives(OidcProvider, Over::Ureq, &[DPOP, CODE, REFRESH]);
    for nonces in [false, true] {
        let options = json!({ "dpop_nonces": nonces, "access_token_ttl": 60 });
        let Some(provider) = Provider::start(&options) else {
            return Ok(());
        };
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let dpop = Dpop::generate(algorithm)?;
            let app = App::discover(provider.issuer(), "bound", |client| bound(client, dpop.clone()))?;
            let record = log_in(&app, |url| Browser::of("ann").authorize(url))?;
            assert_eq!(record.token().token_type, TokenType::Dpop);
            let credentials = next_run(&app, record.key())?;
            for _ in 0..2 {
                assert_eq!(
                    member(&credentials.authorized(get(&provider.url("/me")))?, "sub"),
                    "ann"
                );
            }
            credentials.refresh()?;
            assert_eq!(
                member(&credentials.authorized(get(&provider.url("/me")))?, "sub"),
                "ann"
            );
            // The certified server wants what we send: a token without a proof is none to it.
            let plain = App::discover(provider.issuer(), "bound", |client| client)?;
            let refused = log_in(&plain, |url| Browser::of("ann").authorize(url));
            assert!(matches!(refused, Err(Error::Server(_))), "{refused:?}");
        }
    }
    Ok(())
}

/// Pushes a request of the client with its proof, and logs in: a token and who it is of.
fn push_and_log_in(
    app: &Either,
    redirect: impl Fn(&str) -> String,
    algorithm: Algorithm,
) -> Result<(Token, VerifiedIdToken), Error> {
    let client = app.client().clone().with_push_required(true);
    let (url, pending) = app.run(Step::begin(move |cx| {
        AuthorizationRequest::new(&client, NOWHERE)
            .scopes(SCOPES)?
            .begin(cx)
    }))?;
    assert!(!url.as_str().contains("dpop_jkt"));
    let redirect = redirect(url.as_str());
    let code = app.run(Step::begin(move |cx| {
        Ok(Step::Done(pending.accept(&redirect, cx)?))
    }))?;
    let issuer = app.client().issuer().map(Issuer::as_str).unwrap_or_default();
    let server = app.run(discover(&Issuer::allow_http_for_loopback(issuer)?))?;
    let verifier = IdTokenVerifier::of_server([algorithm], &server, app.client().id())?;
    let (token, user) = app.run(exchange(app.client(), code, &verifier))?;
    assert_eq!(token.token_type, TokenType::Dpop);
    let told = app.run(UserInfoRequest::new(app.client(), &user).flow(&token))?;
    assert_eq!(told.subject(), "ann");
    Ok((token, user))
}

#[test]
fn t50_a_code_is_bound_from_the_pushed_request_on_through_both_transports() -> Result<(), Error> {
    for nonces in [false, true] {
        let server = server(nonces);
        let with = |client| bound(client, Dpop::generate(Algorithm::Es256).expect("a key is made"));
        for app in Either::both(server.issuer(), "app", with)? {
            let before = server.stats();
            push_and_log_in(
                &app,
                |url| server.approve(url).expect("the user consents"),
                Algorithm::Rs256,
            )?;
            let after = server.stats();
            assert_eq!(after.pushed_requests, before.pushed_requests + 1);
            // The pushed request, the exchange and userinfo.
            assert_eq!(after.proofs, before.proofs + 3);
            // The nonce of the pushed request is that of the exchange; the API has its own.
            let asked = after.nonces_asked_for - before.nonces_asked_for;
            assert_eq!(asked, if nonces { 2 } else { 0 });
        }
    }
    Ok(())
}

#[test]
fn a_certified_provider_takes_a_pushed_request_with_its_proof_and_tells_of_the_user() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[DPOP, PUSHED, CODE, ID_TOKEN, USERINFO]);
    for nonces in [false, true] {
        let Some(provider) = Provider::start(&json!({ "dpop_nonces": nonces })) else {
            return Ok(());
        };
        let with = |client| bound(client, Dpop::generate(Algorithm::Es256).expect("a key is made"));
        for app in Either::both(provider.issuer(), "bound", with)? {
            push_and_log_in(&app, |url| Browser::of("ann").authorize(url), Algorithm::Es256)?;
        }
    }
    Ok(())
}
