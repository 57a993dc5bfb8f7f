//! The stampede with real processes, in `tests/stampede`.

use std::path::Path;

use crate::cmd::Cmd;
use crate::test::{self, Skip};
use crate::workspace;

/// Builds and runs it; it explains its arguments itself.
pub(crate) fn main(args: &[String]) -> Result<bool, String> {
    Cmd::cargo(&workspace::root(), "run --quiet --package grantflow-stampede --")
        .args(args.iter().filter(|arg| *arg != "--").cloned())
        .run()
}

/// The same in the gate, where the tests have built it already.
pub(crate) fn gate(root: &Path, target: &Path, skipped: &mut Vec<Skip>) -> Result<bool, String> {
    if !test::build_all(root).run()? {
        return Ok(false);
    }
    let skips = target.join("stampede-skips.jsonl");
    std::fs::write(&skips, "").map_err(|e| format!("cannot write {}: {e}", skips.display()))?;
    let program = target
        .join("debug/grantflow-stampede")
        .with_extension(std::env::consts::EXE_EXTENSION)
        .display()
        .to_string();
    let held = Cmd::new(root, &program)
        .hidden_env("GRANTFLOW_SKIPS", skips.display().to_string())
        .run()?;
    skipped.extend(test::read_skips(&skips)?);
    Ok(held)
}
