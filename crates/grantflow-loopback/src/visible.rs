//! Other people's text on a terminal: what would steer it, or deceive its reader, is shown instead (threat T26).

use std::fmt::{self, Write as _};

/// Displays a text with everything invisible in it made visible: control characters (C0, C1, delete, line breaks too), marks of
/// bidirectional text, characters without width, and others that a reader cannot see.
///
/// # Example
///
/// ```
/// use grantflow_loopback::Visible;
///
/// assert_eq!(Visible("\x1b]0;title\x07 f\u{202e}dp.exe").to_string(), r"\u{1b}]0;title\u{7} f\u{202e}dp.exe");
/// assert_eq!(Visible("Grüße, 日本").to_string(), "Grüße, 日本");
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is a text and nothing else")]
pub struct Visible<'a>(pub &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if is_invisible(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

fn is_invisible(c: char) -> bool {
    // C0, delete and C1.
    c.is_control()
        || INVISIBLE
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&c))
}

/// Format characters (Cf), separators, fillers and variation selectors of Unicode, in ranges.
const INVISIBLE: [(char, char); 26] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    // Zero width; left-to-right and right-to-left marks.
    ('\u{200b}', '\u{200f}'),
    // Line and paragraph separators; bidirectional embeddings and overrides.
    ('\u{2028}', '\u{202e}'),
    // Joiners, invisible operators, bidirectional isolates, and what was deprecated.
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a terminal or its reader must never get: an own list, of the threat and not of the code.
    fn is_dangerous(c: char) -> bool {
        let n = u32::from(c);
        n < 0x20
            || (0x7f..=0x9f).contains(&n)
            || matches!(n, 0x61c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x2069 | 0xfeff | 0xad | 0x180e)
    }

    #[test]
    fn t26_every_dangerous_character_is_shown_and_letters_stay() {
        for c in '\0'..=char::MAX {
            let shown = Visible(c.encode_utf8(&mut [0; 4])).to_string();
            if is_dangerous(c) {
                assert_eq!(shown, c.escape_unicode().to_string());
            }
            if c.is_alphanumeric() && !matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}') {
                assert_eq!(shown.chars().next(), Some(c));
            }
        }
    }

    proptest! {
        #[test]
        fn t26_no_text_shows_a_dangerous_character(text: String) {
            prop_assert!(!Visible(&text).to_string().chars().any(is_dangerous));
        }
    }
}
