//! No unfinished work, no tests that are switched off or that sleep.

use super::{Problem, is_test_file};
use crate::paths;
use crate::scan::{Source, line_of, words};
use crate::tree::Tree;

const MACROS: [&str; 2] = ["todo", "unimplemented"];
const WORDS: [&str; 3] = ["TODO", "FIXME", "XXX"];
const SLEEPS: [&str; 4] = [
    "std::thread::sleep",
    "std::thread::sleep_until",
    "tokio::time::sleep",
    "tokio::time::sleep_until",
];

pub(super) fn marks(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files() {
        if path.ends_with(".rs") {
            let source = Source::new(text);
            let tests = source.tests(is_test_file(tree, path));
            problems.extend(unfinished(path, &source));
            problems.extend(ignored(path, &source.code));
            problems.extend(sleeping(path, &tests, text));
        } else if has_prose(path) {
            problems.extend(marked(path, text));
        }
    }
    problems
}

fn has_prose(path: &str) -> bool {
    let kinds = [".md", ".toml", ".sh", ".mjs", ".js", ".py", ".yml", ".yaml"];
    let vectors = path.starts_with("tests/vectors/");
    (kinds.iter().any(|kind| path.ends_with(kind)) || path.starts_with(".ci/")) && !vectors
}

fn unfinished(path: &str, source: &Source) -> Vec<Problem> {
    let code = &source.code;
    MACROS
        .iter()
        .flat_map(|name| words(code, name).map(move |at| (at, name)))
        .filter(|(at, name)| code[at + name.len()..].starts_with('!'))
        .map(|(at, name)| {
            Problem::new(
                path,
                line_of(code, at),
                format!("`{name}!`; finish it, or return an error that says what is missing"),
            )
        })
        .chain(marked(path, &source.comments))
        .collect()
}

fn marked(path: &str, text: &str) -> Vec<Problem> {
    WORDS
        .iter()
        .flat_map(|word| words(text, word).map(move |at| (at, word)))
        .map(|(at, word)| {
            Problem::new(
                path,
                line_of(text, at),
                format!("`{word}`; finish it, or open an issue and leave the mark out"),
            )
        })
        .collect()
}

fn ignored(path: &str, code: &str) -> Vec<Problem> {
    words(code, "ignore")
        .filter(|&at| {
            let line = code[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let before = code[line..at].trim_start();
            before == "#[" || (before.starts_with("#[cfg_attr(") && before.trim_end().ends_with(','))
        })
        .map(|at| {
            Problem::new(
                path,
                line_of(code, at),
                "an ignored test; make it run, or let it say at run time that it was skipped and why (GRANTFLOW_SKIPS)",
            )
        })
        .collect()
}

fn sleeping(path: &str, tests: &str, text: &str) -> Vec<Problem> {
    let lines: Vec<&str> = text.lines().collect();
    let excused = |line: usize| {
        // On the line, or alone on the line above.
        let reason = |line: &str| {
            line.split_once("// sleep: ")
                .is_some_and(|(_, reason)| !reason.trim().is_empty())
        };
        let above = line.checked_sub(2).and_then(|above| lines.get(above));
        lines.get(line - 1).is_some_and(|line| reason(line))
            || above.is_some_and(|above| above.trim_start().starts_with("//") && reason(above))
    };
    let mut problems: Vec<Problem> = paths::find(tests)
        .into_iter()
        .filter(|found| SLEEPS.contains(&found.path.as_str()))
        .filter(|found| !tests[..found.at].trim_end().ends_with("use"))
        .filter(|found| !tests[found.at..].starts_with("use"))
        .map(|found| (line_of(tests, found.at), found.path))
        .filter(|(line, _)| !excused(*line))
        .map(|(line, name)| {
            Problem::new(
                path,
                line,
                format!("`{name}` in a test; wait for what you need, or say why with `// sleep: <reason>` on the line"),
            )
        })
        .collect();
    problems.dedup();
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    fn found(path: &str, text: &str) -> Vec<String> {
        marks(&tree(&[(path, text)]))
            .iter()
            .map(Problem::to_string)
            .collect()
    }

    #[test]
    fn unfinished_work_is_found() {
        for text in [
            "fn f() { todo!() }",
            "fn f() { unimplemented!(\"x\") }",
            "// TODO: x",
            "/* FIXME */",
            "/// XXX",
        ] {
            assert_eq!(found("crates/a/src/a.rs", text).len(), 1, "{text}");
        }
        assert_eq!(
            found("README.md", "a\nTODO\n"),
            ["README.md:2: `TODO`; finish it, or open an issue and leave the mark out"]
        );
    }

    #[test]
    fn words_that_only_look_like_marks_are_free() {
        for text in ["fn todo() {}", "let a = \"TODO\";", "// TODOS XXXX", "use todo;"] {
            assert_eq!(found("crates/a/src/a.rs", text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(found("tests/vectors/a.md", "TODO"), Vec::<String>::new());
    }

    #[test]
    fn an_ignored_test_is_found() {
        let text = "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n#[cfg_attr(unix, ignore)]\nfn g() {}\nfn ignore() {}\n";
        let found = found("crates/a/tests/a.rs", text);
        assert!(
            found.len() == 2 && found[0].contains(":2:") && found[1].contains(":4:"),
            "{found:?}"
        );
    }

    #[test]
    fn a_test_that_sleeps_is_found() {
        let text = "use std::{thread, time::Duration};\nfn f() {\n    thread::sleep(D);\n    tokio::time::sleep(D).await;\n}\n";
        let found = found("tests/a.rs", text);
        assert!(
            found.len() == 2 && found[0].contains(":3:") && found[1].contains(":4:"),
            "{found:?}"
        );
        let inline = "fn f() { std::thread::sleep(D) }\n#[cfg(test)]\nmod tests {\n    use std::thread::sleep;\n    fn f() { sleep(D) }\n}\n";
        let found = super::tests::found("crates/a/src/a.rs", inline);
        assert!(found.len() == 1 && found[0].contains(":5:"), "{found:?}");
    }

    #[test]
    fn a_sleep_with_a_reason_is_free() {
        let text = "fn f() {\n    std::thread::sleep(D); // sleep: the kernel's clock is under test\n    // sleep: as above\n    std::thread::sleep(D);\n}\n";
        assert_eq!(found("tests/a.rs", text), Vec::<String>::new());
        assert_eq!(
            found("tests/a.rs", "fn f() { std::thread::sleep(D); } // sleep: \n").len(),
            1
        );
    }
}
