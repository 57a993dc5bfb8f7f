//! Other targets: core where there is no operating system, the stores on the systems that they are written for.

use std::path::Path;

use super::{Problem, Report};
use crate::cmd::Cmd;
use crate::workspace::Workspace;

/// What is checked where: a name for the suite, targets of which one will do, and what has to build there.
struct Check {
    suite: &'static str,
    targets: &'static [&'static str],
    package: &'static str,
    features: &'static str,
}

const CHECKS: [Check; 3] = [
    Check {
        suite: "wasm",
        targets: &["wasm32-unknown-unknown"],
        package: "grantflow-core",
        features: "",
    },
    Check {
        suite: "macOS",
        targets: &["aarch64-apple-darwin", "x86_64-apple-darwin"],
        package: "grantflow-store",
        features: FILES,
    },
    Check {
        suite: "Windows",
        targets: &["x86_64-pc-windows-msvc", "x86_64-pc-windows-gnu"],
        package: "grantflow-store",
        features: FILES,
    },
];

/// The stores that need no C compiler for the target.
const FILES: &str = "file,multistore,memory,async";

/// Checks each, or says loudly that it could not.
pub(super) fn targets(workspace: &Workspace, report: &mut Report) -> Result<(), String> {
    for check in CHECKS {
        if workspace.package(check.package).is_none() {
            continue;
        }
        let mut installed = None;
        for target in check.targets {
            if is_installed(workspace, target)? {
                installed = Some(*target);
            }
        }
        let Some(target) = installed else {
            let reason = format!("target {} is not installed", check.targets.join(" or "));
            report.skipped.push((check.suite.into(), reason));
            continue;
        };
        let build = Cmd::cargo(&workspace.root, "check --no-default-features -p").args([
            check.package,
            "--features",
            check.features,
            "--target",
            target,
        ]);
        if !build.run()? {
            report.problems.push(Problem::new(
                &format!("crates/{}/Cargo.toml", check.package),
                0,
                format!("it does not build for {target}; see `{build}`"),
            ));
        }
    }
    Ok(())
}

fn is_installed(workspace: &Workspace, target: &str) -> Result<bool, String> {
    let libraries = Cmd::new(&workspace.root, "rustc")
        .args(["--print", "target-libdir", "--target", target])
        .read()?;
    Ok(Path::new(libraries.trim()).is_dir())
}
