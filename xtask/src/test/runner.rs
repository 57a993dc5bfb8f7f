//! Runs tests with what is installed, and reads what each test came to.

use std::path::Path;

use crate::cmd::Cmd;
use crate::workspace::Workspace;

/// One test, run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case {
    /// Its path within its executable, `flow::tests::t17_…`.
    pub(crate) name: String,
    /// The executable, where the runner says so; else the runner.
    pub(crate) suite: String,
    pub(crate) verdict: Verdict,
    pub(crate) seconds: Option<f64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Passed,
    Failed,
    Ignored,
}

impl Case {
    /// A failure of the run itself.
    pub(super) fn failed(suite: &str, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            suite: suite.to_owned(),
            verdict: Verdict::Failed,
            seconds: None,
        }
    }
}

/// Whether the runner succeeded, and each test.
type Ran = (bool, Vec<Case>);

/// `cargo nextest run`; its JUnit report says what each test came to.
pub(super) fn nextest(workspace: &Workspace, narrow: impl FnOnce(Cmd) -> Cmd) -> Result<Ran, String> {
    let (config, report) = (
        workspace.target.join("nextest-tool.toml"),
        workspace.target.join("junit.xml"),
    );
    std::fs::write(&config, nextest_config(&report))
        .map_err(|e| format!("cannot write {}: {e}", config.display()))?;
    if report.exists() {
        std::fs::remove_file(&report)
            .map_err(|e| format!("cannot remove the old {}: {e}", report.display()))?;
    }
    let command = Cmd::cargo(
        &workspace.root,
        "nextest run --all-features --no-fail-fast --no-input-handler --tool-config-file",
    )
    .arg(format!("xtask:{}", config.display()));
    let ok = narrow(command).run()?;
    // Without a report no test ran: a build error, or a filter that fits none.
    let cases = std::fs::read_to_string(&report).map_or_else(|_| Vec::new(), |xml| junit(&xml));
    Ok((ok, cases))
}

/// The report's place is absolute, so that it follows the target directory; a test that hangs is ended.
fn nextest_config(report: &Path) -> String {
    format!(
        "[profile.default]\nslow-timeout = {{ period = \"60s\", terminate-after = 5 }}\n\n\
         [profile.default.junit]\npath = {:?}\nstore-failure-output = false\n",
        report.display().to_string()
    )
}

/// The test cases of a JUnit report. Text inside is escaped, so a tag is a tag.
fn junit(xml: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for tag in xml.split('<').skip(1) {
        if tag.starts_with("testcase ") {
            cases.push(Case {
                name: attribute(tag, "name").unwrap_or_default(),
                suite: attribute(tag, "classname").unwrap_or_default(),
                verdict: Verdict::Passed,
                seconds: attribute(tag, "time").and_then(|time| time.parse().ok()),
            });
        } else if let Some(case) = cases.last_mut() {
            // A flaky failure is one that a retry mended; nothing here is retried.
            if tag.starts_with("failure") || tag.starts_with("error") || tag.starts_with("flaky") {
                case.verdict = Verdict::Failed;
            } else if tag.starts_with("skipped") {
                case.verdict = Verdict::Ignored;
            }
        }
    }
    cases
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, value) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = value.split_once('"')?;
    let value = value
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    Some(value.replace("&apos;", "'").replace("&amp;", "&"))
}

/// A command that runs tests of the standard harness, and its lines `test name ... ok`.
pub(super) fn libtest(suite: &str, command: &Cmd) -> Result<Ran, String> {
    let (ok, text) = command.tee()?;
    Ok((ok, lines(suite, &text)))
}

fn lines(suite: &str, text: &str) -> Vec<Case> {
    text.lines()
        .filter_map(|line| {
            let (name, verdict) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
            let verdict = match verdict.split(',').next()?.trim() {
                "ok" => Verdict::Passed,
                "FAILED" => Verdict::Failed,
                "ignored" => Verdict::Ignored,
                _ => return None,
            };
            let name = [" - should panic", " - compile fail", " - compile"]
                .iter()
                .find_map(|mark| name.strip_suffix(mark))
                .unwrap_or(name);
            Some(Case {
                name: name.to_owned(),
                suite: suite.to_owned(),
                verdict,
                seconds: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(cases: &[Case]) -> Vec<(&str, Verdict)> {
        cases
            .iter()
            .map(|case| (case.name.as_str(), case.verdict))
            .collect()
    }

    #[test]
    fn a_junit_report_is_read() {
        let xml = r#"<testsuites name="nextest-run" tests="3" failures="1">
<testsuite name="nx" tests="3">
<testcase name="tests::t01_ok" classname="nx" timestamp="2026" time="0.007"/>
<testcase name="tests::t02_bad" classname="nx" time="0.170">
<failure message="a &lt;testcase name=&quot;fake&quot;/&gt;" type="x">&lt;testcase name=&quot;fake&quot;/&gt;</failure>
<system-out>test fake ... ok</system-out></testcase>
<testcase name="a&amp;b" classname="nx::it" time="1"/></testsuite></testsuites>"#;
        let cases = junit(xml);
        assert_eq!(
            verdicts(&cases),
            [
                ("tests::t01_ok", Verdict::Passed),
                ("tests::t02_bad", Verdict::Failed),
                ("a&b", Verdict::Passed)
            ]
        );
        assert_eq!(
            (cases[2].suite.as_str(), cases[1].seconds),
            ("nx::it", Some(0.17))
        );
    }

    #[test]
    fn lines_of_the_standard_harness_are_read() {
        let text = "\nrunning 4 tests\ntest tests::t01_ok ... ok\ntest tests::t03 ... ignored, slow\ntest t04 - should panic ... ok\n\
            test tests::t02_bad ... FAILED\n\n---- tests::t02_bad stdout ----\ntest of something\n\
            test crates/a/src/lib.rs - a (line 2) ... ok\ntest src/lib.rs - b (line 9) - compile fail ... ok\n\
            test result: FAILED. 2 passed; 1 failed; 1 ignored\n";
        assert_eq!(
            verdicts(&lines("doc", text)),
            [
                ("tests::t01_ok", Verdict::Passed),
                ("tests::t03", Verdict::Ignored),
                ("t04", Verdict::Passed),
                ("tests::t02_bad", Verdict::Failed),
                ("crates/a/src/lib.rs - a (line 2)", Verdict::Passed),
                ("src/lib.rs - b (line 9)", Verdict::Passed),
            ]
        );
    }

    #[test]
    fn a_report_path_is_quoted_for_toml() {
        let config = nextest_config(Path::new(r"C:\a b\junit.xml"));
        assert!(config.contains(r#"path = "C:\\a b\\junit.xml""#), "{config}");
    }
}
