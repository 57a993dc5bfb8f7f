//! How much two threads on one credential slow each other: each on a processor of its own, and only windows in which both ran.

use std::sync::atomic::{AtomicU64, Ordering};
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
    /// How many windows counted.
    pub windows: usize,
}

impl Slowdown {
    /// How many times as long an operation takes beside a second thread.
    pub fn times(&self) -> f64 {
        self.together / self.alone
    }
}

/// The cases called `names`, in turns; `None` if there is only one processor.
///
/// # Panics
///
/// If a case is not there.
pub fn measure(group: &Group, names: &[&str], rounds: usize) -> Option<Vec<Slowdown>> {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return None;
    }
    let cases: Vec<&Case> = names.iter().map(|name| &group.cases[group.find(name)]).collect();
    let repeats: Vec<u64> = cases.iter().map(|case| repeats(case)).collect();
    let turns = rounds * cases.len();
    // Counts the turns that the first thread has called, and those that the second has ended.
    let (called, ended) = (AtomicU64::new(0), AtomicU64::new(0));
    let window = |turn: usize| Window::of(cases[turn % cases.len()], repeats[turn % cases.len()]);
    let (alone, first, second) = std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            pin(1);
            let each = (0..turns).map(|turn| {
                wait(&called, turn);
                let window = window(turn);
                ended.store(turn as u64 + 1, Ordering::Release);
                window
            });
            each.collect::<Vec<_>>()
        });
        let first = scope.spawn(|| {
            pin(0);
            let each = (0..turns).map(|turn| {
                let alone = window(turn);
                called.store(turn as u64 + 1, Ordering::Release);
                let first = window(turn);
                wait(&ended, turn);
                (alone, first)
            });
            each.unzip::<_, _, Vec<_>, Vec<_>>()
        });
        let (alone, first) = first.join().expect("no panic");
        (alone, first, second.join().expect("no panic"))
    });
    let of = |case: usize| (case..turns).step_by(cases.len());
    let slowdown = |case: usize| {
        let alone = of(case)
            .map(|turn| &alone[turn])
            .filter(|window| window.is_whole());
        let pairs = of(case).map(|turn| (&first[turn], &second[turn]));
        let together: Vec<f64> = pairs
            .filter(|(one, other)| one.is_whole() && other.is_whole() && one.overlaps(other))
            .map(|(one, other)| f64::midpoint(one.each, other.each))
            .collect();
        Slowdown {
            alone: median(alone.map(|window| window.each).collect()),
            windows: together.len(),
            together: median(together),
        }
    };
    Some((0..cases.len()).map(slowdown).collect())
}

fn wait(count: &AtomicU64, turn: usize) {
    while count.load(Ordering::Acquire) <= turn as u64 {
        std::hint::spin_loop();
    }
}

fn repeats(case: &Case) -> u64 {
    case.run(1000);
    let shortest = (0..50).map(|_| Window::of(case, 1000).each);
    (WINDOW.as_nanos() as f64 / shortest.fold(f64::INFINITY, f64::min)) as u64 + 1
}

/// One thread's share of a turn.
struct Window {
    from: Instant,
    to: Instant,
    worked: Duration,
    /// Nanoseconds for one operation.
    each: f64,
}

impl Window {
    fn of(case: &Case, repeats: u64) -> Self {
        let before = Clock::Thread.read();
        let from = Instant::now();
        case.run(repeats);
        let to = Instant::now();
        Self {
            from,
            to,
            worked: Clock::Thread.read() - before,
            each: (to - from).as_nanos() as f64 / repeats as f64,
        }
    }

    /// Whether nothing else ran on this processor meanwhile.
    fn is_whole(&self) -> bool {
        let passed = self.to - self.from;
        passed < self.worked + Duration::from_micros(3)
    }

    /// Whether nine tenths of both are the same time.
    fn overlaps(&self, other: &Self) -> bool {
        let both = self
            .to
            .min(other.to)
            .saturating_duration_since(self.from.max(other.from));
        let longer = (self.to - self.from).max(other.to - other.from);
        both * 10 >= longer * 9
    }
}

fn pin(processor: usize) {
    let mut only = CpuSet::new();
    only.set(processor);
    sched_setaffinity(None, &only).expect("a processor of our own");
}
