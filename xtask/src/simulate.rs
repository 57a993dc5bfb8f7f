//! The simulation of a token's life: `tests/simulation`, in release mode.

use crate::cmd::Cmd;
use crate::workspace;

/// What the gate runs: a part of it, and every planted bug.
pub(crate) const GATE: [&str; 3] = ["--plants", "--seeds", "20000"];
/// What `--full` runs.
pub(crate) const FULL: [&str; 2] = ["--seeds", "1000000"];

/// Builds and runs it; it explains its arguments itself.
pub(crate) fn main(args: &[String]) -> Result<bool, String> {
    command(args.iter().filter(|arg| *arg != "--").cloned()).run()
}

pub(crate) fn command<A: Into<String>>(args: impl IntoIterator<Item = A>) -> Cmd {
    let run = "run --release --quiet --package grantflow-simulation --";
    Cmd::cargo(&workspace::root(), run).args(args)
}
