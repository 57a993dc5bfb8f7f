//! A blocking program as an async one: the effects of its transport and store block the thread that they are on, and whoever has
//! to wait for another thread parks.
//!
//! So there is one handle, with one set of rules, for both worlds.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;

use crate::error::TransportError;
use crate::transport::{Task, Ticks};
use crate::{
    AsyncLocked, AsyncStore, AsyncTransport, CertificateThumbprint, Change, EntropyError, Key, LoadError,
    Locked, Now, Protection, Record, Request, Response, SignError, Signature, SigningRequest, Source, Store,
    StoreError, Transport,
};

/// What blocks, behind a face that does not look like it.
pub(super) struct Parked<T: ?Sized>(pub(super) Arc<T>);

impl<T: fmt::Debug + ?Sized> fmt::Debug for Parked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl AsyncTransport for Parked<dyn Transport> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request)
    }

    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.0.certificate()
    }

    async fn sleep(&self, pause: Duration) {
        self.0.sleep(pause);
    }

    async fn sign(&self, request: SigningRequest) -> Result<Signature, SignError> {
        self.0.sign(request)
    }

    async fn load(&self, source: Source) -> Result<Vec<u8>, LoadError> {
        self.0.load(source)
    }

    /// On the caller's thread, which nobody can drop, to its end or to where it [steps aside](super::step_aside); from there on a thread
    /// of its own. A panic ends it as it would end that thread, and whoever waits for it finds it lost.
    fn spawn(&self, mut task: Task) -> Result<(), Task> {
        let mut here = Context::from_waker(Waker::noop());
        // Nothing looks at a task again that has panicked.
        match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(&mut here))) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(())) | Err(_) => return Ok(()),
        }
        let ours = Arc::new(Mutex::new(Some(task)));
        let theirs = Arc::clone(&ours);
        let job = move || {
            let task = lock(&theirs).take();
            if let Some(task) = task {
                block_on(task);
            }
        };
        match self.0.spawn(Box::new(job)) {
            Ok(()) => Ok(()),
            Err(_) => lock(&ours).take().map_or(Ok(()), Err),
        }
    }

    fn now(&self) -> Now {
        self.0.now()
    }

    fn ticks(&self) -> Ticks {
        self.0.ticks()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(bytes)
    }
}

#[async_trait]
impl AsyncStore for Parked<dyn Store> {
    async fn read(&self, key: Key) -> Result<Option<Record>, StoreError> {
        self.0.read(&key)
    }

    async fn lock(&self, key: Key, patience: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        Ok(Box::new(ParkedLock(self.0.lock(&key, patience)?)))
    }

    async fn lock_for_login(
        &self,
        key: Key,
        patience: Duration,
    ) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        Ok(Box::new(ParkedLock(self.0.lock_for_login(&key, patience)?)))
    }

    async fn keys(&self) -> Result<Vec<Key>, StoreError> {
        self.0.keys()
    }

    fn protection(&self) -> Protection {
        self.0.protection()
    }
}

struct ParkedLock<'a>(Box<dyn Locked + 'a>);

#[async_trait]
impl AsyncLocked for ParkedLock<'_> {
    fn record(&self) -> Option<&Record> {
        self.0.record()
    }

    async fn save(&mut self, change: Change) -> Result<(), StoreError> {
        self.0.save(change)
    }

    async fn unlock(self: Box<Self>) {}
}

/// Runs a future to its end; the thread parks while the future waits for another one.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        parker.park();
    }
}

/// Runs a future to its end, unless that takes longer than `at_most`: then `None`.
///
/// `elapsed` says how long that is by now: each time it is woken less is left.
pub(super) fn block_on_at_most<F: Future>(
    future: F,
    at_most: Duration,
    elapsed: impl Fn() -> Duration,
) -> Option<F::Output> {
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    let mut future = pin!(future);
    let mut is_in_time = true;
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return Some(value),
            Poll::Pending if is_in_time => {
                is_in_time = parker.park_at_most(at_most.saturating_sub(elapsed()));
            }
            Poll::Pending => return None,
        }
    }
}

#[derive(Default)]
struct Parker {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    fn park(&self) {
        let woken = lock(&self.woken);
        let woken = self.changed.wait_while(woken, |woken| !*woken);
        *woken.unwrap_or_else(PoisonError::into_inner) = false;
    }

    /// Whether it was woken before the time was up.
    fn park_at_most(&self, time: Duration) -> bool {
        let woken = lock(&self.woken);
        let waited = self.changed.wait_timeout_while(woken, time, |woken| !*woken);
        let (mut woken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *woken) && !time.is_zero()
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        *lock(&self.woken) = true;
        self.changed.notify_one();
    }
}

/// A panic of another thread leaves nothing half done here: each critical section is a plain assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
