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
use crate::simulate;
use crate::stampede;
use crate::test::{self, Outcome, Provisioning, Skip, tally};
use crate::tidy;
use crate::tree::Tree;
use crate::workspace::{Package, Workspace};
use gate::Gate;

pub(crate) const HELP: &str = "\
cargo xtask ci [--full] [STEP…]

The gate every change passes, or only the steps named. Each prints the command it runs, to be run again by hand:

  lock          Cargo.lock is committed as it is used (where CI is set)
  fmt           cargo fmt --all --check, in the workspaces of tests/ too
  clippy        all packages, targets and features, warnings denied; tests/fuzz
  test          cargo xtask test
  features      each library without features and with each alone; of the facade those that its code asks for, two together where it asks for both
  docs          cargo doc of the libraries with warnings denied (the doc tests ran with `test`)
  tidy          cargo xtask tidy
  guide         README.md is the facade's crate documentation
  dependencies  licences, sources and bans, by the policy in deny.toml
  simulate      20,000 histories of a token's life, and every planted bug is found
  stampede      8 and 20 real processes that find one ended token, on every store, and holders of its lock killed
  loom          every order of the threads of a handle, with at most two preemptions
  canary        the secret-leak test was among the tests that passed
  replay        the corpora of tests/fuzz, and 10 s of mutations of each
  comparison    the tests behind the README's comparison with other crates, a workspace of their own, and those with rmcp

--full adds what takes long to run or to install, each skipped loudly where its tool is missing:

  apart         clippy for each package by itself: what it needs, it must ask for itself
  deny          cargo deny, by the same policy, and advisories
  oldest        the oldest compiler that Cargo.toml promises
  minimal       the oldest dependencies that the manifests allow (needs a nightly toolchain)
  semver        cargo semver-checks, against the last release
  mutants       cargo mutants, on the core
  fuzz          each target of tests/fuzz for a minute (needs a nightly toolchain)
  histories     a million histories of a token's life
  orders        as loom, with at most three preemptions
  power         200 power cuts for each store of files, on ext4 and xfs (needs root)
  herds         cargo xtask stampede --full
  bench         cargo xtask bench
";

const STEPS: [&str; 15] = [
    "lock",
    "fmt",
    "clippy",
    "test",
    "features",
    "docs",
    "tidy",
    "guide",
    "dependencies",
    "simulate",
    "stampede",
    "loom",
    "canary",
    "replay",
    "comparison",
];

/// The secret-leak test, by the end of its name.
const CANARY: &str = "canary_no_secret_shows_in_logs_values_errors_and_panics";

pub(crate) fn main(args: &[String]) -> Result<bool, String> {
    let workspace = Workspace::load()?;
    let tree = Tree::load(&workspace.root)?;
    let mut gate = Gate::new(chosen(args)?);
    let provisioning = gate.wants("test").then(|| Provisioning::begin(&workspace.root));
    if std::env::var_os("CI").is_some() {
        let diff = ["diff", "--exit-code", "--stat", "--", "Cargo.lock"];
        gate.commands("lock", || vec![Cmd::new(&workspace.root, "git").args(diff)]);
    }
    gate.commands("fmt", || formatted(&workspace));
    gate.commands("clippy", || clippy(&workspace));
    let outcome = provisioning.and_then(|provisioning| tests(&mut gate, provisioning));
    gate.commands("features", || features(&workspace, &tree));
    gate.commands("docs", || vec![docs(&workspace)]);
    gate.step("tidy", "cargo xtask tidy", |skipped| {
        let report = tidy::run()?;
        let skips = report.skipped.iter();
        skipped.extend(skips.map(|(suite, reason)| Skip::new(suite, reason)));
        Ok(report.problems.is_empty())
    });
    gate.step("guide", "cargo xtask ci guide", |skipped| {
        guide::guide(&tree, skipped)
    });
    gate.step("dependencies", "cargo xtask ci dependencies", |_| {
        dependencies::dependencies(&workspace, &tree)
    });
    gate.commands("simulate", || vec![simulate::command(simulate::GATE)]);
    gate.step("stampede", "cargo xtask stampede", |skipped| {
        stampede::gate(&workspace.root, &workspace.target, skipped)
    });
    gate.commands("loom", || vec![simulate::orders(2)]);
    gate.step("canary", "cargo xtask ci test canary", |_| {
        Ok(canary(outcome.as_ref()))
    });
    gate.commands("replay", || vec![replay(&workspace)]);
    gate.step("comparison", "cargo xtask ci comparison", |skipped| {
        comparison(&workspace, skipped)
    });
    full::full(&workspace, &tree, &mut gate);
    gate.print();
    if let Some(outcome) = &outcome {
        println!("{}", outcome.covered_line());
        println!("{}", tally(outcome.passed, outcome.failed, gate.skipped.len()));
    } else if gate.wants("test") {
        println!("{}", tally(0, 1, gate.skipped.len()));
    }
    Ok(gate.is_open())
}

/// The steps named, or those of the gate, or with `--full` all.
fn chosen(args: &[String]) -> Result<Vec<&'static str>, String> {
    let all = || STEPS.into_iter().chain(full::STEPS);
    let mut steps = Vec::new();
    for arg in args.iter().filter(|arg| *arg != "--full") {
        let step = all().find(|step| step == arg);
        steps.push(step.ok_or_else(|| format!("`{arg}` is no step of ci; see `cargo xtask ci --help`"))?);
    }
    Ok(match steps.len() {
        0 if args.is_empty() => STEPS.to_vec(),
        0 => all().collect(),
        _ => steps,
    })
}

/// Of what others read: the libraries.
fn docs(workspace: &Workspace) -> Cmd {
    let shipped = workspace
        .packages
        .iter()
        .filter(|package| package.has_lib && package.is_shipped());
    Cmd::cargo(&workspace.root, "doc --no-deps --all-features")
        .args(shipped.flat_map(|package| ["-p".to_owned(), package.name.clone()]))
        .env("RUSTDOCFLAGS", "-D warnings")
}

/// All packages at once, which takes half of the time that they take apart.
fn clippy(workspace: &Workspace) -> Vec<Cmd> {
    let all = "clippy --workspace --all-targets --all-features -- -D warnings";
    let mut commands = vec![Cmd::cargo(&workspace.root, all)];
    // Without the feature that brings a fuzzing engine. The benchmarks and the comparison bring other crates that take minutes to
    // check: those of the first are compiled with `--full`, those of the second to be run.
    commands.push(beside(workspace, "clippy", "tests/fuzz").args(["--", "-D", "warnings"]));
    commands
}

/// Each package apart: what it needs, it must ask for itself. `features` does so for the libraries.
fn apart(workspace: &Workspace) -> Vec<Cmd> {
    let all = ["--all-targets", "--all-features"];
    let packages = workspace.packages.iter();
    packages.map(|package| lint(workspace, package, &all)).collect()
}

/// The workspaces that are not part of this one, so that their dependencies reach nobody.
const APART: [&str; 3] = ["tests/bench", "tests/comparison", "tests/fuzz"];

fn formatted(workspace: &Workspace) -> Vec<Cmd> {
    let fmt = "fmt --all --check";
    let mut commands = vec![Cmd::cargo(&workspace.root, fmt)];
    commands.extend(APART.map(|place| manifest(workspace, fmt, place)));
    commands
}

/// A command of cargo in a workspace apart.
fn manifest(workspace: &Workspace, command: &str, place: &str) -> Cmd {
    Cmd::cargo(&workspace.root, command).args(["--manifest-path".to_owned(), format!("{place}/Cargo.toml")])
}

/// The same beside what this workspace has built: most dependencies are the same, and are there already. Programs there need names of their
/// own, since suites look for those of this workspace by name.
fn beside(workspace: &Workspace, command: &str, place: &str) -> Cmd {
    manifest(workspace, command, place).env("CARGO_TARGET_DIR", workspace.target.display().to_string())
}

/// Without a fuzzing engine, so that it needs nothing installed; `--full` has the engine. Not optimized: that would take four minutes to
/// build, for as many inputs as a minute more brings.
fn replay(workspace: &Workspace) -> Cmd {
    beside(workspace, "run", "tests/fuzz").args(["--bin", "replay", "--", "--seconds", "10"])
}

/// Without the packages it depends on, each of which is linted in its own turn.
fn lint(workspace: &Workspace, package: &Package, args: &[&str]) -> Cmd {
    Cmd::cargo(&workspace.root, "clippy -p")
        .arg(&package.name)
        .args(args.iter().copied())
        .args(["--no-deps", "--", "-D", "warnings"])
}

/// Whether it is true; and whether rmcp, whose dependencies are mostly the same, gets along with us. Not `--locked`: the lock file pins
/// the other crates, and a new dependency of ours joins it by itself.
/// Loopback is reached without the environment's proxies, which some of the crates heed even there.
fn comparison(workspace: &Workspace, skipped: &mut Vec<Skip>) -> Result<bool, String> {
    let skips = workspace.target.join("comparison-skips.jsonl");
    std::fs::write(&skips, "").map_err(|e| format!("cannot write {}: {e}", skips.display()))?;
    let passed = beside(workspace, "test --workspace", "tests/comparison")
        .env("NO_PROXY", "127.0.0.1")
        .hidden_env("GRANTFLOW_SKIPS", skips.display().to_string())
        .run()?;
    skipped.extend(test::read_skips(&skips)?);
    Ok(passed)
}

fn tests(gate: &mut Gate, provisioning: Provisioning) -> Option<Outcome> {
    let mut outcome = None;
    gate.step("test", "cargo xtask test", |skipped| {
        let ran = outcome.insert(test::run(&test::Options::default(), provisioning)?);
        skipped.extend(ran.skipped.iter().cloned());
        println!("{}", ran.closing_line());
        Ok(ran.failed == 0)
    });
    outcome
}

/// Clippy rather than check: code that only one feature uses is dead without it, and that is a warning.
fn features(workspace: &Workspace, tree: &Tree) -> Vec<Cmd> {
    let libraries = workspace
        .packages
        .iter()
        .filter(|package| package.has_lib && package.is_shipped());
    let commands = libraries.flat_map(|package| {
        let code = format!("crates/{}/src/", package.name);
        // Whether a line of its code asks for all of these together.
        let asks = |features: &[&str]| {
            let names = |line: &str, feature: &&str| line.contains(&format!("feature = \"{feature}\""));
            let names_all =
                |line: &str| line.contains("cfg(") && features.iter().all(|feature| names(line, feature));
            let mut code = tree.rust().filter(|(path, _)| path.starts_with(&code));
            code.any(|(_, text)| text.lines().any(names_all))
        };
        // One that the facade only hands on is linted where it counts. Two that no line asks for together are side by side what each of
        // them is alone.
        let is_facade = package.name == "grantflow";
        let own = package
            .features
            .iter()
            .filter(|feature| !is_facade || asks(&[feature]));
        let own: Vec<String> = own.cloned().collect();
        let sets = combinations(&own, |first, second| is_facade && asks(&[first, second]));
        let lints = sets.into_iter().map(|set| {
            let set = set.join(",");
            let args = ["--no-default-features", "--features", &set];
            let args = if set.is_empty() { &args[..1] } else { &args };
            lint(workspace, package, args)
        });
        lints.collect::<Vec<_>>()
    });
    commands.collect()
}

/// No feature, each public feature alone, and those two together that meet.
fn combinations(features: &[String], meet: impl Fn(&str, &str) -> bool) -> Vec<Vec<&str>> {
    let public = |name: &&str| *name != "default" && !name.starts_with('_');
    let names: Vec<&str> = features.iter().map(String::as_str).filter(public).collect();
    let mut sets = vec![Vec::new()];
    sets.extend(names.iter().map(|name| vec![*name]));
    for (at, first) in names.iter().enumerate() {
        let met = names[at + 1..].iter().filter(|second| meet(first, second));
        sets.extend(met.map(|second| vec![*first, *second]));
    }
    sets
}

/// The secret-leak test passed, and did not skip itself.
fn canary(outcome: Option<&Outcome>) -> bool {
    let passed = outcome.is_some_and(|outcome| outcome.passed_named(CANARY));
    println!(
        "…{CANARY} {}",
        if passed {
            "passed"
        } else {
            "was not among the tests that passed: it must run, and must not skip itself"
        }
    );
    passed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_may_be_named() {
        let chosen = |args: &[&str]| chosen(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>());
        assert_eq!(chosen(&[]), Ok(STEPS.to_vec()));
        assert_eq!(chosen(&["docs", "fuzz"]), Ok(vec!["docs", "fuzz"]));
        assert!(chosen(&["--full"]).is_ok_and(|steps| steps.len() > STEPS.len()));
        assert!(chosen(&["--fast"]).is_err_and(|problem| problem.contains("--fast")));
    }

    #[test]
    fn features_are_checked_alone_and_in_pairs() {
        let features = ["_test", "default", "file", "memory", "ureq"].map(str::to_owned);
        let alone = [vec![], vec!["file"], vec!["memory"], vec!["ureq"]];
        assert_eq!(combinations(&features, |_, _| false), alone);
        let pairs = [
            vec!["file", "memory"],
            vec!["file", "ureq"],
            vec!["memory", "ureq"],
        ];
        assert_eq!(
            combinations(&features, |_, _| true),
            [&alone[..], &pairs].concat()
        );
        let of_file = combinations(&features, |first, second| (first, second) == ("file", "ureq"));
        assert_eq!(of_file, [&alone[..], &pairs[1..2]].concat());
    }
}
