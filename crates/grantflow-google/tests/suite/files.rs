//! Key files: what is read from them, and what is not believed.

use grantflow_core::flow::TokenSource as _;
use grantflow_core::{Endpoint, Error};
use grantflow_google::{ServiceAccountKey, TrustedEndpoints};

use crate::world::{EMAIL, file, key, pem};

#[test]
fn a_file_says_who_the_account_is() {
    let key = ServiceAccountKey::from_json(&file(&[("quota_project_id", "billing")])).unwrap();
    assert_eq!(key.service_account_email(), EMAIL);
    assert_eq!(key.project_id(), Some("project"));
    assert_eq!(key.quota_project(), Some("billing"));
    assert_eq!(key.universe_domain(), "googleapis.com");
    let source = key.credentials("a").unwrap();
    assert_eq!(source.key().client_id(), EMAIL);
    assert_eq!(source.key().issuer(), "https://accounts.google.com");
    let origins = source.client().origins().iter().map(ToString::to_string);
    assert_eq!(origins.collect::<Vec<_>>(), ["https://*.googleapis.com"]);
}

/// 20 addresses that a hostile file wants assertions and refresh tokens sent to.
pub(crate) const HOSTILE: [&str; 20] = [
    "https://evil.example/token",
    "http://oauth2.googleapis.com/token",
    "https://oauth2.googleapis.com.evil.example/token",
    "https://evil.example/oauth2.googleapis.com/token",
    "https://oauth2.googleapis.com@evil.example/token",
    "https://oauth2.googleapis.com:8443/token",
    "https://oauth2.googleapis.com/token#",
    "https://oauth2.googleapis.com/token?next=https://evil.example",
    "https://oauth2.googleapis.com/other",
    "https://OAUTH2.googleapis.com/token",
    "https://oauth2.googleapis.com./token",
    " https://oauth2.googleapis.com/token",
    "https://oauth2.googleapis.com/token\n",
    "https://xn--oauth2-googleapis.com/token",
    "https://oauth2.g\u{43e}\u{43e}gleapis.com/token",
    "https://127.0.0.1/token",
    "http://127.0.0.1:8080/token",
    "http://169.254.169.254/token",
    "https://[::1]/token",
    "file:///etc/passwd",
];

#[test]
fn t38_a_token_uri_that_is_not_googles_is_refused_before_anything_is_signed() {
    for token_uri in HOSTILE {
        let refused = ServiceAccountKey::from_json(&file(&[("token_uri", token_uri)])).unwrap_err();
        assert!(matches!(refused, Error::InvalidInput(_)), "{token_uri}");
        let said = refused.to_string();
        assert!(said.contains("token_uri"), "{said}");
        assert!(!said.contains("evil") && !said.contains(token_uri), "{said}");
    }
    let hostile = file(&[("universe_domain", "evil.example"), ("token_uri", "")]);
    let said = ServiceAccountKey::from_json(&hostile).unwrap_err().to_string();
    assert!(
        said.contains("universe_domain") && !said.contains("evil"),
        "{said}"
    );
}

#[test]
fn t38_what_google_has_named_and_what_the_program_names_is_taken() {
    for token_uri in [
        "https://oauth2.googleapis.com/token",
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v4/token",
        "",
    ] {
        assert!(
            ServiceAccountKey::from_json(&file(&[("token_uri", token_uri)])).is_ok(),
            "{token_uri}"
        );
    }
    let emulator = "http://127.0.0.1:8080/token";
    let trusted = TrustedEndpoints::google()
        .and_endpoint(Endpoint::allow_http_for_loopback(emulator).unwrap())
        .and_universe("cloud.example");
    let named =
        |other: &[(&str, &str)]| ServiceAccountKey::from_json_trusting(&file(other), &trusted).unwrap();
    let key = named(&[("token_uri", emulator)]);
    assert_eq!(
        key.credentials("a").unwrap().client().token_endpoint().as_str(),
        emulator
    );
    let key = named(&[("universe_domain", "cloud.example"), ("token_uri", "")]);
    let source = key.credentials("a").unwrap();
    assert_eq!(
        source.client().token_endpoint().as_str(),
        "https://oauth2.cloud.example/token"
    );
    assert_eq!(
        source.client().origins()[0].to_string(),
        "https://*.cloud.example"
    );
}

#[test]
fn t59_a_file_that_cannot_be_used_says_why_and_shows_nothing_of_it() {
    let without = |name: &str| {
        let mut file: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&file(&[])).unwrap();
        file.remove(name);
        serde_json::to_string(&file).unwrap()
    };
    let short = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../grantflow-jwt/tests/keys/rsa-1024.pkcs8.pem"
    ))
    .unwrap();
    let p256 = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../grantflow-jwt/tests/keys/p256.pkcs8.pem"
    ))
    .unwrap();
    let cut = &file(&[])[..200];
    for (json, said) in [
        (file(&[("type", "authorized_user")]), "another type"),
        (without("type"), "no type"),
        (without("client_email"), "client_email"),
        (without("private_key"), "no private_key"),
        (file(&[("private_key", "")]), "no private_key"),
        (
            file(&[("private_key", "-----BEGIN NONSENSE-----")]),
            "private key",
        ),
        (file(&[("private_key", &short)]), "too short"),
        (file(&[("private_key", &p256)]), "not RSA"),
        (cut.to_owned(), "not JSON"),
        (String::new(), "not JSON"),
        ("[]".to_owned(), "no type"),
    ] {
        let refused = ServiceAccountKey::from_json(&json).unwrap_err();
        assert!(refused.to_string().contains(said), "{refused} ({said})");
        for secret in [&pem()[60..90], "PRIVATE", EMAIL] {
            assert!(!format!("{refused} {refused:?}").contains(secret), "{refused:?}");
        }
    }
    let shown = format!("{:?} {:?}", key(), key().credentials("a").unwrap());
    assert!(
        !shown.contains(&pem()[60..90]) && !shown.contains("PRIVATE"),
        "{shown}"
    );
}
