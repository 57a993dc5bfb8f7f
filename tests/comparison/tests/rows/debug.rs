//! `{:?}` of a token: whether a log has it afterwards.

use grantflow_comparison::yup::User;
use grantflow_comparison::{Door, Grant, SCOPE, gca, oauth2_rs, ours, runtime, tame, yup};
use grantflow_testserver::Rotation;

/// Whether a text has one of the tokens that the server gave.
fn tells(grant: &Grant, text: &str) -> bool {
    let issued = grant.server.expose_issued();
    assert!(issued.len() >= 4, "a code, a login and a refresh");
    issued.iter().any(|token| text.contains(token))
}

#[test]
fn grantflow_prints_no_token() {
    let grant = Grant::new(Rotation::Strict);
    let credentials = ours::stored(&grant, &grant.path("credentials.json"));
    let token = credentials.access_token().expect("a token");
    let record = credentials.record().expect("a record");
    assert!(!tells(&grant, &format!("{token:?} {record:?} {credentials:?}")));
}

#[test]
fn oauth2_prints_no_token() {
    let grant = Grant::new(Rotation::Strict);
    let reply = runtime().block_on(oauth2_rs::refresh(grant.server.issuer(), &grant.refresh_token));
    let reply = reply.expect("a token");
    assert!(!tells(&grant, &format!("{reply:?}")));
}

#[test]
fn yup_oauth2_prints_it() {
    let grant = Grant::new(Rotation::Strict);
    let file = grant.path("tokens.json");
    yup::store(&grant, &file);
    let token = runtime().block_on(async {
        let authenticator = yup::open(grant.server.issuer(), &file, User::default()).await;
        authenticator.token(&[SCOPE]).await.expect("a token")
    });
    assert!(tells(&grant, &format!("{token:?}")));
}

#[test]
fn tame_oauth_prints_it() {
    let grant = Grant::new(Rotation::Strict);
    let token = tame::token(&tame::open(&grant), &grant.token_uri()).expect("a token");
    assert!(tells(&grant, &format!("{token:?}")));
}

#[test]
fn google_cloud_auth_prints_no_token() {
    let grant = Grant::new(Rotation::Strict);
    let door = Door::to(&grant);
    let text = runtime().block_on(async {
        let credentials = gca::open(&grant, &door);
        let token = credentials.access_token().await.expect("a token");
        format!("{token:?} {credentials:?}")
    });
    assert!(!tells(&grant, &text));
}
