//! No paths of a developer's machine in what is published, and no registry that only one network has.

use super::Problem;
use crate::scan::line_of;
use crate::tree::Tree;

/// Written in two halves, so that this file is not its own finding.
const HOMES: [&str; 3] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
];
const TEMPORARY: &str = concat!("/tm", "p/");

pub(super) fn places(tree: &Tree) -> Vec<Problem> {
    let free = |path: &str| path.ends_with("Cargo.lock") || path.starts_with("tests/vectors/");
    tree.files()
        .filter(|(path, _)| !free(path))
        .flat_map(|(path, text)| {
            found(text).into_iter().map(move |(at, place)| {
                Problem::new(
                    path,
                    line_of(text, at),
                    format!("`{place}` is a place on one machine; use a relative path, a variable, or a temporary directory made for it"),
                )
            })
        })
        .chain(tree.files().flat_map(|(path, text)| registries(path, text)))
        .collect()
}

/// A lock file of npm pins by checksum; the addresses it may add are those of whoever wrote it.
fn registries(path: &str, text: &str) -> Vec<Problem> {
    if !path.ends_with("package-lock.json") {
        return Vec::new();
    }
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| line.trim_start().starts_with("\"resolved\": \"http"))
        .map(|(at, _)| {
            Problem::new(
                path,
                at + 1,
                "an address of one registry; write the file with `npm install --package-lock-only --omit-lockfile-registry-resolved`",
            )
        })
        .collect()
}

fn found(text: &str) -> Vec<(usize, &str)> {
    let homes = HOMES.iter().flat_map(|home| text.match_indices(home));
    // A file directly in the temporary directory is nobody's; a directory of a name is somebody's.
    let temporary = text.match_indices(TEMPORARY).filter_map(|(at, _)| {
        let name = &text[at + TEMPORARY.len()..];
        let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))?;
        (end > 0 && name[end..].starts_with('/')).then(|| (at, &text[at..=at + TEMPORARY.len() + end]))
    });
    let mut found: Vec<_> = homes
        .chain(temporary)
        .filter(|(at, _)| {
            let before = text[..*at].chars().next_back();
            !before.is_some_and(|c| c.is_ascii_alphanumeric() || "-_.~}$*)>".contains(c))
        })
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    #[test]
    fn a_developers_path_is_found_in_any_text() {
        for text in [
            format!("see {}ann/x", HOMES[1]),
            format!("\"{}main\"", HOMES[2]),
            format!("file://{}x", HOMES[0]),
            format!("{TEMPORARY}scratch/x"),
        ] {
            let found = places(&tree(&[("docs/a.md", &format!("a\n{text}\n"))]));
            assert!(found.len() == 1 && found[0].line == 2, "{text}: {found:?}");
        }
    }

    #[test]
    fn a_registrys_address_in_a_lock_file_is_found() {
        let lock = "{\n  \"resolved\": \"https://registry.example/jose.tgz\",\n  \"integrity\": \"x\"\n}\n";
        let found = places(&tree(&[
            ("tests/peers/a/package-lock.json", lock),
            ("a.json", lock),
        ]));
        assert!(found.len() == 1 && found[0].line == 2, "{found:?}");
    }

    #[test]
    fn relative_paths_urls_and_vectors_are_free() {
        for text in [
            format!("https://example.com{}x", HOMES[1]),
            format!("..{}x", HOMES[2]),
            format!("{TEMPORARY}file.json"),
            format!("${{HOME}}{}x", HOMES[2]),
        ] {
            assert_eq!(places(&tree(&[("docs/a.md", &text)])), [], "{text}");
        }
        let home = format!("{}x", HOMES[1]);
        assert_eq!(
            places(&tree(&[("Cargo.lock", &home), ("tests/vectors/a.json", &home)])),
            []
        );
    }
}
