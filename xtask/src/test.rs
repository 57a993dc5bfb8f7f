//! `cargo xtask test`: builds and runs every test, and tells which rows of the tables they hold.
//!
//! ```text
//! provision ─┐
//!            ├─▶ nextest or cargo test ─▶ doc tests ─▶ rows, skips, target/report.json
//! build ─────┘
//! ```

mod driven;
mod provision;
mod report;
pub(crate) mod rows;
mod runner;

use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::cmd::{Cmd, has_cargo_tool};
use crate::workspace::{self, Workspace};
pub(crate) use provision::python_peers as provision_python;
pub(crate) use report::{Outcome, Skip, read_skips, tally};
use runner::{Case, Verdict};

pub(crate) const HELP: &str = "\
cargo xtask test [OPTIONS] [FILTER…]

Installs what the suites need and is missing (apt packages as root; npm and PyPI peers in tests/peers), builds the workspace with
all features, runs its tests with `cargo nextest` where that is installed and with `cargo test` elsewhere, then the doc
tests. With a FILTER, only tests whose name has it in it, and no doc tests.

  -p, --package NAME   only this package; may be given again
  --cargo-test         use `cargo test` even where nextest is installed
  --no-provision       install nothing
  -h, --help           this text

A test that holds a row of a table of threats (T), faults (R), vectors (V) or quirks (Q) begins its name with the row:
`t17_…`, or `t01_t02_…` for two. A suite that cannot run here says so by appending a line of JSON,
{\"suite\": …, \"reason\": …, \"test\": …}, to the file that GRANTFLOW_SKIPS names; it is then counted as skipped and its
test as neither passed nor covering. A test that drives a real server says which features of the protocol over which transport
(`drives`, in tests/src/driven.rs). The end is a table of those, and

  covered: T a/72 R a/39 V a/28 Q a/67, skipped n
  N passed, N failed, N skipped

and target/report.json, which has the same and more. The exit code is 0 if nothing failed.
";

/// What to run, and how.
#[derive(Debug, Default)]
pub(crate) struct Options {
    packages: Vec<String>,
    filters: Vec<String>,
    cargo_test: bool,
    no_provision: bool,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "-p" | "--package" => options
                    .packages
                    .push(args.next().ok_or("-p needs the name of a package")?.clone()),
                "--cargo-test" => options.cargo_test = true,
                "--no-provision" => options.no_provision = true,
                "--" => {}
                flag if flag.starts_with('-') => {
                    return Err(format!(
                        "`{flag}` is no option of test; see `cargo xtask test --help`"
                    ));
                }
                filter => options.filters.push(filter.to_owned()),
            }
        }
        Ok(options)
    }

    fn is_partial(&self) -> bool {
        !self.filters.is_empty() || !self.packages.is_empty()
    }

    /// `--workspace`, or the packages asked for.
    fn scope(&self) -> Vec<String> {
        if self.packages.is_empty() {
            return vec!["--workspace".into()];
        }
        self.packages
            .iter()
            .flat_map(|name| ["-p".to_owned(), name.clone()])
            .collect()
    }
}

/// The installing of what the suites need, under way: it waits for the network, and what is built meanwhile for the processor.
#[derive(Debug)]
pub(crate) struct Provisioning(Option<JoinHandle<Result<Vec<Skip>, String>>>);

impl Provisioning {
    pub(crate) fn begin(root: &Path) -> Self {
        let root = root.to_owned();
        Self(Some(thread::spawn(move || {
            let mut skipped = Vec::new();
            provision::provision(&root, &mut skipped)?;
            Ok(skipped)
        })))
    }

    /// Waits for it; what could not be installed.
    fn end(self) -> Result<Vec<Skip>, String> {
        let ended = self.0.map_or(Ok(Ok(Vec::new())), JoinHandle::join);
        ended.map_err(|_| "provisioning panicked; its message is above".to_owned())?
    }
}

pub(crate) fn main(args: &[String]) -> Result<bool, String> {
    let options = Options::parse(args)?;
    let provisioning = if options.no_provision {
        Provisioning(None)
    } else {
        Provisioning::begin(&workspace::root())
    };
    let outcome = run(&options, provisioning)?;
    println!("{}", outcome.closing_line());
    Ok(outcome.failed == 0)
}

/// Runs the tests and prints all but the closing line.
pub(crate) fn run(options: &Options, provisioning: Provisioning) -> Result<Outcome, String> {
    let workspace = Workspace::load()?;
    let (skips, driven) = (
        workspace.target.join("skips.jsonl"),
        workspace.target.join("driven.jsonl"),
    );
    for notes in [&skips, &driven] {
        std::fs::create_dir_all(&workspace.target)
            .and_then(|()| std::fs::write(notes, ""))
            .map_err(|e| format!("cannot write {}: {e}", notes.display()))?;
    }
    let mut durations = Vec::new();
    let mut cases = Vec::new();
    let built = timed("build", &mut durations, || build(&workspace.root, options).run())?;
    let mut skipped = timed("provision", &mut durations, || provisioning.end())?;
    if built {
        let ran = timed("run", &mut durations, || {
            run_tests(&workspace, options, &skips, &driven)
        })?;
        cases.extend(ran);
        if !options.is_partial() {
            let docs = timed("doc", &mut durations, || {
                run_doc_tests(&workspace, options, &skips)
            })?;
            cases.extend(docs);
        }
    } else {
        cases.push(Case::failed("build", "the workspace does not build"));
    }
    if cases.is_empty() {
        cases.push(Case::failed(
            "runner",
            "no test ran; does a name have the filter in it?",
        ));
    }
    skipped.extend(report::read_skips(&skips)?);
    let outcome = Outcome::new(cases, skipped, durations).with_driven(&driven)?;
    outcome.print();
    let path = workspace.target.join("report.json");
    outcome.write(&path, &options.filters)?;
    println!("report: {}", path.display());
    Ok(outcome)
}

/// Binaries too, so that suites find them beside their own executable.
fn build(root: &Path, options: &Options) -> Cmd {
    Cmd::cargo(root, "build --all-features --bins --tests --examples").args(options.scope())
}

/// Everything, as the tests of the gate have it.
pub(crate) fn build_all(root: &Path) -> Cmd {
    build(root, &Options::default())
}

fn run_tests(
    workspace: &Workspace,
    options: &Options,
    skips: &Path,
    driven: &Path,
) -> Result<Vec<Case>, String> {
    let (skips, driven) = (skips.display().to_string(), driven.display().to_string());
    let (ran, cases) = if has_cargo_tool("nextest") && !options.cargo_test {
        runner::nextest(workspace, |cmd| {
            cmd.args(options.scope())
                .args(options.filters.clone())
                .hidden_env("GRANTFLOW_SKIPS", &*skips)
                .hidden_env("GRANTFLOW_DRIVEN", &*driven)
        })?
    } else {
        let command = Cmd::cargo(&workspace.root, "test --all-features --no-fail-fast --tests")
            .args(options.scope())
            .arg("--")
            .args(options.filters.clone())
            .hidden_env("GRANTFLOW_SKIPS", skips)
            .hidden_env("GRANTFLOW_DRIVEN", driven);
        runner::libtest("cargo test", &command)?
    };
    Ok(with_silent_failure(
        ran,
        cases,
        "the test runner failed without naming a test; its output above says why",
    ))
}

fn run_doc_tests(workspace: &Workspace, options: &Options, skips: &Path) -> Result<Vec<Case>, String> {
    let command = Cmd::cargo(&workspace.root, "test --doc --all-features --no-fail-fast")
        .args(options.scope())
        .hidden_env("GRANTFLOW_SKIPS", skips.display().to_string());
    let (ran, cases) = runner::libtest("doc", &command)?;
    Ok(with_silent_failure(
        ran,
        cases,
        "the doc tests failed without naming one; the output above says why",
    ))
}

/// A runner that failed must not end in `0 failed`.
fn with_silent_failure(ran: bool, mut cases: Vec<Case>, reason: &str) -> Vec<Case> {
    if !ran && !cases.iter().any(|case| case.verdict == Verdict::Failed) {
        cases.push(Case::failed("runner", reason));
    }
    cases
}

fn timed<T>(
    name: &'static str,
    durations: &mut Vec<(&'static str, f64)>,
    work: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    let start = Instant::now();
    let result = work();
    durations.push((name, start.elapsed().as_secs_f64()));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, String> {
        Options::parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn filters_and_packages_narrow_the_run() {
        let all = parse(&[]).expect("nothing to get wrong");
        assert_eq!(all.scope(), ["--workspace"]);
        assert!(!all.is_partial());
        let some = parse(&["-p", "grantflow-core", "t17_", "--cargo-test"]).expect("these are its options");
        assert_eq!(some.scope(), ["-p", "grantflow-core"]);
        assert!(some.is_partial() && some.cargo_test && some.filters == ["t17_"]);
    }

    #[test]
    fn an_unknown_option_is_named() {
        assert!(parse(&["--fast"]).is_err_and(|problem| problem.contains("--fast")));
        assert!(parse(&["-p"]).is_err());
    }

    #[test]
    fn a_runner_that_fails_silently_counts_as_a_failure() {
        assert_eq!(with_silent_failure(false, Vec::new(), "x").len(), 1);
        assert_eq!(with_silent_failure(true, Vec::new(), "x").len(), 0);
        assert_eq!(
            with_silent_failure(false, vec![Case::failed("a", "b")], "x").len(),
            1
        );
    }
}
