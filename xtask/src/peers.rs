//! Other libraries in the same trouble: a program of `tests/comparison`, and Python's oauth2client beside it.

use crate::cmd::Cmd;
use crate::test::provision_python;
use crate::workspace;

pub(crate) const HELP: &str = "\
cargo xtask peers

Prints two tables: 8 processes that find one ended token at once, and one that finds it when no byte can be written; for Grantflow,
yup-oauth2 (crates.io) and oauth2client (PyPI, installed into tests/peers/oauth2client/venv). What cannot be run is said, and
counted as skipped. The exit code is 0 if Grantflow lost nothing.
";

const MANIFEST: &str = "tests/comparison/Cargo.toml";

pub(crate) fn main() -> Result<bool, String> {
    let root = workspace::root();
    provision_python(&root, &mut Vec::new())?;
    // Loopback is reached without the environment's proxies, which some of them heed even there.
    let cargo = |command: &str| {
        Cmd::cargo(&root, command)
            .args(["--manifest-path", MANIFEST])
            .env("NO_PROXY", "127.0.0.1")
    };
    Ok(cargo("build --quiet --bins").run()? && cargo("run --quiet --bin peers").run()?)
}
