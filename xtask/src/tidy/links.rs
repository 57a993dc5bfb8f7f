//! Links that lead somewhere: RFCs from a known list, relative links to files that are there.

use super::Problem;
use super::rfcs::KNOWN;
use crate::scan::line_of;
use crate::tree::{Tree, dir_of, join};

const RFC: &str = "https://www.rfc-editor.org/rfc/rfc";

/// Other places that have RFCs; one form of link is easier to check, and to read.
const ELSEWHERE: [&str; 5] = [
    "datatracker.ietf.org/doc/html/rfc",
    "datatracker.ietf.org/doc/rfc",
    "tools.ietf.org/html/rfc",
    "www.ietf.org/rfc/rfc",
    "www.rfc-editor.org/info/rfc",
];

pub(super) fn links(tree: &Tree) -> Vec<Problem> {
    let own = "xtask/src/tidy/links.rs";
    let mut problems = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| *path != own) {
        if path.ends_with(".rs") || path.ends_with(".md") {
            problems.extend(rfc_links(path, text));
        }
        let prose = !path.contains('/') || path.starts_with("docs/") || path.starts_with("crates/");
        if path.ends_with(".md") && prose {
            problems.extend(relative_links(tree, path, text));
        }
    }
    problems
}

fn rfc_links(path: &str, text: &str) -> Vec<Problem> {
    let known = text.match_indices(RFC).filter_map(|(at, _)| {
        let rest = &text[at + RFC.len()..];
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = &rest[..end];
        let after = rest[end..]
            .split(|c: char| c.is_whitespace() || ")>\"'`]".contains(c))
            .next()
            .unwrap_or_default();
        let after = after.trim_end_matches(['.', ',', ';', ':']);
        let listed = number
            .parse()
            .is_ok_and(|number: u32| KNOWN.iter().any(|(known, _)| *known == number));
        let what = if !listed {
            format!("RFC {number} is not in the list; mend the number, or add it to xtask/src/tidy/rfcs.rs")
        } else if !is_place(after) {
            format!(
                "`{after}` after RFC {number}; link to the RFC itself or to `#section-…` or `#appendix-…`"
            )
        } else {
            return None;
        };
        Some((at, what))
    });
    let elsewhere = ELSEWHERE.iter().flat_map(|place| {
        text.match_indices(place)
            .filter(|(at, place)| text[at + place.len()..].starts_with(|c: char| c.is_ascii_digit()))
            .map(|(at, place)| (at, format!("`{place}…`; link to {RFC}…, which is checked")))
    });
    known
        .chain(elsewhere)
        .map(|(at, what)| Problem::new(path, line_of(text, at), what))
        .collect()
}

fn is_place(after: &str) -> bool {
    after.is_empty()
        || ["#section-", "#appendix-"].iter().any(|kind| {
            after
                .strip_prefix(kind)
                .is_some_and(|place| place.starts_with(|c: char| c.is_ascii_alphanumeric()))
        })
}

fn relative_links(tree: &Tree, path: &str, text: &str) -> Vec<Problem> {
    let prose = without_code(text);
    targets(&prose)
        .filter(|(_, target)| is_file(target))
        .filter_map(|(at, target)| {
            let file = target.split(['#', '?']).next().unwrap_or_default();
            let there = join(dir_of(path), file).is_some_and(|full| tree.has(&full));
            (!there).then(|| {
                Problem::new(
                    path,
                    line_of(text, at),
                    format!("`{target}` leads nowhere; mend the link, or add the file"),
                )
            })
        })
        .collect()
}

/// A path, not an address, a heading on this page, or the name of an item.
fn is_file(target: &str) -> bool {
    let is_address = target.contains(':') || target.starts_with(['#', '/']);
    let is_item = target.contains('@') || target.contains('!') || target.contains('(');
    !is_address && !is_item && (target.contains('/') || target.contains('.'))
}

/// What `[text](target)` and `[text]: target` lead to.
fn targets(prose: &str) -> impl Iterator<Item = (usize, &str)> {
    let inline = prose.match_indices("](").map(|(at, _)| at + 2);
    let defined = prose.match_indices("]: ").filter(|(at, _)| {
        let line = prose[..*at].rfind('\n').map_or(0, |newline| newline + 1);
        prose[line..].trim_start().starts_with('[')
    });
    inline.chain(defined.map(|(at, _)| at + 3)).map(|at| {
        let target = &prose[at..];
        let end = target
            .find(|c: char| c == ')' || c.is_whitespace())
            .unwrap_or(target.len());
        (at, target[..end].trim_matches(['<', '>']))
    })
}

/// The text with blanks in place of code blocks and code spans.
fn without_code(text: &str) -> String {
    let mut fenced = false;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        fenced ^= fence;
        let mut in_span = false;
        for c in line.chars() {
            in_span ^= c == '`';
            let hidden = (fenced || fence || in_span) && c != '\n';
            // As many bytes as there were, so that offsets stay true.
            (0..if hidden { c.len_utf8() } else { 0 }).for_each(|_| out.push(' '));
            if !hidden {
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    fn found(text: &str) -> Vec<String> {
        let tree = tree(&[
            ("docs/a.md", text),
            ("docs/b.md", ""),
            ("README.md", ""),
            ("crates/c/src/lib.rs", ""),
        ]);
        links(&tree).iter().map(Problem::to_string).collect()
    }

    #[test]
    fn an_unknown_rfc_or_a_strange_place_in_one_is_found() {
        for text in [
            "a\n[x](https://www.rfc-editor.org/rfc/rfc8268)",
            "a\n[x]: https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1",
            "a\n<https://www.rfc-editor.org/rfc/rfc6749#page-4>",
            "a\nhttps://datatracker.ietf.org/doc/html/rfc6749",
        ] {
            let found = found(text);
            assert!(
                found.len() == 1 && found[0].starts_with("docs/a.md:2: "),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn known_rfcs_and_drafts_are_free() {
        let text = "https://www.rfc-editor.org/rfc/rfc6749, [x](https://www.rfc-editor.org/rfc/rfc8628#section-3.5). \
            https://www.rfc-editor.org/rfc/rfc7636#appendix-B https://datatracker.ietf.org/doc/html/draft-ietf-oauth-v2-1-13";
        assert_eq!(found(text), [] as [String; 0]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        for text in [
            "[x](c.md)",
            "[x](../docs/c.md#top)",
            "[x]: ../gone/",
            "[x](../../README.md)",
        ] {
            assert_eq!(found(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn links_that_resolve_and_items_are_free() {
        let text = "[a](b.md#top) [b](../README.md) [c](../crates/c) [d](#here) [e](crate::Client) [f](https://x.y) \
            [g](struct@Key) [h](Client) `[i](gone.md)`\n```\n[j](gone.md)\n```\n[k]: ../crates/c/src/lib.rs\n";
        assert_eq!(found(text), [] as [String; 0]);
    }
}
