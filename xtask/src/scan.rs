//! Rust source without a parser: code and comments told apart, and what is compiled for tests only.
//!
//! Every view has the length and the lines of the file, with blanks in place of what it leaves out, so that an offset
//! in one is the same place in all.

use std::ops::Range;

/// One Rust file, read.
#[derive(Debug)]
pub(crate) struct Source {
    /// Without comments and without the insides of strings and characters.
    pub(crate) code: String,
    /// Only the comments, doc comments among them.
    pub(crate) comments: String,
    /// What `#[cfg(test)]` covers.
    test: Vec<Range<usize>>,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let (code, comments) = split(text);
        let test = test_items(&code);
        Self { code, comments, test }
    }

    /// The code that is compiled without `cfg(test)`.
    pub(crate) fn shipped(&self) -> String {
        let mut code = self.code.clone().into_bytes();
        for range in &self.test {
            blank(&mut code[range.clone()]);
        }
        String::from_utf8(code).unwrap_or_default()
    }

    /// The code that is compiled for tests only; all of it, where the file is a test file.
    pub(crate) fn tests(&self, is_test_file: bool) -> String {
        if is_test_file {
            return self.code.clone();
        }
        let mut code = self.code.clone().into_bytes();
        let mut from = 0;
        for range in &self.test {
            blank(&mut code[from..range.start]);
            from = range.end;
        }
        blank(&mut code[from..]);
        String::from_utf8(code).unwrap_or_default()
    }

    /// Whether a byte that is no blank stands in a string or a character, its quotes included.
    pub(crate) fn is_literal(&self, at: usize) -> bool {
        let blank = |text: &str| text.as_bytes().get(at) == Some(&b' ');
        blank(&self.code) && blank(&self.comments)
    }

    /// Whether it is compiled for tests only.
    pub(crate) fn is_test(&self, at: usize) -> bool {
        self.test.iter().any(|range| range.contains(&at))
    }

    /// How many lines are not tests.
    pub(crate) fn shipped_lines(&self) -> usize {
        let lines = |range: &Range<usize>| {
            let last = self.code[range.end..].split('\n').next().unwrap_or_default();
            let shared = usize::from(!last.trim().is_empty());
            line_of(&self.code, range.end) + 1 - line_of(&self.code, range.start) - shared
        };
        let in_tests: usize = self.test.iter().map(lines).sum();
        self.code.lines().count() - in_tests
    }

    /// Names of the modules that `#[cfg(test)] mod name;` takes from files of their own.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let item = |range: &Range<usize>| self.code[range.clone()].trim_end().to_owned();
        self.test
            .iter()
            .map(item)
            .filter_map(|item| {
                let (_, name) = item.strip_suffix(';')?.rsplit_once("mod ")?;
                is_ident(name).then(|| name.to_owned())
            })
            .collect()
    }
}

/// The line, from 1, of an offset.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// Each place where `word` stands alone, not as a part of a longer word.
pub(crate) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_ident_char) && !after.is_some_and(is_ident_char)
    })
}

pub(crate) fn is_ident_char(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn is_ident(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_ident_char)
}

/// The end of a bracketed group whose opening bracket stands at `open`.
pub(crate) fn matching(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

fn split(text: &str) -> (String, String) {
    let bytes = text.as_bytes();
    let (mut code, mut comments) = (bytes.to_vec(), bytes.to_vec());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let end = if rest.starts_with("//") {
            rest.find('\n').map_or(text.len(), |line| at + line)
        } else if rest.starts_with("/*") {
            at + block_comment(rest)
        } else {
            let inside = literal(text, at);
            let next = inside.as_ref().map_or_else(
                || at + rest.chars().next().map_or(1, char::len_utf8),
                |inside| inside.end,
            );
            if let Some(inside) = inside {
                blank(&mut code[inside.start..inside.end]);
            }
            blank(&mut comments[at..next]);
            at = next;
            continue;
        };
        blank(&mut code[at..end]);
        at = end;
    }
    let text = |bytes| String::from_utf8(bytes).unwrap_or_default();
    (text(code), text(comments))
}

/// The literal that begins at `at`, its prefix and quotes included, or none. Lifetimes are none.
fn literal(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    let in_word = text[..at].chars().next_back().is_some_and(is_ident_char);
    let prefix = ["br", "cr", "b", "c", "r", ""]
        .iter()
        .find(|prefix| rest.starts_with(**prefix) && (prefix.is_empty() || !in_word))?;
    let body = &rest[prefix.len()..];
    let length = if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let body = body[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let inside = body.find(&close).map_or(body.len(), |end| end + close.len());
        hashes + 1 + inside
    } else if body.starts_with('"') {
        closing(body, '"')
    } else if body.starts_with('\'') && *prefix != "c" {
        let mut chars = body.chars().skip(1);
        let (first, second) = (chars.next()?, chars.next());
        if first != '\\' && second != Some('\'') {
            return None; // a lifetime
        }
        closing(body, '\'')
    } else {
        return None;
    };
    Some(at..at + prefix.len() + length)
}

/// The length of a quoted text up to and with its closing quote.
fn closing(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    body.len()
}

fn block_comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// Items under an attribute that needs `test`, the attribute included.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (start, _) in code.match_indices("#[cfg(") {
        let end = matching(code, start + 1);
        if found.last().is_some_and(|last| start < last.end) || !needs_test(&code[start..end]) {
            continue;
        }
        found.push(start..item_end(code, end));
    }
    found
}

/// `cfg(test)` and `cfg(all(test, …))`, but neither `not(test)` nor `any(test, …)`.
fn needs_test(attribute: &str) -> bool {
    let plain: String = attribute.split_whitespace().collect();
    plain == "#[cfg(test)]"
        || (plain.starts_with("#[cfg(all(")
            && {
                let inner = &plain["#[cfg(all(".len()..];
                inner.starts_with("test,") || inner.contains(",test,") || inner.contains(",test)")
            }
            && !plain.contains("any("))
}

/// Where the item that follows an attribute ends: at its `;` or `,`, or with its braces.
fn item_end(code: &str, from: usize) -> usize {
    let mut at = from;
    while at < code.len() {
        match code.as_bytes()[at] {
            b';' | b',' => return at + 1,
            b'{' => return matching(code, at),
            b'(' | b'[' => at = matching(code, at),
            b')' | b']' | b'}' => return at,
            _ => at += 1,
        }
    }
    code.len()
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

#[cfg(test)]
mod tests;
