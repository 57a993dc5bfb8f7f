//! What oauth2client stored of service accounts, in each of its forms.

use grantflow_core::flow::TokenSource as _;
use grantflow_core::{Endpoint, Error};
use grantflow_google::{StoredServiceAccount, TrustedEndpoints};
use serde_json::{Value, json};

use crate::world::{EMAIL, pem};

/// As `ServiceAccountCredentials.to_json()` of 4.1.3 writes it.
fn stored() -> Value {
    json!({
        "access_token": "AT", "client_id": "1", "client_secret": null, "refresh_token": null, "token_expiry": "2030-01-02T03:04:05Z",
        "token_uri": "https://oauth2.googleapis.com/token", "user_agent": null, "revoke_uri": "https://oauth2.googleapis.com/revoke",
        "id_token": null, "id_token_jwt": null, "token_response": null, "scopes": [], "token_info_uri": null, "invalid": false,
        "assertion_type": null, "_service_account_email": EMAIL, "_scopes": "a b", "_private_key_id": "kid", "_user_agent": null,
        "_kwargs": {}, "_private_key_pkcs8_pem": pem(), "_class": "ServiceAccountCredentials",
        "_module": "oauth2client.service_account",
    })
}

fn with(changes: Value) -> Value {
    let mut file = stored();
    for (name, value) in changes.as_object().unwrap() {
        file[name] = value.clone();
    }
    file
}

fn read(file: &Value) -> Result<StoredServiceAccount, Error> {
    StoredServiceAccount::from_json(&file.to_string())
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn the_account_its_scopes_and_its_user_are_what_was_stored() {
    let stored = read(&stored()).unwrap();
    assert_eq!(stored.key().service_account_email(), EMAIL);
    assert_eq!(stored.key().sign_blob(b"x").unwrap().0, Some("kid"));
    assert_eq!(stored.scopes().to_string(), "a b");
    assert!(stored.self_signed().is_none());
    let plain = stored.credentials().unwrap();
    assert_eq!(plain.key().scopes().to_string(), "a b");

    let delegated = read(&with(json!({ "_kwargs": { "sub": "ann@example.com" } }))).unwrap();
    let delegated = delegated.credentials().unwrap();
    assert_eq!(delegated.key().subject(), "ann@example.com");
    let claimed = read(&with(json!({ "_kwargs": { "prn": "bob@example.com" } }))).unwrap();
    let claimed = claimed.credentials().unwrap();
    assert_ne!(claimed.key(), plain.key(), "another claim is another token");
}

#[test]
fn every_form_is_read() {
    let mut old = json!({
        "_class": "SignedJwtAssertionCredentials", "_module": "oauth2client.client", "service_account_name": EMAIL,
        "private_key": base64(pem()), "private_key_password": "notasecret", "scope": "a b", "kwargs": { "sub": "ann" },
        "token_uri": "https://accounts.google.com/o/oauth2/token", "access_token": null,
    });
    let read_old = read(&old).unwrap();
    assert_eq!(read_old.scopes().to_string(), "a b");
    assert_eq!(read_old.credentials().unwrap().key().subject(), "ann");
    old["private_key"] = base64(b"neither PEM nor PKCS #12").into();
    assert!(read(&old).is_err());

    let jwt = with(
        json!({ "_class": "_JWTAccessCredentials", "_scopes": "", "_kwargs": { "aud": "https://pubsub.googleapis.com/" } }),
    );
    let jwt = read(&jwt).unwrap().self_signed().unwrap();
    assert_eq!(jwt.key().resource(), "https://pubsub.googleapis.com/");

    let mut first = with(json!({ "_class": "_ServiceAccountCredentials", "_private_key_pkcs8_text": pem() }));
    first.as_object_mut().unwrap().remove("_private_key_pkcs8_pem");
    assert!(read(&first).is_ok());
}

#[test]
fn a_pkcs12_key_is_read_or_the_error_names_what_reads_it() {
    let p12 = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../grantflow-jwt/tests/keys/rsa.google.p12"
    ))
    .unwrap();
    let file = with(
        json!({ "_private_key_pkcs8_pem": null, "_private_key_pkcs12": base64(&p12), "_private_key_password": "notasecret" }),
    );
    let read = read(&file);
    if cfg!(feature = "pkcs12") {
        assert_eq!(read.unwrap().key().service_account_email(), EMAIL);
    } else {
        let error = read.unwrap_err().to_string();
        assert!(
            error.contains("openssl pkcs12") && error.contains("`pkcs12`"),
            "{error}"
        );
    }
}

#[cfg(feature = "pkcs12")]
#[test]
fn a_p12_file_and_an_address_are_a_key() {
    let p12 = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../grantflow-jwt/tests/keys/rsa.google.p12"
    ))
    .unwrap();
    let key = grantflow_google::ServiceAccountKey::from_p12(EMAIL, &p12, None).unwrap();
    assert_eq!(key.service_account_email(), EMAIL);
    assert!(grantflow_google::ServiceAccountKey::from_p12(EMAIL, &p12, Some("another")).is_err());
}

#[test]
fn t38_a_stored_token_uri_is_obeyed_only_where_it_is_trusted() {
    let hostile = with(json!({ "token_uri": "https://evil.example/token" }));
    let error = read(&hostile).unwrap_err().to_string();
    assert!(error.contains("token_uri") && !error.contains("evil"), "{error}");
    let trusted =
        TrustedEndpoints::google().and_endpoint(Endpoint::new("https://evil.example/token").unwrap());
    assert!(StoredServiceAccount::from_json_trusting(&hostile.to_string(), &trusted).is_ok());
}

#[test]
fn what_is_no_service_account_is_refused_by_what_it_lacks_and_shows_nothing() {
    for (changes, why) in [
        (json!({ "_class": "OAuth2Credentials" }), "class"),
        (json!({ "_class": "os.system" }), "class"),
        (json!({ "_service_account_email": null }), "address"),
        (json!({ "_private_key_pkcs8_pem": null }), "no private key"),
        (json!({ "_private_key_pkcs8_pem": "gft-canary" }), "key"),
        (json!({ "_scopes": "a\"b" }), "scope"),
        (json!({ "_scopes": 7 }), "JSON"),
    ] {
        let error = read(&with(changes.clone())).unwrap_err().to_string();
        assert!(error.contains(why), "{changes}: {error}");
        assert!(!error.contains("gft-canary"), "{error}");
    }
    assert!(StoredServiceAccount::from_json("").is_err());
    let debug = format!("{:?}", read(&stored()).unwrap());
    assert!(!debug.contains("BEGIN"), "{debug}");
}
