//! The table of protocol features by real server and transport, from what the tests that drive them said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use crate::workspace::text;

/// How the tests of one cell ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Cell {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// What became of a test.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Passed,
    Failed,
    Skipped,
}

/// A server and the transport that it was spoken to over.
type Column = (String, String);

/// Cells by feature and column.
#[derive(Debug, Default)]
pub(super) struct Driven(BTreeMap<String, BTreeMap<Column, Cell>>);

impl Driven {
    /// Reads the lines that tests left in the file of `GRANTFLOW_DRIVEN`; `ends` knows how each test ended.
    pub(super) fn read(path: &Path, ends: impl Fn(&str) -> End) -> Result<Self, String> {
        let text =
            std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        Self::parse(&text, ends)
    }

    fn parse(lines: &str, ends: impl Fn(&str) -> End) -> Result<Self, String> {
        // Each test once, however often it says so.
        let said = lines.lines().map(facts).collect::<Result<Vec<_>, _>>()?;
        let said: BTreeSet<(String, Column, String)> = said.into_iter().flatten().collect();
        let mut driven = Self::default();
        for (feature, column, test) in said {
            let cell = driven.0.entry(feature).or_default().entry(column).or_default();
            match ends(&test) {
                End::Passed => cell.passed += 1,
                End::Failed => cell.failed += 1,
                End::Skipped => cell.skipped += 1,
            }
        }
        Ok(driven)
    }

    /// A line for each feature; nothing where no test drove one.
    pub(super) fn table(&self) -> String {
        let columns: BTreeSet<&Column> = self.0.values().flat_map(BTreeMap::keys).collect();
        let mut rows = vec![vec!["tests passed/failed/skipped".to_owned()]];
        rows[0].extend(columns.iter().map(|(server, over)| format!("{server}, {over}")));
        for (feature, cells) in &self.0 {
            let cell = |column: &&Column| cells.get(*column).map_or("-".to_owned(), Cell::to_string);
            rows.push(
                std::iter::once(feature.clone())
                    .chain(columns.iter().map(cell))
                    .collect(),
            );
        }
        let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..=columns.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let padded = row
                .iter()
                .zip(&widths)
                .map(|(text, width)| format!("{text:width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        if self.0.is_empty() {
            return String::new();
        }
        rows.iter().map(line).collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let cells = self.0.iter().flat_map(|(feature, cells)| {
            cells.iter().map(move |((server, over), cell)| {
                json!({ "feature": feature, "server": server, "over": over,
                    "passed": cell.passed, "failed": cell.failed, "skipped": cell.skipped })
            })
        });
        cells.collect()
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.passed, self.failed, self.skipped)
    }
}

/// Feature, column and test, for each feature of a line.
fn facts(line: &str) -> Result<Vec<(String, Column, String)>, String> {
    let json: Value = serde_json::from_str(line).unwrap_or_default();
    let (server, over, test) = (text(&json, "server"), text(&json, "over"), text(&json, "test"));
    let features = json["features"]
        .as_array()
        .filter(|features| !features.is_empty());
    match features {
        Some(features) if ![&server, &over, &test].iter().any(|text| text.is_empty()) => Ok(features
            .iter()
            .map(|feature| {
                let feature = feature.as_str().unwrap_or_default().to_owned();
                (feature, (server.clone(), over.clone()), test.clone())
            })
            .collect()),
        _ => Err(format!(
            "`{line}` in the file of GRANTFLOW_DRIVEN does not say which test drives what; mend the suite that wrote it"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = r#"{"server":"a","over":"ureq","features":["login","refresh"],"test":"one"}
{"server":"a","over":"ureq","features":["login"],"test":"one"}
{"server":"a","over":"reqwest","features":["login"],"test":"two"}
{"server":"b","over":"ureq","features":["login"],"test":"three"}
"#;

    fn ends(test: &str) -> End {
        match test {
            "one" => End::Passed,
            "two" => End::Failed,
            _ => End::Skipped,
        }
    }

    #[test]
    fn a_cell_counts_each_test_once_by_how_it_ended() {
        let driven = Driven::parse(SAID, ends).expect("the lines are whole");
        assert_eq!(
            driven.table(),
            "tests passed/failed/skipped  a, reqwest  a, ureq  b, ureq\n\
             login                        0/1/0       1/0/0    0/0/1\n\
             refresh                      -           1/0/0    -\n"
        );
        assert_eq!(driven.to_json()[0]["failed"], 1);
    }

    #[test]
    fn nothing_driven_is_no_table_and_a_line_that_says_nothing_is_an_error() {
        assert_eq!(Driven::default().table(), "");
        for line in [
            "{}",
            "not json",
            r#"{"server":"a","over":"ureq","features":[],"test":"x"}"#,
            r#"{"server":"a","over":"ureq","features":["x"],"test":null}"#,
        ] {
            let read = Driven::parse(line, ends);
            assert!(
                read.is_err_and(|problem| problem.contains("GRANTFLOW_DRIVEN")),
                "{line}"
            );
        }
    }
}
