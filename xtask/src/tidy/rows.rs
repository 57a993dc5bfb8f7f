//! The page of rows: each row that a test or a comment names is explained in it, and each test that it names is there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Problem, is_test_file};
use crate::scan::{Source, is_ident_char, line_of, words};
use crate::test::rows::{self, Row};
use crate::tree::{Tree, dir_of, join};

const PAGE: &str = "docs/rows.md";
const NONE: &str = "not yet";

pub(super) fn rows(tree: &Tree) -> Vec<Problem> {
    let lines: Vec<Line<'_>> = tree.get(PAGE).map(read).unwrap_or_default();
    let explained: BTreeSet<Row> = lines.iter().map(|line| line.row).collect();
    let mut problems = Vec::new();
    let mut held = BTreeMap::new();
    for (path, text) in tree.files().filter(|(path, _)| *path != PAGE) {
        let mut named = Vec::new();
        if path.ends_with(".rs") {
            let source = Source::new(text);
            named = in_prose(&source.comments);
            for (at, name) in functions(&source.tests(is_test_file(tree, path))) {
                let rows = rows::of(&name);
                named.extend(rows.iter().map(|row| (at, *row)));
                held.extend(rows.into_iter().map(|row| (row, name.clone())));
            }
        } else if path.ends_with(".md") {
            named = in_prose(text);
        }
        let unknown = named.into_iter().filter(|(_, row)| !explained.contains(row));
        problems.extend(unknown.map(|(at, row)| {
            let what = format!("row {row} is not in {PAGE}; mend the number, or explain it there");
            Problem::new(path, line_of(text, at), what)
        }));
    }
    if tree.has(PAGE) {
        problems.extend(out_of_order(&lines));
    }
    problems.extend(lines.iter().filter_map(|line| {
        let what = wrong(tree, line, held.get(&line.row))?;
        Some(Problem::new(PAGE, line.number, format!("{}: {what}", line.row)))
    }));
    problems
}

/// A line of one of the page's tables.
struct Line<'a> {
    number: usize,
    row: Row,
    /// The last cell.
    test: &'a str,
}

fn read(page: &str) -> Vec<Line<'_>> {
    let lines = page.lines().enumerate().filter_map(|(at, line)| {
        let mut cells = line.strip_prefix('|')?.trim_end().strip_suffix('|')?.split('|');
        let row = Row::read(cells.next()?.trim())?;
        let (number, test) = (at + 1, cells.next_back()?.trim());
        Some(Line { number, row, test })
    });
    lines.collect()
}

/// The first place where the page's rows are not those of the tables, from the first to the last.
fn out_of_order(lines: &[Line<'_>]) -> Option<Problem> {
    let mut lines = lines.iter();
    for row in rows::all() {
        let line = lines.next();
        if line.is_none_or(|line| line.row != row) {
            let number = line.map_or(0, |line| line.number);
            let what = format!(
                "{row} belongs here; the tables have {} rows, in order",
                rows::sizes()
            );
            return Some(Problem::new(PAGE, number, what));
        }
    }
    let line = lines.next()?;
    Some(Problem::new(
        PAGE,
        line.number,
        format!("{} is past the end of its table", line.row),
    ))
}

/// What is wrong with the test that a line names; `held` is one that there is.
fn wrong(tree: &Tree, line: &Line<'_>, held: Option<&String>) -> Option<String> {
    if line.test == NONE {
        return held.map(|name| format!("`{name}` holds it; write that in the place of `{NONE}`"));
    }
    let link = line
        .test
        .strip_prefix("[`")
        .and_then(|rest| rest.strip_suffix(')'));
    let Some((name, file)) = link.and_then(|link| link.split_once("`](")) else {
        return Some(format!(
            "its last cell is neither ``[`TEST`](FILE)`` nor `{NONE}`"
        ));
    };
    if !rows::of(name).contains(&line.row) {
        return Some(format!("`{name}` does not begin with it"));
    }
    let text = join(dir_of(PAGE), file).and_then(|path| tree.get(&path));
    let mut code = text
        .into_iter()
        .flat_map(str::lines)
        .filter(|line| !line.trim_start().starts_with("//"));
    let is_there = code.any(|line| words(line, name).next().is_some());
    (!is_there).then(|| format!("{file} has no test `{name}`"))
}

/// Where functions are, and their names.
fn functions(code: &str) -> Vec<(usize, String)> {
    let functions = words(code, "fn").filter_map(|at| {
        let name = code[at + 2..].trim_start();
        Some((at, name[..name.find(['(', '<'])?].to_owned()))
    });
    functions.collect()
}

/// The rows that prose names: `T17`, a test as `t17_…`, or quirk 33.
fn in_prose(text: &str) -> Vec<(usize, Row)> {
    let mut named = Vec::new();
    let mut quirks = false;
    let mut at = 0;
    for word in text.split_inclusive(|c| !is_ident_char(c)) {
        let name = word.trim_end_matches(|c| !is_ident_char(c));
        if name.contains('_') {
            named.extend(rows::of(name).into_iter().map(|row| (at, row)));
        } else if let Some(row) = Row::read(name) {
            named.push((at, row));
        } else if quirks && let Ok(number) = name.parse() {
            named.push((at, Row::quirk(number)));
        }
        // The list goes on over commas and "and", and ends with the bracket or the sentence.
        quirks = matches!(name, "quirk" | "quirks")
            || quirks
                && (["", "and", "to"].contains(&name) || name.parse::<u8>().is_ok())
                && !word.ends_with([')', '.', ';', ':', '\n']);
        at += word.len();
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    const FILE: &str = "crates/a/tests/a.rs";
    const CODE: &str = "#[test]\nfn t01_t02_two() {}\n#[test]\nfn q67_last() {}\n";

    /// The page with all rows, two of them held; what `with` names has another last cell.
    fn page(with: &[(&str, &str)]) -> String {
        let lines = rows::all().map(|row| {
            let row = row.to_string();
            let given = with.iter().find(|(name, _)| *name == row);
            let test = given.map_or_else(
                || match row.as_str() {
                    "T01" | "T02" => format!("[`t01_t02_two`](../{FILE})"),
                    "Q67" => format!("[`q67_last`](../{FILE})"),
                    _ => NONE.to_owned(),
                },
                |(_, test)| (*test).to_owned(),
            );
            format!("| {row} | What it is. | {test} |\n")
        });
        lines.collect()
    }

    fn found(page: &str, files: &[(&str, &str)]) -> Vec<String> {
        let all = [&[(PAGE, page), (FILE, CODE)], files].concat();
        rows(&tree(&all)).iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_page_that_is_true_is_free() {
        let text = "// Threats T01 and R39; quirks 1, 2 and 67 (quirk 3). 99 others, `q67_…`, V6 and t99.\n";
        let strings = "fn f() { g(\"t99_x T99\") }\n";
        let found = found(
            &page(&[]),
            &[("crates/a/src/a.rs", text), ("crates/b/src/b.rs", strings)],
        );
        assert_eq!(found, [] as [String; 0]);
    }

    #[test]
    fn a_row_that_is_not_explained_is_found_wherever_it_is_named() {
        let full = page(&[]);
        let short = full.replace("| T17 |", "| - |");
        for (path, text) in [
            ("tests/a.rs", "//! A.\n#[test]\nfn t01_r40_past_the_end() {}\n"),
            ("tests/a.rs", "//! A.\n#[test]\nfn v00_none() {}\n"),
            ("crates/a/src/a.rs", "\n\n// Threat T73.\n"),
            ("crates/a/src/a.rs", "\n\n/// Held by `t73_…`.\n"),
            ("crates/a/src/a.rs", "\n\n/// Quirks (quirks 1, 2 and 68).\n"),
            ("docs/a.md", "\n\nRows `T01`–`T73`.\n"),
        ] {
            let found = found(&full, &[(path, text)]);
            let expected = format!("{path}:3: row ");
            assert!(
                found.len() == 1 && found[0].starts_with(&expected),
                "{text}: {found:?}"
            );
        }
        let found = found(&short, &[("docs/a.md", "`t17_…`")]);
        assert!(
            found.len() == 2 && found[0].starts_with("docs/a.md:1: row T17 is not in"),
            "and it is missing: {found:?}"
        );
    }

    #[test]
    fn a_page_without_a_row_or_in_another_order_is_found() {
        let full = page(&[]);
        let line = |row: &str| format!("| {row} | What it is. | not yet |\n");
        for (changed, place, row) in [
            (
                full.replace(&line("R01"), ""),
                "docs/rows.md:73: ",
                "R01 belongs here",
            ),
            (
                full.replace(&line("R01"), &line("R02")),
                "docs/rows.md:73: ",
                "R01 belongs here",
            ),
            (
                format!("{full}{}", line("Q67")),
                "docs/rows.md:207: ",
                "Q67 is past",
            ),
        ] {
            let found = found(&changed, &[]);
            assert!(found[0].starts_with(&format!("{place}{row}")), "{found:?}");
        }
    }

    #[test]
    fn a_test_that_is_not_there_is_found() {
        for (row, cell, what) in [
            ("T03", "[`t03_gone`](../crates/a/tests/a.rs)", "has no test"),
            ("T03", "[`t03_gone`](../crates/a/tests/gone.rs)", "has no test"),
            ("T03", "[`t03_said`](../crates/b/src/b.rs)", "has no test"),
            (
                "T03",
                "[`t01_t02_two`](../crates/a/tests/a.rs)",
                "does not begin with it",
            ),
            ("T03", "review", "its last cell is neither"),
            ("T02", "not yet", "`t01_t02_two` holds it"),
        ] {
            let files = [("crates/b/src/b.rs", "// t03_said\n")];
            let found = found(&page(&[(row, cell)]), &files);
            assert!(
                found.len() == 1 && found[0].starts_with("docs/rows.md:") && found[0].contains(what),
                "{cell}: {found:?}"
            );
        }
    }

    #[test]
    fn a_test_may_be_named_in_a_string_of_its_harness() {
        let page = page(&[("T03", "[`m11_t03_x`](../crates/b/tests/b.rs)")]);
        let files = [("crates/b/tests/b.rs", "const ALL: [&str; 1] = [\"m11_t03_x\"];\n")];
        assert_eq!(found(&page, &files), [] as [String; 0]);
    }
}
