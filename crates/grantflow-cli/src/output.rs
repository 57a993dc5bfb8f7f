//! How results are printed.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantflow::loopback::Visible;
use grantflow::{Record, Store, Timestamp};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::args::Format;
use crate::bound;
use crate::exit::{FAILED, Failure};
use crate::guard;

/// Prints a result in the form that was asked for.
pub(crate) fn result(format: Format, text: &str, value: &Value) -> Result<(), Failure> {
    match format {
        Format::Text => write(text),
        Format::Json => write(&one_line(value)),
    }
}

/// Writes a line, or several, to standard output. A reader that has gone is no failure: it wanted no more.
pub(crate) fn write(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(end.as_bytes()))
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(FAILED, format!("cannot write the result: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error. Whoever closed it does not want to read it.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The same while a spinner may turn.
pub(crate) fn note_while_waiting(text: &str) {
    match &turning().spinner {
        Some(spinner) => spinner.suspend(|| note(text)),
        None => note(text),
    }
}

/// JSON in which what would steer a terminal is escaped: the same value to a program (threat T26).
pub(crate) fn one_line(value: &Value) -> String {
    let text = value.to_string();
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if Visible(character.encode_utf8(&mut [0; 4]))
            .to_string()
            .starts_with(character)
        {
            line.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(line, "\\u{unit:04x}");
        }
    }
    line
}

/// A spinner on standard error while a request is under way; nothing where that is no terminal.
pub(crate) fn while_waiting<T>(what: &'static str, work: impl FnOnce() -> T) -> T {
    let spinner = spinner(what);
    let done = work();
    spinner.finish_and_clear();
    guard::settled();
    done
}

/// A spinner that turns until it is cleared. After an interrupt none begins.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let mut turning = turning();
    if turning.is_over {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    turning.spinner = Some(spinner.clone());
    spinner
}

/// Clears the spinner that turns, if one does, for good: the process is about to end, or has something to say before.
pub(crate) fn end_spinner() {
    let mut turning = turning();
    turning.is_over = true;
    if let Some(spinner) = turning.spinner.take() {
        spinner.finish_and_clear();
    }
}

/// The spinner that was begun last.
#[derive(Debug)]
struct Turning {
    spinner: Option<ProgressBar>,
    is_over: bool,
}

static TURNING: Mutex<Turning> = Mutex::new(Turning {
    spinner: None,
    is_over: false,
});

fn turning() -> MutexGuard<'static, Turning> {
    TURNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known of stored credentials, without a secret; the members are a promise of `docs/cli.md`.
pub(crate) fn describe(record: &Record, store: &dyn Store, location: &str, now: Timestamp) -> Value {
    let token = record.token();
    let key = record.key();
    // What has never been there has no end.
    let end = token.expires_at.filter(|_| !token.access_token.is_empty());
    json!({
        "issuer": key.issuer(),
        "client_id": key.client_id(),
        "account": key.account(),
        "scopes": record.scopes().iter().collect::<Vec<_>>(),
        "requested_scopes": key.scopes().iter().collect::<Vec<_>>(),
        "resource": key.resource(),
        "subject": key.subject(),
        "user_agent": key.user_agent(),
        "label": key.label(),
        "origins": record.origins().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "state": state(record, now),
        "expires_at": end.map(|time| time.to_string()),
        "expires_in": end.map(|end| end.since(now).as_secs()),
        "bound_to": bound::to_what(record),
        "refreshable": token.refresh_token.is_some(),
        "obtained_at": record.provenance().obtained_at.to_string(),
        "source": record.provenance().source,
        "generation": record.generation(),
        "store": location,
        "protection": store.protection().to_string(),
    })
}

/// One word for what can be done with a record.
pub(crate) fn state(record: &Record, now: Timestamp) -> &'static str {
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
            Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
            other if name == "expires_in" => format!("{other} s"),
            other => other.to_string(),
        };
        // Writing to a string cannot fail.
        let name = Visible(&name.replace('_', " ")).to_string();
        let _ = writeln!(text, "{name:<17} {}", Visible(&shown));
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn t26_nothing_that_steers_a_terminal_is_printed_as_it_came() {
        let hostile = "a\u{1b}]0;x\u{7}\r\n\u{202e}b\u{200b}\u{9b}c\u{7f}\u{e0041}\u{e4}";
        let value = json!({ "issuer": hostile, "scopes": [hostile] });
        let is_steering = |c: char| c.is_control() || !(c == '\u{e4}' || c.is_ascii());
        let line = one_line(&value);
        assert!(!line.contains(is_steering), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
        let text = lines(&value);
        assert!(!text.replace('\n', "").contains(is_steering), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}
