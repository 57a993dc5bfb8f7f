//! Takes the cases of a group in turns, in slices of a few milliseconds, so that all of them meet the same machine.

use std::time::Duration;

use crate::cases::{Case, Group};
use crate::clock::Clock;

/// How long one case runs before the next has its turn.
const SLICE: Duration = Duration::from_millis(3);

/// What a group cost: for each case, nanoseconds of processor time for one operation, one sample a round.
pub struct Timings(Vec<Vec<f64>>);

/// Runs each case once a round; every other round in reverse, so that none is always the first after another.
pub fn measure(group: &Group, rounds: usize) -> Timings {
    let repeats: Vec<u64> = group
        .cases
        .iter()
        .map(|case| repeats(case, group.clock))
        .collect();
    let mut samples = vec![Vec::with_capacity(rounds); group.cases.len()];
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..group.cases.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            samples[at].push(slice(&group.cases[at], repeats[at], group.clock));
        }
    }
    Timings(samples)
}

fn slice(case: &Case, repeats: u64, clock: Clock) -> f64 {
    let before = clock.read();
    case.run(repeats);
    (clock.read() - before).as_nanos() as f64 / repeats as f64
}

fn repeats(case: &Case, clock: Clock) -> u64 {
    let mut repeats = 1;
    loop {
        let each = slice(case, repeats, clock);
        if each * repeats as f64 > SLICE.as_nanos() as f64 / 4.0 {
            return ((SLICE.as_nanos() as f64 / each) as u64).max(1);
        }
        repeats *= 2;
    }
}

impl Timings {
    /// The least of all rounds.
    pub fn minimum(&self, case: usize) -> f64 {
        self.0[case].iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The middle of all rounds.
    pub fn median(&self, case: usize) -> f64 {
        median(self.0[case].clone())
    }

    /// The middle of how the two compare, round by round.
    pub fn ratio(&self, case: usize, to: usize) -> f64 {
        let pairs = self.0[case].iter().zip(&self.0[to]);
        median(pairs.map(|(one, other)| one / other).collect())
    }
}

/// The middle of some numbers; not a number if there are none.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
