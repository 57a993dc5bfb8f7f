//! The FAPI 2.0 Security Profile: one case for each rule, by its section; what keeps to all of them is sent, and what breaks one is not.

use std::sync::Arc;

use grantflow_core::error::ErrorCode;
use grantflow_core::{
    Authentication, AuthorizationRequest, BackchannelAuthenticationRequest, Body, CallbackError,
    CertificateBound, CertificateThumbprint, Client, DeviceAuthorizationRequest, EndSessionRequest, Endpoint,
    Error, Fapi2Rule, IntrospectionRequest, Issuer, MetadataRequest, Profile, Quirks, ResponseType,
    RevocationRequest, Secret, ServerMetadata, TokenRequest, TokenTypeHint, UserHint,
};
use grantflow_jwt::Algorithm;
use grantflow_oidc::{
    AudienceIsTokenEndpoint, ClientSecretJwt, Dpop, IdTokenVerifier, PrivateKeyJwt, RequestObject,
};
use serde_json::{Value, json};

use super::support::{ISSUER, at, ed25519, p256, rsa};

const NATIVE: &str = "http://127.0.0.1:7777/cb";

fn document() -> Value {
    let at = |path: &str| format!("{ISSUER}/{path}");
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "revocation_endpoint": at("revoke"),
        "introspection_endpoint": at("introspect"),
        "device_authorization_endpoint": at("device"),
        "backchannel_authentication_endpoint": at("ciba"),
        "pushed_authorization_request_endpoint": at("par"),
        "jwks_uri": at("jwks"),
        "code_challenge_methods_supported": ["S256"],
        "tls_client_certificate_bound_access_tokens": true,
        "mtls_endpoint_aliases": { "token_endpoint": "https://mtls.example.com/token" },
    })
}

fn server(document: &Value) -> ServerMetadata {
    let issuer = Issuer::allow_http_for_loopback(document["issuer"].as_str().unwrap()).unwrap();
    let reply = http::Response::builder()
        .header("content-type", "application/json")
        .body(Body::from(document.to_string()))
        .unwrap();
    at(|cx| MetadataRequest::new(&issuer).parse(&reply, cx)).unwrap()
}

fn signed(algorithm: Algorithm) -> PrivateKeyJwt {
    let key = match algorithm {
        Algorithm::EdDsa => ed25519(),
        Algorithm::Es256 => p256(),
        _ => rsa(),
    };
    PrivateKeyJwt::new(key, algorithm).unwrap()
}

/// One that keeps to every rule.
fn with_keys(server: &ServerMetadata) -> Client {
    server
        .client("s6BhdRkqt3")
        .with_authentication(signed(Algorithm::Es256).into())
        .with_token_constraint(Arc::new(Dpop::new(p256(), Algorithm::Es256).unwrap()))
        .with_profile(Profile::Fapi2)
}

fn thumbprint() -> CertificateThumbprint {
    CertificateThumbprint::of(b"ours")
}

/// Another.
fn with_certificate(server: &ServerMetadata) -> Client {
    server
        .client("s6BhdRkqt3")
        .with_authentication(Authentication::TlsClientAuth)
        .with_token_constraint(Arc::new(CertificateBound::to(thumbprint())))
        .with_profile(Profile::Fapi2)
}

fn good() -> Client {
    with_keys(&server(&document()))
}

fn named_by(document: Value) -> Client {
    with_keys(&server(&document))
}

fn with(name: &str, value: Value) -> Value {
    let mut document = document();
    document[name] = value;
    document
}

fn bound_by(dpop: Dpop) -> Client {
    good().with_token_constraint(Arc::new(dpop))
}

fn quirks(change: impl Fn(&mut Quirks)) -> Client {
    let mut quirks = Quirks::default();
    change(&mut quirks);
    good().with_quirks(quirks)
}

fn authenticated(authentication: impl Into<Authentication>) -> Client {
    good().with_authentication(authentication.into())
}

fn dpop(algorithm: Algorithm) -> Dpop {
    Dpop::new(rsa(), algorithm).unwrap()
}

/// Every request that the client can make.
fn requests(client: &Client) -> Vec<(&'static str, Result<(), Error>)> {
    let secret = || Secret::new("tGzv3JOkF0XG5Qx2TlKWIA");
    let hint = TokenTypeHint::RefreshToken;
    vec![
        ("push", push(client, NATIVE)),
        ("refresh", token(&TokenRequest::refresh(client, secret()))),
        (
            "client credentials",
            token(&TokenRequest::client_credentials(client)),
        ),
        ("backchannel", token(&TokenRequest::backchannel(client, secret()))),
        (
            "ask in the back channel",
            shown(|cx| {
                let hint = UserHint::LoginHint("ann".to_owned());
                BackchannelAuthenticationRequest::new(client, hint).to_http(cx)
            }),
        ),
        (
            "revoke",
            shown(|cx| RevocationRequest::new(client, &secret(), hint).to_http(cx)),
        ),
        (
            "introspect",
            shown(|cx| IntrospectionRequest::new(client, &secret(), hint).to_http(cx)),
        ),
    ]
}

fn shown<T>(make: impl FnOnce(&mut grantflow_core::Cx<'_>) -> Result<T, Error>) -> Result<(), Error> {
    at(|cx| {
        let now = cx.now();
        let mut fill = |bytes: &mut [u8]| cx.fill(bytes);
        let mut cx = grantflow_core::Cx::new(now, &mut fill).with_certificate(Some(thumbprint()));
        make(&mut cx).map(drop)
    })
}

fn push(client: &Client, redirect_uri: &str) -> Result<(), Error> {
    shown(|cx| {
        let (pushed, _pending) = AuthorizationRequest::new(client, redirect_uri).push(cx)?;
        pushed.to_http(cx)
    })
}

fn token(request: &TokenRequest) -> Result<(), Error> {
    shown(|cx| request.to_http(cx))
}

fn broken<T>(result: Result<T, Error>) -> Option<Fapi2Rule> {
    match result {
        Ok(_) => None,
        Err(Error::Profile(rule)) => Some(rule),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn what_keeps_to_every_rule_is_sent_by_key_and_by_certificate() {
    for client in [good(), with_certificate(&server(&document()).over_mtls())] {
        client.check_profile().unwrap();
        for (name, made) in requests(&client) {
            assert!(made.is_ok(), "{name}: {made:?}");
        }
        for redirect in [
            "https://app.example/cb",
            "http://[::1]/cb",
            "com.example.app:/cb",
            "HTTP://127.0.0.1/cb",
        ] {
            push(&client, redirect).unwrap();
        }
    }
    for algorithm in [Algorithm::Ps256, Algorithm::EdDsa] {
        assert_eq!(broken(push(&authenticated(signed(algorithm)), NATIVE)), None);
    }
}

/// A client that breaks a rule makes no request at all, whatever request it is.
#[test]
fn t05_t29_t37_each_rule_that_a_client_breaks_is_named_by_its_section() {
    use Fapi2Rule as Rule;
    let elsewhere = |path: &str| Endpoint::new(format!("https://other.example/{path}")).unwrap();
    let at_home = || Endpoint::new(format!("{ISSUER}/token")).unwrap();
    let secret = Secret::new("a secret of at least thirty-two bytes");
    let unsigned = server(&with("tls_client_certificate_bound_access_tokens", json!(false)));
    let by_connection = |server: &ServerMetadata| {
        with_keys(server).with_token_constraint(Arc::new(CertificateBound::to(thumbprint())))
    };
    let loopback = {
        let text = document().to_string();
        serde_json::from_str(&text.replace(ISSUER, "http://127.0.0.1:9")).unwrap()
    };
    let own = Client::new("s6BhdRkqt3", at_home())
        .with_issuer(Issuer::new(ISSUER).unwrap())
        .with_authorization_endpoint(elsewhere("authorize"))
        .with_pushed_authorization_request_endpoint(elsewhere("par"))
        .with_backchannel_authentication_endpoint(elsewhere("ciba"))
        .with_revocation_endpoint(elsewhere("revoke"))
        .with_introspection_endpoint(elsewhere("introspect"))
        .with_profile(Profile::Fapi2);
    let no_constraint = server(&document())
        .client("s6BhdRkqt3")
        .with_authentication(signed(Algorithm::Es256).into())
        .with_profile(Profile::Fapi2);
    let verifier = |algorithm| {
        let verifier =
            IdTokenVerifier::of_server([Algorithm::Es256, algorithm], &server(&document()), "s6BhdRkqt3");
        good().with_id_token_check(Arc::new(verifier.unwrap()))
    };
    let pinned = signed(Algorithm::Es256).audience(AudienceIsTokenEndpoint::pinned(at_home()));
    let cases = [
        (Rule::Tls, "5.2.1 (1)", named_by(loopback)),
        (Rule::SenderConstrainedTokens, "5.3.3.1 (1)", no_constraint),
        (
            Rule::SenderConstrainedTokens,
            "5.3.3.1 (1)",
            bound_by(dpop(Algorithm::Ps256).or_bearer()),
        ),
        (
            Rule::SenderConstrainedTokens,
            "5.3.3.1 (1)",
            by_connection(&unsigned.over_mtls()),
        ),
        (
            Rule::ClientAuthentication,
            "5.3.3.1 (2)",
            authenticated(Authentication::None),
        ),
        (
            Rule::ClientAuthentication,
            "5.3.3.1 (2)",
            good().with_secret_basic("s"),
        ),
        (
            Rule::ClientAuthentication,
            "5.3.3.1 (2)",
            good().with_secret_post("s"),
        ),
        (
            Rule::ClientAuthentication,
            "5.3.3.1 (2)",
            authenticated(ClientSecretJwt::new(&secret, Algorithm::Hs256).unwrap()),
        ),
        (
            Rule::TokenInHeader,
            "5.3.3.1 (3)",
            quirks(|quirks| quirks.token_header = Some("x-token".to_owned())),
        ),
        (Rule::AssertionAudience, "5.3.3.1 (5)", authenticated(pinned)),
        (
            Rule::MtlsEndpointAliases,
            "5.3.3.1 (7)",
            with_certificate(&server(&document())),
        ),
        (
            Rule::MtlsEndpointAliases,
            "5.3.3.1 (7)",
            by_connection(&server(&document())),
        ),
        (Rule::Metadata, "5.3.3.1 (9)", own),
        (
            Rule::Metadata,
            "5.3.3.1 (9)",
            good().with_authorization_endpoint(elsewhere("authorize")),
        ),
        (
            Rule::Metadata,
            "5.3.3.1 (9)",
            good().with_refresh_endpoint(elsewhere("token")),
        ),
        (
            Rule::CodeFlow,
            "5.3.3.2 (1)",
            quirks(|quirks| quirks.no_response_type = true),
        ),
        (
            Rule::Pkce,
            "5.3.3.2 (3)",
            quirks(|quirks| quirks.without_pkce = true),
        ),
        (
            Rule::Algorithm,
            "5.4.1 (1)",
            authenticated(signed(Algorithm::Rs256)),
        ),
        (Rule::Algorithm, "5.4.1 (1)", bound_by(dpop(Algorithm::Rs256))),
        (Rule::Algorithm, "5.4.1 (1)", verifier(Algorithm::Rs256)),
    ];
    for (number, (rule, section, client)) in cases.into_iter().enumerate() {
        assert_eq!(rule.section(), section);
        for (name, made) in requests(&client) {
            assert_eq!(broken(made), Some(rule), "case {number}, {section}: {name}");
        }
        assert!(Error::from(rule).to_string().contains(section));
    }
    assert_eq!(broken(push(&verifier(Algorithm::Ps256), NATIVE)), None);
}

#[test]
fn each_rule_that_a_request_breaks_is_named_by_its_section() {
    use Fapi2Rule as Rule;
    let client = good();
    let secret = || Secret::new("S");
    let grant = |name: &str| TokenRequest::extension(&client, name, []);
    let start = |client: &Client| shown(|cx| AuthorizationRequest::new(client, NATIVE).start(cx));
    let elsewhere = named_by(with(
        "authorization_endpoint",
        json!(format!("{ISSUER}/authorize?tenant=1")),
    ));
    for (rule, section, made) in [
        (Rule::PushedRequest, "5.3.3.2 (2)", start(&client)),
        (
            Rule::AuthorizationRequestParameters,
            "5.3.3.2 (6)",
            push(&elsewhere, NATIVE),
        ),
        (
            Rule::RedirectUri,
            "5.3.2.2 (8)",
            push(&client, "http://app.example/cb"),
        ),
        (
            Rule::RedirectUri,
            "5.3.2.2 (8)",
            push(&client, "http://localhost/cb"),
        ),
        (
            Rule::RedirectUri,
            "5.3.2.2 (8)",
            push(&client, "http://127.0.0.1.example/cb"),
        ),
        (Rule::CodeFlow, "5.3.3.2 (1)", token(&grant("password"))),
        (
            Rule::CodeFlow,
            "5.3.3.2 (1)",
            token(&grant("urn:ietf:params:oauth:grant-type:jwt-bearer")),
        ),
        (
            Rule::CodeFlow,
            "5.3.3.2 (1)",
            token(&grant("urn:ietf:params:oauth:grant-type:token-exchange")),
        ),
        (
            Rule::CodeFlow,
            "5.3.3.2 (1)",
            token(&TokenRequest::device_code(&client, secret())),
        ),
        (
            Rule::CodeFlow,
            "5.3.3.2 (1)",
            token(&TokenRequest::client_credentials(&client).anonymous()),
        ),
        (
            Rule::CodeFlow,
            "5.3.3.2 (1)",
            shown(|cx| DeviceAuthorizationRequest::new(&client).to_http(cx)),
        ),
        (
            Rule::CodeFlow,
            "5.3.3.2 (1)",
            at(|cx| {
                let request = AuthorizationRequest::new(&client, NATIVE).scopes("openid")?;
                let pushed = request.response_type(ResponseType::CodeIdToken).push(cx);
                pushed.map(|_| ())
            }),
        ),
    ] {
        assert_eq!(rule.section(), section);
        assert_eq!(broken(made), Some(rule), "{section}");
    }
}

/// Section 5.3.3.2 (5), whatever the metadata promise; section (2) without being asked for it.
#[test]
fn a_request_object_is_signed_by_no_algorithm_that_is_forbidden() {
    let object = |key, algorithm| Arc::new(RequestObject::new(key, algorithm).unwrap());
    let signing = |object| push(&good().with_request_signer(object), NATIVE);
    assert_eq!(
        broken(signing(object(rsa(), Algorithm::Rs256))),
        Some(Fapi2Rule::Algorithm)
    );
    assert_eq!(broken(signing(object(rsa(), Algorithm::Ps256))), None);
}

#[test]
fn a_logout_goes_to_a_place_that_the_metadata_name() {
    let named = named_by(with("end_session_endpoint", json!(format!("{ISSUER}/logout"))));
    assert_eq!(broken(EndSessionRequest::new(&named).start()), None);
    let by_hand = good().with_end_session_endpoint(Endpoint::new("https://evil.example/logout").unwrap());
    assert_eq!(
        broken(EndSessionRequest::new(&by_hand).start()),
        Some(Fapi2Rule::Metadata)
    );
}

#[test]
fn t07_every_redirect_has_to_name_the_issuer_and_every_request_is_pushed() {
    let client = good();
    assert!(client.push_required() && client.iss_promised());
    for (iss, passes) in [
        (Some(ISSUER), true),
        (Some("https://other.example"), false),
        (None, false),
    ] {
        let accepted = at(|cx| {
            let (pushed, pending) = AuthorizationRequest::new(&client, NATIVE).push(cx)?;
            let sent = pushed.to_http(cx)?;
            let state = super::support::parameter(&sent, "state").remove(0);
            let iss = iss.map_or_else(String::new, |iss| format!("&iss={iss}"));
            pending.accept(&format!("/cb?code=c&state={state}{iss}"), cx)
        });
        match accepted {
            Ok(_) => assert!(passes),
            Err(error) => {
                assert!(!passes);
                assert!(matches!(error, Error::Callback(CallbackError::Issuer)), "{error}");
            }
        }
    }
    // A refusal that does not say whose it is is none.
    let refused = at(|cx| {
        let (pushed, pending) = AuthorizationRequest::new(&client, NATIVE).push(cx)?;
        let state = super::support::parameter(&pushed.to_http(cx)?, "state").remove(0);
        let named = format!("/cb?error=server_error&state={state}&iss={ISSUER}");
        pending.accept(&named, cx)
    });
    assert!(matches!(refused, Err(Error::Server(refusal)) if *refusal.code() == ErrorCode::ServerError));
}

/// A bearer token is no answer to a proof: section 5.3.3.1 (1).
#[test]
fn t33_a_token_that_is_not_bound_is_refused() {
    let request = TokenRequest::client_credentials(&good());
    let reply = |token_type: &str| {
        let body = json!({ "access_token": "AT", "token_type": token_type, "expires_in": 60 });
        let reply = http::Response::builder()
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        at(|cx| request.parse(&reply, cx))
    };
    assert!(reply("DPoP").is_ok());
    assert!(matches!(reply("Bearer"), Err(Error::BadReply(_))));
}

#[test]
fn without_the_profile_nothing_of_it_holds() {
    let client = Client::new("c", Endpoint::new("https://server.example/token").unwrap());
    client.check_profile().unwrap();
    client.check_algorithm("RS256").unwrap();
    assert!(!client.push_required() && !client.iss_promised());
    token(&TokenRequest::client_credentials(&client)).unwrap();
}
