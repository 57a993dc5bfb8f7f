//! What takes long to run or to install: by hand, and before a release.

use std::path::Path;

use super::gate::Gate;
use crate::bench;
use crate::cmd::{Cmd, has_cargo_tool};
use crate::tree::{Tree, dir_of};
use crate::workspace::Workspace;

const FUZZ: &str = "tests/fuzz";
const FUZZ_SECONDS: u32 = 60;

pub(super) fn full(workspace: &Workspace, tree: &Tree, gate: &mut Gate) {
    let root = &workspace.root;
    if wants(
        gate,
        "deny",
        has_cargo_tool("deny"),
        "cargo-deny is not installed",
    ) {
        gate.commands("deny", vec![Cmd::cargo(root, "deny --all-features check")]);
    }
    oldest_compiler(root, tree, gate);
    minimal_versions(workspace, tree, gate);
    semver(root, gate);
    if wants(
        gate,
        "mutants",
        has_cargo_tool("mutants"),
        "cargo-mutants is not installed",
    ) {
        let output = workspace.target.display().to_string();
        let mutants =
            Cmd::cargo(root, "mutants -p grantflow-core --all-features --jobs 2 --output").arg(output);
        gate.commands("mutants", vec![mutants]);
    }
    fuzz(root, gate);
    gate.step("bench", "cargo xtask bench", |_| bench::main(&[]));
}

fn wants(gate: &mut Gate, suite: &str, can: bool, reason: &str) -> bool {
    if !can {
        gate.skip(suite, reason);
    }
    can
}

/// Whether rustup has the toolchain; `cargo +name` without rustup is an error of cargo.
fn has_toolchain(root: &Path, name: &str) -> bool {
    let version = Cmd::new(root, "rustup")
        .args(["run", name, "cargo", "--version"])
        .capture();
    version.is_ok_and(|output| output.ok)
}

fn oldest_compiler(root: &Path, tree: &Tree, gate: &mut Gate) {
    let manifest = tree.get("Cargo.toml").unwrap_or_default();
    let stated = manifest.lines().find(|line| line.starts_with("rust-version"));
    let version = stated.and_then(|line| line.split('"').nth(1)).unwrap_or_default();
    let reason = format!("toolchain {version} is not installed");
    if wants(gate, "oldest compiler", has_toolchain(root, version), &reason) {
        let check = Cmd::new(root, "cargo").arg(format!("+{version}")).args([
            "check",
            "--workspace",
            "--all-features",
        ]);
        gate.commands("oldest compiler", vec![check]);
    }
}

/// The oldest versions that our manifests allow, in a copy of the tree, since the lock file changes.
fn minimal_versions(workspace: &Workspace, tree: &Tree, gate: &mut Gate) {
    let name = "minimal versions";
    if !wants(
        gate,
        name,
        has_toolchain(&workspace.root, "nightly"),
        "no nightly toolchain is installed",
    ) {
        return;
    }
    let copy = workspace.target.join("minimal-versions");
    if let Err(problem) = copy_tree(tree, &copy) {
        gate.step(name, "cargo xtask ci --full", |_| Err(problem));
        return;
    }
    let target = copy.join("target").display().to_string();
    gate.commands(
        name,
        vec![
            Cmd::cargo(&copy, "+nightly generate-lockfile -Z direct-minimal-versions"),
            Cmd::cargo(&copy, "check --workspace --all-features").env("CARGO_TARGET_DIR", target),
        ],
    );
}

fn copy_tree(tree: &Tree, to: &Path) -> Result<(), String> {
    for (path, text) in tree.files().filter(|(path, _)| *path != "Cargo.lock") {
        let dir = to.join(dir_of(path));
        std::fs::create_dir_all(&dir)
            .and_then(|()| std::fs::write(to.join(path), text))
            .map_err(|e| format!("cannot copy {path} to {}: {e}", to.display()))?;
    }
    Ok(())
}

/// Against the last release.
fn semver(root: &Path, gate: &mut Gate) {
    if !wants(
        gate,
        "semver",
        has_cargo_tool("semver-checks"),
        "cargo-semver-checks is not installed",
    ) {
        return;
    }
    let tag = Cmd::new(root, "git")
        .args(["describe", "--tags", "--abbrev=0", "--match", "v*"])
        .read();
    match tag {
        Ok(tag) => gate.commands(
            "semver",
            vec![Cmd::cargo(root, "semver-checks --workspace --baseline-rev").arg(tag.trim())],
        ),
        Err(_) => gate.skip("semver", "there is no release to compare with"),
    }
}

fn fuzz(root: &Path, gate: &mut Gate) {
    let reason = if !root.join(FUZZ).join("Cargo.toml").is_file() {
        "tests/fuzz does not exist yet"
    } else if !has_cargo_tool("fuzz") {
        "cargo-fuzz is not installed"
    } else if !has_toolchain(root, "nightly") {
        "no nightly toolchain is installed"
    } else {
        ""
    };
    if !wants(gate, "fuzz", reason.is_empty(), reason) {
        return;
    }
    let cargo = || Cmd::cargo(root, "+nightly fuzz");
    let listed = cargo().args(["list", "--fuzz-dir", FUZZ]).read();
    match listed {
        Ok(targets) => {
            let run = |target: &str| {
                cargo()
                    .args(["run", "--fuzz-dir", FUZZ, target, "--"])
                    .arg(format!("-max_total_time={FUZZ_SECONDS}"))
            };
            gate.commands("fuzz", targets.split_whitespace().map(run).collect());
        }
        Err(problem) => gate.step("fuzz", "cargo xtask ci --full", |_| Err(problem)),
    }
}
