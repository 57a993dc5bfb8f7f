//! Benchmarks: a workspace of its own, so that its dependencies reach nobody.

use crate::cmd::Cmd;
use crate::workspace;

pub(crate) const HELP: &str = "\
cargo xtask bench [ARG…]

Builds tests/bench in release mode and runs it with the arguments given.
";

const MANIFEST: &str = "tests/bench/Cargo.toml";

pub(crate) fn main(args: &[String]) -> Result<bool, String> {
    let root = workspace::root();
    if !root.join(MANIFEST).is_file() {
        println!("there are no benchmarks yet: {MANIFEST} does not exist");
        return Ok(true);
    }
    Cmd::cargo(&root, "run --release --manifest-path")
        .arg(MANIFEST)
        .arg("--")
        .args(args.iter().filter(|arg| *arg != "--").cloned())
        .run()
}
