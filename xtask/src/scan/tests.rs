//! What the scanner keeps, leaves out, and does not mistake.

use super::*;

#[test]
fn comments_and_strings_are_no_code() {
    let text = r##"let a = "// std::fs"; // std::env
/* std::thread /* nested */ std::net */ let b = r#"todo!("x")"#; let c = b"\"dbg!";
let d = '"'; let e = "after \\"; let f: &'static str = x; let g = '\''; let h = 'é';
"##;
    let source = Source::new(text);
    for gone in [
        "std::fs",
        "std::env",
        "std::thread",
        "std::net",
        "todo",
        "dbg",
        "after",
    ] {
        assert!(!source.code.contains(gone), "{gone} in {}", source.code);
    }
    for kept in ["let a", "let b", "let c", "&'static str = x", "let h"] {
        assert!(source.code.contains(kept), "{kept} not in {}", source.code);
    }
    assert!(source.comments.contains("std::env") && source.comments.contains("std::net"));
    assert!(!source.comments.contains("std::fs") && !source.comments.contains("let"));
    assert_eq!(source.code.len(), text.len());
    assert_eq!(source.code.lines().count(), text.lines().count());
}

#[test]
fn raw_identifiers_and_words_that_end_like_a_prefix_are_code() {
    let source = Source::new("let r#type = bar(\"x\"); let attr = \"y\"; tail()");
    assert!(
        source.code.contains("r#type") && source.code.contains("attr =") && source.code.contains("tail()")
    );
    assert!(!source.code.contains('x') && !source.code.contains('y'.to_string().repeat(2).as_str()));
}

#[test]
fn test_items_are_told_from_what_is_shipped() {
    let text = "\
fn shipped() {}
#[cfg(test)]
#[allow(dead_code)]
mod tests {
    fn hidden() { if true { } }
}
#[cfg(not(test))]
fn also_shipped() {}
#[cfg(all(test, unix))]
use std::thread;
#[cfg(any(test, feature = \"x\"))]
fn third() {}
";
    let source = Source::new(text);
    let shipped = source.shipped();
    assert!(shipped.contains("fn shipped") && shipped.contains("also_shipped") && shipped.contains("third"));
    assert!(!shipped.contains("hidden") && !shipped.contains("thread"));
    let tests = source.tests(false);
    assert!(tests.contains("hidden") && tests.contains("thread") && !tests.contains("shipped()"));
    assert_eq!(source.tests(true), source.code);
}

#[test]
fn test_modules_in_files_of_their_own_are_named() {
    let source = Source::new("#[cfg(test)]\nmod tests;\n#[cfg(test)]\npub(crate) mod fixtures;\nmod real;\n");
    assert_eq!(source.test_modules(), ["tests", "fixtures"]);
}

#[test]
fn test_lines_do_not_count_as_shipped() {
    let source = Source::new("//! x\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n");
    assert_eq!(source.shipped_lines(), 2);
}

#[test]
fn a_word_is_found_alone_only() {
    let text = "fs::x offs::x fs2 fs";
    assert_eq!(words(text, "fs").collect::<Vec<_>>(), [0, 18]);
}

#[test]
fn lines_count_from_one() {
    assert_eq!(line_of("a\nb\nc", 0), 1);
    assert_eq!(line_of("a\nb\nc", 4), 3);
}
