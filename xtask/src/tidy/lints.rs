//! The workspace's lints reach every crate, and none lets unsafe code in.

use super::Problem;
use crate::scan::{Source, line_of, words};
use crate::tree::Tree;

pub(super) fn lints(tree: &Tree) -> Vec<Problem> {
    let mut problems: Vec<Problem> = tree
        .manifests()
        .filter_map(|(path, text)| {
            let what = if path == "Cargo.toml" {
                let forbids = section(text, "workspace.lints.rust").any(|line| line.starts_with("unsafe_code = \"forbid\""));
                (!forbids).then_some("unsafe code is not forbidden; put `unsafe_code = \"forbid\"` under [workspace.lints.rust]")?
            } else {
                let inherits = section(text, "lints").any(|line| line == "workspace = true");
                let inherits = inherits || text.lines().any(|line| line == "lints.workspace = true");
                (is_member(path) && !inherits).then_some("the workspace's lints do not reach this crate; add `[lints]` with `workspace = true`")?
            };
            Some(Problem::new(path, 0, what))
        })
        .collect();
    for (path, text) in tree.rust() {
        let code = Source::new(text).code;
        problems.extend(words(&code, "unsafe_code").filter_map(|at| {
            let opening = &code[..at].rfind("#").map(|open| code[open..at].to_owned())?;
            (opening.contains("allow(") || opening.contains("expect(")).then(|| {
                Problem::new(
                    path,
                    line_of(&code, at),
                    "unsafe code is let in; it is forbidden in every crate: find a safe way",
                )
            })
        }));
    }
    problems
}

/// Fuzz targets and benchmarks are workspaces of their own.
fn is_member(path: &str) -> bool {
    path.starts_with("crates/") || path == "xtask/Cargo.toml" || path == "tests/Cargo.toml"
}

/// The lines under `[name]`, without comments.
pub(super) fn section<'a>(manifest: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let header = format!("[{name}]");
    manifest
        .lines()
        .map(|line| line.split(" #").next().unwrap_or_default().trim())
        .skip_while(move |line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    #[test]
    fn a_crate_that_does_not_inherit_is_found() {
        let tree = tree(&[
            ("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"),
            (
                "crates/a/Cargo.toml",
                "[package]\nname = \"a\"\n\n[lints]\nworkspace = true # all\n",
            ),
            (
                "crates/b/Cargo.toml",
                "[lints]\n[dependencies]\nworkspace = true\n",
            ),
            ("tests/fuzz/Cargo.toml", "[package]\n"),
        ]);
        let found = lints(&tree);
        assert!(
            found.len() == 1 && found[0].file == "crates/b/Cargo.toml",
            "{found:?}"
        );
    }

    #[test]
    fn a_workspace_that_does_not_forbid_is_found() {
        let found = lints(&tree(&[(
            "Cargo.toml",
            "[workspace.lints.rust]\nunsafe_code = \"warn\"\n",
        )]));
        assert!(found.len() == 1 && found[0].what.contains("forbid"), "{found:?}");
    }

    #[test]
    fn code_that_lets_unsafe_in_is_found() {
        for text in [
            "#![allow(unsafe_code)]",
            "#[expect(dead_code, unsafe_code, reason = \"x\")]\nfn f() {}",
        ] {
            assert_eq!(lints(&tree(&[("crates/a/src/lib.rs", text)])).len(), 1, "{text}");
        }
        let fine = "// allow(unsafe_code)\n#![forbid(unsafe_code)]\n";
        assert_eq!(lints(&tree(&[("crates/a/src/lib.rs", fine)])), []);
    }
}
