//! A reply that has `access_token` twice ([RFC 6749 section 5.1], [RFC 8259 section 4]): two readers of it see two tokens.
//!
//! [RFC 6749 section 5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1
//! [RFC 8259 section 4]: https://www.rfc-editor.org/rfc/rfc8259#section-4

use grantflow::{Error, error::ReplyProblem};
use grantflow_comparison::yup::User;
use grantflow_comparison::{Door, Grant, gca, oauth2_rs, ours, runtime, tame, yup};
use grantflow_testserver::Rotation;

fn twice() -> (Grant, Door) {
    let grant = Grant::new(Rotation::Never);
    let door = Door::changing(&grant, |reply| {
        reply.replacen('}', r#","access_token":"another"}"#, 1)
    });
    (grant, door)
}

#[test]
fn grantflow_refuses_it() {
    let (grant, door) = twice();
    let credentials = ours::stored_at(&grant, &door.issuer(), &grant.path("credentials.json"));
    let error = credentials.access_token().expect_err("which one?");
    let Error::BadReply(refused) = &error else {
        panic!("{error}")
    };
    assert_eq!(refused.problem(), ReplyProblem::Repeated);
}

#[test]
fn oauth2_refuses_it() {
    let (grant, door) = twice();
    let reply = runtime().block_on(oauth2_rs::refresh(&door.issuer(), &grant.refresh_token));
    reply.expect_err("which one?");
}

/// It takes the last one.
#[test]
fn yup_oauth2_takes_it() {
    let (grant, door) = twice();
    let file = grant.path("tokens.json");
    yup::store(&grant, &file);
    let token = runtime().block_on(async {
        let authenticator = yup::open(&door.issuer(), &file, User::default()).await;
        yup::token(&authenticator).await
    });
    assert_eq!(token.as_deref(), Ok("another"));
}

#[test]
fn tame_oauth_refuses_it() {
    let (grant, door) = twice();
    tame::token(&tame::open(&grant), &door.token_uri()).expect_err("which one?");
}

#[test]
fn google_cloud_auth_refuses_it() {
    let (grant, door) = twice();
    runtime().block_on(async {
        let credentials = gca::open(&grant, &door);
        gca::token(&credentials).await.expect_err("which one?");
    });
}
