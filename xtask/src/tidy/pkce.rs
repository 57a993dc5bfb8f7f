//! PKCE has one method here, S256 ([RFC 7636 section 4.2]): the name of the other is written nowhere but in tests (threat T05).
//!
//! [RFC 7636 section 4.2]: https://www.rfc-editor.org/rfc/rfc7636#section-4.2

use super::{Problem, is_test_file};
use crate::scan::{Source, line_of, words};
use crate::tree::Tree;

/// The method that sends the verifier itself; in two halves, so that this file is not its own finding.
const METHOD: &str = concat!("pl", "ain");

pub(super) fn pkce(tree: &Tree) -> Vec<Problem> {
    tree.rust()
        .filter(|(path, _)| !is_test_file(tree, path))
        .flat_map(|(path, text)| {
            let source = Source::new(text);
            let named: Vec<usize> = words(text, METHOD)
                .filter(|&at| source.is_literal(at) && !source.is_test(at) && is_value(text, at))
                .collect();
            named.into_iter().map(move |at| {
                Problem::new(
                    path,
                    line_of(text, at),
                    format!(
                        "`{METHOD}` as a value; a challenge is made by S256, and nothing falls back from it"
                    ),
                )
            })
        })
        .collect()
}

/// A whole literal, a whole value of a query, or a whole string in a literal of JSON; a word of a message is none.
fn is_value(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + METHOD.len()..].chars().next();
    before.is_some_and(|c| "\"=".contains(c)) && after.is_some_and(|c| "\"&#\\".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    fn found(path: &str, text: &str) -> Vec<usize> {
        pkce(&tree(&[(path, text)]))
            .iter()
            .map(|problem| problem.line)
            .collect()
    }

    #[test]
    fn t05_the_other_method_is_found_however_it_is_written() {
        for text in [
            "fn f() {\n    query.push(\"code_challenge_method\", \"plain\"); }",
            "\nconst METHOD: &str = r\"plain\";",
            "\nconst METHOD: &[u8] = b\"plain\";",
            "\nconst METHOD: &str = r#\"plain\"#;",
            "\nfn f() { format!(\"{url}&code_challenge_method=plain&state={state}\"); }",
            "\nfn f() { format!(\"{url}&code_challenge_method=plain\"); }",
            "\nconst JSON: &str = r#\"{\"code_challenge_methods_supported\":[\"plain\"]}\"#;",
            "\nconst JSON: &str = \"[\\\"plain\\\"]\";",
            "#[cfg(test)] mod tests { fn f() { a(\"plain\"); } }\nfn g() { a(\"plain\"); }",
        ] {
            assert_eq!(found("crates/grantflow-core/src/a.rs", text), [2], "{text}");
            assert_eq!(found("crates/grantflow/examples/a.rs", text), [2], "{text}");
        }
    }

    #[test]
    fn t05_tests_comments_and_other_words_are_free() {
        for text in [
            "/// RFC 7636: not \"plain\".\nfn plain() {}",
            "const A: &str = \"plain text\"; const B: &str = \"text/plain\"; const C: &str = \"plainly\";",
            "fn f() { let plain = g(plain); }",
            "fn f() { println!(\"in plain words\"); }",
            "#[cfg(test)]\nmod tests { fn f() { a(\"plain\"); } }",
        ] {
            assert_eq!(
                found("crates/grantflow-core/src/a.rs", text),
                [0_usize; 0],
                "{text}"
            );
        }
        let text = "fn f() { a(\"plain\"); }";
        for test in ["crates/a/tests/a.rs", "tests/src/a.rs", "crates/a/src/tests.rs"] {
            assert_eq!(found(test, text), [0_usize; 0], "{test}");
        }
    }
}
