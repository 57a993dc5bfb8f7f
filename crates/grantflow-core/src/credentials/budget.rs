//! How many tries a handle may add to those it has to make: one in ten, and a few to begin with.
//!
//! A server in trouble is then never asked much more than one that is well, however many callers there are.

use std::sync::atomic::{AtomicU32, Ordering};

/// What one more try costs; a refresh earns a tenth of it.
const TRY: u32 = 10;

/// What a handle begins with, and the most that it can save up: ten tries.
const FULL: u32 = 10 * TRY;

#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(FULL))
    }
}

impl Budget {
    /// A refresh begins; how often it may be tried again if it fails.
    pub(super) fn begin(&self) -> u32 {
        let earn = |left: u32| Some(left.saturating_add(1).min(FULL));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earn);
        before.unwrap_or(0) / TRY
    }

    /// One more try was made.
    pub(super) fn spend(&self) {
        let spend = |left: u32| Some(left.saturating_sub(TRY));
        // The update never declines.
        let _before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r17_tries_are_one_in_ten_once_the_first_ten_are_spent() {
        let budget = Budget::default();
        let mut tries = 0;
        for _ in 0..1000 {
            if budget.begin() > 0 {
                budget.spend();
                tries += 1;
            }
        }
        assert!((100..=110).contains(&tries), "{tries}");
    }
}
