//! Many histories, on all processors, and what they add up to.

use std::fmt;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::history::{self, History};
use crate::ledger::Losses;
use crate::plant::Plant;
use crate::scenario::Faults;

/// The sums over many histories.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Totals {
    /// How many histories there were.
    pub histories: u64,
    /// Polls of tasks.
    pub polls: u64,
    /// Calls of handles.
    pub calls: u64,
    /// Calls that were dropped.
    pub cancelled: u64,
    /// Requests.
    pub requests: u64,
    /// New tokens that the server granted.
    pub refreshes: u64,
    /// Logins on devices that were stored.
    pub device_logins: u64,
    /// Those that another life of their process went on with.
    pub resumed: u64,
    /// Logins that were stored, and that the server had asked the user about itself.
    pub backchannel_logins: u64,
    /// Logins in browsers that were stored.
    pub browser_logins: u64,
    /// Logins for a protected resource that were stored.
    pub resource_logins: u64,
    /// Tokens that were granted for what programs present.
    pub presented: u64,
    /// How often the server was asked about a token.
    pub introspections: u64,
    /// Requests that were sent back for another proof.
    pub nonces: u64,
    /// Deaths of processes.
    pub crashes: u64,
    /// The longest wait of a caller, in microseconds of virtual time.
    pub longest_wait: u64,
    /// Refresh tokens that nobody could save.
    pub losses: Losses,
    /// Those in which an invariant did not hold, at most [`FAILURES`], by seed.
    pub failures: Vec<History>,
}

/// So many failures are enough to know.
pub const FAILURES: usize = 3;

impl Totals {
    fn count(&mut self, history: History) {
        self.histories += 1;
        self.polls += history.polls;
        self.calls += history.calls;
        self.cancelled += history.cancelled;
        self.requests += history.requests;
        self.refreshes += history.refreshes;
        self.device_logins += history.device_logins;
        self.resumed += history.resumed;
        self.backchannel_logins += history.backchannel_logins;
        self.browser_logins += history.browser_logins;
        self.resource_logins += history.resource_logins;
        self.presented += history.presented;
        self.introspections += history.introspections;
        self.nonces += history.nonces;
        self.crashes += history.crashes;
        self.longest_wait = self.longest_wait.max(history.longest_wait);
        self.losses.add(&history.losses);
        if history.violation.is_some() {
            self.failures.push(history);
        }
    }

    fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.polls += other.polls;
        self.calls += other.calls;
        self.cancelled += other.cancelled;
        self.requests += other.requests;
        self.refreshes += other.refreshes;
        self.device_logins += other.device_logins;
        self.resumed += other.resumed;
        self.backchannel_logins += other.backchannel_logins;
        self.browser_logins += other.browser_logins;
        self.resource_logins += other.resource_logins;
        self.presented += other.presented;
        self.introspections += other.introspections;
        self.nonces += other.nonces;
        self.crashes += other.crashes;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.losses.add(&other.losses);
        self.failures.extend(other.failures);
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} histories: {} calls ({} dropped), {} requests, {} refreshes, {} deaths, {} polls",
            self.histories,
            self.calls,
            self.cancelled,
            self.requests,
            self.refreshes,
            self.crashes,
            self.polls
        )?;
        writeln!(
            f,
            "logins: {} on devices, {} by CIBA, {} in browsers, {} for a resource; {} gone on with after a death",
            self.device_logins,
            self.backchannel_logins,
            self.browser_logins,
            self.resource_logins,
            self.resumed
        )?;
        writeln!(
            f,
            "{} tokens for assertions, subject tokens, passwords and secrets; {} introspections; \
             {} requests sent back for another proof",
            self.presented, self.introspections, self.nonces
        )?;
        let losses = &self.losses;
        writeln!(
            f,
            "unavoidable: {} refresh tokens lost between the server's commit and the save \
             ({} replies lost, {} deaths, {} tasks ended, {} late requests, {} leases lost)",
            losses.sum(),
            losses.reply_lost,
            losses.crash,
            losses.task_ended,
            losses.late,
            losses.lease
        )?;
        let (seconds, millis) = (self.longest_wait / 1_000_000, self.longest_wait / 1000 % 1000);
        write!(
            f,
            "longest wait of a caller: {seconds}.{millis:03} s of virtual time"
        )
    }
}

/// Runs the histories of `count` seeds, `first` and those after it. Ends early when there are failures enough.
#[must_use]
pub fn run(first: u64, count: u64, plant: Option<Plant>) -> Totals {
    let next = AtomicU64::new(first);
    let end = first.saturating_add(count);
    let enough = AtomicBool::new(false);
    let worker = || {
        let mut totals = Totals::default();
        while !enough.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                break;
            }
            totals.count(history::run(seed, Faults::all(), plant, false));
            if totals.failures.len() >= FAILURES {
                enough.store(true, Ordering::Relaxed);
            }
        }
        totals
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let mut totals = Totals::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        for thread in threads {
            totals.add(
                thread
                    .join()
                    .expect("a history catches the panics of what it runs"),
            );
        }
    });
    totals.failures.sort_by_key(|failure| failure.seed);
    totals
}

/// The first history that finds the plant, among at most `count` seeds; one thread, so that the number of seeds is always the same.
#[must_use]
pub fn find(plant: Plant, first: u64, count: u64) -> Option<History> {
    let found = |seed: &u64| {
        history::run(*seed, Faults::all(), Some(plant), false)
            .violation
            .is_some()
    };
    let seed = (first..first.saturating_add(count)).find(found)?;
    Some(replay(seed, Some(plant)))
}

/// The history of a seed, with its text.
#[must_use]
pub fn replay(seed: u64, plant: Option<Plant>) -> History {
    history::run(seed, Faults::all(), plant, true)
}
