//! gcloud's file: what is read from it, what is sent, and what is not believed.

use grantflow_core::flow::TokenSource as _;
use grantflow_core::{Endpoint, Error, run};
use grantflow_google::{AuthorizedUser, TrustedEndpoints};
use serde_json::{Map, Value, json};

use crate::files::HOSTILE;
use crate::world::{GRANTED, START, TOKEN_URI, World};

pub(crate) const REFRESH_TOKEN: &str = "1//canary-refresh";
const SECRET: &str = "canary-secret";

/// A file as gcloud writes it, with these members in place of its own; null leaves one out.
pub(crate) fn user_file(other: &[(&str, Value)]) -> String {
    let mut file: Map<String, Value> = serde_json::from_value(json!({
        "account": "",
        "client_id": "764086051850.apps.googleusercontent.com",
        "client_secret": SECRET,
        "quota_project_id": "billed",
        "refresh_token": REFRESH_TOKEN,
        "type": "authorized_user",
        "universe_domain": "googleapis.com",
    }))
    .unwrap();
    for (name, value) in other {
        if value.is_null() {
            file.remove(*name);
        } else {
            file.insert((*name).to_owned(), value.clone());
        }
    }
    serde_json::to_string(&file).unwrap()
}

fn user(other: &[(&str, Value)]) -> AuthorizedUser {
    AuthorizedUser::from_json(&user_file(other)).unwrap()
}

#[test]
fn a_users_file_is_asked_for_tokens_with_its_own_refresh_token_again_and_again() {
    let source = user(&[]);
    // One that comes back is no rotation: the file's is presented the next time too.
    let rotated = r#"{"access_token":"ya29.AT","expires_in":3599,"refresh_token":"1//other","scope":"a b"}"#;
    let world = World::at(START)
        .replies(200, rotated, None)
        .replies(200, GRANTED, None);
    let token = run(source.token(), &world).unwrap();
    assert_eq!(token.scopes.unwrap().to_string(), "a b");
    run(source.token(), &world).unwrap();
    let [first, second] = &world.sent()[..] else {
        panic!("two requests")
    };
    assert_eq!(first, second);
    assert_eq!(first.0, TOKEN_URI);
    let form: Vec<_> = first.1.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(
        form,
        [
            ("client_id", "764086051850.apps.googleusercontent.com"),
            ("client_secret", SECRET),
            ("grant_type", "refresh_token"),
            ("refresh_token", REFRESH_TOKEN),
        ]
    );
}

#[test]
fn a_server_that_replaces_refresh_tokens_is_none_for_a_file_of_somebody_else() {
    let endpoint = Endpoint::new("https://login.example.com/token").unwrap();
    let trusted = TrustedEndpoints::google().and_endpoint(endpoint);
    let file = user_file(&[("token_uri", "https://login.example.com/token".into())]);
    let source = AuthorizedUser::from_json_trusting(&file, &trusted).unwrap();
    let rotated = r#"{"access_token":"AT","expires_in":3599,"refresh_token":"another"}"#;
    let same = format!(r#"{{"access_token":"AT","expires_in":3599,"refresh_token":"{REFRESH_TOKEN}"}}"#);
    let world = World::at(START)
        .replies(200, &same, None)
        .replies(200, rotated, None);
    run(source.token(), &world).unwrap();
    let refused = run(source.token(), &world);
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
}

#[test]
fn a_users_file_says_whom_calls_are_counted_to_and_which_cloud_it_is_for() {
    let source = user(&[]);
    assert_eq!(source.quota_project(), Some("billed"));
    assert_eq!(
        (source.account(), source.universe_domain()),
        (None, "googleapis.com")
    );
    let header = &source.client().api_headers()[0];
    assert_eq!(
        (header.0.as_str(), header.1.to_str().unwrap()),
        ("x-goog-user-project", "billed")
    );
    assert_eq!(
        source.client().origins()[0].to_string(),
        "https://*.googleapis.com"
    );
    assert_eq!(source.key().issuer(), "https://accounts.google.com");
    // The grant is gcloud's to revoke.
    assert!(source.client().revocation_endpoint().is_err());

    let other = source.clone().with_quota_project("other").unwrap();
    assert_eq!(other.client().api_headers().len(), 1);
    assert_eq!(other.client().api_headers()[0].1, "other");
    assert!(source.with_quota_project("a\nb").is_err());
    let none = user(&[("quota_project_id", Value::Null)]);
    assert!(none.client().api_headers().is_empty());

    let trusted = TrustedEndpoints::google().and_universe("cloud.example");
    let file = user_file(&[("universe_domain", json!("cloud.example"))]);
    let elsewhere = AuthorizedUser::from_json_trusting(&file, &trusted).unwrap();
    assert_eq!(
        elsewhere.client().token_endpoint().as_str(),
        "https://oauth2.cloud.example/token"
    );
    assert_eq!(
        elsewhere.client().origins()[0].to_string(),
        "https://*.cloud.example"
    );
}

/// gcloud has one client for all, and names nobody in its file.
#[test]
fn one_users_tokens_are_never_anothers() {
    let ann = user(&[]);
    let bob = user(&[("refresh_token", json!("1//bob"))]);
    assert_ne!(ann.key().digest(), bob.key().digest());
    assert_eq!(ann.key().digest(), user(&[]).key().digest());
    assert!(!format!("{:?} {ann:?}", ann.key()).contains("canary"));
}

#[test]
fn t38_a_users_refresh_token_goes_to_google_or_to_whom_the_program_names() {
    for token_uri in HOSTILE {
        let refused = AuthorizedUser::from_json(&user_file(&[("token_uri", json!(token_uri))])).unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("token_uri"), "{said}");
        assert!(!said.contains("evil") && !said.contains(token_uri), "{said}");
    }
    let file = user_file(&[("universe_domain", json!("evil.example"))]);
    let said = AuthorizedUser::from_json(&file).unwrap_err().to_string();
    assert!(
        said.contains("universe_domain") && !said.contains("evil"),
        "{said}"
    );

    let emulator = "http://127.0.0.1:8080/token";
    let trusted =
        TrustedEndpoints::google().and_endpoint(Endpoint::allow_http_for_loopback(emulator).unwrap());
    let file = user_file(&[("token_uri", json!(emulator))]);
    let source = AuthorizedUser::from_json_trusting(&file, &trusted).unwrap();
    assert_eq!(source.client().token_endpoint().as_str(), emulator);
    for googles in [TOKEN_URI, "https://accounts.google.com/o/oauth2/token", ""] {
        assert!(
            AuthorizedUser::from_json(&user_file(&[("token_uri", json!(googles))])).is_ok(),
            "{googles}"
        );
    }
}

#[test]
fn t59_a_users_file_that_cannot_be_used_says_why_and_shows_nothing_of_it() {
    let cut = user_file(&[])[..120].to_owned();
    for (json, said) in [
        (user_file(&[("type", Value::Null)]), "has no type"),
        (user_file(&[("type", json!("service_account"))]), "another type"),
        (user_file(&[("client_id", Value::Null)]), "has no client_id"),
        (user_file(&[("client_secret", json!(""))]), "has no client_secret"),
        (
            user_file(&[("refresh_token", Value::Null)]),
            "has no refresh_token",
        ),
        (user_file(&[("refresh_token", json!([REFRESH_TOKEN]))]), "no text"),
        (user_file(&[("universe_domain", json!(7))]), "no text"),
        (
            user_file(&[]).replacen('{', r#"{"refresh_token":"1//canary-twice","#, 1),
            "not a JSON object",
        ),
        (cut, "not a JSON object"),
        (format!("[{}]", user_file(&[])), "not a JSON object"),
        (String::new(), "not a JSON object"),
    ] {
        let refused = AuthorizedUser::from_json(&json).unwrap_err();
        assert!(matches!(refused, Error::InvalidInput(_)), "{refused:?}");
        assert!(refused.to_string().contains(said), "{refused} ({said})");
        assert!(
            !format!("{refused} {refused:?}").contains("canary"),
            "{refused:?}"
        );
    }
    assert!(!format!("{:?}", user(&[])).contains("canary"));
    // As some editors save it.
    assert!(AuthorizedUser::from_json(&format!("\u{feff}{}", user_file(&[]))).is_ok());
}
