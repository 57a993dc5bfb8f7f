//! The rows that tests hold: threats, faults, vectors and quirks, by the names of the tests.
//!
//! A test that holds rows begins its name with them: `t17_a_denial_needs_the_right_state`, `t01_t02_…` for two.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Tables: letter, and how many rows each has.
pub(crate) const TABLES: [(char, u8); 4] = [('T', 72), ('R', 39), ('V', 28), ('Q', 67)];

/// A row of a table, `T17`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Row {
    table: char,
    number: u8,
}

impl Row {
    /// `T17`, and nothing else.
    pub(crate) fn read(name: &str) -> Option<Self> {
        let is_upper = name.starts_with(|c: char| c.is_ascii_uppercase());
        row(&name.to_ascii_lowercase()).filter(|_| is_upper)
    }

    /// Quirk 33 is `Q33`.
    pub(crate) fn quirk(number: u8) -> Self {
        Self { table: 'Q', number }
    }

    /// Whether its table has that many.
    pub(crate) fn exists(self) -> bool {
        let mut tables = TABLES.iter();
        tables.any(|(table, rows)| *table == self.table && (1..=*rows).contains(&self.number))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:02}", self.table, self.number)
    }
}

/// The rows that a test's name begins with.
pub(crate) fn of(name: &str) -> Vec<Row> {
    let function = name.rsplit("::").next().unwrap_or_default();
    let words = function.split('_').skip_while(|word| is_measurement(word));
    words.map_while(row).collect()
}

/// `m11`: what was measured of others; named, not counted.
fn is_measurement(word: &str) -> bool {
    let number = word.strip_prefix('m').unwrap_or_default();
    number.len() == 2 && number.chars().all(|c| c.is_ascii_digit())
}

fn row(word: &str) -> Option<Row> {
    let (table, number) = (word.chars().next()?, word.get(1..)?);
    let two_digits = number.len() == 2 && number.chars().all(|c| c.is_ascii_digit());
    if !"trvq".contains(table) || !two_digits {
        return None;
    }
    Some(Row {
        table: table.to_ascii_uppercase(),
        number: number.parse().ok()?,
    })
}

/// Every row, table by table.
pub(crate) fn all() -> impl Iterator<Item = Row> {
    let tables = TABLES.into_iter();
    tables.flat_map(|(table, rows)| (1..=rows).map(move |number| Row { table, number }))
}

/// The rows that these tests hold, by table.
pub(crate) fn covered<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<char, BTreeSet<Row>> {
    let mut covered: BTreeMap<char, BTreeSet<Row>> = TABLES
        .iter()
        .map(|(table, _)| (*table, BTreeSet::new()))
        .collect();
    for row in names.into_iter().flat_map(of).filter(|row| row.exists()) {
        covered.entry(row.table).or_default().insert(row);
    }
    covered
}

/// `T a/72 R a/39 V a/28 Q a/67`.
pub(crate) fn summary(covered: &BTreeMap<char, BTreeSet<Row>>) -> String {
    let part = |(table, rows): &(char, u8)| {
        format!("{table} {}/{rows}", covered.get(table).map_or(0, BTreeSet::len))
    };
    TABLES.iter().map(part).collect::<Vec<_>>().join(" ")
}

/// `T 72, R 39, V 28, Q 67`.
pub(crate) fn sizes() -> String {
    let part = |(table, rows): &(char, u8)| format!("{table} {rows}");
    TABLES.iter().map(part).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: &str) -> Vec<String> {
        of(name).iter().map(Row::to_string).collect()
    }

    #[test]
    fn rows_are_read_from_the_beginning_of_a_name() {
        assert_eq!(names("flow::tests::t01_t02_no_state_is_refused"), ["T01", "T02"]);
        assert_eq!(names("q33_scopes"), ["Q33"]);
        assert_eq!(names("r09"), ["R09"]);
        assert_eq!(names("m11_r01_r05_a_refresh"), ["R01", "R05"]);
        for none in [
            "the_t01_row",
            "t1_x",
            "t001_x",
            "x01_y",
            "table_t01",
            "token",
            "v1_2",
        ] {
            assert_eq!(of(none), [], "{none}");
        }
    }

    #[test]
    fn a_row_is_read_by_its_name_alone() {
        let read = |name| Row::read(name).map(|row| row.to_string());
        assert_eq!(read("T17").as_deref(), Some("T17"));
        for none in ["t17", "T1", "T017", "X17", "T17_", ""] {
            assert_eq!(read(none), None, "{none}");
        }
        assert_eq!(Row::quirk(3).to_string(), "Q03");
    }

    #[test]
    fn a_row_past_the_end_does_not_exist() {
        assert!(of("t72_x").iter().all(|row| row.exists()));
        assert!(of("t73_r40_v29_q68_t00").iter().all(|row| !row.exists()));
    }

    #[test]
    fn each_row_counts_once() {
        let covered = covered(["a::t01_x", "b::t01_y", "t02_q67_z", "t99_w", "plain"]);
        assert_eq!(summary(&covered), "T 2/72 R 0/39 V 0/28 Q 1/67");
    }
}
