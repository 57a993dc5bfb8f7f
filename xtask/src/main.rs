//! The one door to tests, checks and benchmarks: `cargo xtask test | ci | tidy | simulate | stampede | peers | bench`.
//!
//! ```text
//! main ─┬─▶ tidy    reads the tree, `cargo metadata`, `cargo tree`
//!       ├─▶ test    provision ─▶ build ─▶ run ─▶ rows covered, target/report.json
//!       ├─▶ ci      the gate: fmt, clippy, test, features, docs, tidy, dependencies
//!       ├─▶ simulate  tests/simulation, in release mode
//!       ├─▶ stampede  tests/stampede
//!       ├─▶ peers   tests/comparison, a workspace of its own, and tests/peers/oauth2client
//!       └─▶ bench   tests/bench, a workspace of its own
//! ```
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks to its terminal"
)]

mod bench;
mod ci;
mod cmd;
mod paths;
mod peers;
mod scan;
mod simulate;
mod stampede;
mod test;
mod tidy;
mod tree;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((first, rest)) => (first.as_str(), rest),
        None => ("--help", &[][..]),
    };
    let wants_help = rest
        .iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--help" || arg == "-h");
    let done = match command {
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        "test" if wants_help => help(test::HELP),
        "ci" if wants_help => help(ci::HELP),
        "tidy" if wants_help => help(tidy::HELP),
        "bench" if wants_help => help(bench::HELP),
        "peers" if wants_help => help(peers::HELP),
        "test" => test::main(rest),
        "ci" => ci::main(rest),
        "tidy" => tidy::main(rest),
        "simulate" => simulate::main(rest),
        "stampede" => stampede::main(rest),
        "peers" => peers::main(),
        "bench" => bench::main(rest),
        other => Err(format!(
            "`{other}` is no command of xtask; see `cargo xtask --help`"
        )),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::from(2)
        }
    }
}

fn help(text: &str) -> Result<bool, String> {
    print!("{text}");
    Ok(true)
}

const HELP: &str = "\
cargo xtask <command>

  test [FILTER…]   builds and runs every test, and counts the threat, fault, vector and quirk rows they hold
  ci [--full]      the gate every change passes; --full adds what takes long to run or to install
  tidy             the invariants of the source tree
  simulate [ARG…]  histories of a token's life in a simulated world, by the thousand or one again
  stampede [ARG…]  real processes that find one ended token in one store at once; --full adds the large and the cruel
  peers            the same, and a full disk, for yup-oauth2 and oauth2client beside ours
  bench [ARG…]     the benchmarks in tests/bench

Each command explains itself with --help.
";
