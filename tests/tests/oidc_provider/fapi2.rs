//! The FAPI 2.0 Security Profile from end to end, against a certified provider that keeps to it too: by key and by certificate, through
//! both transports.

use std::sync::Arc;

use grantflow_core::error::ErrorCode;
use grantflow_core::{
    Authentication, CertificateBound, CertificateThumbprint, Client, Endpoint, Error, Fapi2Rule, Profile,
    ServerMetadata, TokenType, blocking,
};
use grantflow_jwt::{Algorithm, SigningKey};
use grantflow_oidc::{AudienceIsTokenEndpoint, Dpop, IdTokenVerifier, PrivateKeyJwt};
use grantflow_suites::app::{App, AsyncApp, NOWHERE, SCOPES, get, member};
use grantflow_suites::driven::Over::{Reqwest, Ureq};
use grantflow_suites::driven::Server::OidcProvider;
use grantflow_suites::driven::{ASSERTION, CODE, DPOP, FAPI2, ISS, MTLS, PUSHED, REFRESH, drives};
use grantflow_suites::login;
use grantflow_suites::tls::{Identity, TlsProvider};
use serde_json::{Value, json};

/// RFC 7515 appendix A.3.1, and RFC 8037 appendix A.1.
fn keys() -> [(Value, Algorithm); 2] {
    let p256 = json!({
        "kty": "EC", "crv": "P-256", "kid": "ec",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    });
    let ed25519 = json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "okp",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    });
    [(p256, Algorithm::Es256), (ed25519, Algorithm::EdDsa)]
}

#[track_caller]
fn provider() -> Option<TlsProvider> {
    let public = keys().map(|(mut key, _)| {
        key.as_object_mut().expect("a key is an object").remove("d");
        key
    });
    TlsProvider::start(json!({ "fapi": true, "signing_keys": public }))
}

fn signed((key, algorithm): &(Value, Algorithm)) -> PrivateKeyJwt {
    let key = SigningKey::from_jwk(&key.to_string()).expect("a key of an RFC");
    PrivateKeyJwt::new(key, *algorithm).expect("the algorithm is the key's")
}

fn with_id_tokens(client: Client, server: &ServerMetadata) -> Client {
    let verifier = IdTokenVerifier::of_server([Algorithm::Es256], server, client.id());
    client.with_id_token_check(Arc::new(verifier.expect("the server has keys")))
}

fn by_key(server: &ServerMetadata, key: &(Value, Algorithm)) -> Client {
    let dpop = Dpop::generate(key.1).expect("a key is made");
    let client = server
        .client("fapi")
        .with_authentication(signed(key).into())
        .with_token_constraint(Arc::new(dpop))
        .with_profile(Profile::Fapi2);
    with_id_tokens(client, server)
}

fn by_certificate(server: &ServerMetadata, ours: &Identity) -> Client {
    let bound = CertificateBound::to(CertificateThumbprint::of(ours.der()));
    let client = server
        .over_mtls()
        .client("mtls")
        .with_authentication(Authentication::TlsClientAuth)
        .with_token_constraint(Arc::new(bound))
        .with_profile(Profile::Fapi2);
    with_id_tokens(client, server)
}

/// Makes a client of what the server says.
type Made<'a> = &'a dyn Fn(&ServerMetadata) -> Client;

/// What goes to the authorization endpoint, by name.
fn names(url: &str) -> Vec<String> {
    let url = url::Url::parse(url).expect("an address");
    url.query_pairs().map(|(name, _)| name.into_owned()).collect()
}

#[test]
fn a_client_with_the_profile_logs_in_calls_and_refreshes() -> Result<(), Error> {
    drives(
        OidcProvider,
        Ureq,
        &[FAPI2, MTLS, DPOP, ASSERTION, PUSHED, CODE, ISS, REFRESH],
    );
    let Some(provider) = provider() else { return Ok(()) };
    let ours = &provider.ours;
    let [ec, okp] = keys();
    let clients: [(Made<'_>, _, _); 3] = [
        (&|server| by_key(server, &ec), None, TokenType::Dpop),
        (&|server| by_key(server, &okp), None, TokenType::Dpop),
        (
            &|server| by_certificate(server, ours),
            Some(ours),
            TokenType::Bearer,
        ),
    ];
    for (client, shows, token_type) in clients {
        let app = App::discover_over(provider.ureq(shows), provider.issuer(), client)?;
        let (url, pending) = app.run(login::start(app.client(), NOWHERE, SCOPES))?;
        assert_eq!(names(&url), ["client_id", "request_uri"]);
        let redirect = provider.browser_of("ann").authorize(&url);
        assert!(names(&redirect).contains(&"iss".to_owned()));
        let record = app.run(login::finish(app.client(), pending, &redirect))?;
        assert_eq!(record.token().token_type, token_type);
        let api = app.client().userinfo_endpoint()?;
        let transport = app.clock.on(provider.ureq(shows));
        let credentials = blocking::Credentials::new(record.key().clone(), app.store(), transport)
            .with_client(app.client().clone())
            .allow_origins([api.origin()]);
        let me = get(api.as_str());
        assert_eq!(member(&credentials.authorized(me.clone())?, "sub"), "ann");
        credentials.refresh()?;
        assert_eq!(member(&credentials.authorized(me)?, "sub"), "ann");

        // What the profile forbids is not even sent.
        let plain = app.client().clone().with_secret_basic("s");
        let refused = app.run(login::start(&plain, NOWHERE, SCOPES));
        assert!(
            matches!(refused, Err(Error::Profile(Fapi2Rule::ClientAuthentication))),
            "{refused:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_with_the_profile_on_reqwest_does_so_too() -> Result<(), Error> {
    drives(
        OidcProvider,
        Reqwest,
        &[FAPI2, MTLS, DPOP, ASSERTION, PUSHED, CODE, REFRESH],
    );
    let Some(provider) = provider() else { return Ok(()) };
    let ours = &provider.ours;
    for shows in [None, Some(ours)] {
        let transport = provider.reqwest(shows).build()?;
        let app = AsyncApp::discover_over(transport, provider.issuer(), |server| match shows {
            Some(ours) => by_certificate(server, ours),
            None => by_key(server, &keys()[0]),
        })
        .await?;
        let (url, pending) = app.run(login::start(app.client(), NOWHERE, SCOPES)).await?;
        assert_eq!(names(&url), ["client_id", "request_uri"]);
        let redirect = tokio::task::block_in_place(|| provider.browser_of("ann").authorize(&url));
        let record = app.run(login::finish(app.client(), pending, &redirect)).await?;
        let api = app.client().userinfo_endpoint()?;
        let transport = provider.reqwest(shows).build()?;
        let credentials = grantflow_core::Credentials::new(record.key().clone(), app.store(), transport)
            .with_client(app.client().clone())
            .allow_origins([api.origin()]);
        let me = get(api.as_str());
        assert_eq!(member(&credentials.authorized(me.clone()).await?, "sub"), "ann");
        credentials.refresh().await?;
        assert_eq!(member(&credentials.authorized(me).await?, "sub"), "ann");
    }
    Ok(())
}

/// The provider keeps to the profile, so what it takes from ours is what the profile allows.
#[test]
fn t37_the_provider_takes_no_assertion_for_its_token_endpoint_and_ours_makes_none() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[FAPI2, ASSERTION]);
    let Some(provider) = provider() else { return Ok(()) };
    let [ec, _] = keys();
    let pinned = |server: &ServerMetadata| -> Authentication {
        let place = Endpoint::new(server.token_endpoint().as_str()).expect("it is https");
        signed(&ec)
            .audience(AudienceIsTokenEndpoint::pinned(place))
            .into()
    };
    let app = App::discover_over(provider.ureq(None), provider.issuer(), |server| {
        by_key(server, &ec).with_authentication(pinned(server))
    })?;
    let refused = app.run(login::start(app.client(), NOWHERE, SCOPES));
    assert!(
        matches!(refused, Err(Error::Profile(Fapi2Rule::AssertionAudience))),
        "{refused:?}"
    );
    let app = App::discover_over(provider.ureq(None), provider.issuer(), |server| {
        let dpop = Dpop::generate(Algorithm::Es256).expect("a key is made");
        let client = server.client("fapi").with_token_constraint(Arc::new(dpop));
        client
            .with_authentication(pinned(server))
            .with_push_required(true)
    })?;
    let refused = app.run(login::start(app.client(), NOWHERE, SCOPES));
    assert!(
        matches!(&refused, Err(Error::Server(refusal)) if *refusal.code() == ErrorCode::InvalidClient),
        "{refused:?}"
    );
    Ok(())
}
