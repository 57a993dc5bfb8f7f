//! The harness itself: it finds the bug that it is there for.

use std::process::Command;

#[test]
fn a_herd_without_a_lock_is_found() {
    let ran = Command::new(env!("CARGO_BIN_EXE_grantflow-stampede"))
        .args(["--plant", "no-lock", "--store", "file", "--kills", "0"])
        .output()
        .expect("it starts");
    let told = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.status.code(), Some(1), "{told}");
    // Eight of them at an endpoint that takes two seconds: all have asked before the first has its reply.
    let row = told.lines().find(|line| line.contains(" 8 |      2 s "));
    let cells: Vec<&str> = row.expect("a row").split('|').map(str::trim).collect();
    assert_eq!(cells[4..6], ["8", "7"], "calls and replays: {told}");
    assert!(row.is_some_and(|row| row.ends_with("VIOLATED |")), "{told}");
}

#[test]
fn a_store_that_is_none_is_no_run() {
    let ran = Command::new(env!("CARGO_BIN_EXE_grantflow-stampede"))
        .args(["--store", "tape"])
        .output()
        .expect("it starts");
    assert_eq!(ran.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("`tape` is no store"));
}
