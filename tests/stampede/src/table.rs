//! The table: a row for each cell as soon as it is done, in Markdown that lines up.

use std::time::Duration;

use grantflow_suites::skip::skip;

use crate::Done;
use crate::kind::Kind;

/// What the rows came to.
#[derive(Debug, Default)]
pub(crate) struct Table {
    held: usize,
    violated: usize,
    skipped: usize,
}

impl Table {
    /// Begins a part of it.
    pub(crate) fn head(&self, title: &str, columns: &str) {
        let rule: String = columns
            .chars()
            .map(|c| if c == '|' { '|' } else { '-' })
            .collect();
        println!("\n{title}\n\n{columns}\n{rule}");
    }

    /// A row; what went wrong is said below it, and closes the run.
    pub(crate) fn row(&mut self, cells: &str, holds: bool, why: &str) {
        let verdict = if holds { "yes     " } else { "VIOLATED" };
        println!("{cells} {verdict} |");
        if !holds {
            println!("  violated: {why}");
        }
        *(if holds { &mut self.held } else { &mut self.violated }) += 1;
    }

    /// A cell that could not be run at all is violated too.
    pub(crate) fn cell(&mut self, what: &str, run: impl FnOnce(&mut Self) -> Done<()>) {
        if let Err(error) = run(self) {
            println!("VIOLATED {what}: {error}");
            self.violated += 1;
        }
    }

    /// Says loudly what is left out here.
    pub(crate) fn skip(&mut self, what: &str, cells: usize, reason: &str) {
        skip(&format!("stampede {what}"), &format!("{reason} ({cells} cells)"));
        self.skipped += cells;
    }

    /// Whether nothing was violated.
    pub(crate) fn end(&self, took: Duration) -> bool {
        println!(
            "\n{} cells held, {} violated, {} skipped; {:.0} s",
            self.held,
            self.violated,
            self.skipped,
            took.as_secs_f64()
        );
        self.violated == 0 && self.held > 0
    }
}

/// The name of a store as a cell.
pub(crate) fn store(kind: Kind) -> String {
    format!("| {kind:<10} |")
}

/// Milliseconds to a tenth.
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

/// The value below which this part of the sorted ones lies, the nearest one upwards.
pub(crate) fn percentile(sorted: &[Duration], part: f64) -> Duration {
    let at = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(at.max(1) - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 0.5), Duration::from_millis(50));
        assert_eq!(percentile(&times, 0.99), Duration::from_millis(99));
        assert_eq!(percentile(&times[..10], 0.99), Duration::from_millis(10));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }

    #[test]
    fn a_run_without_a_cell_that_held_is_no_success() {
        let mut table = Table::default();
        assert!(!table.end(Duration::ZERO));
        table.row("", true, "");
        assert!(table.end(Duration::ZERO));
        table.cell("this", |_| Err("broken".into()));
        assert!(!table.end(Duration::ZERO));
    }
}
