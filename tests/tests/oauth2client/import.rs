//! Python writes, and every member arrives.

use grantflow_core::{Authentication, Record, Scopes};
use grantflow_store::import::{Export, ExportFormat, Format, Import};
use grantflow_suites::oauth2client::Python;
use serde_json::{Value, json};

use super::{NOW, arguments, records, sorted};

/// Each member of the credential where the record has it.
fn agrees(record: &Record, credential: &Value) {
    let (key, client, token) = (record.key(), record.client(), record.token());
    let text = |name: &str| credential[name].as_str().map(str::to_owned);
    let secret = |secret: Option<&grantflow_core::Secret>| secret.map(|secret| secret.expose().to_owned());
    assert_eq!(secret(Some(&token.access_token)), text("access_token"));
    assert_eq!(secret(token.refresh_token.as_ref()), text("refresh_token"));
    assert_eq!(secret(client.authentication().secret()), text("client_secret"));
    assert!(matches!(client.authentication(), Authentication::Post(_)));
    assert_eq!(secret(token.id_token.as_ref()), text("id_token_jwt"));
    assert_eq!(token.expires_at.map(|end| end.to_string()), text("token_expiry"));
    assert_eq!(Some(client.id().to_owned()), text("client_id"));
    assert_eq!(
        Some(client.token_endpoint().as_str().to_owned()),
        text("token_uri")
    );
    let revocation = client.revocation_endpoint().expect("it has one");
    assert_eq!(Some(revocation.as_str().to_owned()), text("revoke_uri"));
    assert_eq!(Some(key.user_agent().to_owned()), text("user_agent"));
    assert_eq!(Some(key.account()), credential["id_token"]["email"].as_str());
    let scopes: Vec<&str> = credential["scopes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(key.scopes(), &Scopes::try_from(scopes).expect("scopes"));
    let reply = &credential["token_response"];
    for name in ["instance_url", "list"] {
        assert_eq!(
            token.extras.get::<Value>(name).as_ref(),
            reply.get(name),
            "{name}"
        );
    }
}

#[test]
fn what_file_storage_put_is_imported_and_goes_back_as_it_was() {
    let Some(mut python) = Python::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("credentials.json");
    for class in [
        "OAuth2Credentials",
        "invalid",
        "AccessTokenCredentials",
        "GoogleCredentials",
    ] {
        let task = match class {
            "AccessTokenCredentials" => {
                json!({"class": class, "arguments": {"access_token": "ya29.x", "user_agent": null}})
            }
            "GoogleCredentials" => {
                json!({"class": class, "arguments": {"access_token": null, "client_id": "c", "client_secret": "s",
                "refresh_token": "r", "token_expiry": null, "token_uri": "https://oauth2.googleapis.com/token", "user_agent": "x"}})
            }
            _ => {
                json!({"class": "OAuth2Credentials", "arguments": arguments("ann"), "invalid": class == "invalid"})
            }
        };
        let mut task = task;
        task["file"] = json!(file);
        let made = python.run("make", task);
        let before = std::fs::read(&file).expect("the file");
        let record = records(&file).remove(0);
        match class {
            "OAuth2Credentials" => agrees(&record, &made),
            "invalid" => assert!(record.token().is_expired(NOW)),
            _ => {}
        }
        let back = Export::new(ExportFormat::FileStorage)
            .to_json(std::slice::from_ref(&record))
            .expect("it can be written");
        assert_eq!(
            sorted(serde_json::from_str(back.expose()).expect("JSON")),
            sorted(made),
            "{class}"
        );
        assert_eq!(std::fs::read(&file).expect("the file"), before);
    }
}

#[test]
fn what_multiprocess_file_storage_put_is_imported_by_its_names() {
    let Some(mut python) = Python::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("credentials");
    let mut made = Vec::new();
    for (key, name) in [("ann", "a"), ("ünd \"so\"", "b"), ("", "c")] {
        let task =
            json!({"file": file, "key": key, "class": "OAuth2Credentials", "arguments": arguments(name)});
        made.push((key, python.run("make", task)));
    }
    let before = std::fs::read(&file).expect("the file");
    let import = Import::read(&file, NOW).expect("a file of Python's");
    assert_eq!(import.format(), Format::MultiprocessFileStorage);
    assert!(
        import.is_readable_by_others() || cfg!(not(unix)),
        "Python makes it so"
    );
    let records = import.into_records();
    assert_eq!(records.len(), made.len());
    for (key, credential) in made {
        let record = records.iter().find(|record| record.key().label() == key);
        agrees(record.expect("a record of this label"), &credential);
    }
    assert_eq!(std::fs::read(&file).expect("the file"), before);
}
