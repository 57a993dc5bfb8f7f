//! Client certificates against a certified provider (RFC 8705): clients that authenticate by them, tokens that are bound to them, through
//! both transports.

use std::sync::Arc;

use grantflow_core::error::ErrorCode;
use grantflow_core::{
    Authentication, CertificateBound, CertificateThumbprint, Client, Error, IntrospectionRequest,
    NotAuthorized, Origin, Record, ServerMetadata, Token, TokenTypeHint, Transport as _, blocking,
};
use grantflow_suites::app::{App, AsyncApp, NOWHERE, SCOPES, get, member};
use grantflow_suites::driven::Over::{Reqwest, Ureq};
use grantflow_suites::driven::Server::OidcProvider;
use grantflow_suites::driven::{CODE, INTROSPECTION, MTLS, REFRESH, drives};
use grantflow_suites::login;
use grantflow_suites::tls::{Identity, TlsProvider};
use grantflow_ureq::{Authorize as _, UreqTransport};
use serde_json::json;

const METHODS: [(&str, Authentication); 2] = [
    ("mtls", Authentication::TlsClientAuth),
    ("self-signed", Authentication::SelfSignedTlsClientAuth),
];

fn identity<'a>(provider: &'a TlsProvider, id: &str) -> &'a Identity {
    match id {
        "mtls" => &provider.ours,
        _ => &provider.self_signed,
    }
}

fn thumbprint(identity: &Identity) -> CertificateThumbprint {
    CertificateThumbprint::of(identity.der())
}

fn client(server: &ServerMetadata, id: &str, method: Authentication, bound_to: &Identity) -> Client {
    server
        .client(id)
        .with_authentication(method)
        .with_token_constraint(Arc::new(CertificateBound::to(thumbprint(bound_to))))
}

fn log_in(app: &App, provider: &TlsProvider) -> Result<Record, Error> {
    let (url, pending) = app.run(login::start(app.client(), NOWHERE, SCOPES))?;
    let redirect = provider.browser_of("ann").authorize(&url);
    app.run(login::finish(app.client(), pending, &redirect))
}

/// A handle of the next run over this transport: the record alone says what it needs.
fn handle(app: &App, record: &Record, transport: UreqTransport) -> Result<blocking::Credentials, Error> {
    let api = app.client().userinfo_endpoint()?.origin();
    let transport = app.clock.on(transport);
    Ok(blocking::Credentials::new(record.key().clone(), app.store(), transport).allow_origins([api]))
}

fn is_invalid_input<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::InvalidInput(_)))
}

#[test]
fn a_client_authenticates_by_its_certificate_and_its_tokens_are_bound_to_it() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[MTLS, CODE, REFRESH, INTROSPECTION]);
    let Some(provider) = TlsProvider::start(json!({})) else {
        return Ok(());
    };
    for (id, method) in METHODS {
        let ours = identity(&provider, id);
        let app = App::discover_over(provider.ureq(Some(ours)), provider.issuer(), |server| {
            assert!(server.binds_to_certificates() && server.has_mtls_endpoint_aliases());
            client(&server.over_mtls(), id, method.clone(), ours)
        })?;
        assert_ne!(
            app.client().token_endpoint().origin(),
            Origin::new(provider.issuer())?
        );
        let record = log_in(&app, &provider)?;
        let me = get(app.client().userinfo_endpoint()?.as_str());
        let credentials = handle(&app, &record, provider.ureq(Some(ours)))?;
        assert_eq!(member(&credentials.authorized(me.clone())?, "sub"), "ann");

        let question = IntrospectionRequest::new(
            app.client(),
            &record.token().access_token,
            TokenTypeHint::AccessToken,
        );
        let told = app.run(question.flow())?;
        assert!(told.active && told.certificate == Some(thumbprint(ours)));

        credentials.refresh()?;
        assert_eq!(member(&credentials.authorized(me.clone())?, "sub"), "ann");

        // The same record in a program with another certificate, or none: nothing is sent, and nothing spent.
        for other in [Some(&provider.strange), None] {
            let other = handle(&app, &record, provider.ureq(other))?;
            assert!(is_invalid_input(other.authorized(me.clone())));
            assert!(is_invalid_input(other.refresh()));
        }
        credentials.refresh()?;

        // The server means it: whoever has the token alone is refused.
        let token = credentials.record()?.token().access_token.clone();
        let stolen = Token::bearer(token, record.token().issued_at);
        let thief = blocking::Credentials::from_access_token(stolen, provider.ureq(Some(&provider.strange)));
        let api = app.client().userinfo_endpoint()?.origin();
        let refused = thief.allow_origins([api]).authorized(me);
        let was_401 = matches!(refused, Err(Error::NotAuthorized(NotAuthorized::NoRefreshToken)));
        assert!(was_401, "{refused:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_on_reqwest_authenticates_and_refreshes_by_its_certificate_too()
-> Result<(), Box<dyn std::error::Error>> {
    drives(OidcProvider, Reqwest, &[MTLS, CODE, REFRESH]);
    use grantflow_reqwest::Authorize as _;
    let Some(provider) = TlsProvider::start(json!({})) else {
        return Ok(());
    };
    for (id, method) in METHODS {
        let ours = identity(&provider, id);
        let transport = provider.reqwest(Some(ours)).build()?;
        let app = AsyncApp::discover_over(transport, provider.issuer(), |server| {
            client(&server.over_mtls(), id, method.clone(), ours)
        })
        .await?;
        let (url, pending) = app.run(login::start(app.client(), NOWHERE, SCOPES)).await?;
        let redirect = tokio::task::block_in_place(|| provider.browser_of("ann").authorize(&url));
        let record = app.run(login::finish(app.client(), pending, &redirect)).await?;
        let api = app.client().userinfo_endpoint()?;
        let me = get(api.as_str());
        let over = |shows| -> Result<grantflow_core::Credentials, Error> {
            let transport = provider.reqwest(shows).build()?;
            let handle = grantflow_core::Credentials::new(record.key().clone(), app.store(), transport);
            Ok(handle.allow_origins([api.origin()]))
        };
        let credentials = over(Some(ours))?;
        assert_eq!(member(&credentials.authorized(me.clone()).await?, "sub"), "ann");
        for other in [Some(&provider.strange), None] {
            let other = over(other)?;
            assert!(is_invalid_input(other.authorized(me.clone()).await));
            assert!(is_invalid_input(other.refresh().await));
        }
        credentials.refresh().await?;
        assert_eq!(member(&credentials.authorized(me.clone()).await?, "sub"), "ann");

        // The middleware sends over a client of its own, which does not say what it shows.
        let own = provider.reqwest(Some(ours)).client()?;
        let ask = |middleware| {
            let client = reqwest_middleware::ClientBuilder::new(own.clone()).with(middleware);
            client.build().get(api.as_str()).send()
        };
        let reply = ask(credentials.middleware().over_certificate(thumbprint(ours))).await?;
        assert!(reply.text().await?.contains("\"ann\""));
        assert!(ask(credentials.middleware()).await.is_err());
        let strange = thumbprint(&provider.strange);
        assert!(
            ask(credentials.middleware().over_certificate(strange))
                .await
                .is_err()
        );
    }
    Ok(())
}

#[test]
fn t51_an_agent_sends_a_bound_token_only_where_it_shows_the_certificate()
-> Result<(), Box<dyn std::error::Error>> {
    drives(OidcProvider, Ureq, &[MTLS]);
    use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
    let Some(provider) = TlsProvider::start(json!({})) else {
        return Ok(());
    };
    let app = App::discover_over(provider.ureq(Some(&provider.ours)), provider.issuer(), |server| {
        client(
            &server.over_mtls(),
            "mtls",
            Authentication::TlsClientAuth,
            &provider.ours,
        )
    })?;
    let record = log_in(&app, &provider)?;
    let credentials = handle(&app, &record, provider.ureq(Some(&provider.ours)))?;
    let agent = |shows: Option<&Identity>| -> Result<ureq::Agent, Box<dyn std::error::Error>> {
        let shown = shows.map(|identity| {
            let (chain, key) = identity.pem();
            let certificate = Certificate::from_pem(chain.as_bytes()).expect("one of the suites");
            let key = PrivateKey::from_pem(key.as_bytes()).expect("one of the suites");
            ClientCert::new_with_certs(&[certificate], key)
        });
        let root = Certificate::from_pem(&std::fs::read(provider.ca_file())?)?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(vec![root]))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .client_cert(shown);
        let settings = ureq::Agent::config_builder().tls_config(tls.build()).proxy(None);
        Ok(credentials.authorize(&settings.build().into())?)
    };
    let me = app.client().userinfo_endpoint()?.as_str().to_owned();
    let mut reply = agent(Some(&provider.ours))?.get(&me).call()?;
    assert!(reply.body_mut().read_to_string()?.contains("\"ann\""));
    for shows in [Some(&provider.strange), None] {
        let refused = agent(shows)?.get(&me).call();
        assert!(matches!(refused, Err(ureq::Error::Other(_))), "{refused:?}");
    }
    Ok(())
}

#[test]
fn another_certificate_or_another_door_is_refused_by_the_server() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[MTLS]);
    let Some(provider) = TlsProvider::start(json!({})) else {
        return Ok(());
    };
    for (id, method) in METHODS {
        for (shows, over_mtls) in [(&provider.strange, true), (identity(&provider, id), false)] {
            let transport = provider.ureq(Some(shows));
            assert_eq!(transport.certificate(), Some(thumbprint(shows)));
            let app = App::discover_over(transport, provider.issuer(), |server| {
                let server = if over_mtls {
                    server.over_mtls()
                } else {
                    server.clone()
                };
                client(&server, id, method.clone(), shows)
            })?;
            let refused = log_in(&app, &provider);
            assert!(
                matches!(&refused, Err(Error::Server(refusal)) if *refusal.code() == ErrorCode::InvalidClient),
                "{refused:?}"
            );
        }
    }
    Ok(())
}
