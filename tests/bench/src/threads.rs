//! How much two threads on one credential slow each other: each on a processor of its own, only windows in which both ran.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::cases::{Case, Group};
use crate::clock::Clock;
use crate::interleave::median;

/// Short enough that many windows pass without a switch to another process.
const WINDOW: Duration = Duration::from_micros(250);

/// What a case cost in nanoseconds for one operation, alone and beside a second thread.
pub struct Slowdown {
    pub alone: f64,
    pub together: f64,
    /// Windows that counted, of those that were tried.
    pub windows: (usize, usize),
}

impl Slowdown {
    /// How many times as long an operation takes beside a second thread.
    pub fn times(&self) -> f64 {
        self.together / self.alone
    }
}

/// The cases called `names`, in turns; nothing if there is only one processor.
///
/// # Panics
///
/// If a case is not there, or a thread panics.
pub fn measure(group: &Group, names: &[&str], rounds: usize) -> Option<Vec<Slowdown>> {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return None;
    }
    let cases: Vec<&Case> = names.iter().map(|name| &group.cases[group.find(name)]).collect();
    let repeats: Vec<u64> = cases.iter().map(|case| repeats(case)).collect();
    let (turn, done, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let mut alone = vec![Vec::new(); cases.len()];
    let mut together = vec![Vec::new(); cases.len()];
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            pin(1);
            let mut windows = Vec::new();
            for expected in 1.. {
                while turn.load(Ordering::Acquire) < expected {
                    std::hint::spin_loop();
                }
                if over.load(Ordering::Acquire) {
                    return windows;
                }
                let at = (expected as usize - 1) % cases.len();
                windows.push(Window::of(cases[at], repeats[at]));
                done.store(expected, Ordering::Release);
            }
            windows
        });
        let mut first = Vec::new();
        scope.spawn(|| {
            pin(0);
            for number in 0..(rounds * cases.len()) {
                let at = number % cases.len();
                alone[at].push(Window::of(cases[at], repeats[at]));
                turn.store(number as u64 + 1, Ordering::Release);
                first.push(Window::of(cases[at], repeats[at]));
                while done.load(Ordering::Acquire) <= number as u64 {
                    std::hint::spin_loop();
                }
            }
            over.store(true, Ordering::Release);
            turn.fetch_add(1, Ordering::Release);
        });
        let second = second.join().expect("no panic");
        (first, second)
    });
    None
}
