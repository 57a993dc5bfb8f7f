//! No public type has more than one type parameter: `Error<RE, T>` and its like do not come back.

use super::{Problem, is_test_file};
use crate::scan::{Source, is_ident_char, line_of, words};
use crate::tree::Tree;

const CRATES: [&str; 9] = [
    "grantflow-core",
    "grantflow-jwt",
    "grantflow-oidc",
    "grantflow-google",
    "grantflow-store",
    "grantflow-ureq",
    "grantflow-reqwest",
    "grantflow-loopback",
    "grantflow",
];

/// Types with two parameters, and why.
const ALLOWED: [(&str, &str); 2] = [
    (
        "Next",
        "the continuation of a `Step<T>` names the reply it takes, so that a wrong reply does not compile",
    ),
    ("Expect", "the state behind a `Next<R, T>`"),
];

pub(super) fn generics(tree: &Tree) -> Vec<Problem> {
    let is_checked = |path: &str| {
        CRATES
            .iter()
            .any(|krate| path.starts_with(&format!("crates/{krate}/src/")))
    };
    tree.rust()
        .filter(|(path, _)| is_checked(path) && !is_test_file(tree, path))
        .flat_map(|(path, text)| check(path, &Source::new(text).shipped()))
        .collect()
}

fn check(path: &str, code: &str) -> Vec<Problem> {
    words(code, "pub")
        .filter_map(|at| {
            let item = code[at + 3..].trim_start();
            let item = ["unsafe ", "auto "].iter().fold(item, |item, word| item.trim_start_matches(word));
            let kinds = ["struct", "enum", "trait", "union", "type"];
            let item = kinds.iter().find_map(|kind| item.strip_prefix(kind)?.strip_prefix(char::is_whitespace))?;
            let item = item.trim_start();
            let name = &item[..item.find(|c| !is_ident_char(c)).unwrap_or(item.len())];
            let count = type_parameters(item[name.len()..].trim_start().strip_prefix('<')?);
            (count > 1 && !ALLOWED.iter().any(|(allowed, _)| *allowed == name)).then(|| {
                Problem::new(
                    path,
                    line_of(code, at),
                    format!("`{name}` has {count} type parameters, of one; box the rest, or add it with its reason to the list in xtask/src/tidy/generics.rs"),
                )
            })
        })
        .collect()
}

/// How many of the parameters up to the closing `>` are types.
fn type_parameters(list: &str) -> usize {
    let mut parameters = vec![String::new()];
    let mut depth = 0;
    let mut previous = ' ';
    for c in list.chars() {
        match c {
            '>' if previous == '-' => {} // the arrow of `Fn() -> X`
            '>' if depth == 0 => break,
            '<' | '(' | '[' | '{' => depth += 1,
            '>' | ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => parameters.push(String::new()),
            c => {
                if let Some(last) = parameters.last_mut() {
                    last.push(c);
                }
            }
        }
        previous = c;
    }
    let is_type = |parameter: &&String| {
        let parameter = parameter.trim();
        !parameter.is_empty() && !parameter.starts_with('\'') && !parameter.starts_with("const ")
    };
    parameters.iter().filter(is_type).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    fn found(text: &str) -> usize {
        generics(&tree(&[("crates/grantflow-store/src/a.rs", text)])).len()
    }

    #[test]
    fn two_type_parameters_are_found() {
        for text in [
            "pub struct A<B, C>(B, C);",
            "pub enum A<'a, B: Into<C<D>>, E = F> { X }",
            "pub trait A<B: Fn(X, Y) -> Z, C> {}",
            "pub trait\n    A<\n    B,\n    C,\n> {}",
            "pub type A<B, C> = D<B, C>;",
        ] {
            assert_eq!(found(text), 1, "{text}");
        }
    }

    #[test]
    fn one_parameter_lifetimes_and_constants_are_free() {
        for text in [
            "pub struct A<'a, 'b, B>(B);",
            "pub struct A<B: Into<C<D, E>>>(B);",
            "pub struct A<B, const N: usize>(B);",
            "pub struct A<B: Fn(X, Y) -> Z>(B);",
            "struct A<B, C>(B, C);",
            "pub(crate) struct A<B, C>(B, C);",
            "pub fn a<B, C>() {}",
            "pub struct Next<R, T>(R, T);",
            "#[cfg(test)]\npub struct A<B, C>(B, C);",
            "pub struct A<B>(Result<B, C>);",
        ] {
            assert_eq!(found(text), 0, "{text}");
        }
    }
}
