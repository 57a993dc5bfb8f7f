//! Each dependency has its reason, and each number one place.

use super::Problem;
use super::lints::section;
use crate::tree::Tree;

pub(super) fn manifests(tree: &Tree) -> Vec<Problem> {
    let mut problems: Vec<Problem> = tree
        .manifests()
        .flat_map(|(path, text)| unexplained(path, text))
        .collect();
    problems.extend(rust_version(tree));
    problems
}

/// Dependencies of others without a comment on their line or above their group.
fn unexplained(path: &str, manifest: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut in_table = false; // under `[dependencies]` or one of its kin
    let mut explained = false; // by a comment above, until a blank line
    let mut open = 0i32; // brackets of a value that goes on
    let mut pending = None; // a comment may still come on its last line
    for (at, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if open > 0 {
            open += brackets(line);
            if has_comment(line) {
                pending = None;
            }
            if open == 0 {
                problems.extend(pending.take());
            }
            continue;
        }
        if line.is_empty() {
            explained = false;
        } else if let Some(comment) = line.strip_prefix('#') {
            explained = is_sentence(comment);
        } else if let Some(header) = line.strip_prefix('[') {
            let header = header.split(']').next().unwrap_or_default();
            in_table = is_table(header);
            if let Some(name) = single(header).filter(|name| !is_ours(name))
                && !explained
                && !has_comment(line)
            {
                problems.push(problem(path, at, name));
            }
            explained = false;
        } else if in_table {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            let name = name.trim().trim_end_matches(".workspace").trim_matches('"');
            open = brackets(value);
            if !explained && !is_ours(name) && !has_comment(line) {
                pending = Some(problem(path, at, name));
            }
            if open == 0 {
                problems.extend(pending.take());
            }
        }
    }
    problems
}

fn problem(path: &str, at: usize, name: &str) -> Problem {
    Problem::new(
        path,
        at + 1,
        format!("`{name}` has no reason; say in a comment on its line or above its group why it is needed"),
    )
}

fn is_table(header: &str) -> bool {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    kinds
        .iter()
        .any(|kind| header == *kind || header.ends_with(&format!(".{kind}")))
}

/// The crate of `[dependencies.crate]`.
fn single(header: &str) -> Option<&str> {
    let (table, name) = header.rsplit_once('.')?;
    is_table(table).then(|| name.trim_matches('"'))
}

fn is_ours(name: &str) -> bool {
    name == "grantflow" || name.starts_with("grantflow-")
}

fn has_comment(line: &str) -> bool {
    line.split_once(" #")
        .is_some_and(|(_, comment)| is_sentence(comment))
}

/// Two words at least: more than a mark.
fn is_sentence(comment: &str) -> bool {
    comment
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphabetic))
        .count()
        >= 2
}

fn brackets(text: &str) -> i32 {
    let text = text.split(" #").next().unwrap_or_default();
    text.chars()
        .map(|c| i32::from(c == '{' || c == '[') - i32::from(c == '}' || c == ']'))
        .sum()
}

/// The oldest compiler is stated in the root manifest; prose repeats it exactly, an adapter may need more.
fn rust_version(tree: &Tree) -> Vec<Problem> {
    let Some(stated) =
        section(tree.get("Cargo.toml").unwrap_or_default(), "workspace.package").find_map(version_line)
    else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for (path, text) in tree.manifests().filter(|(path, _)| *path != "Cargo.toml") {
        for (at, line) in text.lines().enumerate() {
            let own = version_line(line.split(" #").next().unwrap_or_default().trim());
            let is_more = own.is_some_and(|own| minor(own) > minor(stated) && has_comment(line));
            if own.is_some() && !is_more {
                problems.push(Problem::new(
                    path,
                    at + 1,
                    format!("rust-version stands in the root Cargo.toml ({stated}); write `rust-version.workspace = true`, or a newer one with the reason"),
                ));
            }
        }
    }
    let prose = |path: &str| !path.contains('/') || path.starts_with("docs/") || path.starts_with("crates/");
    for (path, text) in tree
        .files()
        .filter(|(path, _)| path.ends_with(".md") && prose(path))
    {
        if path.ends_with("CHANGELOG.md") {
            continue; // tells what was
        }
        for (at, line) in text.lines().enumerate() {
            for version in compilers(line).filter(|version| *version != stated) {
                problems.push(Problem::new(
                    path,
                    at + 1,
                    format!("Rust {version}, but the root Cargo.toml says {stated}; make them alike"),
                ));
            }
        }
    }
    problems
}

fn version_line(line: &str) -> Option<&str> {
    let value = line
        .strip_prefix("rust-version")?
        .trim_start()
        .strip_prefix('=')?;
    Some(value.trim().trim_matches('"'))
}

fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}

/// Versions that a line calls a Rust or an MSRV.
fn compilers(line: &str) -> impl Iterator<Item = &str> {
    let lower = line.to_ascii_lowercase();
    let names = [
        "rust 1.",
        "rustc 1.",
        "rustc-1.",
        "rust-1.",
        "rust version",
        "rust-version",
    ];
    let speaks = lower.contains("msrv") || names.iter().any(|name| lower.contains(name));
    line.split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map(|version| version.trim_matches('.'))
        .filter(move |version| {
            // `1.89`, not a section number or the version of a crate
            speaks
                && version
                    .strip_prefix("1.")
                    .is_some_and(|minor| minor.len() == 2 && !minor.contains('.'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    fn found(manifest: &str) -> Vec<String> {
        unexplained("Cargo.toml", manifest)
            .into_iter()
            .map(|p| format!("{}: {}", p.line, p.what))
            .collect()
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        for manifest in [
            "[dependencies]\nserde = \"1\"\n",
            "[dependencies]\n# why serde is here\nserde = \"1\"\n\nhttp = \"1\"\n",
            "[target.'cfg(unix)'.dependencies]\nrustix = { version = \"1\", features = [\n  \"fs\",\n] }\n",
            "[workspace.dependencies]\nserde = \"1\" # yes\n",
            "[dependencies.serde]\nversion = \"1\"\n",
            "[dev-dependencies]\nserde.workspace = true\n",
            "# All of this is needed.\n[dependencies]\nserde = \"1\"\n",
        ] {
            assert_eq!(found(manifest).len(), 1, "{manifest}");
        }
    }

    #[test]
    fn a_reason_may_stand_on_the_line_or_above_the_group() {
        let manifest = "\
[features]
url = [\"dep:url\"]

[dependencies]
grantflow-core.workspace = true
serde = { version = \"1\", features = [
    \"derive\",
] } # reads replies and records
# The types of the wire.
http = \"1\"
bytes = \"1\"

# Converts both ways.
[dependencies.url]
version = \"2\"
";
        assert_eq!(found(manifest), [] as [String; 0]);
    }

    const ROOT: (&str, &str) = (
        "Cargo.toml",
        "[workspace.package]\nrust-version = \"1.89\" # the only place\n",
    );

    #[test]
    fn a_second_rust_version_is_found() {
        for (path, text) in [
            ("README.md", "It needs Rust 1.88 or newer.\n"),
            ("README.md", "MSRV: 1.90\n"),
            ("crates/a/Cargo.toml", "rust-version = \"1.89\"\n"),
            ("crates/a/Cargo.toml", "rust-version = \"1.92\"\n"),
        ] {
            let found = rust_version(&tree(&[ROOT, (path, text)]));
            assert!(found.len() == 1 && found[0].line == 1, "{text}: {found:?}");
        }
    }

    #[test]
    fn the_same_rust_version_and_other_numbers_are_free() {
        for (path, text) in [
            ("README.md", "Rust 1.89; TLS 1.3; http 1.54 is no compiler.\n"),
            ("README.md", "TLS 1.23 and version 1.54.1\n"),
            ("CHANGELOG.md", "MSRV was 1.80\n"),
            ("crates/a/Cargo.toml", "rust-version.workspace = true\n"),
            (
                "crates/a/Cargo.toml",
                "rust-version = \"1.92\" # what reqwest needs\n",
            ),
        ] {
            let text = text.replace("http 1.54 is no compiler.", "");
            assert_eq!(rust_version(&tree(&[ROOT, (path, &text)])), [], "{text}");
        }
    }
}
