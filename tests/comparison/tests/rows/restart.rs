//! A server that rotates refresh tokens, and a program that is started again between two refreshes.
//!
//! The server revokes all of a login when a spent refresh token comes again ([RFC 9700 section 4.14.2]): the user is logged out.
//!
//! [RFC 9700 section 4.14.2]: https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2

use std::time::Duration;

use grantflow_comparison::yup::User;
use grantflow_comparison::{Door, Grant, gca, oauth2_rs, ours, runtime, tame, yup};
use grantflow_testserver::Rotation;
use oauth2::TokenResponse as _;

fn strict() -> Grant {
    let grant = Grant::new(Rotation::Strict);
    // So short that every crate takes a token for ended as soon as it has it.
    grant.server.set_expires_in(Duration::ZERO);
    grant
}

fn is_logged_out(grant: &Grant) -> bool {
    let stats = grant.server.stats();
    assert_eq!(stats.token_requests - 1, 2, "each run refreshes once");
    assert_eq!(stats.refreshes + stats.refresh_replays, 2);
    stats.families_revoked == 1
}

#[test]
fn grantflow_goes_on() {
    let grant = strict();
    let file = grant.path("credentials.json");
    ours::stored(&grant, &file).access_token().expect("the first run");
    ours::open(&file).refresh().expect("the second run");
    assert!(!is_logged_out(&grant));
}

/// It hands the new refresh token out and keeps nothing: a program that stores it goes on, one that does not is logged out.
#[test]
fn oauth2_leaves_it_to_the_program() {
    for stores in [true, false] {
        let grant = strict();
        runtime().block_on(async {
            let issuer = grant.server.issuer();
            let first = oauth2_rs::refresh(issuer, &grant.refresh_token)
                .await
                .expect("the first run");
            let new = first.refresh_token().expect("a new one").secret();
            let second = oauth2_rs::refresh(issuer, if stores { new } else { &grant.refresh_token }).await;
            assert_eq!(second.is_ok(), stores);
        });
        assert_eq!(is_logged_out(&grant), !stores);
    }
}

#[test]
fn yup_oauth2_goes_on() {
    let grant = strict();
    let file = grant.path("tokens.json");
    yup::store(&grant, &file);
    for _ in 0..2 {
        let user = User::default();
        runtime().block_on(async {
            let authenticator = yup::open(grant.server.issuer(), &file, user.clone()).await;
            yup::token(&authenticator).await.expect("a token");
        });
        assert!(user.asked().is_empty());
    }
    assert!(!is_logged_out(&grant));
}

#[test]
fn tame_oauth_is_logged_out() {
    let grant = strict();
    tame::token(&tame::open(&grant), &grant.token_uri()).expect("the first run");
    tame::token(&tame::open(&grant), &grant.token_uri()).expect_err("the second run");
    assert!(is_logged_out(&grant));
}

#[test]
fn google_cloud_auth_is_logged_out() {
    let grant = strict();
    let door = Door::to(&grant);
    runtime().block_on(async {
        gca::token(&gca::open(&grant, &door))
            .await
            .expect("the first run")
    });
    runtime().block_on(async {
        gca::token(&gca::open(&grant, &door))
            .await
            .expect_err("the second run")
    });
    assert!(is_logged_out(&grant));
}
