//! What is said once: the README is the facade's crate documentation, so its examples compile.

use crate::test::Skip;
use crate::tree::{Tree, dir_of, join};

const README: &str = "README.md";
const FACADE: &str = "crates/grantflow/src/";

/// The facade includes a file whose text is the README's: the README itself, or a copy that travels with the crate.
pub(super) fn guide(tree: &Tree, skipped: &mut Vec<Skip>) -> Result<bool, String> {
    let Some(readme) = tree.get(README) else {
        skipped.push(Skip::new("guide", "README.md does not exist yet").said());
        return Ok(true);
    };
    let facade = || tree.rust().filter(|(path, _)| path.starts_with(FACADE));
    for (path, text) in facade() {
        for included in includes(path, text) {
            if tree.get(&included) == Some(readme) {
                println!("{path} includes {included}");
                return Ok(true);
            }
        }
    }
    println!(
        "{README} is not in the facade's documentation; put `#![doc = include_str!(\"../../../README.md\")]` into {FACADE}lib.rs, so that both are one text and its examples compile"
    );
    Ok(false)
}

/// Files that `include_str!` takes into documentation, relative to the root.
fn includes<'a>(path: &'a str, text: &'a str) -> impl Iterator<Item = String> + 'a {
    text.lines()
        .filter(|line| {
            let line = line.trim_start();
            line.starts_with('#') && line.contains("doc") || line.starts_with("doc = ")
        })
        .filter_map(move |line| {
            let (_, file) = line.split_once("include_str!(\"")?;
            join(dir_of(path), file.split('"').next()?)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    const LIB: &str = "crates/grantflow/src/lib.rs";

    fn is_one_text(files: &[(&str, &str)]) -> bool {
        guide(&tree(files), &mut Vec::new()).expect("it only reads")
    }

    #[test]
    fn a_readme_that_the_facade_does_not_include_is_found() {
        assert!(!is_one_text(&[(README, "a"), (LIB, "//! Facade.\n")]));
        assert!(!is_one_text(&[
            (README, "a"),
            (LIB, "// include_str!(\"../../../README.md\")\n")
        ]));
    }

    #[test]
    fn a_copy_must_be_the_same_text() {
        let lib = (LIB, "#![doc = include_str!(\"../README.md\")]\n");
        assert!(!is_one_text(&[
            (README, "a"),
            ("crates/grantflow/README.md", "b"),
            lib
        ]));
        assert!(is_one_text(&[
            (README, "a"),
            ("crates/grantflow/README.md", "a"),
            lib
        ]));
        for lib in [
            "#![doc = include_str!(\"../../../README.md\")]\n",
            "#![cfg_attr(\n    feature = \"all\",\n    doc = include_str!(\"../../../README.md\")\n)]\n",
        ] {
            assert!(is_one_text(&[(README, "a"), (LIB, lib)]));
        }
    }
}
