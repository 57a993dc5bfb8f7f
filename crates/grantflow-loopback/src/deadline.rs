//! How long something may still take.

use std::time::{Duration, Instant};

/// A point of the clock of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// So far from now; never, if that is beyond what a clock can say.
    pub(crate) fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time))
    }

    /// What is left; zero once it is over.
    pub(crate) fn left(self) -> Duration {
        self.0
            .map_or(A_YEAR, |end| end.saturating_duration_since(Instant::now()))
    }
}

const A_YEAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);
