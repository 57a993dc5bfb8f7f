//! Tokens that are bound to a client certificate: who may refresh them, and that nothing is sent over another connection.

use std::sync::Arc;

use super::super::scripted::{GRANTED, NOW, Scripted, both, client, ends_in, key};
use super::super::{Access, AccessTokenFlow, Unless, authorized};
use super::request;
use crate::{
    Authentication, AuthorizationRequest, BackchannelAuthenticationRequest, CertificateBound,
    CertificateThumbprint, Client, Cx, DeviceAuthorizationRequest, Endpoint, Error, IntrospectionRequest,
    Now, Origin, Provenance, Record, RevocationRequest, Scopes, Secret, Step, Token, TokenRequest,
    TokenTypeHint, UserHint,
};

fn ours() -> CertificateThumbprint {
    CertificateThumbprint::of(b"ours")
}

fn other() -> CertificateThumbprint {
    CertificateThumbprint::of(b"other")
}

fn showing(constraint: CertificateBound) -> Client {
    client()
        .with_authentication(Authentication::TlsClientAuth)
        .with_token_constraint(Arc::new(constraint))
}

fn bound() -> Client {
    showing(CertificateBound::to(ours()))
}

fn record(seconds: i64) -> Record {
    let token = ends_in(seconds).token().clone();
    Record::new(key(), bound(), token, Provenance::new("authorization_code", NOW))
}

fn expired(client: Option<Client>) -> Step<Access> {
    let flow = AccessTokenFlow::new(key(), Unless::Expired);
    match client {
        Some(client) => flow.as_client(client).flow(),
        None => flow.flow(),
    }
}

fn kept(record: &Record) -> String {
    record
        .token_key()
        .map_or_else(String::new, |key| key.expose().to_owned())
}

/// A record says all that is needed, so no client has to be given; and what is kept is read back from its written form.
#[test]
fn a_transport_with_the_certificate_of_the_record_refreshes_it() {
    for with in [None, Some(bound())] {
        let stored = || Record::from_json(record(0).expose_json().expose()).unwrap();
        let script = || {
            Scripted::default()
                .shows(ours())
                .stores(stored())
                .replies(200, GRANTED)
        };
        let (access, host) = both(script, || expired(with.clone()));
        assert_eq!(access.unwrap().record.token().access_token.expose(), "AT2");
        assert_eq!(
            host.bodies(),
            ["grant_type=refresh_token&refresh_token=RT1&client_id=cid"]
        );
        assert_eq!(kept(&host.stored().unwrap()), format!("x5t#S256:{}", ours()));
    }
}

/// The server would refuse it, and a public client's refresh token could count as stolen: for all who share the record.
#[test]
fn t50_nobody_refreshes_a_token_that_is_bound_to_another_certificate() {
    let showing_other = showing(CertificateBound::to(other()));
    for (shown, with) in [
        (None, None),
        (None, Some(bound())),
        (Some(other()), None),
        (Some(other()), Some(bound())),
        (Some(other()), Some(showing_other.clone())),
        (Some(ours()), Some(showing_other)),
    ] {
        let script = || {
            let script = Scripted::default().stores(record(0));
            match shown {
                Some(shown) => script.shows(shown),
                None => script,
            }
        };
        let (access, host) = both(script, || expired(with.clone()));
        assert!(matches!(access, Err(Error::InvalidInput(_))), "{access:?}");
        assert_eq!(host.log(), ["lock", "unlock"], "{shown:?}");
        assert!(!host.stored().unwrap().refresh_state().is_in_doubt());
    }
}

#[test]
fn a_certificate_that_replaced_the_one_of_the_record_refreshes_it_and_is_kept() {
    let renewed = || showing(CertificateBound::to(other()).in_place_of(ours()));
    let script = || {
        Scripted::default()
            .shows(other())
            .stores(record(0))
            .replies(200, GRANTED)
    };
    let (access, host) = both(script, || expired(Some(renewed())));
    assert_eq!(access.unwrap().record.token().access_token.expose(), "AT2");
    assert_eq!(kept(&host.stored().unwrap()), format!("x5t#S256:{}", other()));
}

#[test]
fn t51_a_bound_token_goes_over_connections_with_its_certificate_only() {
    for (shown, passes) in [(Some(ours()), true), (Some(other()), false), (None, false)] {
        let script = || {
            let script = Scripted::default().stores(record(3600)).replies(200, "{}");
            match shown {
                Some(shown) => script.shows(shown),
                None => script,
            }
        };
        let (reply, host) = both(script, || authorized(key(), request("https://api.example/x")));
        assert_eq!(reply.is_ok(), passes, "{reply:?}");
        let sent = host.log().iter().filter(|line| line.starts_with("send")).count();
        assert_eq!(sent, usize::from(passes), "{shown:?}");
    }
}

/// Only TLS shows a certificate: what is plain http to this machine proves nothing and hides nothing, whatever the transport has.
#[test]
fn t51_what_is_bound_to_a_certificate_or_proved_by_one_goes_to_no_address_without_tls() {
    let plain = |path: &str| Endpoint::allow_http_for_loopback(format!("http://127.0.0.1:9{path}")).unwrap();
    let api = Origin::new("http://127.0.0.1:9").unwrap();
    let allowed = || record(3600).with_origins([api.clone()]);
    let script = || {
        Scripted::default()
            .shows(ours())
            .stores(allowed())
            .replies(200, "{}")
    };
    let (reply, host) = both(script, || authorized(key(), request("http://127.0.0.1:9/x")));
    assert!(matches!(reply, Err(Error::InvalidInput(_))), "{reply:?}");
    assert!(!host.log().iter().any(|line| line.starts_with("send")));

    // A public client's refresh, and each place where a certificate says who a client is.
    let public =
        Client::new("cid", plain("/token")).with_token_constraint(Arc::new(CertificateBound::to(ours())));
    let named = client()
        .with_authentication(Authentication::TlsClientAuth)
        .with_revocation_endpoint(plain("/revoke"))
        .with_introspection_endpoint(plain("/introspect"))
        .with_device_authorization_endpoint(plain("/device"))
        .with_backchannel_authentication_endpoint(plain("/ask"))
        .with_authorization_endpoint(plain("/authorize"))
        .with_pushed_authorization_request_endpoint(plain("/push"));
    let at_plain = Client::new("cid", plain("/token")).with_authentication(Authentication::TlsClientAuth);
    let token = Secret::new("T");
    let scopes = || Scopes::parse("openid").unwrap();
    let mut fill = |_: &mut [u8]| Ok(());
    let mut cx = Cx::new(Now::default(), &mut fill).with_certificate(Some(ours()));
    let cx = &mut cx;
    let pushed = AuthorizationRequest::new(&named, "https://app.example/back").push(cx);
    let refused = [
        TokenRequest::refresh(&public, token.clone()).to_http(cx),
        TokenRequest::refresh(&at_plain, token.clone()).to_http(cx),
        RevocationRequest::new(&named, &token, TokenTypeHint::AccessToken).to_http(cx),
        IntrospectionRequest::new(&named, &token, TokenTypeHint::AccessToken).to_http(cx),
        DeviceAuthorizationRequest::new(&named).to_http(cx),
        BackchannelAuthenticationRequest::new(&named, UserHint::LoginHint("ann".into()))
            .scopes(scopes())
            .to_http(cx),
        pushed.unwrap().0.to_http(cx),
    ];
    for (at, refused) in refused.into_iter().enumerate() {
        let is_address =
            matches!(&refused, Err(Error::InvalidInput(why)) if why.to_string().contains("https"));
        assert!(is_address, "{at}: {refused:?}");
    }
    // A client with a secret shows nothing, and may go there.
    let plain_secret = Client::new("cid", plain("/token")).with_secret_basic("s");
    assert!(TokenRequest::refresh(&plain_secret, token).to_http(cx).is_ok());
}

/// With no constraint too: a client that authenticates by its certificate has nothing else to say who it is.
#[test]
fn a_client_that_authenticates_by_certificate_sends_nothing_without_one() {
    for method in [
        Authentication::TlsClientAuth,
        Authentication::SelfSignedTlsClientAuth,
    ] {
        let client = client().with_authentication(method);
        let ask = || TokenRequest::client_credentials(&client).flow();
        let (token, host) = both(Scripted::default, ask);
        assert!(matches!(token, Err(Error::InvalidInput(_))), "{token:?}");
        assert!(host.bodies().is_empty());
        let (token, host) = both(|| Scripted::default().shows(ours()).replies(200, GRANTED), ask);
        assert_eq!(token.unwrap().access_token.expose(), "AT2");
        assert_eq!(host.bodies(), ["grant_type=client_credentials&client_id=cid"]);
        assert!(host.authorizations().is_empty());
    }
}

#[test]
fn a_record_keeps_how_a_client_authenticates_by_certificate() {
    for method in [
        Authentication::TlsClientAuth,
        Authentication::SelfSignedTlsClientAuth,
    ] {
        let name = method.method().to_owned();
        let record = Record::new(
            key(),
            client().with_authentication(method),
            Token::bearer(Secret::new("AT1"), NOW),
            Provenance::new("client_credentials", NOW),
        );
        let read = Record::from_json(record.expose_json().expose()).unwrap();
        assert!(read.client().authentication().is_by_certificate());
        assert_eq!(read.client().authentication().method(), name);
    }
}
