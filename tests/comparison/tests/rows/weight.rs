//! How many crates a program has that reads stored credentials and makes one authorized GET, itself included.
//!
//! The programs are those of `tests/bench/footprint`; those of oauth2 and tame-oauth have the smallest HTTP client they can.
//! Sizes and the seconds to build are in `docs/performance.md`.

use std::collections::BTreeSet;
use std::process::Command;

fn crates(program: &str) -> usize {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench/Cargo.toml");
    let package = format!("footprint-{program}");
    let tree = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["tree", "--edges", "normal", "--prefix", "none"])
        .args(["--target", "x86_64-unknown-linux-gnu", "--package", &package])
        .args(["--manifest-path", manifest])
        .output()
        .expect("cargo");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let lines = String::from_utf8(tree.stdout).expect("text");
    let named = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let crates: BTreeSet<String> = lines.lines().filter(|line| !line.is_empty()).map(named).collect();
    crates.len()
}

#[test]
fn grantflow_is_under_60() {
    assert!(crates("ours") < 60);
}

#[test]
fn oauth2_is_84() {
    assert_eq!(crates("oauth2-ureq"), 84);
}

#[test]
fn yup_oauth2_is_100() {
    assert_eq!(crates("yup-oauth2"), 100);
}

#[test]
fn tame_oauth_is_65() {
    assert_eq!(crates("tame-oauth"), 65);
}

#[test]
fn google_cloud_auth_is_137() {
    assert_eq!(crates("google-cloud-auth"), 137);
}
