//! The world as an operating system gives it: clocks, entropy, threads, the environment's proxies. The one place of this
//! crate that touches it, compiled with the feature `native` only, which is off by default.
//!
//! It stands here and not in an adapter, since both adapters need the same clocks and since an author of a transport
//! should write `send` and nothing else.

mod near;
mod proxy;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub use near::{connect_timeout, never_by_proxy};
pub use proxy::Proxies;

use crate::transport::{Job, Ticks};
use crate::{EntropyError, Now, Timestamp};

/// The system's clocks: the wall clock, and the time since boot including suspend.
#[must_use]
pub fn now() -> Now {
    Now {
        wall: wall(),
        boot: boot(),
    }
}

fn wall() -> Timestamp {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    match since_1970 {
        Ok(after) => Timestamp::default().plus(after),
        Err(before) => Timestamp::default().minus(before.duration()),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn boot() -> Duration {
    duration(rustix::time::clock_gettime(rustix::time::ClockId::Boottime))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn boot() -> Duration {
    // No clock of the standard library counts suspend here; the wall clock, which does, is asked beside it everywhere.
    use std::sync::OnceLock;
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn duration(time: rustix::time::Timespec) -> Duration {
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// The cheap clocks: coarse ones where the system has them.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[must_use]
#[inline]
pub fn ticks() -> Ticks {
    use rustix::time::{ClockId, Timespec, clock_gettime};
    let nanos = |time: Timespec| time.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec);
    let monotonic = nanos(clock_gettime(ClockId::MonotonicCoarse));
    Ticks {
        monotonic: monotonic.cast_unsigned(),
        wall: nanos(clock_gettime(ClockId::RealtimeCoarse)),
    }
}

/// The cheap clocks: coarse ones where the system has them.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[must_use]
pub fn ticks() -> Ticks {
    let now = now();
    Ticks {
        monotonic: u64::try_from(now.boot.as_nanos()).unwrap_or(u64::MAX),
        wall: now.wall.unix_millis().saturating_mul(1_000_000),
    }
}

/// Random bytes of the operating system.
///
/// # Errors
///
/// [`EntropyError`] if the system has none; there is no fallback.
pub fn fill(bytes: &mut [u8]) -> Result<(), EntropyError> {
    getrandom::fill(bytes).map_err(|_| EntropyError::new())
}

/// Sleeps on the caller's thread.
pub fn sleep(pause: Duration) {
    std::thread::sleep(pause);
}

/// Runs the job on a thread of its own.
///
/// # Errors
///
/// The job itself, if no thread can be had.
pub fn spawn(job: Job) -> Result<(), Job> {
    let slot = Arc::new(Mutex::new(Some(job)));
    let theirs = Arc::clone(&slot);
    let take = |slot: &Mutex<Option<Job>>| slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    let spawned = std::thread::Builder::new()
        .name("grantflow".to_owned())
        .spawn(move || {
            if let Some(job) = take(&theirs) {
                job();
            }
        });
    match spawned {
        Ok(_detached) => Ok(()),
        Err(_) => take(&slot).map_or(Ok(()), Err),
    }
}

/// Sleeps on a thread and wakes the task: slow, and right on every runtime.
pub async fn sleep_async(pause: Duration) {
    let bell = Arc::new(Mutex::new(Bell::default()));
    let theirs = Arc::clone(&bell);
    let ring = move || {
        sleep(pause);
        let mut bell = theirs.lock().unwrap_or_else(PoisonError::into_inner);
        bell.rung = true;
        if let Some(waker) = bell.waker.take() {
            waker.wake();
        }
    };
    if let Err(job) = spawn(Box::new(ring)) {
        job();
    }
    Ringing(bell).await;
}

#[derive(Default)]
struct Bell {
    rung: bool,
    waker: Option<Waker>,
}

struct Ringing(Arc<Mutex<Bell>>);

impl Future for Ringing {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut bell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bell.rung {
            return Poll::Ready(());
        }
        bell.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
