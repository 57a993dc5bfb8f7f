//! Paths in Rust code (`std::fs::read`), with `use` lines expanded and aliases followed.
//!
//! Aliases count for the whole file, whatever their scope: for checks that forbid, too much is the safe side.

use std::collections::BTreeMap;

use crate::scan::{is_ident_char, matching};

/// A path and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Found {
    /// `std::fs::read`; a glob import ends in `*`.
    pub(crate) path: String,
    pub(crate) at: usize,
}

/// Every path of more than one part, and every name that an import gave a longer path.
pub(crate) fn find(code: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut aliases = BTreeMap::new();
    let mut rest = Vec::new();
    let mut at = 0;
    while let Some((start, path, end)) = next_path(code, at) {
        at = end;
        if path != "use" {
            rest.push(Found { path, at: start });
            continue;
        }
        let close = code[end..].find(';').map_or(code.len(), |n| end + n);
        let tree = &code[end..close];
        if tree.contains('(') || tree.trim_start().starts_with('<') {
            continue; // a macro's matcher, or the captures of an `impl Trait`
        }
        for (path, alias) in expand(tree.trim()) {
            found.push(Found {
                path: path.clone(),
                at: start,
            });
            aliases.insert(alias, path);
        }
        at = close;
    }
    for mut path in rest {
        let first = path.path.split("::").next().unwrap_or_default();
        if let Some(full) = aliases.get(first) {
            path.path = format!("{full}{}", &path.path[first.len()..]);
        }
        if path.path.contains("::") {
            found.push(path);
        }
    }
    found
}

/// The next identifier, with what follows it over `::`.
fn next_path(code: &str, from: usize) -> Option<(usize, String, usize)> {
    let mut chars = code[from..].char_indices().map(|(at, c)| (from + at, c));
    let (start, first) = chars.find(|(_, c)| is_ident_char(*c))?;
    let mut path = String::from(first);
    let mut end = start + first.len_utf8();
    loop {
        let rest = &code[end..];
        let word = rest.chars().take_while(|c| is_ident_char(*c));
        let length = word.map(char::len_utf8).sum::<usize>();
        path.push_str(&rest[..length]);
        end += length;
        let rest = &code[end..];
        let gap = rest.len() - rest.trim_start().len();
        let Some(after) = rest.trim_start().strip_prefix("::") else {
            break;
        };
        let gap = gap + 2 + (after.len() - after.trim_start().len());
        if !after.trim_start().starts_with(is_ident_char) {
            break;
        }
        path.push_str("::");
        end += gap;
    }
    Some((start, path, end))
}

/// The leaves of a `use` tree: full path, and the name it has here.
fn expand(tree: &str) -> Vec<(String, String)> {
    let tree = tree.trim().trim_start_matches("::").trim();
    if let Some(open) = tree.find('{') {
        let prefix: String = tree[..open].split_whitespace().collect();
        let prefix = prefix.trim_end_matches("::");
        let close = matching(tree, open);
        let inner = tree[open + 1..close].strip_suffix('}').unwrap_or_default();
        return split_list(inner)
            .into_iter()
            .flat_map(|part| expand(&part))
            .map(|(path, alias)| nested(prefix, &path, alias))
            .collect();
    }
    let (path, alias) = match tree.split_once(" as ") {
        Some((path, alias)) => (path, alias.trim().to_owned()),
        None => (tree, String::new()),
    };
    let path: String = path.split_whitespace().collect();
    if path.is_empty() {
        return Vec::new();
    }
    let last = path.rsplit("::").next().unwrap_or_default().to_owned();
    vec![(path, if alias.is_empty() { last } else { alias })]
}

fn nested(prefix: &str, path: &str, alias: String) -> (String, String) {
    if prefix.is_empty() {
        return (path.to_owned(), alias);
    }
    if path == "self" {
        let last = prefix.rsplit("::").next().unwrap_or_default().to_owned();
        return (prefix.to_owned(), if alias == "self" { last } else { alias });
    }
    (format!("{prefix}::{path}"), alias)
}

fn split_list(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0i32;
    for c in text.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match parts.last_mut() {
            Some(last) if c != ',' || depth > 0 => last.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(code: &str) -> Vec<String> {
        find(code).into_iter().map(|found| found.path).collect()
    }

    #[test]
    fn inline_paths_are_found_whole() {
        let found = find("let a = std::fs::read(x)?; ::std :: env :: var(y)");
        assert_eq!(found[0].path, "std::fs::read");
        assert_eq!(found[0].at, 8);
        assert_eq!(found[1].path, "std::env::var");
    }

    #[test]
    fn nested_imports_are_expanded() {
        let code = "use std::{fmt, io::{self, Read}, time::{Duration, Instant as Now}};";
        assert_eq!(
            paths(code),
            [
                "std::fmt",
                "std::io",
                "std::io::Read",
                "std::time::Duration",
                "std::time::Instant"
            ]
        );
    }

    #[test]
    fn aliases_are_followed() {
        assert_eq!(
            paths("use std::time as t; fn f() { t::Instant::now() }")[1],
            "std::time::Instant::now"
        );
        assert_eq!(
            paths("use std::thread::sleep; fn f() { sleep(x) }")[1],
            "std::thread::sleep"
        );
        assert_eq!(paths("use std::io; fn f() { io::stdin() }")[1], "std::io::stdin");
    }

    #[test]
    fn globs_and_several_statements_are_kept_apart() {
        assert_eq!(
            paths("use std::io::*;\npub(crate) use a::b;"),
            ["std::io::*", "a::b"]
        );
    }

    #[test]
    fn turbofish_ends_a_path() {
        assert_eq!(paths("Vec::<std::fs::File>::new()"), ["std::fs::File"]);
    }
}
