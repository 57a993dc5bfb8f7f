//! What a run came to: tests, rows covered, suites skipped; printed, and kept in target/report.json.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::driven::{Driven, End};
use super::rows::{self, Row};
use super::runner::{Case, Verdict};
use crate::workspace::text;

/// A suite that could not run here.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Skip {
    pub(crate) suite: String,
    pub(crate) reason: String,
    /// The test that skipped itself; it counts as skipped, not as passed.
    pub(crate) test: Option<String>,
}

impl Skip {
    pub(crate) fn new(suite: &str, reason: &str) -> Self {
        Self {
            suite: suite.to_owned(),
            reason: reason.to_owned(),
            test: None,
        }
    }

    /// Prints it at once, and gives it back.
    pub(crate) fn said(self) -> Self {
        println!("SKIPPED {}: {}", self.suite, self.reason);
        self
    }

    fn parse(line: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(line).unwrap_or_default();
        let skip = Self {
            suite: text(&json, "suite"),
            reason: text(&json, "reason"),
            test: json["test"].as_str().map(str::to_owned),
        };
        if skip.suite.is_empty() || skip.reason.is_empty() {
            return Err(format!(
                "`{line}` in the file of GRANTFLOW_SKIPS is not {{\"suite\": …, \"reason\": …}}; mend the suite that wrote it"
            ));
        }
        Ok(skip)
    }
}

/// The lines that suites left in the file of `GRANTFLOW_SKIPS`, each once.
pub(crate) fn read_skips(path: &Path) -> Result<Vec<Skip>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let skips: BTreeSet<Skip> = lines.map(Skip::parse).collect::<Result<_, _>>()?;
    Ok(skips.into_iter().collect())
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: Vec<Skip>,
    covered: BTreeMap<char, BTreeSet<Row>>,
    cases: Vec<Case>,
    durations: Vec<(&'static str, f64)>,
    driven: Driven,
}

impl Outcome {
    pub(super) fn new(cases: Vec<Case>, mut skipped: Vec<Skip>, durations: Vec<(&'static str, f64)>) -> Self {
        for case in cases.iter().filter(|case| case.verdict == Verdict::Ignored) {
            skipped.push(Skip {
                test: Some(case.name.clone()),
                ..Skip::new(&case.name, "ignored in its source")
            });
        }
        let skipped_itself = |case: &Case| skipped.iter().any(|skip| skip.test.as_ref() == Some(&case.name));
        let passed = |case: &&Case| case.verdict == Verdict::Passed && !skipped_itself(case);
        let names = cases.iter().filter(passed).map(|case| case.name.as_str());
        Self {
            covered: rows::covered(names),
            passed: cases.iter().filter(passed).count(),
            failed: cases
                .iter()
                .filter(|case| case.verdict == Verdict::Failed)
                .count(),
            skipped,
            cases,
            durations,
            driven: Driven::default(),
        }
    }

    /// With the table of what tests drove against real servers, as they said in this file.
    pub(super) fn with_driven(mut self, path: &Path) -> Result<Self, String> {
        self.driven = Driven::read(path, |test| self.end_of(test))?;
        Ok(self)
    }

    /// A test that said what it drives and of which nothing more is known did not come to its end.
    fn end_of(&self, test: &str) -> End {
        let passed = |case: &Case| case.name == test && case.verdict == Verdict::Passed;
        if self.skipped.iter().any(|skip| skip.test.as_deref() == Some(test)) {
            End::Skipped
        } else if self.cases.iter().any(passed) {
            End::Passed
        } else {
            End::Failed
        }
    }

    /// Whether a test whose name has this word in it passed.
    pub(crate) fn passed_named(&self, word: &str) -> bool {
        let skipped = |case: &Case| {
            self.skipped
                .iter()
                .any(|skip| skip.test.as_ref() == Some(&case.name))
        };
        self.cases
            .iter()
            .any(|case| case.verdict == Verdict::Passed && !skipped(case) && case.name.contains(word))
    }

    /// `covered: T a/72 R a/39 V a/28 Q a/67, skipped n`.
    pub(crate) fn covered_line(&self) -> String {
        format!(
            "covered: {}, skipped {}",
            rows::summary(&self.covered),
            self.skipped.len()
        )
    }

    /// The line a run ends with.
    pub(crate) fn closing_line(&self) -> String {
        tally(self.passed, self.failed, self.skipped.len())
    }

    /// What failed and what was skipped, then the rows.
    pub(super) fn print(&self) {
        println!();
        for case in self.cases.iter().filter(|case| case.verdict == Verdict::Failed) {
            println!("FAILED {} {}", case.suite, case.name);
        }
        for skip in &self.skipped {
            println!("SKIPPED {}: {}", skip.suite, skip.reason);
        }
        println!("{}\n{}", self.driven.table(), self.covered_line());
    }

    pub(super) fn write(&self, path: &Path, filters: &[String]) -> Result<(), String> {
        let text = serde_json::to_string_pretty(&self.to_json(filters))
            .map_err(|e| format!("cannot write the report as JSON: {e}"))?;
        std::fs::write(path, text + "\n").map_err(|e| format!("cannot write {}: {e}", path.display()))
    }

    fn to_json(&self, filters: &[String]) -> Value {
        let covered: BTreeMap<String, Vec<String>> = self
            .covered
            .iter()
            .map(|(table, rows)| (table.to_string(), rows.iter().map(Row::to_string).collect()))
            .collect();
        let rows: BTreeMap<String, u8> = rows::TABLES
            .iter()
            .map(|(table, rows)| (table.to_string(), *rows))
            .collect();
        let skipped = self
            .skipped
            .iter()
            .map(|skip| json!({ "suite": skip.suite, "reason": skip.reason, "test": skip.test }));
        let tests = self.cases.iter().map(|case| {
            let verdict = match case.verdict {
                Verdict::Passed => "passed",
                Verdict::Failed => "failed",
                Verdict::Ignored => "ignored",
            };
            json!({ "suite": case.suite, "name": case.name, "verdict": verdict, "seconds": case.seconds })
        });
        json!({
            "covered": covered,
            "rows": rows,
            "passed": self.passed,
            "failed": self.failed,
            "skipped": skipped.collect::<Vec<_>>(),
            "driven": self.driven.to_json(),
            "durations": self.durations.iter().copied().collect::<BTreeMap<_, _>>(),
            "filters": filters,
            "tests": tests.collect::<Vec<_>>(),
        })
    }
}

/// `N passed, N failed, N skipped`.
pub(crate) fn tally(passed: usize, failed: usize, skipped: usize) -> String {
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, verdict: Verdict) -> Case {
        Case {
            verdict,
            ..Case::failed("suite", name)
        }
    }

    #[test]
    fn a_test_that_skipped_itself_covers_nothing() {
        let skip = Skip::parse(r#"{"suite":"chromium","reason":"not installed","test":"t02_b"}"#)
            .expect("it is JSON");
        let cases = vec![
            case("t01_a", Verdict::Passed),
            case("t02_b", Verdict::Passed),
            case("t03_c", Verdict::Failed),
            case("t04_d", Verdict::Ignored),
        ];
        let outcome = Outcome::new(cases, vec![skip], Vec::new());
        assert_eq!(outcome.closing_line(), "1 passed, 1 failed, 2 skipped");
        assert_eq!(
            outcome.covered_line(),
            "covered: T 1/72 R 0/39 V 0/28 Q 0/67, skipped 2"
        );
        assert!(outcome.passed_named("t01") && !outcome.passed_named("t02"));
    }

    #[test]
    fn a_test_that_drives_something_ends_as_it_ended_and_failed_if_nobody_knows() {
        let cases = vec![
            case("t01_a", Verdict::Passed),
            case("t02_b", Verdict::Passed),
            case("t03_c", Verdict::Failed),
        ];
        let skip = Skip {
            test: Some("t02_b".into()),
            ..Skip::new("server", "not installed")
        };
        let outcome = Outcome::new(cases, vec![skip], Vec::new());
        let ends = ["t01_a", "t02_b", "t03_c", "t04_d"].map(|test| outcome.end_of(test));
        assert_eq!(ends, [End::Passed, End::Skipped, End::Failed, End::Failed]);
    }

    #[test]
    fn a_skip_without_a_reason_is_an_error() {
        for line in ["{}", "not json", r#"{"suite":"x"}"#] {
            assert!(
                Skip::parse(line).is_err_and(|problem| problem.contains("GRANTFLOW_SKIPS")),
                "{line}"
            );
        }
    }

    #[test]
    fn a_skip_that_several_tests_report_counts_once_each() {
        let path = std::env::temp_dir().join(format!("grantflow-skips-{}.jsonl", std::process::id()));
        let line = r#"{"suite":"npm","reason":"none"}"#;
        std::fs::write(&path, format!("{line}\n{line}\n\n")).expect("the temporary directory is ours");
        let skips = read_skips(&path);
        std::fs::remove_file(&path).expect("it was just written");
        assert_eq!(skips, Ok(vec![Skip::new("npm", "none")]));
    }

    #[test]
    fn the_report_has_rows_tests_and_durations() {
        let cases = vec![case("t01_a", Verdict::Passed)];
        let json = Outcome::new(cases, vec![Skip::new("a", "b")], vec![("run", 1.5)]).to_json(&[]);
        assert_eq!(json["covered"], json!({"T": ["T01"], "R": [], "V": [], "Q": []}));
        assert_eq!(json["durations"]["run"], 1.5);
        assert_eq!(json["skipped"][0]["reason"], "b");
        assert_eq!(json["tests"][0]["verdict"], "passed");
    }
}
