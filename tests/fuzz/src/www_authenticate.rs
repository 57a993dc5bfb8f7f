//! F4 of the table of threats: the challenges of a protected resource.
//!
//! ```text
//! any bytes                  a header for each line: read, and held against a second reader, which cuts the text at its commas first
//! the same bytes as choices  challenges made of them and written in one of many ways: they come back as they were
//! ```
//!
//! Whatever is read repeats no parameter, and is the same when it is written plainly and read again.

use grantflow_core::Challenge;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};

/// A challenge as everybody here gives it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Plain {
    scheme: String,
    token68: Option<String>,
    parameters: Vec<(String, String)>,
}

const LONGEST: usize = 8 << 10;
const MOST: usize = 32;

/// Reads the bytes as headers, and makes headers of them.
///
/// # Panics
///
/// If a promise is broken.
pub fn www_authenticate(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').take(MOST).collect();
    if let Some(read) = read(&lines) {
        let readable = lines.iter().filter(|line| line.len() <= LONGEST);
        let mut expected: Vec<Plain> = readable
            .flat_map(|line| second_reader(&String::from_utf8_lossy(line)))
            .collect();
        expected.truncate(MOST);
        assert_eq!(read, expected, "the readers differ");
        comes_back(&read, &written(&read, &mut std::iter::empty()));
    }
    let mut choices = data.iter().copied();
    let made = made(&mut choices);
    comes_back(&made, &written(&made, &mut choices));
}

fn comes_back(challenges: &[Plain], text: &str) {
    if text.len() <= LONGEST {
        let back = read(&[text.as_bytes()]).expect("it fits into a header");
        assert_eq!(back, challenges, "{text}");
    }
}

/// What the crate reads; `None` if a line fits into no header.
fn read(lines: &[&[u8]]) -> Option<Vec<Plain>> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(line).ok()?);
    }
    let plain = |challenge: &Challenge| {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        // Each can be had by its name, in any case.
        for (name, value) in challenge.parameters() {
            let found = challenge.parameter(&name.to_ascii_uppercase());
            assert_eq!(found.unwrap_or_default(), value);
        }
        let _ = (challenge.scopes(), challenge.max_age());
        Plain {
            scheme: challenge.scheme().to_owned(),
            token68: challenge.token68().map(str::to_owned),
            parameters: challenge.parameters().map(own).collect(),
        }
    };
    Some(Challenge::all(&headers).iter().map(plain).collect())
}

/// Slow and simple: the elements between commas that are in no quotes, then each from its beginning.
fn second_reader(text: &str) -> Vec<Plain> {
    let mut found: Vec<(Plain, bool)> = Vec::new();
    for element in elements(text) {
        if !read_element(&element, &mut found) {
            found.pop();
            break;
        }
    }
    let sound = found.into_iter().filter(|(_, sound)| *sound);
    sound.map(|(challenge, _)| challenge).collect()
}

fn elements(text: &str) -> Vec<Vec<char>> {
    let (mut elements, mut quoted, mut escaped) = (vec![Vec::new()], false, false);
    for c in text.chars() {
        match c {
            ',' if !quoted => elements.push(Vec::new()),
            _ => elements.last_mut().expect("there is one").push(c),
        }
        (quoted, escaped) = match c {
            '"' if !escaped => (!quoted, false),
            '\\' if quoted && !escaped => (quoted, true),
            _ => (quoted, false),
        };
    }
    elements
}

/// Whether all of it makes sense. A challenge is kept with whether it can be read in one way only.
fn read_element(element: &[char], found: &mut Vec<(Plain, bool)>) -> bool {
    let text: String = element.iter().collect();
    let mut rest = text.trim_matches(|c: char| c.is_ascii_whitespace());
    while !rest.is_empty() {
        let name: String = rest.chars().take_while(|c| is_token(*c)).collect();
        if name.is_empty() {
            return false;
        }
        let behind = &rest[name.len()..];
        let Some(value) = behind.trim_ascii_start().strip_prefix('=') else {
            found.push((
                Plain {
                    scheme: name,
                    ..Plain::default()
                },
                true,
            ));
            let argument = behind.trim_ascii();
            if behind.starts_with(' ')
                && !behind
                    .trim_start_matches(' ')
                    .starts_with(|c: char| c.is_ascii_whitespace())
                && is_token68(argument)
            {
                found.last_mut().expect("just put there").0.token68 = Some(argument.to_owned());
                return true;
            }
            rest = behind.trim_ascii_start();
            continue;
        };
        let value = value.trim_ascii_start();
        let Some((value, behind)) = value_of(value) else {
            return false;
        };
        if let Some((challenge, sound)) = found.last_mut() {
            let mut known = challenge.parameters.iter();
            *sound &= !known.any(|(known, _)| known.eq_ignore_ascii_case(&name));
            *sound &= challenge.parameters.len() < MOST;
            if *sound {
                challenge.parameters.push((name, value));
            }
        }
        rest = behind.trim_ascii_start();
    }
    true
}

fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let value: String = text
            .chars()
            .take_while(|c| c.is_ascii_graphic() && *c != '"')
            .collect();
        let length = value.len();
        return Some((value, &text[length..]));
    };
    let (mut value, mut passed, mut escaped) = (String::new(), 1, false);
    for c in quoted.chars() {
        passed += c.len_utf8();
        match c {
            '"' if !escaped => return Some((value, &text[passed..])),
            '\\' if !escaped => escaped = true,
            _ => {
                value.push(c);
                escaped = false;
            }
        }
    }
    None
}

fn is_token(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '!' | '#'..='\'' | '*' | '+' | '-' | '.' | '^' | '_' | '`' | '|' | '~')
}

fn is_token68(text: &str) -> bool {
    let bare = text.trim_end_matches('=');
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/');
    !bare.is_empty() && bare.chars().all(base64)
}

/// A few challenges out of these choices.
fn made(choices: &mut impl Iterator<Item = u8>) -> Vec<Plain> {
    let mut next = |below: u8| choices.next().unwrap_or(0) % below;
    let challenge = |next: &mut dyn FnMut(u8) -> u8| {
        let scheme = ["Bearer", "DPoP", "basic", "X!~y"][usize::from(next(4))].to_owned();
        if next(4) == 3 {
            let token68 = ["YII+/a==", "a", "a=", "-._~"][usize::from(next(4))];
            return Plain {
                scheme,
                token68: Some(token68.to_owned()),
                parameters: Vec::new(),
            };
        }
        let names = ["scope", "realm", "error", "resource_metadata", "x-1"];
        let names = names.into_iter().take(usize::from(next(6)));
        let mut value = |_| {
            let letters = *b"ab ,=\"\\:/.\t;9%";
            let length = next(12);
            (0..length)
                .map(|_| char::from(letters[usize::from(next(14))]))
                .collect()
        };
        let parameters = names.map(|name| (name.to_owned(), value(name))).collect();
        Plain {
            scheme,
            token68: None,
            parameters,
        }
    };
    (0..next(5)).map(|_| challenge(&mut next)).collect()
}

/// The challenges in one of the ways in which they may be written; the plainest if there are no choices.
fn written(challenges: &[Plain], choices: &mut impl Iterator<Item = u8>) -> String {
    let mut pick = |ways: &[&'static str]| {
        let choice = usize::from(choices.next().unwrap_or(0));
        ways[choice % ways.len()]
    };
    let mut text = String::new();
    for challenge in challenges {
        if !text.is_empty() {
            text += pick(&[", ", ",", " , ,\t", ",,"]);
        }
        text += &challenge.scheme;
        if let Some(token68) = &challenge.token68 {
            text += pick(&[" ", "   "]);
            text += token68;
        }
        for (number, (name, value)) in challenge.parameters.iter().enumerate() {
            // What follows a token68 is told from it by a comma alone.
            text += match (number, &challenge.token68) {
                (0, None) => pick(&[" ", "  ", " , "]),
                _ => pick(&[", ", ",", " ,,", ", \t"]),
            };
            text += name;
            text += pick(&["=", " =", "= ", " = "]);
            let is_plain = !value.is_empty() && value.chars().all(is_token);
            if is_plain && pick(&["quoted", "bare"]) == "bare" {
                text += value;
                continue;
            }
            text.push('"');
            for c in value.chars() {
                if matches!(c, '"' | '\\') || (c.is_ascii() && pick(&["", "\\"]) == "\\") {
                    text.push('\\');
                }
                text.push(c);
            }
            text.push('"');
        }
    }
    text
}
