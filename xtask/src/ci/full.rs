//! What takes long to run or to install: by hand, and before a release.

use std::path::Path;

use super::gate::Gate;
use crate::bench;
use crate::cmd::{Cmd, has_cargo_tool};
use crate::simulate;
use crate::stampede;
use crate::tree::{Tree, dir_of};
use crate::workspace::Workspace;

pub(super) const STEPS: [&str; 12] = [
    "apart",
    "deny",
    "oldest",
    "minimal",
    "semver",
    "mutants",
    "fuzz",
    "histories",
    "orders",
    "power",
    "herds",
    "bench",
];

const FUZZ: &str = "tests/fuzz";
const FUZZ_SECONDS: u32 = 60;

pub(super) fn full(workspace: &Workspace, tree: &Tree, gate: &mut Gate) {
    let root = &workspace.root;
    let tool = has_cargo_tool;
    gate.commands("apart", || super::apart(workspace));
    if gate.can("deny", tool("deny"), "cargo-deny is not installed") {
        gate.commands("deny", || vec![Cmd::cargo(root, "deny check")]);
    }
    oldest(root, tree, gate);
    minimal(workspace, tree, gate);
    if gate.can(
        "semver",
        tool("semver-checks"),
        "cargo-semver-checks is not installed",
    ) {
        semver(root, gate);
    }
    if gate.can("mutants", tool("mutants"), "cargo-mutants is not installed") {
        let output = workspace.target.display().to_string();
        let mutants = "mutants -p grantflow-core --all-features --jobs 2 --output";
        gate.commands("mutants", || vec![Cmd::cargo(root, mutants).arg(output)]);
    }
    fuzz(workspace, gate);
    gate.commands("histories", || vec![simulate::command(simulate::FULL)]);
    gate.commands("orders", || vec![simulate::orders(3)]);
    gate.commands("power", || vec![power(workspace)]);
    gate.step("herds", "cargo xtask stampede --full", |_| {
        stampede::main(&["--full".to_owned()])
    });
    gate.step("bench", "cargo xtask bench", |_| bench::main(&[]));
}

/// The power-cut suite, which the gate runs with a few cuts.
fn power(workspace: &Workspace) -> Cmd {
    let test = "test -p grantflow-store --all-features --test suite -- --nocapture r07_";
    Cmd::cargo(&workspace.root, test).env("GRANTFLOW_POWER_CUTS", "200")
}

/// Whether rustup has the toolchain.
fn has_toolchain(root: &Path, name: &str) -> bool {
    let version = Cmd::new(root, "rustup").args(["run", name, "cargo", "--version"]);
    version.capture().is_ok_and(|output| output.ok)
}

fn oldest(root: &Path, tree: &Tree, gate: &mut Gate) {
    let manifest = tree.get("Cargo.toml").unwrap_or_default();
    let stated = manifest.lines().find(|line| line.starts_with("rust-version"));
    let version = stated.and_then(|line| line.split('"').nth(1)).unwrap_or_default();
    let can = !gate.wants("oldest") || has_toolchain(root, version);
    if gate.can("oldest", can, &format!("toolchain {version} is not installed")) {
        let check = ["check", "--workspace", "--all-features"];
        let check = || Cmd::new(root, "cargo").arg(format!("+{version}")).args(check);
        gate.commands("oldest", || vec![check()]);
    }
}

/// In a copy of the tree, since the lock file changes.
fn minimal(workspace: &Workspace, tree: &Tree, gate: &mut Gate) {
    let can = !gate.wants("minimal") || has_toolchain(&workspace.root, "nightly");
    if !gate.can("minimal", can, "no nightly toolchain is installed") {
        return;
    }
    let copy = workspace.target.join("minimal-versions");
    if let Err(problem) = copy_tree(tree, &copy) {
        gate.step("minimal", "cargo xtask ci minimal", |_| Err(problem));
        return;
    }
    let target = copy.join("target").display().to_string();
    gate.commands("minimal", || {
        vec![
            Cmd::cargo(&copy, "+nightly generate-lockfile -Z direct-minimal-versions"),
            Cmd::cargo(&copy, "check --workspace --all-features").env("CARGO_TARGET_DIR", target),
        ]
    });
}

/// Afresh, so that a file that is gone is gone there too; what was built there stays.
fn copy_tree(tree: &Tree, to: &Path) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("cannot copy the tree to {}: {e}", to.display());
    if let Ok(entries) = std::fs::read_dir(to) {
        for entry in entries.flatten().filter(|entry| entry.file_name() != "target") {
            let path = entry.path();
            if path.is_dir() {
                std::fs::remove_dir_all(path).map_err(fail)?;
            } else {
                std::fs::remove_file(path).map_err(fail)?;
            }
        }
    }
    for (path, text) in tree.files().filter(|(path, _)| *path != "Cargo.lock") {
        std::fs::create_dir_all(to.join(dir_of(path))).map_err(fail)?;
        std::fs::write(to.join(path), text).map_err(fail)?;
    }
    Ok(())
}

/// Against the last release.
fn semver(root: &Path, gate: &mut Gate) {
    let tag = ["describe", "--tags", "--abbrev=0", "--match", "v*"];
    match Cmd::new(root, "git").args(tag).read() {
        Ok(tag) => gate.commands("semver", || {
            vec![Cmd::cargo(root, "semver-checks --workspace --baseline-rev").arg(tag.trim())]
        }),
        Err(_) => gate.skip("semver", "there is no release to compare with"),
    }
}

/// Finds go into a corpus of the build directory: the committed one stays small.
fn fuzz(workspace: &Workspace, gate: &mut Gate) {
    let root = &workspace.root;
    let reason = if !has_cargo_tool("fuzz") {
        "cargo-fuzz is not installed"
    } else if gate.wants("fuzz") && !has_toolchain(root, "nightly") {
        "no nightly toolchain is installed"
    } else {
        ""
    };
    if !gate.can("fuzz", reason.is_empty(), reason) {
        return;
    }
    let build = workspace.target.join("fuzz");
    let cargo = || Cmd::cargo(root, "+nightly fuzz").env("CARGO_TARGET_DIR", build.display().to_string());
    let run = |target: &str| {
        let found = build.join("corpus").join(target);
        // Made here, since the engine does not; where it cannot be, the engine says so.
        let _ = std::fs::create_dir_all(&found);
        cargo()
            .args(["run", "--fuzz-dir", FUZZ, "--features", "libfuzzer", target])
            .args([found.display().to_string(), format!("{FUZZ}/corpus/{target}")])
            .args(["--".to_owned(), format!("-max_total_time={FUZZ_SECONDS}")])
    };
    match cargo().args(["list", "--fuzz-dir", FUZZ]).read() {
        Ok(targets) => gate.commands("fuzz", || {
            let targets = targets.split_whitespace().filter(|target| *target != "replay");
            targets.map(run).collect()
        }),
        Err(problem) => gate.step("fuzz", "cargo xtask ci fuzz", |_| Err(problem)),
    }
}
