//! No room on the disk when a token has ended, at a server that rotates refresh tokens: what is left afterwards.
//!
//! oauth2, tame-oauth and google-cloud-auth store nothing: see `restart`.

use grantflow_comparison::yup::User;
use grantflow_comparison::{Asks, Grant, ours, runtime, yup};
use grantflow_testserver::Rotation;

const PROGRAM: &str = env!("CARGO_BIN_EXE_asks");

/// It sees that it could not store a new token before it spends the old one.
#[test]
fn grantflow_asks_nothing_and_goes_on() {
    let grant = Grant::new(Rotation::Strict);
    let file = grant.path("credentials.json");
    drop(ours::stored(&grant, &file));
    let before = std::fs::read(&file).expect("a file");
    let said = Asks::start_without_room(PROGRAM, "grantflow", &file, grant.server.issuer()).says();
    assert!(said.starts_with("error"), "{said}");
    assert_eq!(grant.asked(), 0);
    assert_eq!(std::fs::read(&file).expect("a file"), before);
    ours::open(&file).access_token().expect("there is room again");
}

/// It spends the old token, empties the file and cannot write the new one: the login is lost.
#[test]
fn yup_oauth2_loses_the_login() {
    let grant = Grant::new(Rotation::Strict);
    let file = grant.path("tokens.json");
    yup::store(&grant, &file);
    let said = Asks::start_without_room(PROGRAM, "yup-oauth2", &file, grant.server.issuer()).says();
    assert_eq!(grant.asked(), 1, "{said}");
    let after = std::fs::read_to_string(&file).expect("a file");
    assert!(!after.contains("gft_rt_"), "{after}");
    let opened = runtime().block_on(async {
        let (issuer, file) = (grant.server.issuer().to_owned(), file.clone());
        tokio::spawn(async move { drop(yup::open(&issuer, &file, User::default()).await) }).await
    });
    assert!(opened.is_err(), "an empty file is not opened");
}
