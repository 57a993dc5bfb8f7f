//! Core builds where there is no operating system.

use std::path::Path;

use super::{Problem, Report};
use crate::cmd::Cmd;
use crate::workspace::Workspace;

const TARGET: &str = "wasm32-unknown-unknown";
const SUITE: &str = "wasm";

/// Builds core for `wasm32-unknown-unknown`, or says loudly that it could not.
pub(super) fn wasm(workspace: &Workspace, report: &mut Report) -> Result<(), String> {
    if workspace.package("grantflow-core").is_none() {
        return Ok(());
    }
    let libraries = Cmd::new(&workspace.root, "rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .read()?;
    if !Path::new(libraries.trim()).is_dir() {
        report
            .skipped
            .push((SUITE.into(), format!("target {TARGET} is not installed")));
        return Ok(());
    }
    let build = Cmd::cargo(
        &workspace.root,
        "check -p grantflow-core --no-default-features --target",
    )
    .arg(TARGET);
    if !build.run()? {
        report.problems.push(Problem::new(
            "crates/grantflow-core/Cargo.toml",
            0,
            format!("core does not build for {TARGET}; see `{build}`"),
        ));
    }
    Ok(())
}
