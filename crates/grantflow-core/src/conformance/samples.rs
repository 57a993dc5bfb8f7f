//! Records for the suites: every member that version 1 knows, and some that it does not.

use serde_json::{Value, json};

use crate::{Key, Record};

/// A record of this account with every member set, among them extras and members of a later version.
pub(super) fn record(account: &str) -> Record {
    record_of(account, |_| {})
}

/// A record with other members.
pub(super) fn record_of(account: &str, change: impl FnOnce(&mut Value)) -> Record {
    let mut members = json!({
        "grantflow": 1,
        "generation": 7,
        "key": {
            "issuer": "https://server.example.com", "client_id": "s6BhdRkqt3", "account": account,
            "scopes": ["profile", "openid", "email"], "resource": "https://api.example.com",
            "subject": "service@example.com", "user_agent": "agent/1.0", "label": "work \u{1f511} \"quoted\"",
        },
        "client": {
            "id": "s6BhdRkqt3", "authentication": "client_secret_basic", "secret": "gX1fBat3bV",
            "issuer": "https://server.example.com", "token_endpoint": "https://server.example.com/token",
            "revocation_endpoint": "https://server.example.com/revoke",
            "introspection_endpoint": "https://server.example.com/introspect",
            "quirks": { "raw_basic": true, "refresh_grace_seconds": 10 },
        },
        "token": {
            "access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "Bearer",
            "refresh_token": "tGzv3JOkF0XG5Qx2TlKWIA",
            "issued_at": "2027-01-15T08:00:00Z", "expires_at": "2027-01-15T09:00:00Z",
            "scopes": ["openid", "email"], "id_token": "e30.e30.",
            "extras": { "instance_url": "https://eu1.example.com", "roles": ["a", "b"], "n": 1.5, "none": null },
        },
        "origins": ["https://api.example.com"],
        "provenance": { "source": "authorization_code", "obtained_at": "2027-01-15T08:00:00Z" },
        "refresh": {
            "attempt_started_at": "2027-01-15T08:55:00Z", "retry_at": "2027-01-15T08:56:00Z",
            "refused": "invalid_client",
        },
        "of_a_later_version": { "nested": [1, true, null, "text"] },
    });
    change(&mut members);
    Record::from_json(&members.to_string()).expect("the sample is a record")
}

/// The key of the record of this account.
pub(super) fn key(account: &str) -> Key {
    record(account).key().clone()
}

/// All there is to a record, to compare.
pub(super) fn json(record: &Record) -> String {
    record.expose_json().expose().to_owned()
}
