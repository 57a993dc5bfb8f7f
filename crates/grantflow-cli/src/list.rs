//! `grantflow list`: what is stored, as a table for people.

use std::time::Duration;

use grantflow::loopback::Visible;
use grantflow::{Record, Timestamp};
use serde_json::{Value, json};

use crate::args::Args;
use crate::exit::{Failure, STORE};
use crate::output::{describe, result};
use crate::select;
use crate::session::Session;

/// Lists what is stored. What cannot be read hides nothing else, and is listed with what is wrong with it.
pub(crate) fn list(args: &Args) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    for record in session.records()? {
        match record {
            Ok(record) => records.push(record),
            Err(error) => problems.push(Failure::from(error)),
        }
    }
    records.sort_by_cached_key(|record| select::order(record.key()));
    let now = session.now();
    let protection = session.store.protection().to_string();
    let mut text = match records.as_slice() {
        [] if problems.is_empty() => format!("no credentials in {}", Visible(&session.location)),
        [] => String::new(),
        records => table(
            &HEADINGS,
            records
                .iter()
                .map(|record| row(record, &protection, now))
                .collect(),
        ),
    };
    let mut all: Vec<Value> = records
        .iter()
        .map(|record| describe(record, &*session.store, &session.location, now))
        .collect();
    for problem in &problems {
        text.push_str(&format!("not readable: {}\n", Visible(problem.message())));
        all.push(json!({"problem": problem.message(), "store": session.location}));
    }
    let what = format!(
        "{} of {} stored credentials cannot be read",
        problems.len(),
        all.len()
    );
    result(args.format, &text, &Value::Array(all))?;
    match problems.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(first.instead(STORE, what)),
    }
}

const HEADINGS: [&str; 8] = [
    "ACCOUNT",
    "LABEL",
    "CLIENT",
    "ISSUER",
    "STATE",
    "EXPIRES",
    "PROTECTION",
    "SCOPES",
];

fn row(record: &Record, protection: &str, now: Timestamp) -> [String; 8] {
    let key = record.key();
    let scopes: Vec<&str> = record.scopes().iter().collect();
    [
        key.account().to_owned(),
        key.label().to_owned(),
        key.client_id().to_owned(),
        key.issuer().to_owned(),
        crate::output::state(record, now).to_owned(),
        match record.token().access_token.is_empty() {
            true => String::new(),
            false => expiry(record.token().expires_at, now),
        },
        protection.to_owned(),
        scopes.join(" "),
    ]
}

fn expiry(end: Option<Timestamp>, now: Timestamp) -> String {
    match end {
        None => "not known".to_owned(),
        Some(end) if end > now => format!("in {}", roughly(end.since(now))),
        Some(end) => format!("{} ago", roughly(now.since(end))),
    }
}

/// A duration as people say it.
pub(crate) fn roughly(duration: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match duration.as_secs() {
        seconds if seconds < 2 * MINUTE => format!("{seconds} s"),
        seconds if seconds < 2 * HOUR => format!("{} min", seconds / MINUTE),
        seconds if seconds < 2 * DAY => format!("{} h", seconds / HOUR),
        seconds => format!("{} days", seconds / DAY),
    }
}

/// Columns as wide as what is in them, the last as it comes. Those that are empty in all rows are left out.
pub(crate) fn table<const N: usize>(headings: &[&str; N], rows: Vec<[String; N]>) -> String {
    // Nothing of a server or a file reaches the terminal as it came; nor does it make a line of its own.
    let rows: Vec<[String; N]> = rows
        .into_iter()
        .map(|row| {
            row.map(|cell| match cell.as_str() {
                "" => "-".to_owned(),
                cell => Visible(cell).to_string(),
            })
        })
        .collect();
    let widths: Vec<Option<usize>> = headings
        .iter()
        .enumerate()
        .map(|(at, heading)| {
            let cells = || rows.iter().filter_map(|row| row.get(at));
            let widest = cells().map(|cell| cell.chars().count()).max().unwrap_or(0);
            cells()
                .any(|cell| cell != "-")
                .then_some(widest.max(heading.len()))
        })
        .collect();
    let mut text = String::new();
    let mut line = |cells: &[&str]| {
        let used = cells
            .iter()
            .zip(&widths)
            .filter_map(|(cell, width)| width.map(|width| format!("{cell:width$}")));
        let line = used.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line(headings);
    for row in &rows {
        line(&row.each_ref().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t26_a_table_has_a_line_for_each_row_and_no_empty_columns() {
        let cells = |row: [&str; 3]| row.map(str::to_owned);
        let rows = vec![cells(["ann\n\u{1b}[2J", "", "a b"]), cells(["", "", "c"])];
        assert_eq!(
            table(&["WHO", "NOTHING", "WHAT"], rows),
            "WHO                WHAT\nann\\u{a}\\u{1b}[2J  a b\n-                  c\n"
        );
    }

    #[test]
    fn durations_are_said_as_people_say_them() {
        let said = [0, 119, 120, 7199, 7200, 172_799, 172_800].map(|s| roughly(Duration::from_secs(s)));
        assert_eq!(
            said,
            ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]
        );
    }
}
