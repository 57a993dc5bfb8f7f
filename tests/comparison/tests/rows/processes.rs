//! Two processes find one access token that has ended, at a server that rotates refresh tokens and revokes a login when a
//! spent one comes again ([RFC 9700 section 4.14.2]).
//!
//! [RFC 9700 section 4.14.2]: https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2

use std::path::{Path, PathBuf};
use std::time::Duration;

use grantflow_comparison::{Asks, Door, Grant, ours, yup};
use grantflow_testserver::{Endpoint, Fault, Rotation, Stats};

const PROGRAM: &str = env!("CARGO_BIN_EXE_asks");

/// What two processes say. No reply leaves before both have asked the server, or the second has not although it had the time.
fn two(grant: &Grant, name: &str, file: &Path, issuer: &str) -> [String; 2] {
    grant.server.set_fault(Endpoint::Refresh, Fault::Hold);
    let processes = [(); 2].map(|()| Asks::start(PROGRAM, name, file, issuer));
    let have_asked = |processes, seconds| {
        let seen = |stats: &Stats| stats.held >= processes;
        grant.server.wait_until(Duration::from_secs(seconds), seen)
    };
    assert!(have_asked(1, 60), "neither asks");
    have_asked(2, if name == "grantflow" { 3 } else { 60 });
    grant.server.clear_faults();
    grant.server.release();
    let mut said = processes.map(Asks::says);
    said.sort();
    said
}

/// Both send the same refresh token; the server takes the second for a thief and ends the login of both.
fn both_are_logged_out(grant: &Grant) -> bool {
    let stats = grant.server.stats();
    (stats.refreshes, stats.refresh_replays, stats.families_revoked) == (1, 1, 1)
}

/// The file of a program that has no store: it is read, and never written.
fn authorized_user(grant: &Grant) -> PathBuf {
    let file = grant.path("user.json");
    std::fs::write(&file, grant.authorized_user().to_string()).expect("a place to write");
    file
}

#[test]
fn grantflow_refreshes_once_and_both_go_on() {
    let grant = Grant::new(Rotation::Strict);
    let file = grant.path("credentials.json");
    drop(ours::stored(&grant, &file));
    assert_eq!(
        two(&grant, "grantflow", &file, grant.server.issuer()),
        ["token", "token"]
    );
    let stats = grant.server.stats();
    assert_eq!(
        (stats.refreshes, stats.refresh_replays, stats.families_revoked),
        (1, 0, 0)
    );
}

#[test]
fn oauth2_logs_both_out() {
    let grant = Grant::new(Rotation::Strict);
    let file = authorized_user(&grant);
    let said = two(&grant, "oauth2", &file, grant.server.issuer());
    assert!(said[0].starts_with("error") && said[1] == "token", "{said:?}");
    assert!(both_are_logged_out(&grant));
}

#[test]
fn yup_oauth2_logs_both_out() {
    let grant = Grant::new(Rotation::Strict);
    let file = grant.path("tokens.json");
    yup::store(&grant, &file);
    assert_eq!(
        two(&grant, "yup-oauth2", &file, grant.server.issuer()),
        ["login", "token"]
    );
    assert!(both_are_logged_out(&grant));
}

#[test]
fn tame_oauth_logs_both_out() {
    let grant = Grant::new(Rotation::Strict);
    let file = authorized_user(&grant);
    let said = two(&grant, "tame-oauth", &file, grant.server.issuer());
    assert!(said[0].starts_with("error") && said[1] == "token", "{said:?}");
    assert!(both_are_logged_out(&grant));
}

#[test]
fn google_cloud_auth_logs_both_out() {
    let grant = Grant::new(Rotation::Strict);
    let file = authorized_user(&grant);
    let said = two(&grant, "google-cloud-auth", &file, &Door::to(&grant).issuer());
    assert!(said[0].starts_with("error") && said[1] == "token", "{said:?}");
    assert!(both_are_logged_out(&grant));
}
