//! Tables as they stand in `docs/performance.md`, and each bar with what was reached.

use crate::bystanders::Seen;
use crate::cases::Group;
use crate::interleave::Timings;
use crate::storm::{Storm, TAKES};
use crate::threads::Slowdown;

/// What does not depend on how busy the machine is; `None` where it was not counted.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub instructions: Option<f64>,
    /// How many, and how many bytes.
    pub allocations: Option<(f64, f64)>,
}

/// The table of a group, and its bars.
pub fn group(group: &Group, timings: &Timings, counts: &[Counts]) {
    println!("\n## {}\n", group.title);
    println!("| case | ns min | ns median | instructions | allocations | bytes |");
    println!("|---|---|---|---|---|---|");
    for (at, case) in group.cases.iter().enumerate() {
        let (allocations, bytes) = counts[at].allocations.unzip();
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            case.name,
            number(Some(timings.minimum(at))),
            number(Some(timings.median(at))),
            number(counts[at].instructions),
            number(allocations),
            number(bytes),
        );
    }
    println!();
    for bar in &group.bars {
        let (case, limit) = (group.find(bar.case), group.find(bar.limit));
        let ratio = timings.ratio(case, limit);
        verdict(
            &format!("{} at most {} times `{}`", bar.case, bar.times, bar.limit),
            &format!(
                "{ratio:.2} (of the minima {:.2})",
                timings.minimum(case) / timings.minimum(limit)
            ),
            ratio <= bar.times,
        );
        let counted = |at: usize| counts[at].allocations.map(|(count, _)| count);
        if let (Some(times), Some(ours), Some(theirs)) = (bar.allocations, counted(case), counted(limit)) {
            verdict(
                &format!("{}: at most {times} times the allocations", bar.case),
                &format!("{} of {}", number(Some(ours)), number(Some(theirs))),
                ours <= times * theirs,
            );
        }
        if let (Some(most), Some(ours)) = (bar.instructions, counts[case].instructions) {
            verdict(
                &format!("{}: fewer than {most} instructions", bar.case),
                &number(Some(ours)),
                ours < most,
            );
        }
    }
}

/// The table of a case and its limit on two threads, and their bar.
pub fn threads(names: &[&str], slowdowns: &[Slowdown]) {
    println!("\n## Two pinned threads on one credential\n");
    println!("| case | ns alone | ns beside a second thread | slowed by | windows |");
    println!("|---|---|---|---|---|");
    for (name, slowdown) in names.iter().zip(slowdowns) {
        println!(
            "| {name} | {} | {} | {:.2} | {} |",
            number(Some(slowdown.alone)),
            number(Some(slowdown.together)),
            slowdown.times(),
            slowdown.windows,
        );
    }
    println!();
    for (names, pair) in names.chunks(2).zip(slowdowns.chunks(2)) {
        if let ([limit, ours], [of_limit, of_ours]) = (names, pair) {
            let ratio = of_ours.times() / of_limit.times();
            verdict(
                &format!("{ours} slowed at most 1.1 times as much as `{limit}`"),
                &format!("{ratio:.2}"),
                ratio <= 1.1,
            );
        }
    }
}

/// One line of the storms: the most requests, and the least and the middle delay.
pub fn storm(name: &str, storms: &[Storm]) {
    let most = storms.iter().map(|storm| storm.requests).max().unwrap_or(0);
    let millis = |of: fn(&Storm) -> std::time::Duration| {
        let mut each: Vec<f64> = storms.iter().map(|storm| of(storm).as_secs_f64() * 1e3).collect();
        each.sort_unstable_by(f64::total_cmp);
        (each.first().copied(), each.get(each.len() / 2).copied())
    };
    let (last, after) = (millis(|storm| storm.last), millis(|storm| storm.after_reply));
    println!(
        "| {name} | {most} | {} | {} | {} | {} |",
        number(last.0),
        number(last.1),
        number(after.0),
        number(after.1)
    );
}

/// The head of the table of storms.
pub fn storms() {
    println!("\n## A hundred callers, an endpoint of 50 ms\n");
    println!("| callers | most requests | last caller ms min | median | after the reply ms min | median |");
    println!("|---|---|---|---|---|---|");
}

/// Who waited while 64 tasks did: nobody may come near the 50 ms of the endpoint.
pub fn bystanders(seen: &[Seen]) {
    let requests = seen.iter().map(|seen| seen.requests).max().unwrap_or(0);
    let asked = seen.iter().map(|seen| seen.asked).min().unwrap_or(0);
    println!();
    verdict(
        "64 tasks on a token that has ended",
        &format!("{requests} request at most, {} times", seen.len()),
        requests == 1,
    );
    let named: [(&str, fn(&Seen) -> std::time::Duration); 2] = [
        ("another key in the same store", |seen| seen.another),
        ("a token that lives while it is renewed", |seen| seen.stale),
    ];
    for (who, longest) in named {
        let mut longest: Vec<_> = seen.iter().map(longest).collect();
        longest.sort_unstable();
        let micros = |at: usize| longest.get(at).map_or(0, std::time::Duration::as_micros);
        let (median, most) = (micros(longest.len() / 2), micros(longest.len().saturating_sub(1)));
        verdict(
            &format!("{who}, asked for meanwhile, waits for none of it"),
            &format!("at most {median} µs in the median, {most} µs ever, of {asked} askings or more"),
            most < TAKES.as_micros() / 2,
        );
    }
}

fn verdict(bar: &str, value: &str, reached: bool) {
    println!(
        "- {}: {bar}: {value}",
        if reached { "reached" } else { "NOT reached" }
    );
}

/// Three digits at least, and no more than mean something.
fn number(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value == value.round() || value >= 1000.0 => format!("{value:.0}"),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}
