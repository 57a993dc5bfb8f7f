//! The proofs of a token's life: the simulation in `tests/simulation`, in release mode, and loom on the handle.

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

/// Every order of the threads of a handle, up to so many preemptions: on loom's locks, which a cfg puts in the place of std's.
pub(crate) fn orders(preemptions: u32) -> Cmd {
    let root = workspace::root();
    // Apart, so that the cfg rebuilds nothing else.
    let target = root.join("target/loom").display().to_string();
    Cmd::cargo(
        &root,
        "test -p grantflow-core --lib -- --nocapture credentials::model",
    )
    .env("RUSTFLAGS", "--cfg grantflow_loom")
    .env("LOOM_MAX_PREEMPTIONS", preemptions.to_string())
    .hidden_env("CARGO_TARGET_DIR", target)
}

pub(crate) fn command<A: Into<String>>(args: impl IntoIterator<Item = A>) -> Cmd {
    let run = "run --release --quiet --package grantflow-simulation --";
    Cmd::cargo(&workspace::root(), run).args(args)
}
