//! The server answers 503 to a refresh: what the program gets.

use google_cloud_auth::errors::CredentialsError;
use grantflow_comparison::yup::User;
use grantflow_comparison::{Door, Grant, gca, oauth2_rs, ours, runtime, tame, yup};
use grantflow_testserver::{Endpoint, Fault, Rotation};

fn down() -> Grant {
    let grant = Grant::new(Rotation::Strict);
    grant.server.set_fault(Endpoint::Token, Fault::Status(503));
    grant
}

#[test]
fn grantflow_says_that_it_will_pass() {
    let grant = down();
    let credentials = ours::stored(&grant, &grant.path("credentials.json"));
    let error = credentials.access_token().expect_err("the server is down");
    assert!(error.is_transient() && !error.needs_user());
    grant.server.clear_faults();
    credentials.refresh().expect("the server is up");
}

#[test]
fn oauth2_gives_an_error() {
    let grant = down();
    runtime().block_on(async {
        let reply = oauth2_rs::refresh(grant.server.issuer(), &grant.refresh_token).await;
        reply.expect_err("the server is down");
    });
}

/// It has a refresh token that is good, and asks the user to log in all the same.
#[test]
fn yup_oauth2_begins_a_login() {
    let grant = down();
    let file = grant.path("tokens.json");
    yup::store(&grant, &file);
    let user = User::default();
    runtime().block_on(async {
        let authenticator = yup::open(grant.server.issuer(), &file, user.clone()).await;
        yup::token(&authenticator)
            .await
            .expect_err("the user does nothing");
    });
    assert_eq!(user.asked().len(), 1);
}

#[test]
fn tame_oauth_gives_the_status() {
    let grant = down();
    let error = tame::token(&tame::open(&grant), &grant.token_uri()).expect_err("the server is down");
    assert!(error.contains("503"), "{error}");
}

#[test]
fn google_cloud_auth_says_that_it_will_pass() {
    let grant = down();
    let door = Door::to(&grant);
    let error: CredentialsError = runtime().block_on(async {
        let credentials = gca::open(&grant, &door);
        credentials.access_token().await.expect_err("the server is down")
    });
    assert!(error.is_transient());
}
