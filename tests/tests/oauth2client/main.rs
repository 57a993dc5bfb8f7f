//! Files and locks shared with the real `oauth2client` 4.1.3 and `google-auth` from PyPI, both ways.

mod canary;
mod default_credentials;
mod export;
mod import;
#[cfg(unix)]
mod lock;
#[cfg(unix)]
mod mixed;
mod service_account;

use grantflow_core::{Record, Timestamp};
use grantflow_store::import::Import;
use serde_json::{Value, json};

/// 20 minutes before the tokens that Python makes end.
const NOW: Timestamp = Timestamp::from_unix_seconds(1_893_553_445 - 1200);

/// What Python makes an `OAuth2Credentials` of: every argument there is.
fn arguments(name: &str) -> Value {
    json!({
        "access_token": format!("ya29.{name}"),
        "client_id": format!("cid-{name}.apps.googleusercontent.com"),
        "client_secret": format!("cs-{name}"),
        "refresh_token": format!("1//{name}"),
        "token_expiry": "2030-01-02T03:04:05.678901",
        "token_uri": "https://oauth2.googleapis.com/token",
        "user_agent": "ua/1.0",
        "revoke_uri": "https://oauth2.googleapis.com/revoke",
        "id_token": {"sub": "7", "email": format!("{name}é@example.test"), "aud": "x", "n": 1e15, "deep": [{"a": null}]},
        "id_token_jwt": "e30.e30.c2ln",
        "token_response": {"access_token": format!("ya29.{name}"), "refresh_token": format!("1//{name}"), "expires_in": 3599,
            "token_type": "Bearer", "id_token": "e30.e30.c2ln", "scope": "a b", "instance_url": "https://x.test", "list": [1, "ü"]},
        "scopes": ["https://www.googleapis.com/auth/drive", "openid", "email"],
        "token_info_uri": "https://oauth2.googleapis.com/tokeninfo",
    })
}

/// A credential as a value: Python writes a set of scopes in any order.
fn sorted(mut credential: Value) -> Value {
    if let Some(scopes) = credential["scopes"].as_array_mut() {
        scopes.sort_by_key(ToString::to_string);
    }
    credential
}

fn records(file: &std::path::Path) -> Vec<Record> {
    let found = Import::read(file, NOW).expect("a file of Python's").into_found();
    found
        .into_iter()
        .map(|found| found.taken.expect("a credential of Python's"))
        .collect()
}
