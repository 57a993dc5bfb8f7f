//! The comparison in the README: each cell links to a test that is there, and each test of it has a cell.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use crate::scan::Source;
use crate::tree::Tree;

const README: &str = "README.md";
const HEADING: &str = "## Compared with";
const ROWS: &str = "tests/comparison/tests/rows/";

pub(super) fn comparison(tree: &Tree) -> Vec<Problem> {
    let readme = tree.get(README).unwrap_or_default();
    let tests = tests(tree);
    let definitions = definitions(readme);
    let mut problems = Vec::new();
    let mut linked = BTreeSet::new();
    for (line, cell) in cells(readme) {
        let names: Vec<&str> = references(cell).collect();
        if names.is_empty() {
            let what = format!("the cell `{}` links to no test of {ROWS}", cell.trim());
            problems.push(Problem::new(README, line, what));
        }
        for name in names {
            match definitions.get(name) {
                Some(test) if tests.contains(test) => drop(linked.insert(test.clone())),
                Some((file, test)) => {
                    let what = format!("`[{name}]` leads to no test `{test}` in {file}");
                    problems.push(Problem::new(README, line, what));
                }
                None => {
                    let what = format!("`[{name}]` has no line `[{name}]: {ROWS}FILE.rs \"TEST\"`");
                    problems.push(Problem::new(README, line, what));
                }
            }
        }
    }
    let unlinked = tests.difference(&linked).map(|(file, test)| {
        let what = format!("`{test}` holds no cell of the README's comparison; link to it, or remove it");
        Problem::new(file, 0, what)
    });
    problems.extend(unlinked);
    problems
}

/// File and name of each test.
fn tests(tree: &Tree) -> BTreeSet<(String, String)> {
    let files = tree.rust().filter(|(path, _)| path.starts_with(ROWS));
    let tests = files.flat_map(|(path, text)| {
        let code = Source::new(text).code;
        let names = code.split("#[test]").skip(1).filter_map(|after| {
            let name = after.split_once("fn ")?.1.split('(').next()?;
            Some((path.to_owned(), name.to_owned()))
        });
        names.collect::<Vec<_>>()
    });
    tests.collect()
}

/// `[name]: file "test"`.
fn definitions(readme: &str) -> BTreeMap<&str, (String, String)> {
    let lines = readme.lines().filter_map(|line| {
        let (name, target) = line.strip_prefix('[')?.split_once("]: ")?;
        let (file, title) = target.split_once(" \"")?;
        Some((name, (file.to_owned(), title.trim_end_matches('"').to_owned())))
    });
    lines.collect()
}

/// Line and text of each cell under the heading, without the table's head and its first column.
fn cells(readme: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = readme.lines().enumerate();
    let section = lines.skip_while(|(_, line)| !line.starts_with(HEADING)).skip(1);
    let section = section.take_while(|(_, line)| !line.starts_with("## "));
    let rows = section.filter(|(_, line)| line.starts_with('|')).skip(2);
    rows.flat_map(|(at, line)| {
        let cells = line.trim().trim_matches('|').split('|').skip(1);
        cells.map(move |cell| (at + 1, cell))
    })
}

/// The names of `[text][name]`.
fn references(cell: &str) -> impl Iterator<Item = &str> {
    cell.split("][")
        .skip(1)
        .filter_map(|after| after.split(']').next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    const FILE: &str = "tests/comparison/tests/rows/a.rs";
    const TWO: &str = "#[test]\nfn ours() {}\n\n#[test]\nfn theirs() {}\n";

    fn found(table: &str, definitions: &str, code: &str) -> Vec<String> {
        let readme = format!(
            "# A\n| not | this |\n\n## Compared with two\n\n| | us | it |\n|---|---|---|\n{table}\n\n{definitions}\n"
        );
        let tree = tree(&[(README, &readme), (FILE, code)]);
        comparison(&tree).iter().map(Problem::to_string).collect()
    }

    fn defined(first: &str, second: &str) -> String {
        format!(
            "[a1]: {FILE} \"{first}\"\n[a2]: {FILE} \"{second}\"\n\n## Next\n| a | b |\n|---|---|\n| c | d |\n"
        )
    }

    #[test]
    fn cells_that_link_to_tests_are_free() {
        let found = found("| x | [1][a1] | [2][a2] |", &defined("ours", "theirs"), TWO);
        assert_eq!(found, [] as [String; 0]);
    }

    #[test]
    fn a_cell_without_a_test_is_found() {
        let found = found("| x | [1][a1], [2][a2] | 3 |", &defined("ours", "theirs"), TWO);
        assert!(
            found.len() == 1 && found[0].starts_with("README.md:8: the cell `3`"),
            "{found:?}"
        );
    }

    #[test]
    fn a_test_that_is_gone_is_found() {
        let found = found("| x | [1][a1] | [2][a2] |", &defined("ours", "other"), TWO);
        assert_eq!(
            found.len(),
            2,
            "the name that leads nowhere, and the test without a cell: {found:?}"
        );
        let undefined = super::comparison(&tree(&[(
            README,
            "## Compared with\n\n| | a |\n|---|---|\n| x | [1][a9] |\n",
        )]));
        assert_eq!(undefined.len(), 1);
    }

    #[test]
    fn a_test_in_a_comment_is_none() {
        let code = "// #[test]\n// fn ours() {}\n#[test]\nfn theirs() {}\n";
        assert_eq!(
            found("| x | [1][a1] | [2][a2] |", &defined("ours", "theirs"), code).len(),
            1
        );
    }
}
