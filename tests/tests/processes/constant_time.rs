//! The comparison of secrets takes as many instructions wherever they differ, counted by valgrind.

use std::process::Command;

use grantflow_suites::skip::{find_program, skip};

/// The instructions of a whole process that compares a thousand times.
fn instructions(place: &str) -> u64 {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let counted = dir.path().join("counted");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", counted.display()))
        .arg(env!("CARGO_BIN_EXE_compare-secrets"))
        .arg(place)
        .env_clear()
        .output()
        .expect("valgrind starts");
    assert!(output.status.success(), "{output:?}");
    let counted = std::fs::read_to_string(counted).expect("valgrind has counted");
    let total = counted.lines().find_map(|line| line.strip_prefix("summary: "));
    let total = total.and_then(|total| total.trim().parse().ok());
    total.expect("valgrind writes a summary")
}

#[test]
fn t03_a_comparison_takes_as_long_wherever_two_secrets_differ() {
    if find_program("valgrind").is_none() {
        return skip("t03 constant time", "valgrind is not installed");
    }
    let places = ["00", "21", "42"].map(instructions);
    // A comparison that ends at the first difference is cheaper by some instructions a byte, a thousand times.
    let spread = places
        .iter()
        .max()
        .zip(places.iter().min())
        .map(|(most, least)| most - least);
    assert!(spread.is_some_and(|spread| spread < 1000), "{places:?}");
}
