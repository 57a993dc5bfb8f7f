//! What `grantflow-core` brings into every program that uses it.

use std::collections::BTreeSet;

use super::{Problem, Report};
use crate::cmd::Cmd;
use crate::workspace::Workspace;

const CORE: &str = "grantflow-core";
const MANIFEST: &str = "crates/grantflow-core/Cargo.toml";
const MOST: usize = 32;

/// Runtimes, transports, cryptography, entropy and the tables of internationalized domains: what an adapter brings.
const FORBIDDEN: [&str; 9] = [
    "tokio",
    "futures-executor",
    "ureq",
    "reqwest",
    "hyper",
    "rustls",
    "ring",
    "getrandom",
    "url",
];

/// Counts core's normal dependencies and looks for forbidden ones.
pub(super) fn core_tree(workspace: &Workspace, report: &mut Report) -> Result<(), String> {
    if workspace.package(CORE).is_none() {
        return Ok(());
    }
    let command = Cmd::cargo(
        &workspace.root,
        "tree -p grantflow-core -e normal --no-default-features --prefix none",
    );
    let crates = crates(&command.read()?);
    report.problems.extend(judge(&crates, &command.to_string()));
    report.notes.push(format!(
        "{CORE} brings {} crates (of at most {MOST})",
        crates.len()
    ));
    Ok(())
}

fn judge(crates: &BTreeSet<String>, command: &str) -> Vec<Problem> {
    let name = |krate: &String| krate.split(' ').next().unwrap_or_default().to_owned();
    let mut problems: Vec<Problem> = crates
        .iter()
        .map(name)
        .filter(|name| FORBIDDEN.contains(&name.as_str()))
        .map(|name| {
            Problem::new(
                MANIFEST,
                0,
                format!("core's normal tree has `{name}`; leave it to an adapter or a feature (see `{command} -i {name}`)"),
            )
        })
        .collect();
    if crates.len() > MOST {
        problems.push(Problem::new(
            MANIFEST,
            0,
            format!(
                "{} crates in core's normal tree, of {MOST}; see `{command}`",
                crates.len()
            ),
        ));
    }
    problems
}

/// Name and version of each crate but core itself.
fn crates(tree: &str) -> BTreeSet<String> {
    tree.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, version) = (words.next()?, words.next()?);
            (name != CORE && version.starts_with('v')).then(|| format!("{name} {version}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_counted_once_and_core_not_at_all() {
        let tree = "grantflow-core v0.1.0 (/x)\nhttp v1.5.0\nbytes v1.2.0\nbytes v1.2.0 (*)\nserde_derive v1.0.0 (proc-macro)\n";
        assert_eq!(crates(tree).len(), 3);
        assert_eq!(judge(&crates(tree), "cargo tree"), []);
    }

    #[test]
    fn a_forbidden_crate_is_found() {
        let found = judge(
            &crates("http v1.0.0\ngetrandom v0.4.3\nurl v2.5.8\n"),
            "cargo tree",
        );
        let found: Vec<_> = found.iter().map(|p| p.what.as_str()).collect();
        assert_eq!(found.len(), 2);
        assert!(found[0].contains("`getrandom`") && found[1].contains("`url`"));
    }

    #[test]
    fn too_many_crates_are_found() {
        let many: String = (0..33).map(|n| format!("c{n} v1.0.0\n")).collect();
        let found = judge(&crates(&many), "cargo tree");
        assert!(
            found.len() == 1 && found[0].what.starts_with("33 crates"),
            "{found:?}"
        );
    }
}
