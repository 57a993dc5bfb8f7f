//! What was imported comes out as it went in; what was refreshed since comes out with the new token.

use std::time::Duration;

use grantflow_core::{CertificateThumbprint, Client, Endpoint, Key, Provenance, Record, Scopes, Token};
use grantflow_store::import::{Export, ExportFormat, Import, Problem};
use serde_json::{Value, json};

use crate::samples::{
    ACCESS_TOKEN, ADC, GOOGLE_AUTH, GOOGLE_CREDENTIALS, INVALID, MINIMAL, MULTIPROCESS, NOW, STORAGE_3,
    STORAGE_4, record, value,
};

const FILE: Export = Export::new(ExportFormat::FileStorage);

fn written(export: Export, records: &[Record]) -> Value {
    let json = export.to_json(records).unwrap();
    serde_json::from_str(json.expose()).unwrap()
}

/// Scopes are a set: Python writes them in any order.
fn sorted(mut credential: Value) -> Value {
    if let Some(scopes) = credential["scopes"].as_array_mut() {
        scopes.sort_by_key(ToString::to_string);
    }
    credential
}

fn problem(export: Export, records: &[Record]) -> Problem {
    export.to_json(records).unwrap_err().problem().clone()
}

#[test]
fn an_imported_credential_comes_out_with_all_its_members() {
    for sample in [STORAGE_4, INVALID, MINIMAL, GOOGLE_CREDENTIALS, ACCESS_TOKEN] {
        assert_eq!(sorted(written(FILE, &[record(sample)])), sorted(value(sample)));
    }
}

#[test]
fn a_member_that_nobody_knows_is_given_back() {
    let extended = crate::samples::with(STORAGE_4, "later", Some(json!({"a": [1]})));
    assert_eq!(
        sorted(written(FILE, &[record(&extended)])),
        sorted(value(&extended))
    );
}

#[test]
fn an_older_credential_comes_out_with_the_members_that_4_1_3_knows() {
    let mut expected = value(STORAGE_3);
    expected["id_token_jwt"] = Value::Null;
    assert_eq!(sorted(written(FILE, &[record(STORAGE_3)])), sorted(expected));
}

#[test]
fn a_multiprocess_file_comes_out_with_the_same_names_and_credentials() {
    let records = Import::parse(MULTIPROCESS, NOW).unwrap().into_records();
    let export = Export::new(ExportFormat::MultiprocessFileStorage);
    let out = export.to_json(&records).unwrap();
    let mut again = Import::parse(out.expose().as_bytes(), NOW)
        .unwrap()
        .into_records();
    assert_eq!(value(out.expose().as_bytes())["file_version"], 2);
    for (first, second) in records.iter().zip(again.drain(..)) {
        assert_eq!(first.expose_json().expose(), second.expose_json().expose());
    }
    let twice = [records[0].clone(), records[0].clone()];
    assert!(matches!(problem(export, &twice), Problem::SameName(name) if name == "cid-a-ann"));
    assert!(matches!(problem(FILE, &records), Problem::NotOne(2)));
    assert!(matches!(problem(FILE, &[]), Problem::NotOne(0)));
}

#[test]
fn google_auths_credentials_come_out_with_all_their_members() {
    let export = Export::new(ExportFormat::AuthorizedUser);
    let mut expected = value(GOOGLE_AUTH);
    // oauth2client's and our times end where google-auth cuts them.
    expected["expiry"] = json!("2030-01-02T03:04:05Z");
    assert_eq!(written(export, &[record(GOOGLE_AUTH)]), expected);
    assert_eq!(written(export, &[record(ADC)]), value(ADC));
}

/// The record after a refresh that brought this much.
fn refreshed(sample: &[u8]) -> Record {
    let mut token = Token::bearer("ya29.new", NOW.plus(Duration::from_secs(60)));
    token.expires_at = Some(NOW.plus(Duration::from_millis(3_660_900)));
    token.refresh_token = Some("1//new".into());
    token.extras = token
        .extras
        .with("instance_url", "https://us.example.test")
        .unwrap();
    record(sample).refreshed(token)
}

#[test]
fn after_a_refresh_the_new_token_comes_out_and_of_the_old_one_who_logged_in() {
    let out = written(FILE, &[refreshed(STORAGE_4)]);
    assert_eq!(out["access_token"], "ya29.new");
    assert_eq!(out["refresh_token"], "1//new");
    assert_eq!(out["token_expiry"], "2030-01-02T03:45:05Z");
    assert_eq!(out["invalid"], false);
    // The ID token is of the login, which is still the same.
    let login = value(STORAGE_4);
    assert_eq!(
        (&out["id_token"], &out["id_token_jwt"]),
        (&json!({}), &login["id_token_jwt"])
    );
    assert_eq!(
        out["token_response"],
        json!({"access_token": "ya29.new", "token_type": "Bearer", "expires_in": 3600, "scope": "openid",
            "id_token": login["id_token_jwt"], "instance_url": "https://us.example.test", "n": {"x": [1, 2.5, null, "é"]}})
    );
    assert_eq!(out["token_info_uri"], "https://oauth2.googleapis.com/tokeninfo");
    assert_eq!(out["user_agent"], "ua/1.0");
    let text = out.to_string();
    assert!(!text.contains("at-a") && !text.contains("rt-a"), "{text}");
    // What was invalid is so no longer.
    assert_eq!(written(FILE, &[refreshed(INVALID)])["invalid"], false);
    let out = written(
        Export::new(ExportFormat::AuthorizedUser),
        &[refreshed(GOOGLE_AUTH)],
    );
    assert_eq!(
        (&out["token"], &out["expiry"]),
        (&json!("ya29.new"), &json!("2030-01-02T03:45:05Z"))
    );
}

/// A record that was never imported.
fn native() -> Record {
    let client = Client::google("cid").unwrap().with_secret_post("cs");
    let key = Key::new(&client, Scopes::parse("openid email").unwrap()).with_account("ann");
    let mut token = Token::bearer("ya29.x", NOW);
    token.refresh_token = Some("1//x".into());
    token.expires_at = Some(NOW.plus(Duration::from_secs(3600)));
    // {"sub":"7"}
    token.id_token = Some("e30.eyJzdWIiOiI3In0.c2ln".into());
    Record::new(key, client, token, Provenance::new("authorization_code", NOW))
}

#[test]
fn a_record_of_our_own_has_all_16_members() {
    let out = written(FILE, &[native()]);
    assert_eq!(
        sorted(out),
        json!({
            "_class": "OAuth2Credentials", "_module": "oauth2client.client", "access_token": "ya29.x", "client_id": "cid",
            "client_secret": "cs", "id_token": {"sub": "7"}, "id_token_jwt": "e30.eyJzdWIiOiI3In0.c2ln", "invalid": false,
            "refresh_token": "1//x", "revoke_uri": "https://oauth2.googleapis.com/revoke", "scopes": ["email", "openid"],
            "token_expiry": "2030-01-02T03:44:05Z", "token_info_uri": "https://oauth2.googleapis.com/tokeninfo",
            "token_response": {"access_token": "ya29.x", "expires_in": 3600, "token_type": "Bearer",
                "id_token": "e30.eyJzdWIiOiI3In0.c2ln"},
            "token_uri": "https://oauth2.googleapis.com/token", "user_agent": null,
        })
    );
    let several = written(Export::new(ExportFormat::MultiprocessFileStorage), &[native()]);
    assert!(several["credentials"]["cid-ann"].is_string(), "{several}");
    let out = written(Export::new(ExportFormat::AuthorizedUser), &[native()]);
    assert_eq!(
        (&out["type"], &out["refresh_token"]),
        (&json!("authorized_user"), &json!("1//x"))
    );
}

#[test]
fn an_access_token_alone_has_nothing_that_renews_it() {
    for record in [native(), record(STORAGE_4)] {
        let out = written(FILE.access_token_only(), &[record]);
        assert_eq!(out["_class"], "AccessTokenCredentials");
        for member in [
            "refresh_token",
            "client_secret",
            "client_id",
            "token_uri",
            "token_response",
        ] {
            assert_eq!(out[member], Value::Null, "{member}");
        }
        assert!(!out.to_string().contains("1//"));
    }
    assert!(matches!(
        problem(
            Export::new(ExportFormat::AuthorizedUser).access_token_only(),
            &[native()]
        ),
        Problem::Unwritable {
            lacks: "a refresh token",
            ..
        }
    ));
    assert!(matches!(
        problem(FILE.access_token_only(), &[record(ADC)]),
        Problem::Unwritable {
            lacks: "an access token",
            ..
        }
    ));
}

#[test]
fn a_refresh_token_of_another_server_is_not_written_where_google_would_get_it() {
    let client = Client::new("cid", Endpoint::new("https://as.example/token").unwrap());
    let key = Key::new(&client, Scopes::none());
    let mut token = Token::bearer("at", NOW);
    token.refresh_token = Some("rt".into());
    let record = Record::new(key, client, token, Provenance::new("x", NOW));
    assert!(matches!(
        problem(
            Export::new(ExportFormat::AuthorizedUser),
            std::slice::from_ref(&record)
        ),
        Problem::Unwritable {
            lacks: "a client of Google",
            ..
        }
    ));
    assert_eq!(written(FILE, &[record])["client_secret"], Value::Null);
}

/// The others would send it over any connection.
#[test]
fn t50_a_token_that_is_bound_is_not_written_alone_or_with_the_rest() {
    let plain = value(native().expose_json().expose().as_bytes());
    let mut by_certificate = plain.clone();
    by_certificate["token_key"] = json!(format!("x5t#S256:{}", CertificateThumbprint::of(b"ours")));
    let mut by_key = plain;
    by_key["token"]["token_type"] = json!("DPoP");
    let bound = [by_certificate, by_key].map(|wire| Record::from_json(&wire.to_string()).unwrap());
    assert!(bound[0].certificate().is_some());
    let many = Export::new(ExportFormat::MultiprocessFileStorage);
    let google = Export::new(ExportFormat::AuthorizedUser);
    for record in &bound {
        for export in [
            FILE,
            FILE.access_token_only(),
            many,
            many.access_token_only(),
            google,
        ] {
            assert!(matches!(
                problem(export, std::slice::from_ref(record)),
                Problem::Unwritable {
                    lacks: "a bearer token",
                    ..
                }
            ));
        }
    }
}

#[test]
fn a_record_that_is_being_revoked_is_not_written() {
    let mut wire = value(native().expose_json().expose().as_bytes());
    wire["refresh"] = json!({"revoked_at": "2030-01-01T00:00:00Z"});
    let revoked = Record::from_json(&wire.to_string()).unwrap();
    assert!(matches!(problem(FILE, &[revoked]), Problem::Revoked(name) if name == "cid-ann"));
    wire["refresh"] = json!({"refused": "invalid_grant"});
    let refused = Record::from_json(&wire.to_string()).unwrap();
    assert_eq!(written(FILE, &[refused])["invalid"], true);
}

#[test]
fn t56_a_file_is_written_whole_for_its_owner_alone_and_replaces_only_when_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("credentials.json");
    FILE.write(&path, &[native()]).unwrap();
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(value(&whole)["access_token"], "ya29.x");
    let again = FILE.write(&path, &[record(STORAGE_4)]).unwrap_err();
    assert!(matches!(again.problem(), Problem::Exists) && again.path() == Some(&path));
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    FILE.replacing().write(&path, &[record(STORAGE_4)]).unwrap();
    assert_eq!(value(&std::fs::read(&path).unwrap())["access_token"], "ya29.at-a");
    // What cannot be written leaves what is there, and nothing beside it.
    FILE.replacing().write(&path, &[]).unwrap_err();
    assert_eq!(value(&std::fs::read(&path).unwrap())["access_token"], "ya29.at-a");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    let missing = FILE
        .write(directory.path().join("no/such/file"), &[native()])
        .unwrap_err();
    assert!(matches!(missing.problem(), Problem::Io(_)));
    let place = FILE.replacing().write(directory.path(), &[native()]).unwrap_err();
    assert!(matches!(place.problem(), Problem::NotAFile));
}

#[cfg(unix)]
#[test]
fn t56_t57_a_written_file_has_mode_0600_and_follows_no_link() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let path = directory.path().join("credentials.json");
    FILE.write(&path, &[native()]).unwrap();
    assert_eq!(mode(&path), 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    FILE.replacing().write(&path, &[native()]).unwrap();
    assert_eq!(mode(&path), 0o600);
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(directory.path().join("target"), &link).unwrap();
    for export in [FILE, FILE.replacing()] {
        let refused = export.write(&link, &[native()]).unwrap_err();
        assert!(matches!(refused.problem(), Problem::SymbolicLink));
    }
    assert!(!directory.path().join("target").exists());
}

/// What is kept of a file stands in stored records: later versions give it back too.
#[test]
fn r37_the_written_form_of_an_imported_record_does_not_change() {
    for (sample, golden) in [
        (STORAGE_4, include_str!("golden/record-of-storage-4.1.3.json")),
        (
            GOOGLE_AUTH,
            include_str!("golden/record-of-google-auth-2.40.3.json"),
        ),
    ] {
        let json = record(sample).expose_json();
        assert_eq!(value(json.expose().as_bytes()), value(golden.as_bytes()));
        let stored = Record::from_json(golden).unwrap();
        let export = match sample {
            STORAGE_4 => FILE,
            _ => Export::new(ExportFormat::AuthorizedUser),
        };
        let mut expected = value(sample);
        if sample == GOOGLE_AUTH {
            expected["expiry"] = json!("2030-01-02T03:04:05Z");
        }
        assert_eq!(sorted(written(export, &[stored])), sorted(expected));
    }
}
