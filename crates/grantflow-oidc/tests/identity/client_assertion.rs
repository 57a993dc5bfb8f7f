//! `private_key_jwt` and `client_secret_jwt`: what is signed, for whom, and what is refused to be signed.

use std::collections::HashSet;
use std::time::Duration;

use grantflow_core::{
    Authentication, Body, Client, Endpoint, Error, IntrospectionRequest, Issuer, MetadataRequest, Request,
    RevocationRequest, Secret, TokenRequest, TokenTypeHint,
};
use grantflow_jwt::{
    Algorithm, KeySet, NumericDate, SigningKey, SkipAudienceCheck, Verification, VerifiedClaims,
};
use grantflow_oidc::{AudienceIsTokenEndpoint, ClientSecretJwt, PrivateKeyJwt};

use super::support::{NOW, at, ed25519, p256, parameter, rsa};

const ISSUER: &str = "https://server.example.com";
const TOKEN_ENDPOINT: &str = "https://server.example.com/token";
const SECRET: &str = "0123456789012345678901234567890123456789012345678901234567890123";

fn client() -> Client {
    let endpoint = |path: &str| Endpoint::new(format!("{ISSUER}/{path}")).unwrap();
    Client::new("s6BhdRkqt3", endpoint("token"))
        .with_issuer(Issuer::new(ISSUER).unwrap())
        .with_revocation_endpoint(endpoint("revoke"))
        .with_introspection_endpoint(endpoint("introspect"))
}

fn refresh(client: &Client) -> Result<Request, Error> {
    at(|cx| TokenRequest::refresh(client, Secret::new("tGzv3JOkF0XG5Qx2TlKWIA")).to_http(cx))
}

/// The claims of the one assertion of a request, which `key` signed.
fn assertion(request: &Request, key: &SigningKey, algorithm: Algorithm) -> VerifiedClaims {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(parameter(request, "client_assertion_type"), [kind]);
    assert_eq!(parameter(request, "client_id"), ["s6BhdRkqt3"]);
    let [assertion] = parameter(request, "client_assertion").try_into().unwrap();
    let keys = KeySet::from(key.verifying_key().unwrap());
    let verification = Verification::new([algorithm], "s6BhdRkqt3", SkipAudienceCheck);
    verification
        .verify(&assertion, &keys, NumericDate::from_unix_seconds(NOW))
        .unwrap()
}

fn private_key(key: SigningKey, algorithm: Algorithm) -> Authentication {
    PrivateKeyJwt::new(key, algorithm).unwrap().into()
}

#[test]
fn an_assertion_says_who_signs_for_whom_and_for_how_long() {
    for (key, algorithm) in [
        (rsa as fn() -> SigningKey, Algorithm::Rs256),
        (rsa, Algorithm::Ps256),
        (p256, Algorithm::Es256),
        (ed25519, Algorithm::EdDsa),
    ] {
        let authentication = private_key(key().with_key_id("2026-01"), algorithm);
        assert_eq!(authentication.method(), "private_key_jwt");
        let request = refresh(&client().with_authentication(authentication)).unwrap();
        let claims = assertion(&request, &key(), algorithm);
        assert_eq!(claims.jws().key_id(), Some("2026-01"));
        let text = str::from_utf8(claims.jws().payload()).unwrap();
        let id: String = claims.claim("jti").unwrap().unwrap();
        assert_eq!(id.len(), 43);
        assert_eq!(
            text,
            format!(
                r#"{{"iss":"s6BhdRkqt3","sub":"s6BhdRkqt3","aud":"{ISSUER}","jti":"{id}","iat":{NOW},"exp":{}}}"#,
                NOW + 60
            )
        );
        assert!(!request.headers().contains_key("authorization"));
        assert!(parameter(&request, "client_secret").is_empty());
    }
}

#[test]
fn a_secret_signs_in_place_of_being_sent() {
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        let method = ClientSecretJwt::new(&Secret::new(SECRET), algorithm).unwrap();
        let client = client().with_authentication(method.into());
        assert_eq!(client.authentication().method(), "client_secret_jwt");
        let request = refresh(&client).unwrap();
        let key = SigningKey::from_hmac_secret(SECRET.as_bytes()).unwrap();
        assert_eq!(assertion(&request, &key, algorithm).subject(), Some("s6BhdRkqt3"));
        assert!(
            !str::from_utf8(request.body().as_bytes())
                .unwrap()
                .contains(SECRET)
        );
    }
}

#[test]
fn t37_a_foreign_token_endpoint_in_the_metadata_leaves_the_audience_the_issuer() {
    let issuer = Issuer::new(ISSUER).unwrap();
    let metadata = http::Response::builder()
        .header("content-type", "application/json")
        .body(Body::from(format!(
            r#"{{"issuer":"{ISSUER}","token_endpoint":"https://attacker.example/token"}}"#
        )))
        .unwrap();
    let metadata = at(|cx| MetadataRequest::new(&issuer).parse(&metadata, cx)).unwrap();
    let client = metadata
        .client("s6BhdRkqt3")
        .with_authentication(private_key(p256(), Algorithm::Es256));
    let request = refresh(&client).unwrap();
    assert_eq!(request.uri(), "https://attacker.example/token");
    let claims = assertion(&request, &p256(), Algorithm::Es256);
    assert_eq!(
        claims.claim::<String>("aud").unwrap().as_deref(),
        Some(ISSUER),
        "one string, no list"
    );

    // Nor does the endpoint that was pinned lend its name to another.
    let pinned =
        PrivateKeyJwt::new(p256(), Algorithm::Es256)
            .unwrap()
            .audience(AudienceIsTokenEndpoint::pinned(
                Endpoint::new(TOKEN_ENDPOINT).unwrap(),
            ));
    let refused = refresh(&client.with_authentication(pinned.into()));
    assert!(matches!(&refused, Err(Error::InvalidInput(input)) if input.what() == "token endpoint"));
}

#[test]
fn t37_the_token_endpoint_is_the_audience_only_where_it_was_pinned() {
    let pinned = AudienceIsTokenEndpoint::pinned(Endpoint::new(TOKEN_ENDPOINT).unwrap());
    let method = PrivateKeyJwt::new(p256(), Algorithm::Es256)
        .unwrap()
        .audience(pinned);
    let client = client().with_authentication(method.into());
    let token = Secret::new("2YotnFZFEjr1zCsicMWpAA");
    let hint = TokenTypeHint::AccessToken;
    for request in [
        refresh(&client).unwrap(),
        at(|cx| RevocationRequest::new(&client, &token, hint).to_http(cx)).unwrap(),
        at(|cx| IntrospectionRequest::new(&client, &token, hint).to_http(cx)).unwrap(),
    ] {
        let claims = assertion(&request, &p256(), Algorithm::Es256);
        let audience: String = claims.claim("aud").unwrap().unwrap();
        assert_eq!(audience, TOKEN_ENDPOINT, "{}", request.uri());
    }
}

#[test]
fn a_client_without_an_issuer_is_an_error_and_signs_nothing() {
    let client = Client::new("s6BhdRkqt3", Endpoint::new(TOKEN_ENDPOINT).unwrap());
    let secret = ClientSecretJwt::new(&Secret::new(SECRET), Algorithm::Hs256).unwrap();
    for authentication in [private_key(p256(), Algorithm::Es256), secret.into()] {
        let refused = refresh(&client.clone().with_authentication(authentication));
        let Err(Error::InvalidInput(input)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(input.what(), "client");
        assert!(input.to_string().contains("no issuer"), "{input}");
    }
}

#[test]
fn every_request_has_an_assertion_of_its_own() {
    let client = client().with_authentication(private_key(p256(), Algorithm::Es256));
    let token = Secret::new("2YotnFZFEjr1zCsicMWpAA");
    let ids = at(|cx| {
        let requests = [
            TokenRequest::client_credentials(&client).to_http(cx),
            TokenRequest::client_credentials(&client).to_http(cx),
            RevocationRequest::new(&client, &token, TokenTypeHint::RefreshToken).to_http(cx),
            IntrospectionRequest::new(&client, &token, TokenTypeHint::AccessToken).to_http(cx),
        ];
        requests.map(|request| {
            let claims = assertion(&request.unwrap(), &p256(), Algorithm::Es256);
            let audience: String = claims.claim("aud").unwrap().unwrap();
            assert_eq!(audience, ISSUER);
            claims.claim::<String>("jti").unwrap().unwrap()
        })
    });
    assert_eq!(HashSet::from(ids).len(), 4);
}

#[test]
fn another_key_takes_the_place_of_the_first_by_its_kid() {
    let old = client().with_authentication(private_key(p256().with_key_id("old"), Algorithm::Es256));
    let new = old
        .clone()
        .with_authentication(private_key(ed25519().with_key_id("new"), Algorithm::EdDsa));
    let claims = assertion(&refresh(&old).unwrap(), &p256(), Algorithm::Es256);
    assert_eq!(claims.jws().key_id(), Some("old"));
    let claims = assertion(&refresh(&new).unwrap(), &ed25519(), Algorithm::EdDsa);
    assert_eq!(claims.jws().key_id(), Some("new"));
}

#[test]
fn an_assertion_lives_as_long_as_it_was_told_and_an_hour_at_most() {
    for (lifetime, seconds) in [(5, 5), (300, 300), (3600, 3600), (3601, 3600)] {
        let method = PrivateKeyJwt::new(p256(), Algorithm::Es256)
            .unwrap()
            .lifetime(Duration::from_secs(lifetime));
        let request = refresh(&client().with_authentication(method.into())).unwrap();
        let claims = assertion(&request, &p256(), Algorithm::Es256);
        let ends = claims.expires_at().unwrap().unix_seconds();
        assert_eq!(ends, NOW + seconds, "{lifetime}");
    }
}

#[test]
fn keys_and_secrets_that_do_not_fit_are_refused_when_they_are_given() {
    let public = include_str!("../../../grantflow-jwt/tests/keys/rsa.spki.pem");
    let hmac = SigningKey::from_hmac_secret(SECRET.as_bytes()).unwrap();
    let secret = |secret: &str, algorithm| {
        ClientSecretJwt::new(&Secret::new(secret), algorithm).map(|method| format!("{method:?}"))
    };
    let key = |key, algorithm| PrivateKeyJwt::new(key, algorithm).map(|method| format!("{method:?}"));
    for refused in [
        key(rsa(), Algorithm::Es256),
        key(p256(), Algorithm::Rs256),
        key(hmac, Algorithm::Hs256),
        secret(SECRET, Algorithm::Rs256),
        secret("too short", Algorithm::Hs256),
        secret(&SECRET[..32], Algorithm::Hs384),
        secret(public, Algorithm::Hs256),
    ] {
        assert!(matches!(refused, Err(Error::InvalidInput(_))), "{refused:?}");
    }
}

#[test]
fn no_key_and_no_secret_is_printed() {
    let secret = ClientSecretJwt::new(&Secret::new(SECRET), Algorithm::Hs256).unwrap();
    let printed = format!("{:?}", client().with_authentication(secret.into()));
    assert!(!printed.contains("0123456789"), "{printed}");
}
