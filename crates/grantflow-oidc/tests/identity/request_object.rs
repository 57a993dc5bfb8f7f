//! Signed authorization requests: what is signed, for whom, and that nothing of it is beside the token.

use std::sync::Arc;
use std::time::Duration;

use grantflow_core::{
    AuthorizationRequest, AuthorizationUrl, Body, Client, Endpoint, Error, MetadataRequest,
    PendingAuthorization, Request, Secret, Timestamp,
};
use grantflow_jwt::{Algorithm, KeySet, NumericDate, SigningKey, Verification, VerifiedClaims};
use grantflow_oidc::{PrivateKeyJwt, RequestObject};
use serde_json::{Value, json};

use super::support::{CLIENT, ISSUER, NOW, at, ed25519, issuer, now, p256, parameter, rsa};

const REDIRECT: &str = "https://client.example.org/cb";

fn bare() -> Client {
    let endpoint = |path: &str| Endpoint::new(format!("{ISSUER}/{path}")).unwrap();
    Client::new(CLIENT, endpoint("token"))
        .with_issuer(issuer())
        .with_authorization_endpoint(endpoint("authorize?tenant=1"))
        .with_pushed_authorization_request_endpoint(endpoint("par"))
}

fn signing(client: Client) -> Client {
    let signer = RequestObject::new(p256().with_key_id("2026-01"), Algorithm::Es256).unwrap();
    client.with_request_signer(Arc::new(signer))
}

fn started(client: &Client) -> (AuthorizationUrl, PendingAuthorization) {
    at(|cx| request(client).start(cx)).unwrap()
}

fn request(client: &Client) -> AuthorizationRequest<'_> {
    AuthorizationRequest::new(client, REDIRECT)
        .scopes("openid email")
        .unwrap()
        .login_hint("ann@example.com")
}

/// The parameters of an address.
fn query(url: &AuthorizationUrl) -> Vec<(String, String)> {
    let query = url.as_str().split_once('?').unwrap().1;
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn in_address(url: &AuthorizationUrl) -> String {
    query(url)
        .into_iter()
        .find(|(name, _)| name == "request")
        .unwrap()
        .1
}

fn verified(object: &str, key: &SigningKey, algorithm: Algorithm) -> VerifiedClaims {
    let keys = KeySet::from(key.verifying_key().unwrap());
    let verification = Verification::new([algorithm], CLIENT, ISSUER).token_type("oauth-authz-req+jwt");
    verification
        .verify(object, &keys, NumericDate::from_unix_seconds(NOW))
        .unwrap()
}

fn claims(object: &str) -> Value {
    let verified = verified(object, &p256(), Algorithm::Es256);
    serde_json::from_slice(verified.jws().payload()).unwrap()
}

fn refused(client: &Client) -> bool {
    let started = at(|cx| request(client).start(cx).map(|_| ()));
    matches!(started, Err(Error::InvalidInput(_)))
}

#[test]
fn the_address_has_the_client_and_the_request_object_and_nothing_else() {
    let client = signing(bare());
    let (url, pending) = started(&client);
    let names: Vec<_> = query(&url).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["tenant", "client_id", "request"]);
    assert_eq!(url.expires_at(), Some(now().plus(Duration::from_secs(600))));
    // And what is in it is what the address would have said.
    let (plain, _) = started(&bare());
    let claims = claims(&in_address(&url));
    for (name, value) in query(&plain).into_iter().filter(|(name, _)| name != "tenant") {
        match name.as_str() {
            // Drawn anew.
            "state" | "nonce" | "code_challenge" => assert_eq!(claims[&name].as_str().unwrap().len(), 43),
            _ => assert_eq!(claims[&name], value, "{name}"),
        }
    }
    let state = claims["state"].as_str().unwrap();
    let code = at(|cx| pending.accept(&format!("?code=c&state={state}&iss={ISSUER}"), cx)).unwrap();
    assert!(
        code.nonce()
            .unwrap()
            .eq_ct(&Secret::new(claims["nonce"].as_str().unwrap()))
    );
}

#[test]
fn a_request_object_says_who_asks_whom_and_until_when() {
    for (key, algorithm) in [
        (rsa as fn() -> SigningKey, Algorithm::Ps256),
        (p256, Algorithm::Es256),
        (ed25519, Algorithm::EdDsa),
    ] {
        let signer = RequestObject::new(key().with_key_id("k"), algorithm).unwrap();
        let client = bare().with_request_signer(Arc::new(signer));
        let request = request(&client).lifetime(Duration::from_secs(60));
        let (url, _) = at(|cx| request.start(cx)).unwrap();
        let verified = verified(&in_address(&url), &key(), algorithm);
        assert_eq!(verified.jws().key_id(), Some("k"));
        let claims: Value = serde_json::from_slice(verified.jws().payload()).unwrap();
        let id = claims["jti"].as_str().unwrap();
        assert_eq!(id.len(), 43);
        assert_eq!(
            (&claims["iss"], &claims["aud"], &claims["client_id"]),
            (&json!(CLIENT), &json!(ISSUER), &json!(CLIENT))
        );
        assert_eq!(
            (&claims["iat"], &claims["nbf"], &claims["exp"]),
            (&json!(NOW), &json!(NOW), &json!(NOW + 60))
        );
        assert_eq!(url.expires_at(), Some(Timestamp::from_unix_seconds(NOW + 60)));
    }
}

#[test]
fn what_is_pushed_is_the_request_object_and_who_the_client_is() {
    let method = PrivateKeyJwt::new(rsa(), Algorithm::Ps256).unwrap();
    for (client, names) in [
        (bare(), &["request", "client_id"][..]),
        (bare().with_secret_basic("secret"), &["request", "client_id"]),
        (
            bare().with_secret_post("secret"),
            &["request", "client_id", "client_secret"],
        ),
        (
            bare().with_authentication(method.into()),
            &[
                "request",
                "client_id",
                "client_assertion_type",
                "client_assertion",
            ],
        ),
    ] {
        let client = signing(client);
        let (pushed, _) = at(|cx| request(&client).push(cx)).unwrap();
        let request: Request = at(|cx| pushed.to_http(cx)).unwrap();
        let sent: Vec<String> = form_urlencoded::parse(request.body().as_bytes())
            .map(|(name, _)| name.into_owned())
            .collect();
        assert_eq!(sent, names, "{client:?}");
        let [object] = parameter(&request, "request").try_into().unwrap();
        assert_eq!(claims(&object)["redirect_uri"], REDIRECT);
    }
}

#[test]
fn each_parameter_has_the_type_that_it_has_in_json() {
    let client = signing(bare().with_parameter("claims", r#"{"id_token":{"acr":null}}"#));
    let request = request(&client)
        .resource("https://one.example")
        .resource("https://two.example")
        .parameter("max_age", "300")
        .unwrap();
    let (url, _) = at(|cx| request.start(cx)).unwrap();
    let claims = claims(&in_address(&url));
    assert_eq!(
        claims["resource"],
        json!(["https://one.example", "https://two.example"])
    );
    assert_eq!(claims["max_age"], json!(300));
    assert_eq!(claims["claims"], json!({ "id_token": { "acr": null } }));
    for (name, value) in [
        ("max_age", "soon"),
        ("max_age", "-1"),
        ("claims", "[]"),
        ("claims", "{"),
    ] {
        assert!(
            refused(&signing(bare().with_parameter(name, value))),
            "{name}={value}"
        );
    }
}

#[test]
fn what_is_json_is_signed_to_the_letter() {
    // Above u64, above what a float tells apart, and one that a float writes otherwise.
    for amount in [
        "123456789012345678901234567890",
        "18446744073709551617",
        "0.10",
        "1E2",
    ] {
        let details = format!(r#"[{{"type":"payment", "amount":{amount}}}]"#);
        let wanted = format!(r#"{{"userinfo":{{"balance":{{"value":{amount}}}}}}}"#);
        let client = signing(bare().with_parameter("claims", &wanted));
        let request = request(&client)
            .parameter("authorization_details", &details)
            .unwrap();
        let (url, _) = at(|cx| request.start(cx)).unwrap();
        let verified = verified(&in_address(&url), &p256(), Algorithm::Es256);
        let signed = str::from_utf8(verified.jws().payload()).unwrap();
        assert!(
            signed.contains(&format!(r#""authorization_details":{details}"#)),
            "{signed}"
        );
        assert!(signed.contains(&format!(r#""claims":{wanted}"#)), "{signed}");
    }
}

#[test]
fn t05_the_challenge_in_a_request_object_is_that_of_its_verifier() {
    use base64::Engine as _;
    let client = signing(bare());
    let (url, pending) = started(&client);
    let claims = claims(&in_address(&url));
    let json: Value = serde_json::from_str(pending.expose_json().expose()).unwrap();
    let verifier = json["verifier"].as_str().unwrap();
    let digest = Algorithm::Es256.digest(verifier.as_bytes()).unwrap();
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
    assert_eq!(
        (&claims["code_challenge"], &claims["code_challenge_method"]),
        (&json!(challenge), &json!("S256"))
    );
    assert!(claims.get("code_verifier").is_none());
}

#[test]
fn t37_a_request_object_is_for_the_issuer_whatever_the_metadata_name() {
    let metadata = http::Response::builder()
        .header("content-type", "application/json")
        .body(Body::from(format!(
            r#"{{"issuer":"{ISSUER}","token_endpoint":"https://attacker.example/token",
                "authorization_endpoint":"https://attacker.example/authorize"}}"#
        )))
        .unwrap();
    let metadata = at(|cx| MetadataRequest::new(&issuer()).parse(&metadata, cx)).unwrap();
    let (url, _) = started(&signing(metadata.client(CLIENT)));
    assert!(url.as_str().starts_with("https://attacker.example/authorize?"));
    assert_eq!(
        claims(&in_address(&url))["aud"],
        json!(ISSUER),
        "one string, no list"
    );
    // Without a name of the server nothing is signed.
    let endpoint = |path: &str| Endpoint::new(format!("{ISSUER}/{path}")).unwrap();
    let nameless = Client::new(CLIENT, endpoint("token")).with_authorization_endpoint(endpoint("authorize"));
    assert!(refused(&signing(nameless)));
}

#[test]
fn t37_no_parameter_makes_a_request_object_another_kind_of_token() {
    for name in [
        "iss",
        "sub",
        "aud",
        "jti",
        "iat",
        "nbf",
        "exp",
        "request",
        "request_uri",
    ] {
        assert!(refused(&signing(bare().with_parameter(name, CLIENT))), "{name}");
    }
    assert!(
        claims(&in_address(&started(&signing(bare())).0))
            .get("sub")
            .is_none()
    );
}

#[test]
fn t59_neither_the_signer_nor_the_address_prints_the_request() {
    let client = signing(bare());
    let (url, pending) = started(&client);
    let printed = format!("{client:?} {url:?} {pending:?} {:?}", client.request_signer());
    assert!(!printed.contains("eyJ") && !printed.contains("ann"), "{printed}");
}

#[test]
fn a_signature_by_a_key_of_another_type_is_refused_at_once() {
    assert!(matches!(
        RequestObject::new(p256(), Algorithm::EdDsa),
        Err(Error::InvalidInput(_))
    ));
    let key = SigningKey::from_hmac_secret(&[7; 32]).unwrap();
    let signer = RequestObject::new(key, Algorithm::Hs256).unwrap();
    let (url, _) = started(&bare().with_request_signer(Arc::new(signer)));
    assert!(
        in_address(&url).split('.').count() == 3,
        "a shared secret signs too"
    );
}
