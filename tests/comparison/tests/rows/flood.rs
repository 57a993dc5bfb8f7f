//! A reply of 8 MiB, all but a little of it spaces: who reads it to its end has no limit of its own.
//!
//! tame-oauth reads nothing itself: see `http_client`.

use grantflow::Error;
use grantflow_comparison::yup::User;
use grantflow_comparison::{Door, Grant, gca, oauth2_rs, ours, runtime, yup};
use grantflow_testserver::{Endpoint, Fault, Rotation};

const MUCH: u64 = 8 << 20;

fn flood() -> Grant {
    let grant = Grant::new(Rotation::Never);
    grant.server.set_fault(Endpoint::Token, Fault::Huge(MUCH));
    grant
}

#[test]
fn grantflow_stops_reading() {
    let grant = flood();
    let credentials = ours::stored(&grant, &grant.path("credentials.json"));
    let error = credentials.access_token().expect_err("more than 1 MiB");
    assert!(
        matches!(error, Error::Transport(_)),
        "the rest of it never arrived: {error}"
    );
    grant.server.clear_faults();
    credentials.refresh().expect("a token");
}

#[test]
fn oauth2_reads_it_all() {
    let grant = flood();
    let reply = runtime().block_on(oauth2_rs::refresh(grant.server.issuer(), &grant.refresh_token));
    reply.expect("a token");
}

#[test]
fn yup_oauth2_reads_it_all() {
    let grant = flood();
    let file = grant.path("tokens.json");
    yup::store(&grant, &file);
    runtime().block_on(async {
        let authenticator = yup::open(grant.server.issuer(), &file, User::default()).await;
        yup::token(&authenticator).await.expect("a token");
    });
}

#[test]
fn google_cloud_auth_reads_it_all() {
    let grant = flood();
    let door = Door::to(&grant);
    runtime().block_on(async {
        let credentials = gca::open(&grant, &door);
        gca::token(&credentials).await.expect("a token");
    });
}
