//! One clock for all processes, since the time of a takeover begins in one and ends in another.

use std::time::Duration;

/// Nanoseconds since some moment that is the same for all processes.
#[cfg(unix)]
pub(crate) fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}

/// The same by the wall clock, where there is no other.
#[cfg(not(unix))]
pub(crate) fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_nanos()).unwrap_or_default()
}

/// From the first of two such times to the second.
pub(crate) fn between(first: u64, second: u64) -> Duration {
    Duration::from_nanos(second.saturating_sub(first))
}
