//! `client_secrets.json` over the public surface: what is read, and the error of each file that cannot be.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use grantflow_core::error::ClientSecretsProblem;
use grantflow_core::{
    Authentication, AuthorizationRequest, Client, ClientType, Cx, Error, LoadError, Now, Source, Step,
};
use serde_json::{Value, json};

const GOOGLE: &str = r#"{"installed":{
    "client_id": "cid.apps.googleusercontent.com",
    "project_id": "project",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
    "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
    "client_secret": "GOCSPX-s3cr3t",
    "redirect_uris": ["http://localhost", "urn:ietf:wg:oauth:2.0:oob"]
}}"#;

/// A file of another provider with one property changed; `null` takes it away.
fn changed(client_type: &str, property: &str, value: Value) -> String {
    let mut client = json!({
        "client_id": "s6BhdRkqt3",
        "client_secret": "7Fjfp0ZBr1KtDRbnfVdmIw",
        "redirect_uris": ["http://localhost:8080/"],
        "auth_uri": "https://as.example/authorize",
        "token_uri": "https://as.example/token"
    });
    client[property] = value;
    json!({ client_type: client }).to_string()
}

fn read(json: &str) -> Client {
    Client::from_client_secrets(json.as_bytes()).unwrap()
}

fn problem(json: &[u8]) -> (ClientSecretsProblem, String) {
    match Client::from_client_secrets(json) {
        Err(Error::ClientSecrets(error)) => (error.problem().clone(), error.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_of_googles_console_gives_what_the_preset_knows_and_its_own_addresses() {
    let client = read(GOOGLE);
    assert_eq!(client.id(), "cid.apps.googleusercontent.com");
    assert_eq!(client.client_type(), Some(ClientType::Installed));
    assert!(
        matches!(client.authentication(), Authentication::Post(secret) if secret.expose() == "GOCSPX-s3cr3t")
    );
    assert_eq!(client.issuer().unwrap().as_str(), "https://accounts.google.com");
    assert_eq!(
        client.authorization_endpoint().unwrap().as_str(),
        "https://accounts.google.com/o/oauth2/auth"
    );
    assert_eq!(
        client.token_endpoint().as_str(),
        "https://oauth2.googleapis.com/token"
    );
    assert_eq!(
        client.revocation_endpoint().unwrap().as_str(),
        "https://oauth2.googleapis.com/revoke"
    );
    assert_eq!(
        client.parameters(),
        [("access_type".to_owned(), "offline".to_owned())]
    );
    assert!(client.origins()[0].covers(&"https://www.googleapis.com/calendar/v3".parse().unwrap()));
    assert_eq!(
        client.redirect_uris(),
        ["http://127.0.0.1", "urn:ietf:wg:oauth:2.0:oob"]
    );
}

#[test]
fn q40_a_google_client_asks_for_offline_access_once_also_when_told_otherwise() {
    let client = read(GOOGLE).with_parameter("access_type", "online");
    let mut fill = |_: &mut [u8]| Ok(());
    let mut cx = Cx::new(Now::default(), &mut fill);
    let request = AuthorizationRequest::new(&client, "http://127.0.0.1:1/");
    let (url, _) = request.start(&mut cx).unwrap();
    assert_eq!(url.as_str().matches("access_type=online").count(), 1);
    assert_eq!(url.as_str().matches("access_type").count(), 1);
}

#[test]
fn q47_localhost_becomes_a_literal_for_installed_clients_of_google_only() {
    let google = |client_type: &str, uri: &str| {
        let json = GOOGLE
            .replace("installed", client_type)
            .replace("http://localhost", uri);
        read(&json).redirect_uris()[0].clone()
    };
    for (uri, literal) in [
        ("http://localhost", "http://127.0.0.1"),
        ("http://localhost/", "http://127.0.0.1/"),
        ("http://localhost:8080/cb?x", "http://127.0.0.1:8080/cb?x"),
        ("http://localhost.evil.example/", "http://localhost.evil.example/"),
        ("https://localhost/", "https://localhost/"),
        ("http://[::1]/", "http://[::1]/"),
    ] {
        assert_eq!(google("installed", uri), literal);
        assert_eq!(google("web", uri), uri);
    }
    for client_type in ["web", "installed"] {
        let other = changed(client_type, "redirect_uris", json!(["http://localhost:8080/"]));
        assert_eq!(read(&other).redirect_uris(), ["http://localhost:8080/"]);
    }
}

#[test]
fn a_client_is_googles_only_if_both_its_addresses_are() {
    let with = |auth: &str, token: &str| {
        let json = GOOGLE
            .replace("https://accounts.google.com/o/oauth2/auth", auth)
            .replace("https://oauth2.googleapis.com/token", token);
        !read(&json).origins().is_empty()
    };
    let (auth, token) = (
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
    );
    assert!(with(auth, token));
    assert!(with(auth, "https://accounts.google.com/o/oauth2/token"));
    assert!(with(auth, "https://www.googleapis.com/oauth2/v4/token"));
    for other in [
        "https://evil.example/token",
        "https://oauth2.googleapis.com.evil.example/token",
        "https://evilgoogleapis.com/token",
        "https://oauth2.googleapis.com:444/token",
        "http://127.0.0.1/oauth2.googleapis.com",
    ] {
        assert!(!with(auth, other), "{other}");
        assert!(!with(other, token), "{other}");
    }
}

#[test]
fn a_file_of_another_provider_gives_what_it_says_and_nothing_more() {
    let client = read(&changed("web", "revoke_uri", json!("https://as.example/revoke")));
    assert_eq!(client.client_type(), Some(ClientType::Web));
    assert_eq!(
        client.revocation_endpoint().unwrap().as_str(),
        "https://as.example/revoke"
    );
    assert_eq!(client.authentication().method(), "client_secret_post");
    assert!(client.issuer().is_none() && client.parameters().is_empty() && client.origins().is_empty());

    let client = read(&changed("installed", "issuer", json!("https://as.example")));
    assert_eq!(client.issuer().unwrap().as_str(), "https://as.example");
    assert!(client.revocation_endpoint().is_err());

    let client = read(&changed(
        "installed",
        "token_uri",
        json!("http://127.0.0.1:8080/token"),
    ));
    assert_eq!(client.token_endpoint().as_str(), "http://127.0.0.1:8080/token");
}

#[test]
fn a_client_without_a_secret_is_public() {
    for client_type in ["web", "installed"] {
        for nothing in [Value::Null, json!("")] {
            let client = read(&changed(client_type, "client_secret", nothing));
            assert!(matches!(client.authentication(), Authentication::None));
        }
    }
}

#[test]
fn redirect_addresses_may_be_absent() {
    for nothing in [Value::Null, json!([])] {
        assert!(
            read(&changed("installed", "redirect_uris", nothing))
                .redirect_uris()
                .is_empty()
        );
    }
}

#[test]
fn a_byte_order_mark_is_ignored() {
    assert_eq!(
        read(&format!("\u{feff}{GOOGLE}")).id(),
        "cid.apps.googleusercontent.com"
    );
}

#[test]
fn a_file_that_is_no_json_says_where() {
    for (json, line, column) in [
        (&b""[..], 1, 1),
        (b"{\"web\":\n {\"client_id\": \"s3cr3t}}", 2, 24),
        (b"{'web': 7}", 1, 2),
        (b"{\"web\":\n \"\xff\"}", 2, 3),
        (b"\xff\xfe{\0", 1, 1),
    ] {
        let (problem, text) = problem(json);
        assert_eq!(problem, ClientSecretsProblem::NotJson { line, column });
        assert_eq!(
            text,
            format!("invalid client secrets: not JSON at line {line}, column {column}")
        );
    }
}

#[test]
fn a_file_without_exactly_one_client_is_refused() {
    let two = r#"{"web":{},"installed":{}}"#;
    // What people give by mistake: a service account's key.
    let key = r#"{"type":"service_account","private_key":"s3cr3t"}"#;
    for json in ["null", "[]", "7", "\"web\"", "{}", two, key] {
        assert_eq!(
            problem(json.as_bytes()).0,
            ClientSecretsProblem::NotOneClient,
            "{json}"
        );
    }
    let (problem, text) = problem(br#"{"other\u001b[31m":{"client_secret":"s3cr3t"}}"#);
    assert_eq!(
        problem,
        ClientSecretsProblem::UnknownClientType("other\u{1b}[31m".to_owned())
    );
    assert_eq!(
        text,
        r#"invalid client secrets: unknown client type "other\u{1b}[31m""#
    );
}

#[test]
fn a_property_that_is_missing_is_named_in_the_order_of_the_format() {
    for (client_type, property) in [
        ("web", "client_id"),
        ("installed", "auth_uri"),
        ("web", "token_uri"),
    ] {
        for nothing in [Value::Null, json!("")] {
            let (found, text) = problem(changed(client_type, property, nothing).as_bytes());
            assert_eq!(
                found,
                ClientSecretsProblem::Missing {
                    property,
                    client_type
                }
            );
            assert_eq!(
                text,
                format!(
                    "invalid client secrets: missing property {property:?} in a client of type {client_type:?}"
                )
            );
        }
    }
    let (first, _) = problem(br#"{"web":{}}"#);
    assert_eq!(
        first,
        ClientSecretsProblem::Missing {
            property: "client_id",
            client_type: "web"
        }
    );
}

#[test]
fn a_template_that_was_not_filled_in_is_told_by_its_placeholders() {
    for property in ["client_id", "client_secret"] {
        let (problem, text) = problem(changed("web", property, json!("[[INSERT HERE]]")).as_bytes());
        assert_eq!(problem, ClientSecretsProblem::NotConfigured(property));
        assert_eq!(
            text,
            format!("invalid client secrets: property {property:?} is not configured")
        );
    }
}

#[test]
fn a_value_that_cannot_be_used_is_an_error_that_names_its_property_and_does_not_print_it() {
    for (property, value) in [
        ("client_id", json!(7)),
        ("client_secret", json!(["canary"])),
        ("client_secret", json!({"a": "canary"})),
        ("auth_uri", json!("canary")),
        ("auth_uri", json!("http://as.example/canary")),
        ("auth_uri", json!("https://as.example/#canary")),
        ("token_uri", json!("http://localhost/canary")),
        ("token_uri", json!("https://user:canary@as.example/")),
        ("revoke_uri", json!("ftp://canary")),
        ("issuer", json!("https://as.example/?canary")),
        ("redirect_uris", json!("http://localhost/canary")),
        ("redirect_uris", json!(["canary"])),
        ("redirect_uris", json!(["https://app.example/", 7])),
        ("redirect_uris", json!(["https://app.example/#canary"])),
    ] {
        let (problem, text) = problem(changed("web", property, value.clone()).as_bytes());
        assert_eq!(problem, ClientSecretsProblem::Invalid(property), "{value}");
        assert!(!text.contains("canary"), "{text}");
    }
    for client in ["null", "7", "[]", "\"canary\""] {
        let (problem, _) = problem(format!(r#"{{"installed":{client}}}"#).as_bytes());
        assert_eq!(problem, ClientSecretsProblem::Invalid("installed"));
    }
}

#[test]
fn a_property_that_is_there_twice_is_named() {
    let secret_twice = GOOGLE.replace("\"project_id\"", r#""client_secret""#);
    let unknown_twice = GOOGLE.replace("\"auth_provider_x509_cert_url\"", "\"project_id\"");
    for (json, name) in [
        (r#"{"web":{},"web":{}}"#, "web"),
        (secret_twice.as_str(), "client_secret"),
        (unknown_twice.as_str(), "project_id"),
    ] {
        assert_eq!(
            problem(json.as_bytes()).0,
            ClientSecretsProblem::Repeated(name.to_owned())
        );
    }
}

#[test]
fn a_file_is_loaded_by_the_host() {
    let load = |reply: Result<Vec<u8>, LoadError>| {
        let Step::Load(Source::File(path), next) = Client::load_client_secrets("dir/client_secrets.json")
        else {
            panic!("no file is asked for");
        };
        assert_eq!(path, Path::new("dir/client_secrets.json"));
        let mut fill = |_: &mut [u8]| Ok(());
        next.resume(reply, &mut Cx::new(Now::default(), &mut fill))
    };
    let loaded = load(Ok(GOOGLE.into()));
    assert!(matches!(loaded, Ok(Step::Done(client)) if client.id() == "cid.apps.googleusercontent.com"));
    for (why, text) in [
        (LoadError::NotFound, "there is no such file"),
        (LoadError::Unreadable, "the file cannot be read"),
        (LoadError::Refused, "this host loads no files"),
    ] {
        assert_eq!(
            load(Err(why)).unwrap_err().to_string(),
            format!("invalid client secrets: dir/client_secrets.json: {text}")
        );
    }
}
