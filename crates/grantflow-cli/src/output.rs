//! How results are printed.

use std::fmt::Write as _;
use std::time::Duration;

use grantflow::{Record, Store, Timestamp};
use indicatif::ProgressBar;
use serde_json::{Value, json};

/// Makes visible what would move a cursor or hide text: control, bidirectional and zero-width characters (threat T26).
pub(crate) fn visible(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    for character in text.chars() {
        let hidden = matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        );
        if character.is_control() && character != '\n' || hidden {
            // Writing to a string cannot fail.
            let _ = write!(seen, "\\u{{{:x}}}", u32::from(character));
        } else {
            seen.push(character);
        }
    }
    seen
}

/// A spinner on standard error while `work` is under way; nothing where that is no terminal.
pub(crate) fn while_waiting<T>(what: &'static str, work: impl FnOnce() -> T) -> T {
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    let done = work();
    spinner.finish_and_clear();
    done
}

/// What is known of stored credentials, without a secret; the members are a promise of `docs/cli.md`.
pub(crate) fn describe(record: &Record, store: &dyn Store, location: &str, now: Timestamp) -> Value {
    let token = record.token();
    let key = record.key();
    json!({
        "issuer": key.issuer(),
        "client_id": key.client_id(),
        "account": key.account(),
        "scopes": record.scopes().iter().collect::<Vec<_>>(),
        "requested_scopes": key.scopes().iter().collect::<Vec<_>>(),
        "resource": key.resource(),
        "label": key.label(),
        "origins": record.origins().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "state": state(record, now),
        "expires_at": token.expires_at.map(|time| time.to_string()),
        "expires_in": token.remaining(now).map(|left| left.as_secs()),
        "refreshable": token.refresh_token.is_some(),
        "obtained_at": record.provenance().obtained_at.to_string(),
        "source": record.provenance().source,
        "generation": record.generation(),
        "store": location,
        "protection": store.protection().to_string(),
    })
}

/// One word for what can be done with a record.
fn state(record: &Record, now: Timestamp) -> &'static str {
    let refresh = record.refresh_state();
    let expired = record.token().is_expired(now);
    if refresh.revoked_at.is_some() {
        "revoked"
    } else if refresh.refused.is_some() {
        "refused"
    } else if !expired {
        "valid"
    } else if record.token().refresh_token.is_some() {
        "expired"
    } else {
        "ended"
    }
}

/// The same for people: a line a member, those without a value left out.
pub(crate) fn lines(description: &Value) -> String {
    let mut text = String::new();
    for (name, value) in description.as_object().into_iter().flatten() {
        let shown = match value {
            Value::Null => continue,
            Value::String(value) if value.is_empty() => continue,
            Value::String(value) => value.clone(),
            Value::Array(values) if values.is_empty() => continue,
            Value::Array(values) => values
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(" "),
            other => other.to_string(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<17} {}", name.replace('_', " "), visible(&shown));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t26_nothing_that_moves_the_cursor_or_hides_text_is_printed_as_it_came() {
        let shown = visible("a\u{1b}]0;x\u{7}\r\u{202e}b\u{200b}\u{9b}c");
        assert_eq!(shown, "a\\u{1b}]0;x\\u{7}\\u{d}\\u{202e}b\\u{200b}\\u{9b}c");
        assert_eq!(visible("plain \u{e4}\ntext"), "plain \u{e4}\ntext");
    }
}
