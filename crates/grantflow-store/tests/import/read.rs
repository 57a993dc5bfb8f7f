//! What a file says arrives in the record, whatever Python's habits made of it.

use grantflow_core::{Authentication, Key, Record, Scopes, Timestamp};
use grantflow_store::import::{Format, Import, NotTaken, Problem};
use serde_json::{Value, json};

use crate::samples::{
    ACCESS_TOKEN, ADC, GOOGLE_AUTH, GOOGLE_CREDENTIALS, INVALID, MINIMAL, MULTIPROCESS, MULTISTORE_1,
    MULTISTORE_3, NOW, STORAGE_1, STORAGE_4, found, record, value, with,
};

const END: &str = "2030-01-02T03:04:05Z";

fn refresh_token(record: &Record) -> Option<&str> {
    record.token().refresh_token.as_ref().map(|token| token.expose())
}

#[test]
fn every_member_of_a_4_1_3_credential_has_its_place() {
    let record = record(STORAGE_4);
    let (key, client, token) = (record.key(), record.client(), record.token());
    assert_eq!(key.issuer(), "https://accounts.google.com");
    assert_eq!(key.client_id(), "cid-a.apps.googleusercontent.com");
    assert_eq!(key.account(), "a@example.test");
    assert_eq!(key.user_agent(), "ua/1.0");
    assert_eq!(key.label(), "");
    let asked = "openid https://www.googleapis.com/auth/drive";
    assert_eq!(key.scopes(), &Scopes::parse(asked).unwrap());
    assert!(matches!(client.authentication(), Authentication::Post(secret) if secret.expose() == "cs-a"));
    assert_eq!(
        client.token_endpoint().as_str(),
        "https://oauth2.googleapis.com/token"
    );
    let revocation = client.revocation_endpoint().unwrap();
    assert_eq!(revocation.as_str(), "https://oauth2.googleapis.com/revoke");
    assert_eq!(record.origins(), Client::google());
    assert_eq!(token.access_token.expose(), "ya29.at-a");
    assert_eq!(refresh_token(&record), Some("1//rt-a"));
    assert_eq!(token.expires_at.unwrap().to_string(), END);
    assert_eq!(
        token.issued_at,
        END.parse::<Timestamp>()
            .unwrap()
            .minus(std::time::Duration::from_secs(3599))
    );
    assert_eq!(token.id_token.as_ref().unwrap().expose(), "e30.e30.c2ln");
    assert_eq!(token.scopes, Some(Scopes::parse("openid").unwrap()));
    assert_eq!(
        token.extras.get::<String>("instance_url").as_deref(),
        Some("https://eu.example.test")
    );
    assert_eq!(
        token.extras.get::<Value>("n"),
        Some(json!({"x": [1, 2.5, null, "é"]}))
    );
    let provenance = record.provenance();
    assert_eq!(
        (provenance.source.as_str(), provenance.obtained_at),
        ("import", NOW)
    );
}

/// What the preset allows.
struct Client;

impl Client {
    fn google() -> [grantflow_core::Origin; 1] {
        [grantflow_core::Origin::new("https://*.googleapis.com").unwrap()]
    }
}

#[test]
fn a_record_survives_its_own_written_form() {
    for sample in crate::samples::ALL {
        for found in found(sample) {
            let record = found.taken.unwrap();
            let json = record.expose_json();
            let again = Record::from_json(json.expose()).unwrap();
            assert_eq!(again.expose_json().expose(), json.expose());
            assert_eq!(again.key(), record.key());
        }
    }
}

#[test]
fn formats_are_told_by_content() {
    let format = |json: &[u8]| Import::parse(json, NOW).unwrap().format();
    assert_eq!(format(STORAGE_1), Format::FileStorage);
    assert_eq!(format(ACCESS_TOKEN), Format::FileStorage);
    assert_eq!(format(MULTIPROCESS), Format::MultiprocessFileStorage);
    assert_eq!(format(MULTISTORE_1), Format::MultistoreFile);
    assert_eq!(format(ADC), Format::ApplicationDefault);
    assert_eq!(format(GOOGLE_AUTH), Format::GoogleAuth);
    let marked = [b"\xEF\xBB\xBF", STORAGE_4, b"\r\n"].concat();
    assert_eq!(format(&marked), Format::FileStorage);
}

#[test]
fn multiprocess_credentials_are_labelled_with_their_names() {
    let found = found(MULTIPROCESS);
    let names: Vec<_> = found.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["cid-a-ann", "user 2/é"]);
    for found in found {
        assert_eq!(found.class, "OAuth2Credentials");
        let record = found.taken.unwrap();
        assert_eq!(record.key().label(), found.name);
        assert!(refresh_token(&record).unwrap().starts_with("1//rt-"));
    }
}

#[test]
fn base64_without_padding_and_an_entry_that_is_none_are_told_apart() {
    let mut file = value(MULTIPROCESS);
    let good = file["credentials"]["cid-a-ann"]
        .as_str()
        .unwrap()
        .trim_end_matches('=')
        .to_owned();
    file["credentials"] = json!({"a": good, "b": "%%%", "c": 7, "d": "W10=", "e": "eyJ4Ijox"});
    let outcomes: Vec<_> = found(file.to_string().as_bytes())
        .into_iter()
        .map(|found| found.taken.map(|_| ()))
        .collect();
    let not_base64 = Err(NotTaken::NotBase64);
    let not_an_object = Err(NotTaken::NotAnObject);
    assert_eq!(
        outcomes,
        [Ok(()), not_base64, not_base64, not_an_object, not_an_object]
    );
}

#[test]
fn multistore_keys_become_parts_of_a_key_or_labels() {
    for sample in [MULTISTORE_1, MULTISTORE_3] {
        let found = found(sample);
        let mut labels = Vec::new();
        for found in found {
            let record = found.taken.unwrap();
            labels.push(record.key().label().to_owned());
            if record.key().client_id().starts_with("cid-a") {
                let asked = "openid https://www.googleapis.com/auth/devstorage.full_control";
                assert_eq!(record.key().scopes(), &Scopes::parse(asked).unwrap());
                assert_eq!(record.key().user_agent(), "gsutil/4 (é)");
            }
        }
        labels.sort();
        // As `MultiStore::keys_by_label_parts` looks for it.
        let parts = [("user", "ann"), ("type", "google-api"), ("n", "2")];
        let key = record(STORAGE_4).key().clone().with_label_parts(parts);
        assert_eq!(labels.last().unwrap(), key.label());
        assert_eq!(
            labels,
            ["", "my key", r#"{"n":"2","type":"google-api","user":"ann"}"#]
        );
    }
}

#[test]
fn a_multistore_key_of_another_client_is_a_label() {
    let mut file = value(MULTISTORE_3);
    let all = file["data"].as_array_mut().unwrap();
    let entry = all
        .iter_mut()
        .find(|entry| entry["key"]["clientId"].is_string())
        .unwrap();
    entry["key"]["clientId"] = json!("another");
    let found = found(file.to_string().as_bytes());
    let labels: Vec<_> = found
        .iter()
        .map(|found| found.taken.as_ref().unwrap().key().label())
        .collect();
    assert!(
        labels
            .iter()
            .any(|label| label.contains(r#""clientId":"another""#)),
        "{labels:?}"
    );
}

#[test]
fn old_endpoints_are_google_too_and_stay_as_they_are_stored() {
    let record = record(STORAGE_1);
    assert_eq!(record.key().issuer(), "https://accounts.google.com");
    assert_eq!(
        record.client().token_endpoint().as_str(),
        "https://accounts.google.com/o/oauth2/token"
    );
    // 1.4.12 had no scopes.
    assert!(record.key().scopes().is_empty());
}

#[test]
fn another_server_is_named_by_its_endpoint_and_has_no_origins() {
    let record = record(MINIMAL);
    assert_eq!(record.key().issuer(), "https://as.example/token");
    assert!(record.origins().is_empty() && record.client().issuer().is_none());
    assert_eq!((refresh_token(&record), record.token().expires_at), (None, None));
}

#[test]
fn an_address_that_looks_like_googles_is_not() {
    for address in [
        "https://oauth2.googleapis.com.evil.example/token",
        "https://googleapis.com/token",
    ] {
        let record = record(&with(STORAGE_4, "token_uri", Some(json!(address))));
        assert_eq!(record.key().issuer(), address);
        assert!(record.origins().is_empty(), "{address}");
    }
}

#[test]
fn an_invalid_credential_is_refreshed_before_it_is_used() {
    let record = record(INVALID);
    assert!(record.token().is_expired(NOW));
    assert_eq!(refresh_token(&record), Some("1//rt-a"));
    assert!(record.refresh_state().refused.is_none());
}

#[test]
fn credentials_that_never_had_an_access_token_are_refreshed_first() {
    for sample in [ADC, GOOGLE_CREDENTIALS] {
        let record = record(sample);
        assert!(record.token().is_expired(NOW));
        assert_eq!(refresh_token(&record), Some("1//rt"));
        assert_eq!(
            record.client().token_endpoint().as_str(),
            "https://oauth2.googleapis.com/token"
        );
    }
}

#[test]
fn google_auths_own_members_arrive() {
    let record = record(GOOGLE_AUTH);
    assert_eq!(record.key().account(), "ann@example.test");
    assert_eq!(record.key().scopes(), &Scopes::parse("openid b").unwrap());
    assert_eq!(
        record.token().expires_at.unwrap().to_string(),
        "2030-01-02T03:04:05.678Z"
    );
    assert_eq!(record.token().access_token.expose(), "ya29.at");
}

#[test]
fn a_google_auth_token_without_a_time_counts_as_ended() {
    assert!(record(&with(GOOGLE_AUTH, "expiry", None)).token().is_expired(NOW));
}

#[test]
fn another_universe_has_another_token_endpoint() {
    let elsewhere = with(ADC, "universe_domain", Some(json!("s3ns.example")));
    assert_eq!(
        found(&elsewhere)[0].taken.as_ref().err(),
        Some(&NotTaken::Missing("token_uri"))
    );
}

#[test]
fn an_access_token_alone_is_taken() {
    let record = record(ACCESS_TOKEN);
    assert_eq!(record.token().access_token.expose(), "ya29.at");
    assert_eq!((refresh_token(&record), record.key().client_id()), (None, ""));
    assert!(!record.token().is_expired(NOW));
    // The class says that there is nothing to refresh with, whatever else is there.
    let odd = crate::samples::record(&with(ACCESS_TOKEN, "refresh_token", Some(json!("1//x"))));
    assert_eq!(refresh_token(&odd), None);
}

#[test]
fn times_are_read_in_every_form_that_python_writes() {
    for (text, read) in [
        ("2030-01-02T03:04:05Z", END),
        ("2030-01-02T03:04:05.000001Z", END),
        ("2030-01-02T03:04:05.25Z", "2030-01-02T03:04:05.250Z"),
        ("2030-01-02T03:04:05", END),
        ("2030-01-02 03:04:05.678901", "2030-01-02T03:04:05.678Z"),
        ("2030-01-02T03:04:05+00:00", END),
    ] {
        let record = record(&with(STORAGE_4, "token_expiry", Some(json!(text))));
        assert_eq!(record.token().expires_at.unwrap().to_string(), read, "{text}");
    }
    // oauth2client takes these for a token that never ends.
    for text in [
        "tomorrow",
        "2030-01-02",
        "2030-13-02T03:04:05Z",
        "2030-01-02T03:04:05+01:00",
    ] {
        let found = found(&with(STORAGE_4, "token_expiry", Some(json!(text))));
        assert_eq!(
            found[0].taken.as_ref().err(),
            Some(&NotTaken::Invalid("token_expiry")),
            "{text}"
        );
    }
}

#[test]
fn scopes_are_read_as_a_list_in_any_order_and_as_text() {
    let asked = Scopes::parse("a b c").unwrap();
    for scopes in [
        json!(["c", "a", "b"]),
        json!("b c a"),
        json!(["a b", "c"]),
        json!("a  b c a"),
    ] {
        let record = record(&with(STORAGE_4, "scopes", Some(scopes)));
        assert_eq!(record.key().scopes(), &asked);
    }
    // Where nothing was asked for by name, what was granted is.
    for none in [None, Some(json!([])), Some(json!("")), Some(Value::Null)] {
        let record = record(&with(STORAGE_4, "scopes", none));
        assert_eq!(record.key().scopes(), &Scopes::parse("openid").unwrap());
    }
}

#[test]
fn the_account_is_an_address_that_is_not_known_to_be_unverified() {
    let account = |claims: Value| {
        let record = record(&with(STORAGE_4, "id_token", Some(claims)));
        record.key().account().to_owned()
    };
    assert_eq!(account(json!({"sub": "1", "email": "a@b"})), "a@b");
    assert_eq!(
        account(json!({"sub": "1", "email": "a@b", "email_verified": false})),
        "1"
    );
    assert_eq!(
        account(json!({"sub": "1", "email": "a@b", "email_verified": "false"})),
        "1"
    );
    assert_eq!(account(json!({"sub": 7})), "");
    assert_eq!(account(json!("e30.e30.c2ln")), "");
    assert_eq!(account(Value::Null), "");
}

#[test]
fn old_names_of_classes_are_looked_up_in_the_table_and_others_are_not_taken() {
    let taken = |module: &str, class: &str| {
        let json = with(STORAGE_4, "_module", Some(json!(module)));
        let found = found(&with(&json, "_class", Some(json!(class)))).remove(0);
        assert_eq!(found.class, class);
        found.taken.map(|_| ())
    };
    assert_eq!(
        taken("oauth2client.googleapiclient.client", "OAuth2Credentials"),
        Ok(())
    );
    assert_eq!(taken("oauth2client.client", "GoogleCredentials"), Ok(()));
    let service_account = Err(NotTaken::ServiceAccount);
    assert_eq!(
        taken("oauth2client.service_account", "ServiceAccountCredentials"),
        service_account
    );
    assert_eq!(
        taken("oauth2client.service_account", "_JWTAccessCredentials"),
        service_account
    );
    assert_eq!(
        taken("oauth2client.client", "SignedJwtAssertionCredentials"),
        service_account
    );
    assert_eq!(
        taken("oauth2client.appengine", "AppAssertionCredentials"),
        Err(NotTaken::OfTheMachine)
    );
    assert_eq!(taken("os", "system"), Err(NotTaken::UnknownClass));
    assert_eq!(
        taken("another.module", "OAuth2Credentials"),
        Err(NotTaken::UnknownClass)
    );
    assert_eq!(
        taken("oauth2client.client", "Storage"),
        Err(NotTaken::UnknownClass)
    );
}

#[test]
fn what_google_auth_knows_and_this_does_not_is_named() {
    let taken = |name: &str| {
        let mut found = found(format!(r#"{{"type": "{name}", "private_key": "-----BEGIN"}}"#).as_bytes());
        assert_eq!(found[0].class, name);
        found.remove(0).taken.map(|_| ())
    };
    assert_eq!(taken("service_account"), Err(NotTaken::ServiceAccount));
    assert_eq!(taken("external_account"), Err(NotTaken::ExternalAccount));
    assert_eq!(taken("impersonated_service_account"), Err(NotTaken::Impersonated));
    assert_eq!(taken("serviceaccount"), Err(NotTaken::UnknownClass));
}

#[test]
fn a_property_that_is_missing_or_cannot_be_used_is_named() {
    for (member, value, why) in [
        ("_class", None, NotTaken::Missing("_class")),
        ("_module", Some(json!(7)), NotTaken::Invalid("_module")),
        ("client_id", None, NotTaken::Missing("client_id")),
        ("client_id", Some(json!(7)), NotTaken::Invalid("client_id")),
        (
            "client_secret",
            Some(json!([])),
            NotTaken::Invalid("client_secret"),
        ),
        ("access_token", Some(json!({})), NotTaken::Invalid("access_token")),
        (
            "refresh_token",
            Some(json!(true)),
            NotTaken::Invalid("refresh_token"),
        ),
        ("token_uri", Some(Value::Null), NotTaken::Missing("token_uri")),
        (
            "token_uri",
            Some(json!("http://as.example/token")),
            NotTaken::Invalid("token_uri"),
        ),
        (
            "revoke_uri",
            Some(json!("file:///etc/passwd")),
            NotTaken::Invalid("revoke_uri"),
        ),
        (
            "token_expiry",
            Some(json!(1_893_553_445)),
            NotTaken::Invalid("token_expiry"),
        ),
        ("invalid", Some(json!("yes")), NotTaken::Invalid("invalid")),
        ("scopes", Some(json!([1])), NotTaken::Invalid("scopes")),
        ("scopes", Some(json!("a\"b")), NotTaken::Invalid("scopes")),
        ("user_agent", Some(json!(1)), NotTaken::Invalid("user_agent")),
    ] {
        let found = found(&with(STORAGE_4, member, value.clone()));
        assert_eq!(found[0].taken.as_ref().err(), Some(&why), "{member}: {value:?}");
    }
    let nothing = with(&with(STORAGE_4, "access_token", None), "refresh_token", None);
    assert_eq!(
        found(&nothing)[0].taken.as_ref().err(),
        Some(&NotTaken::Missing("refresh_token"))
    );
}

#[test]
fn what_is_no_file_of_credentials_says_what_it_is() {
    let problem = |content: &[u8]| Import::parse(content, NOW).unwrap_err().problem().clone();
    assert!(matches!(problem(b" \n"), Problem::Empty));
    assert!(matches!(
        problem(b"{\n  'a'}"),
        Problem::NotJson { line: 2, column: 3 }
    ));
    assert!(matches!(
        problem(&[b'[', 0xff, 0xfe]),
        Problem::NotJson { line: 1, .. }
    ));
    assert!(matches!(problem(&b"[".repeat(100_000)), Problem::NotJson { .. }));
    assert!(matches!(problem(b"\x80\x04\x95\x10\0\0\0."), Problem::Pickle));
    assert!(matches!(
        problem(b"ccopy_reg\n_reconstructor\np0\n."),
        Problem::Pickle
    ));
    assert!(matches!(
        problem(br#"{"installed": {"client_id": "x"}}"#),
        Problem::ClientSecrets
    ));
    assert!(matches!(problem(br#"{"grantflow_file": 1}"#), Problem::Ours));
    assert!(matches!(problem(b"{}"), Problem::Unrecognised));
    assert!(matches!(problem(b"[]"), Problem::Unrecognised));
    assert!(matches!(
        problem(br#"{"file_version": 3, "credentials": {}}"#),
        Problem::Newer(3)
    ));
    assert!(matches!(
        problem(br#"{"file_version": 2, "data": []}"#),
        Problem::Newer(2)
    ));
    assert!(matches!(
        problem(br#"{"file_version": "2", "credentials": {}}"#),
        Problem::Invalid("file_version")
    ));
    assert!(matches!(
        problem(br#"{"file_version": 2, "credentials": []}"#),
        Problem::Invalid("credentials")
    ));
    assert!(matches!(problem(&vec![b' '; 33 << 20]), Problem::TooLong(_)));
}

#[test]
fn a_file_of_several_with_bad_ones_gives_the_good_ones() {
    let mut file = value(MULTISTORE_3);
    file["data"][0]["credential"]["token_uri"] = json!("ftp://x");
    file["data"][1] = json!({"key": {"key": "k"}});
    let import = Import::parse(file.to_string().as_bytes(), NOW).unwrap();
    let bad: Vec<_> = import
        .found()
        .iter()
        .filter_map(|found| found.taken.as_ref().err())
        .collect();
    assert_eq!(
        bad,
        [&NotTaken::Invalid("token_uri"), &NotTaken::Missing("credential")]
    );
    assert_eq!(import.into_records().len(), 1);
}

#[test]
fn a_record_can_be_put_under_the_applications_own_key() {
    let found = found(STORAGE_4).remove(0);
    let client = found.taken.as_ref().unwrap().client().clone();
    let key = Key::new(&client, Scopes::parse("openid").unwrap());
    let record = found.record_under(key.clone()).unwrap();
    assert_eq!(record.key(), &key);
    assert_eq!(refresh_token(&record), Some("1//rt-a"));
    assert_eq!(record.origins(), Client::google());
}

#[test]
fn a_file_is_read_and_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("credentials.json");
    std::fs::write(&path, STORAGE_4).unwrap();
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(Import::read(&path, NOW).unwrap().found().len(), 1);
    assert_eq!(std::fs::read(&path).unwrap(), STORAGE_4);
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), modified);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    let problem = |path: &std::path::Path| {
        let error = Import::read(path, NOW).unwrap_err();
        assert_eq!(error.path(), Some(path));
        error.problem().clone()
    };
    assert!(matches!(problem(directory.path()), Problem::NotAFile));
    assert!(matches!(
        problem(&directory.path().join("absent")),
        Problem::Io(_)
    ));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_without_waiting_and_a_lax_mode_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert!(matches!(
        Import::read(&pipe, NOW).unwrap_err().problem(),
        Problem::NotAFile
    ));
    let path = directory.path().join("credentials.json");
    std::fs::write(&path, STORAGE_4).unwrap();
    for (mode, lax) in [(0o600, false), (0o400, false), (0o644, true), (0o640, true)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(
            Import::read(&path, NOW).unwrap().is_readable_by_others(),
            lax,
            "{mode:o}"
        );
    }
}
