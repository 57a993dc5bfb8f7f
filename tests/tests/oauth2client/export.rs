//! We write, and Python loads the same.

use std::time::Duration;

use grantflow_core::{Client, Endpoint, Key, Provenance, Record, Scopes, Token};
use grantflow_store::import::{Export, ExportFormat};
use grantflow_suites::oauth2client::Python;
use serde_json::{Value, json};

use super::{NOW, arguments, records, sorted};

/// A record of our own, with all that there is.
fn native(name: &str) -> Record {
    let client = Client::google(format!("cid-{name}"))
        .expect("a preset")
        .with_secret_post("cs é");
    let scopes = Scopes::parse("openid email").expect("scopes");
    let key = Key::new(&client, scopes)
        .with_account(name)
        .with_user_agent("ua/2");
    let mut token = Token::bearer(format!("ya29.{name}"), NOW);
    token.refresh_token = Some(format!("1//{name}").into());
    token.expires_at = Some(NOW.plus(Duration::from_millis(3_599_750)));
    token.id_token = Some("e30.eyJzdWIiOiI3In0.c2ln".into());
    token.scopes = Some(Scopes::parse("openid").expect("a scope"));
    token.extras = token
        .extras
        .with("instance_url", "https://x.test")
        .expect("a text");
    Record::new(key, client, token, Provenance::new("authorization_code", NOW))
}

/// A record of a public client of another server, of which little is known.
fn bare() -> Record {
    let client = Client::new(
        "cid",
        Endpoint::new("https://as.example/token").expect("an address"),
    );
    let token = Token::bearer("at", NOW);
    Record::new(
        Key::new(&client, Scopes::none()),
        client,
        token,
        Provenance::new("x", NOW),
    )
}

fn value(json: &grantflow_core::Secret) -> Value {
    serde_json::from_str(json.expose()).expect("JSON")
}

#[test]
fn credentials_load_with_every_member_equal() {
    let Some(mut python) = Python::start() else { return };
    for record in [native("ann"), bare()] {
        for export in [
            Export::new(ExportFormat::FileStorage),
            Export::new(ExportFormat::FileStorage).access_token_only(),
        ] {
            let json = export
                .to_json(std::slice::from_ref(&record))
                .expect("it can be written");
            let mut loaded = sorted(python.load(json.expose()));
            let mut written = sorted(value(&json));
            if written["_class"] == "AccessTokenCredentials" {
                // Its `from_json` reads the token and the user agent, and loses the time.
                written["token_expiry"] = Value::Null;
            }
            assert_eq!(loaded.as_object().map(serde_json::Map::len), Some(16));
            assert_eq!(loaded.take(), written.take());
        }
    }
}

#[test]
fn file_storage_gets_what_was_exported_and_what_it_puts_comes_back() {
    let Some(mut python) = Python::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("credentials.json");
    let record = native("ann");
    Export::new(ExportFormat::FileStorage)
        .write(&file, std::slice::from_ref(&record))
        .expect("it can be written");
    let got = python.get(&file);
    assert_eq!(got["access_token"], "ya29.ann");
    assert_eq!(got["token_expiry"], "2030-01-02T03:44:04Z");
    assert_eq!(got["id_token"], json!({"sub": "7"}));
    let back = records(&file).remove(0);
    assert_eq!(back.client().token_endpoint(), record.client().token_endpoint());
    assert_eq!(back.key().scopes(), record.key().scopes());
    assert_eq!(back.token().scopes, record.token().scopes);
}

#[test]
fn multiprocess_file_storage_gets_each_credential_by_its_name() {
    let Some(mut python) = Python::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("credentials");
    let export = Export::new(ExportFormat::MultiprocessFileStorage);
    let records = [native("ann"), native("é b"), bare()];
    export.write(&file, &records).expect("it can be written");
    for (key, token) in [
        ("cid-ann-ann", "ya29.ann"),
        ("cid-é b-é b", "ya29.é b"),
        ("cid", "at"),
    ] {
        let got = python.run("get", json!({"file": file, "key": key}));
        assert_eq!(got["access_token"], token, "{key}");
    }
    // Python writes the whole file: what it does not touch is there afterwards.
    let task =
        json!({"file": file, "key": "new", "class": "OAuth2Credentials", "arguments": arguments("new")});
    python.run("make", task);
    let again = super::records(&file);
    assert_eq!(again.len(), 4);
    let ann = again
        .iter()
        .find(|record| record.key().label() == "cid-ann-ann")
        .expect("ann");
    let one = |record: &Record| {
        let json = Export::new(ExportFormat::FileStorage).to_json(std::slice::from_ref(record));
        sorted(value(&json.expect("it can be written")))
    };
    assert_eq!(one(ann), one(&records[0]));
}

#[test]
fn google_auth_loads_what_is_written_for_it() {
    let Some(mut python) = Python::start() else { return };
    let export = Export::new(ExportFormat::AuthorizedUser);
    let json = export.to_json(&[native("ann")]).expect("it can be written");
    let loaded = python.run("google_auth", json!({"json": json.expose()}));
    let expected = json!({
        "token": "ya29.ann", "refresh_token": "1//ann", "token_uri": "https://oauth2.googleapis.com/token", "client_id": "cid-ann",
        "client_secret": "cs é", "scopes": ["openid", "email"], "universe_domain": "googleapis.com", "account": "ann",
        "expiry": "2030-01-02T03:44:04Z", "quota_project_id": null,
    });
    assert_eq!(sorted(loaded), sorted(expected));
    // Once more through a record: it goes back as google-auth wrote it.
    let import =
        grantflow_store::import::Import::parse(json.expose().as_bytes(), NOW).expect("google-auth's");
    let again = export.to_json(&import.into_records()).expect("it can be written");
    assert_eq!(value(&again), value(&json));
}

#[test]
fn application_default_credentials_load_in_oauth2client_too() {
    let Some(mut python) = Python::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("application_default_credentials.json");
    Export::new(ExportFormat::AuthorizedUser)
        .write(&file, &[native("ann")])
        .expect("it can be written");
    let loaded = python.run("application_default", json!({"file": file}));
    assert_eq!(
        (&loaded["refresh_token"], &loaded["client_secret"]),
        (&json!("1//ann"), &json!("cs é"))
    );
}

#[test]
fn an_access_token_alone_is_never_refreshed_by_python() {
    let Some(mut python) = Python::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("credentials.json");
    let export = Export::new(ExportFormat::FileStorage).access_token_only();
    export.write(&file, &[native("ann")]).expect("it can be written");
    assert_eq!(python.run("token", json!({"file": file})), "ya29.ann");
    // Without a token left it would have to refresh, and has nothing to do it with.
    let mut ended: Value = serde_json::from_slice(&std::fs::read(&file).expect("the file")).expect("JSON");
    ended["access_token"] = json!("");
    std::fs::write(&file, ended.to_string()).expect("it can be written");
    python.begin("token", json!({"file": file}));
    let refused = python.answer().expect_err("nothing to refresh with");
    assert!(refused.starts_with("AccessTokenCredentialsError"), "{refused}");
}
