//! Every module says what it is, and stays small enough to be read.

use super::{Problem, is_test_file};
use crate::scan::Source;
use crate::tree::Tree;

const FILE_LINES: usize = 500;
const LIB_LINES: usize = 150;

/// Each Rust file opens with `//!`; a lib.rs may open with a guide that it includes.
pub(super) fn headers(tree: &Tree) -> Vec<Problem> {
    let opens = |path: &str, text: &str| {
        let first = text.lines().find(|line| !line.trim().is_empty());
        first.is_some_and(|line| {
            line.starts_with("//! ")
                || (path.ends_with("/lib.rs") && line.starts_with("#![doc = include_str!("))
        })
    };
    tree.rust()
        .filter(|(path, text)| needs_header(path) && !opens(path, text))
        .map(|(path, _)| {
            Problem::new(
                path,
                1,
                "no header; open the file with `//!` and one sentence on what the module is",
            )
        })
        .collect()
}

/// No file past 500 lines that are not tests; no lib.rs past 150.
pub(super) fn sizes(tree: &Tree) -> Vec<Problem> {
    tree.rust()
        .filter(|(path, _)| !is_test_file(tree, path))
        .filter_map(|(path, text)| {
            let lines = Source::new(text).shipped_lines();
            if path.ends_with("/src/lib.rs") && lines > LIB_LINES {
                Some(Problem::new(
                    path,
                    0,
                    format!("{lines} lines, of {LIB_LINES} for a lib.rs; it is a table of contents: move code to modules, prose to docs/"),
                ))
            } else if lines > FILE_LINES {
                Some(Problem::new(
                    path,
                    0,
                    format!("{lines} lines before its tests, of {FILE_LINES}; split it by state or by RFC section"),
                ))
            } else {
                None
            }
        })
        .collect()
}

/// Programs that a test expects not to compile are compared as they are, so they need no header.
fn needs_header(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let ours = ["crates/", "xtask/", "tests/"]
        .iter()
        .any(|dir| path.starts_with(dir));
    let specimen = path.split('/').any(|part| part == "ui" || part == "vectors");
    ours && name != "build.rs" && !specimen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    #[test]
    fn a_file_without_a_header_is_found() {
        let tree = tree(&[
            ("crates/a/src/lib.rs", "//! A.\n"),
            ("crates/a/src/main.rs", "\nuse x;\n//! late\n"),
            ("crates/a/build.rs", "fn main() {}\n"),
            ("tests/src/lib.rs", "// no doc comment\n"),
            ("tests/ui/wrong.rs", "fn main() {}\n"),
            ("xtask/src/b.rs", ""),
        ]);
        let found: Vec<_> = headers(&tree).into_iter().map(|p| p.file).collect();
        assert_eq!(
            found,
            ["crates/a/src/main.rs", "tests/src/lib.rs", "xtask/src/b.rs"]
        );
    }

    #[test]
    fn a_guide_may_open_a_lib_only() {
        let guide = "#![doc = include_str!(\"../README.md\")]\n";
        let tree = tree(&[("crates/a/src/lib.rs", guide), ("crates/a/src/b.rs", guide)]);
        assert_eq!(headers(&tree).len(), 1);
    }

    #[test]
    fn long_files_are_found_and_their_tests_are_free() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "// t\n".repeat(900));
        let tree = tree(&[
            (
                "crates/a/src/fits.rs",
                &format!("{}{tests}", "// c\n".repeat(500)),
            ),
            ("crates/a/src/long.rs", &"// c\n".repeat(501)),
            ("crates/a/src/long/tests.rs", &"// c\n".repeat(900)),
            ("crates/a/src/lib.rs", &"// c\n".repeat(151)),
            ("crates/b/src/lib.rs", &"// c\n".repeat(150)),
        ]);
        let found: Vec<_> = sizes(&tree).into_iter().map(|p| p.file).collect();
        assert_eq!(found, ["crates/a/src/lib.rs", "crates/a/src/long.rs"]);
    }
}
