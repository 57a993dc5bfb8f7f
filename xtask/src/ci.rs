//! `cargo xtask ci`: the gate that every change passes.
//!
//! A step that fails does not stop the others: whoever waited for the gate learns everything at once.

mod dependencies;
mod full;
mod gate;
mod guide;
mod policy;
mod spdx;

use crate::cmd::Cmd;
use crate::test::{self, Outcome, Skip, tally};
use crate::tidy;
use crate::tree::Tree;
use crate::workspace::{Package, Workspace};
use gate::Gate;

pub(crate) const HELP: &str = "\
cargo xtask ci [--full]

The gate every change passes. Each step prints the command it runs, to be run again by hand:

  lock          Cargo.lock is committed as it is used (where CI is set)
  fmt           cargo fmt --all --check
  clippy        each package apart, all its targets and features, warnings denied
  test          cargo xtask test
  features      each library without default features; the facade's features alone and in pairs
  docs          cargo doc with warnings denied (the doc tests ran with `test`)
  tidy          cargo xtask tidy
  guide         README.md is the facade's crate documentation
  dependencies  licences, sources and bans, by the policy in deny.toml
  canary        the secret-leak test was among the tests that passed

--full adds, each skipped loudly where its tool is missing: cargo-deny, the oldest compiler, minimal versions,
semver-checks, mutants, fuzzing and benchmarks. They take long to run or to install.
";

pub(crate) fn main(args: &[String]) -> Result<bool, String> {
    let full = match args {
        [] => false,
        [flag] if flag == "--full" => true,
        [other, ..] => {
            return Err(format!(
                "`{other}` is no option of ci; see `cargo xtask ci --help`"
            ));
        }
    };
    let workspace = Workspace::load()?;
    let mut gate = Gate::default();
    if std::env::var_os("CI").is_some() {
        gate.commands(
            "lock",
            vec![Cmd::new(&workspace.root, "git").args([
                "diff",
                "--exit-code",
                "--stat",
                "--",
                "Cargo.lock",
            ])],
        );
    }
    gate.commands("fmt", vec![Cmd::cargo(&workspace.root, "fmt --all --check")]);
    gate.commands("clippy", clippy(&workspace));
    let outcome = tests(&mut gate);
    gate.commands("features", features(&workspace));
    let docs = Cmd::cargo(&workspace.root, "doc --workspace --no-deps --all-features")
        .env("RUSTDOCFLAGS", "-D warnings");
    gate.commands("docs", vec![docs]);
    gate.step("tidy", "cargo xtask tidy", |skipped| {
        let report = tidy::run()?;
        skipped.extend(
            report
                .skipped
                .iter()
                .map(|(suite, reason)| Skip::new(suite, reason)),
        );
        Ok(report.problems.is_empty())
    });
    let tree = Tree::load(&workspace.root)?;
    gate.step("guide", "cargo xtask ci", |skipped| guide::guide(&tree, skipped));
    gate.step("dependencies", "cargo xtask ci", |_| {
        dependencies::dependencies(&workspace, &tree)
    });
    gate.step("canary", "cargo xtask test canary", |skipped| {
        canary(&tree, outcome.as_ref(), skipped)
    });
    if full {
        full::full(&workspace, &tree, &mut gate);
    }
    gate.print();
    let (passed, failed) = outcome
        .as_ref()
        .map_or((0, 1), |outcome| (outcome.passed, outcome.failed));
    if let Some(outcome) = &outcome {
        println!("{}", outcome.covered_line());
    }
    println!("{}", tally(passed, failed, gate.skipped.len()));
    Ok(gate.is_open())
}

/// Each package apart: what it needs, it must ask for itself.
fn clippy(workspace: &Workspace) -> Vec<Cmd> {
    workspace
        .packages
        .iter()
        .map(|package| {
            Cmd::cargo(&workspace.root, "clippy -p").arg(&package.name).args([
                "--all-targets",
                "--all-features",
                "--",
                "-D",
                "warnings",
            ])
        })
        .collect()
}

fn tests(gate: &mut Gate) -> Option<Outcome> {
    let mut outcome = None;
    gate.step("test", "cargo xtask test", |skipped| {
        let ran = outcome.insert(test::run(&test::Options::default())?);
        skipped.extend(ran.skipped.iter().cloned());
        println!("{}", ran.closing_line());
        Ok(ran.failed == 0)
    });
    outcome
}

/// Clippy rather than check: code that only one feature uses is dead without it, and that is a warning.
fn features(workspace: &Workspace) -> Vec<Cmd> {
    let lint = |package: &Package, features: &[&str]| {
        let mut cmd = Cmd::cargo(&workspace.root, "clippy -p")
            .arg(&package.name)
            .arg("--no-default-features");
        if !features.is_empty() {
            cmd = cmd.arg("--features").arg(features.join(","));
        }
        cmd.args(["--", "-D", "warnings"])
    };
    let libraries = workspace
        .packages
        .iter()
        .filter(|package| package.has_lib && package.is_shipped());
    let mut commands: Vec<Cmd> = libraries.map(|package| lint(package, &[])).collect();
    if let Some(facade) = workspace.package("grantflow") {
        commands.extend(combinations(&facade.features).iter().map(|set| lint(facade, set)));
    }
    commands
}

/// Each public feature alone, then each pair.
fn combinations(features: &[String]) -> Vec<Vec<&str>> {
    let public = |name: &&str| *name != "default" && !name.starts_with('_');
    let names: Vec<&str> = features.iter().map(String::as_str).filter(public).collect();
    let alone = names.iter().map(|name| vec![*name]);
    let pairs = names
        .iter()
        .enumerate()
        .flat_map(|(at, first)| names[at + 1..].iter().map(move |second| vec![*first, *second]));
    alone.chain(pairs).collect()
}

/// A test named after the canary passed, if there is one.
fn canary(tree: &Tree, outcome: Option<&Outcome>, skipped: &mut Vec<Skip>) -> Result<bool, String> {
    if !guide::has_test(tree, "canary") {
        skipped.push(Skip::new("canary", "no test is named `canary` yet").said());
        return Ok(true);
    }
    if outcome.is_some_and(|outcome| outcome.passed_named("canary")) {
        println!("a test named `canary` passed");
        return Ok(true);
    }
    println!(
        "no test named `canary` was among those that passed: the secret-leak test must run, and must not skip itself"
    );
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_checked_alone_and_in_pairs() {
        let features = ["_test", "default", "file", "memory", "ureq"].map(str::to_owned);
        assert_eq!(
            combinations(&features),
            [
                vec!["file"],
                vec!["memory"],
                vec!["ureq"],
                vec!["file", "memory"],
                vec!["file", "ureq"],
                vec!["memory", "ureq"]
            ]
        );
    }
}
