//! Signed authorization requests: one that is right, and one wrong thing at a time.
#![expect(clippy::unwrap_used, reason = "a test fails where its server does not start")]

use std::time::SystemTime;

use crate::support::{CHALLENGE, REDIRECT_URI, post};
use grantflow_jwt::{Algorithm, ClaimsSet, SigningKey};
use grantflow_testserver::{Config, TestClient, TestServer};
use serde_json::{Value, json};

/// RFC 8037 appendix A.1.
const PRIVATE: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"k","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const PUBLIC: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn server() -> TestServer {
    let client = TestClient::public("asking-app", [REDIRECT_URI]);
    let client = client.signing_requests(PUBLIC).unwrap();
    Config::new().client(client).start().unwrap()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn claims(server: &TestServer) -> Value {
    json!({
        "iss": "asking-app", "aud": server.issuer(), "jti": "1", "iat": now(), "nbf": now(), "exp": now() + 60,
        "client_id": "asking-app", "response_type": "code", "redirect_uri": REDIRECT_URI, "state": "s",
        "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    })
}

fn signed(typ: &str, claims: &Value) -> String {
    let key = SigningKey::from_jwk(PRIVATE).unwrap();
    let header = key.header(Algorithm::EdDsa).unwrap().with("typ", typ).unwrap();
    let claims = ClaimsSet::from_json(&claims.to_string()).unwrap();
    key.sign(&header, claims.as_bytes()).unwrap().into_exposed()
}

/// The refusal of a pushed request, empty for one that is taken.
fn push(server: &TestServer, form: &[(&str, &str)]) -> String {
    let reply = post(&server.url("/par"), form);
    if reply.status == 201 {
        String::new()
    } else {
        reply.error()
    }
}

fn push_object(server: &TestServer, object: &str) -> String {
    push(server, &[("client_id", "asking-app"), ("request", object)])
}

#[test]
fn a_request_object_is_taken_once_pushed_or_not() {
    let server = server();
    let object = signed("oauth-authz-req+jwt", &claims(&server));
    let url = format!(
        "{}?client_id=asking-app&request={object}",
        server.url("/authorize")
    );
    let location = server.approve(&url).unwrap();
    assert!(location.contains("state=s"), "{location}");
    assert!(server.approve(&url).is_err(), "a replay");
    let mut another = claims(&server);
    another["jti"] = "2".into();
    assert_eq!(push_object(&server, &signed("oauth-authz-req+jwt", &another)), "");
    assert_eq!(server.stats().request_objects, 2);
}

#[test]
fn a_request_with_one_thing_wrong_is_refused() {
    let server = server();
    let mut plain = vec![
        ("client_id", "asking-app"),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT_URI),
    ];
    plain.extend([("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]);
    assert_eq!(push(&server, &plain), "invalid_request", "it is not signed");
    let object = signed("oauth-authz-req+jwt", &claims(&server));
    let beside = [
        ("client_id", "asking-app"),
        ("request", &*object),
        ("scope", "admin"),
    ];
    assert_eq!(
        push(&server, &beside),
        "invalid_request",
        "something is beside it"
    );
    for typ in ["JWT", "dpop+jwt"] {
        assert_eq!(
            push_object(&server, &signed(typ, &claims(&server))),
            "invalid_request_object"
        );
    }
    let (body, signature) = object.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let broken = format!("{body}.{flipped}{}", &signature[1..]);
    assert_eq!(push_object(&server, &broken), "invalid_request_object");
    for (name, value) in [
        ("iss", json!("native-app")),
        ("client_id", json!("native-app")),
        ("aud", json!("https://other.example")),
        ("aud", json!([server.issuer()])),
        ("exp", json!(now() - 1)),
        ("exp", json!(now() + 7200)),
        ("nbf", json!(now() + 60)),
        ("nbf", json!(null)),
        ("jti", json!(null)),
        ("sub", json!("asking-app")),
        ("request_uri", json!("urn:x")),
    ] {
        let mut wrong = claims(&server);
        wrong[name] = value;
        let refused = push_object(&server, &signed("oauth-authz-req+jwt", &wrong));
        assert_eq!(refused, "invalid_request_object", "{name}");
    }
    assert_eq!(server.stats().request_objects, 0);
}
