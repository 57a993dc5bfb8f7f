//! Credentials of other libraries, in and out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::Desk;

/// What oauth2client keeps of a grant of the desk's server.
fn credential(desk: &Desk, name: &str) -> Value {
    json!({
        "_class": "OAuth2Credentials", "_module": "oauth2client.client", "access_token": format!("at-canary-{name}"),
        "client_id": format!("client-{name}"), "client_secret": "cs-canary", "refresh_token": format!("rt-canary-{name}"),
        "token_expiry": "2030-01-02T03:04:05Z", "token_uri": format!("{}/token", desk.issuer()), "user_agent": null,
        "revoke_uri": null, "id_token": {"email": format!("{name}@example.test")}, "scopes": ["openid", "profile"], "invalid": false,
    })
}

fn write(desk: &Desk, name: &str, content: &Value) {
    std::fs::write(desk.path(name), content.to_string()).unwrap();
}

fn several(credentials: &[(&str, Value)]) -> Value {
    let entry =
        |(name, value): &(&str, Value)| ((*name).to_owned(), json!(STANDARD.encode(value.to_string())));
    json!({"file_version": 2, "credentials": credentials.iter().map(entry).collect::<serde_json::Map<_, _>>()})
}

#[track_caller]
fn without_secrets(text: &str) {
    for secret in ["at-canary", "rt-canary", "cs-canary"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[test]
fn a_login_goes_out_and_in_again_and_is_refreshed() {
    let desk = Desk::new();
    desk.login(&["--scope", "profile", "--origin", "https://api.example"])
        .ok();
    let exported = desk.run(&["export", "--as", "oauth2client", "old.json"]).ok();
    assert!(
        exported.stdout.starts_with("one credential of file:"),
        "{exported:?}"
    );
    assert!(
        exported.stderr.contains("use one of the two only"),
        "{exported:?}"
    );
    let old: Value = serde_json::from_slice(&std::fs::read(desk.path("old.json")).unwrap()).unwrap();
    assert_eq!(
        (&old["_class"], &old["client_id"]),
        (&json!("OAuth2Credentials"), &json!("native-app"))
    );
    #[cfg(unix)]
    assert_eq!(crate::support::mode(&desk.path("old.json")), 0o600);

    let mut ended = old.clone();
    ended["token_expiry"] = json!("2020-01-01T00:00:00Z");
    write(&desk, "old.json", &ended);
    let before = std::fs::read(desk.path("old.json")).unwrap();
    let store = ["--store", "file:new.json"];
    let imported = desk
        .run(&[&["import", "old.json", "--format", "json"][..], &store].concat())
        .ok()
        .json();
    assert_eq!(
        (&imported["format"], &imported["not_taken"]),
        (&json!("oauth2client"), &json!([]))
    );
    let taken = &imported["taken"][0];
    assert_eq!(
        (&taken["stored"], &taken["source"], &taken["state"]),
        (&json!("new"), &json!("import"), &json!("expired"))
    );
    assert_eq!(std::fs::read(desk.path("old.json")).unwrap(), before);

    let token = desk.run(&[&["token"][..], &store].concat()).ok();
    assert_ne!(json!(token.stdout.trim()), old["access_token"]);
    assert_eq!(desk.server.stats().refreshes, 1);
}

#[test]
fn several_credentials_and_room_for_one_are_told_apart() {
    let desk = Desk::new();
    let credentials = [("ann's", credential(&desk, "a")), ("bob", credential(&desk, "b"))];
    write(&desk, "old", &several(&credentials));
    let failed = desk.run(&["import", "old"]).fails(2);
    for text in [
        "--client-id client-a",
        "--client-id client-b",
        r"--label 'ann'\''s'",
        "--label bob",
        "--scope profile",
        "--account a@example.test",
        "choose one with --issuer, --client-id",
    ] {
        assert!(failed.stderr.contains(text), "{text}: {failed:?}");
    }
    without_secrets(&failed.all());
    assert!(!desk.file().exists());
    let error = desk.run(&["import", "old", "--format", "json"]).fails(2).error();
    assert_eq!(error["candidates"][1]["label"], "bob");
    let one = desk.run(&["import", "old", "--label", "bob"]).ok();
    assert!(
        one.stdout
            .contains("taken      bob  OAuth2Credentials  valid until 2030-01-02T03:04:05Z  new"),
        "{one:?}"
    );
    let info = desk.run(&["info", "--format", "json"]).ok().json();
    assert_eq!(
        (&info["client_id"], &info["label"]),
        (&json!("client-b"), &json!("bob"))
    );
    desk.run(&["import", "old", "--label", "nobody"]).fails(2);
}

#[test]
fn what_is_stored_is_kept_unless_it_is_to_be_replaced() {
    let desk = Desk::new();
    write(&desk, "a.json", &credential(&desk, "a"));
    write(&desk, "b.json", &credential(&desk, "b"));
    let stored = |words: &[&str]| {
        let words = [words, &["--format", "json"]].concat();
        desk.run(&words).ok().json()["taken"][0]["stored"].clone()
    };
    assert_eq!(stored(&["import", "a.json"]), "new");
    let first = std::fs::read(desk.file()).unwrap();
    assert_eq!(stored(&["import", "a.json"]), "kept");
    let failed = desk.run(&["import", "b.json"]).fails(2);
    assert!(
        failed.stderr.contains("client-a") && failed.stderr.contains("--replace"),
        "{failed:?}"
    );
    // Another grant of the same key: the old file may be of long ago.
    let mut later = credential(&desk, "a");
    later["refresh_token"] = json!("rt-canary-later");
    write(&desk, "later.json", &later);
    desk.run(&["import", "later.json"]).fails(2);
    assert_eq!(std::fs::read(desk.file()).unwrap(), first);
    assert_eq!(stored(&["import", "later.json", "--replace"]), "replaced");
    assert_eq!(
        desk.run(&["info", "--format", "json"]).ok().json()["generation"],
        2
    );
    assert_eq!(stored(&["import", "b.json", "--replace"]), "replaced");
    assert_eq!(
        desk.run(&["info", "--format", "json"]).ok().json()["client_id"],
        "client-b"
    );
}

#[test]
fn a_plain_key_is_that_of_a_login_without_options() {
    let desk = Desk::new();
    let mut of_login = credential(&desk, "x");
    of_login["client_id"] = json!("native-app");
    of_login["user_agent"] = json!("ua/1.0");
    write(&desk, "old.json", &of_login);
    desk.run(&[
        "import",
        "old.json",
        "--plain-key",
        "--origin",
        "https://api.example",
    ])
    .ok();
    let info = desk.run(&["info", "--format", "json"]).ok().json();
    assert_eq!((&info["account"], &info["label"]), (&json!(""), &json!("")));
    assert_eq!(info["origins"], json!(["https://api.example"]));
}

#[test]
fn t59_what_cannot_be_taken_is_said_without_a_secret() {
    let desk = Desk::new();
    let mut service = credential(&desk, "s");
    service["_class"] = json!("ServiceAccountCredentials");
    service["_module"] = json!("oauth2client.service_account");
    service["_private_key_pkcs8_pem"] = json!("rt-canary");
    let file = several(&[("good", credential(&desk, "a")), ("service", service.clone())]);
    write(&desk, "old", &file);
    let imported = desk.run(&["import", "old"]).ok();
    let line = "not taken  service  ServiceAccountCredentials  a service account is no record: its private key stays in the file";
    assert!(imported.stdout.contains(line), "{imported:?}");
    without_secrets(&imported.all());

    let mut endpoint = credential(&desk, "e");
    endpoint["token_uri"] = json!("http://rt-canary.example/");
    for (content, words) in [
        (
            service.to_string(),
            "ServiceAccountCredentials: a service account",
        ),
        (
            endpoint.to_string(),
            "property \"token_uri\" has a value that cannot be used",
        ),
        (
            "{\"rt-canary\": at-canary".to_owned(),
            "not JSON at line 1, column 15",
        ),
        ("\u{80}rt-canary".to_owned(), "not JSON"),
        ("ccopy_reg\nrt-canary\n.".to_owned(), "pickled Python object"),
        (
            "{\"web\": {\"client_secret\": \"cs-canary\"}}".to_owned(),
            "login --client-secrets",
        ),
        (
            "{\"file_version\": 9, \"credentials\": {}}".to_owned(),
            "format version 9",
        ),
        (String::new(), "it is empty"),
    ] {
        std::fs::write(desk.path("bad"), &content).unwrap();
        for format in ["text", "json"] {
            let failed = desk
                .run(&["import", "bad", "--store", "file:none.json", "--format", format])
                .fails(2);
            assert!(
                failed.stderr.replace("\\\"", "\"").contains(words),
                "{words}: {failed:?}"
            );
            without_secrets(&failed.all());
        }
        assert_eq!(std::fs::read_to_string(desk.path("bad")).unwrap(), content);
        assert!(!desk.path("none.json").exists());
    }
    desk.run(&["import", "absent"]).fails(2);
    desk.run(&["import", "."]).fails(2);
}

#[test]
fn standard_input_is_read_too() {
    use std::io::Write as _;
    let desk = Desk::new();
    let mut command = desk.command(&["import", "-", "--format", "json"]);
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(credential(&desk, "a").to_string().as_bytes())
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["taken"][0]["client_id"], "client-a");
}

#[cfg(unix)]
#[test]
fn an_import_waits_for_whoever_holds_the_lock_of_the_old_file() {
    use grantflow::store::import::FastenersLock;
    let desk = Desk::new();
    write(&desk, "old", &several(&[("ann", credential(&desk, "a"))]));
    let lock = FastenersLock::beside(desk.path("old"), crate::support::PATIENCE).unwrap();
    let mut command = desk.command(&["import", "old"]);
    let running = crate::support::Running::start(&mut command);
    // The other program writes what it got, and only then lets go.
    write(&desk, "old", &several(&[("ann", credential(&desk, "later"))]));
    drop(lock);
    let imported = running.end().ok();
    assert!(imported.stdout.contains("taken      ann"), "{imported:?}");
    let info = desk.run(&["info", "--format", "json"]).ok().json();
    assert_eq!(info["client_id"], "client-later");
}

#[test]
fn an_export_replaces_only_when_told_and_never_gives_away_more_than_asked_for() {
    let desk = Desk::new();
    desk.run(&["export", "--as", "oauth2client", "out"]).fails(3);
    desk.run(&["export", "--as", "oauth2client", "-"]).fails(2);
    assert!(!desk.path("-").exists());
    desk.login(&["--scope", "profile", "--origin", "https://api.example"])
        .ok();
    desk.expire();
    std::fs::write(desk.path("out"), "mine").unwrap();
    let failed = desk.run(&["export", "--as", "oauth2client", "out"]).fails(2);
    assert!(failed.stderr.contains("--replace"), "{failed:?}");
    assert_eq!(std::fs::read_to_string(desk.path("out")).unwrap(), "mine");
    desk.run(&["export", "--as", "google-auth", "adc.json"]).fails(2);
    assert!(!desk.path("adc.json").exists());

    let words = [
        "export",
        "--as",
        "oauth2client",
        "--access-token-only",
        "--replace",
        "out",
        "--format",
        "json",
    ];
    let exported = desk.run(&words).ok();
    assert_eq!(exported.stderr, "");
    assert_eq!(
        (
            &exported.json()["access_token_only"],
            &exported.json()["exported"][0]["state"]
        ),
        (&json!(true), &json!("valid"))
    );
    let out: Value = serde_json::from_slice(&std::fs::read(desk.path("out")).unwrap()).unwrap();
    assert_eq!(
        (&out["_class"], &out["refresh_token"]),
        (&json!("AccessTokenCredentials"), &Value::Null)
    );
    let token = desk.run(&["token"]).ok();
    assert_eq!(out["access_token"], token.stdout.trim());
    assert_eq!(desk.server.stats().refreshes, 1);

    desk.run(&["export", "--as", "oauth2client-multiprocess", "several"])
        .ok();
    let several: Value = serde_json::from_slice(&std::fs::read(desk.path("several")).unwrap()).unwrap();
    assert!(several["credentials"]["native-app"].is_string(), "{several}");
}

#[test]
fn an_origin_can_be_added_to_what_was_imported_by_what_curl_hints_at() {
    let desk = Desk::new();
    write(&desk, "old.json", &credential(&desk, "a"));
    desk.run(&["import", "old.json"]).ok();
    let failed = desk.run(&["curl", "https://api.example/x"]).fails(2);
    let hint = "grantflow import FILE --origin https://api.example";
    assert!(failed.stderr.contains(hint), "{failed:?}");
    assert!(!failed.stderr.contains("grantflow login"), "{failed:?}");
    let words: Vec<&str> = hint.split(' ').skip(1).collect();
    let words: Vec<&str> = words
        .iter()
        .map(|word| if *word == "FILE" { "old.json" } else { word })
        .collect();
    let added = desk.run(&words).ok();
    assert!(
        added.stdout.contains("kept, https://api.example added"),
        "{added:?}"
    );
    let info = desk.run(&["info", "--format", "json"]).ok().json();
    assert_eq!(info["origins"], json!(["https://api.example"]));
    // Once more adds nothing, and says so.
    let again = desk
        .run(&[&words[..], &["--format", "json"]].concat())
        .ok()
        .json();
    let taken = &again["taken"][0];
    assert_eq!(
        (&taken["stored"], &taken["origins_added"]),
        (&json!("kept"), &json!([]))
    );
    assert_eq!(taken["origins"], json!(["https://api.example"]));
    let other = [
        &words[..words.len() - 1],
        &["https://b.example", "--format", "json"],
    ]
    .concat();
    let taken = desk.run(&other).ok().json()["taken"][0].clone();
    assert_eq!(taken["origins_added"], json!(["https://b.example"]));
    assert_eq!(
        taken["origins"],
        json!(["https://api.example", "https://b.example"])
    );
    // A login's origins are a login's to add.
    desk.login(&["--store", "file:login.json"]).ok();
    let failed = desk
        .run(&["curl", "--store", "file:login.json", "https://api.example/x"])
        .fails(2);
    assert!(
        failed
            .stderr
            .contains("`grantflow login` again with --origin https://api.example"),
        "{failed:?}"
    );
}

#[test]
fn an_import_of_what_was_refreshed_since_says_that_the_file_is_older() {
    let desk = Desk::new();
    desk.login(&["--scope", "profile"]).ok();
    desk.run(&["export", "--as", "oauth2client", "old.json"]).ok();
    let mut old: Value = serde_json::from_slice(&std::fs::read(desk.path("old.json")).unwrap()).unwrap();
    old["token_expiry"] = json!("2020-01-01T00:00:00Z");
    write(&desk, "old.json", &old);
    let store = ["--store", "file:new.json"];
    let run = |words: &[&str]| desk.run(&[words, &store].concat());
    run(&["import", "old.json"]).ok();
    run(&["token"]).ok();
    let failed = run(&["import", "old.json", "--origin", "https://api.example"]).fails(2);
    assert!(failed.stderr.contains("was refreshed since"), "{failed:?}");
}

#[test]
fn the_end_of_a_token_is_told_as_it_is() {
    let desk = Desk::new();
    let mut ended = credential(&desk, "a");
    ended["token_expiry"] = json!("2020-01-02T03:04:05Z");
    write(&desk, "old.json", &ended);
    let said = desk.run(&["import", "old.json"]).ok().stdout;
    assert!(said.contains("expired since 2020-01-02T03:04:05Z"), "{said}");
    let adc = json!({"type": "authorized_user", "client_id": "x", "client_secret": "cs-canary", "refresh_token": "rt-canary"});
    write(&desk, "adc.json", &adc);
    let store = ["--store", "file:adc-store.json"];
    let said = desk
        .run(&[&["import", "adc.json"][..], &store].concat())
        .ok()
        .stdout;
    assert!(said.contains("  no access token yet  new"), "{said}");
    let info = desk
        .run(&[&["info", "--format", "json"][..], &store].concat())
        .ok()
        .json();
    assert_eq!(
        (&info["expires_at"], &info["state"]),
        (&Value::Null, &json!("expired"))
    );
    let list = desk.run(&[&["list"][..], &store].concat()).ok().stdout;
    assert!(!list.contains(" ago"), "{list}");
}

#[test]
fn of_many_that_cannot_be_taken_ten_are_named_and_the_rest_is_counted() {
    let desk = Desk::new();
    let mut service = credential(&desk, "s");
    service["_class"] = json!("ServiceAccountCredentials");
    service["_module"] = json!("oauth2client.service_account");
    let names: Vec<String> = (0..3000).map(|number| format!("service-{number:04}")).collect();
    let all: Vec<(&str, Value)> = names
        .iter()
        .map(|name| (name.as_str(), service.clone()))
        .collect();
    write(&desk, "old", &several(&all));
    for format in ["text", "json"] {
        let failed = desk.run(&["import", "old", "--format", format]).fails(2);
        assert!(
            failed.stderr.contains("service-0009") && !failed.stderr.contains("service-0010"),
            "{failed:?}"
        );
        assert!(failed.stderr.contains("and 2990 more"), "{failed:?}");
    }
}

#[cfg(unix)]
#[test]
fn r12_a_wait_for_a_python_process_is_told_once() {
    use grantflow::store::import::FastenersLock;
    let desk = Desk::new();
    write(&desk, "old", &several(&[("ann", credential(&desk, "a"))]));
    desk.run(&["import", "old"]).ok();
    let export = ["export", "--as", "oauth2client-multiprocess", "--replace", "old"];
    for words in [&["import", "old", "--replace"][..], &export] {
        let lock = FastenersLock::beside(desk.path("old"), crate::support::PATIENCE).unwrap();
        let running = crate::support::Running::start(&mut desk.command(words));
        let said = running.says("waiting for");
        assert!(said.contains("old.lock"), "{said}");
        drop(lock);
        let done = running.end().ok();
        assert!(!done.stderr.contains("waiting for"), "{done:?}");
    }
}
