//! The token endpoint answers 307: whether the refresh token and the client secret go where it points.
//!
//! tame-oauth sends nothing itself: see `http_client`.

use grantflow_comparison::yup::User;
use grantflow_comparison::{Door, Grant, gca, oauth2_rs, ours, runtime, yup};
use grantflow_testserver::{Endpoint, Fault, Rotation};

fn elsewhere() -> Grant {
    let grant = Grant::new(Rotation::Strict);
    grant.server.set_fault(Endpoint::Token, Fault::Redirect);
    grant
}

/// Whether the other place got the secrets; the token endpoint was asked once.
fn follows(grant: &Grant) -> bool {
    assert_eq!(grant.asked(), 1);
    let log = grant.server.log();
    let has = |names: &[String], name: &str| names.iter().any(|known| known == name);
    log.iter()
        .filter(|request| request.path == "/elsewhere")
        .any(|request| has(&request.parameters, "refresh_token") && has(&request.parameters, "client_secret"))
}

#[test]
fn grantflow_stays() {
    let grant = elsewhere();
    let credentials = ours::stored(&grant, &grant.path("credentials.json"));
    credentials.access_token().expect_err("a redirect is no token");
    assert!(!follows(&grant));
}

/// With reqwest as it is by default; its documentation asks for a client that follows nothing.
#[test]
fn oauth2_follows_by_default() {
    let grant = elsewhere();
    runtime().block_on(async {
        let reply = oauth2_rs::refresh(grant.server.issuer(), &grant.refresh_token).await;
        reply.expect_err("nothing is there");
    });
    assert!(follows(&grant));
}

#[test]
fn yup_oauth2_stays() {
    let grant = elsewhere();
    let file = grant.path("tokens.json");
    yup::store(&grant, &file);
    runtime().block_on(async {
        let authenticator = yup::open(grant.server.issuer(), &file, User::default()).await;
        yup::token(&authenticator)
            .await
            .expect_err("a redirect is no token");
    });
    assert!(!follows(&grant));
}

#[test]
fn google_cloud_auth_follows() {
    let grant = elsewhere();
    let door = Door::to(&grant);
    runtime().block_on(async {
        let credentials = gca::open(&grant, &door);
        gca::token(&credentials).await.expect_err("nothing is there");
    });
    assert!(follows(&grant));
}
