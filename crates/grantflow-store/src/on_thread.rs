//! A blocking store for async programs: each operation runs on a thread of its own, on whatever runtime, or on none.
//!
//! ```text
//! lock() ──▶ thread: store.lock ──▶ holds the guard ──┬─ save ──▶ saves, answers
//!                                                     ├─ unlock ─▶ drops the guard, answers, ends
//!                                                     └─ sender dropped ─▶ drops the guard, ends
//! ```
//!
//! The guard never leaves the stack frame that locked; the async guard is a channel to it. So a future that is dropped,
//! waiting or holding, gives the lock back: at once if it held, else as soon as the thread has it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use grantflow_core::{
    AsyncLocked, AsyncStore, Change, Key, Locked, Protection, Record, Store, StoreError, StoreErrorKind,
};

/// Lifts a blocking store into an async one.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "memory")] {
/// use grantflow_core::{AsyncStore, Protection};
/// use grantflow_store::{MemoryStore, OnThread};
///
/// let store = OnThread::new(MemoryStore::new());
/// assert_eq!(store.protection(), Protection::Memory);
/// # }
/// ```
pub struct OnThread<S>(Arc<S>);

impl<S: Store + 'static> OnThread<S> {
    /// An async store that does its work through `store`.
    pub fn new(store: S) -> Self {
        Self(Arc::new(store))
    }

    /// The blocking store.
    #[must_use]
    pub fn blocking(&self) -> &S {
        &self.0
    }

    async fn locked(
        &self,
        key: Key,
        patience: Duration,
        lock: Lock<S>,
    ) -> Result<OnThreadLocked, StoreError> {
        let store = Arc::clone(&self.0);
        let (commands, inbox) = mpsc::channel();
        let record = work(
            move |answer: Answer<Option<Record>>| match lock(&store, &key, patience) {
                Ok(guard) => hold(guard, answer, &inbox),
                Err(error) => answer.give(Err(error)),
            },
        )
        .await?;
        Ok(OnThreadLocked { record, commands })
    }
}

type Lock<S> = for<'s> fn(&'s S, &Key, Duration) -> Result<Box<dyn Locked + 's>, StoreError>;

impl<S> Clone for OnThread<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: fmt::Debug> fmt::Debug for OnThread<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnThread").field(&self.0).finish()
    }
}

#[async_trait]
impl<S: Store + 'static> AsyncStore for OnThread<S> {
    async fn read(&self, key: Key) -> Result<Option<Record>, StoreError> {
        let store = Arc::clone(&self.0);
        work(move |answer| answer.give(store.read(&key))).await
    }

    async fn lock(&self, key: Key, patience: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        let locked = self.locked(key, patience, S::lock).await?;
        Ok(Box::new(locked))
    }

    async fn lock_for_login(
        &self,
        key: Key,
        patience: Duration,
    ) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        let locked = self.locked(key, patience, S::lock_for_login).await?;
        Ok(Box::new(locked))
    }

    async fn keys(&self) -> Result<Vec<Key>, StoreError> {
        let store = Arc::clone(&self.0);
        work(move |answer| answer.give(store.keys())).await
    }

    fn protection(&self) -> Protection {
        self.0.protection()
    }
}

/// What the thread with the guard is asked for.
enum Command {
    Save(Change, Answer<Option<Record>>),
    Unlock(Answer<()>),
}

/// Keeps the guard until nobody wants it any more.
fn hold(mut guard: Box<dyn Locked + '_>, locked: Answer<Option<Record>>, inbox: &mpsc::Receiver<Command>) {
    locked.give(Ok(guard.record().cloned()));
    while let Ok(command) = inbox.recv() {
        match command {
            Command::Save(change, answer) => {
                let saved = guard.save(change);
                answer.give(saved.map(|()| guard.record().cloned()));
            }
            Command::Unlock(answer) => {
                drop(guard);
                answer.give(Ok(()));
                return;
            }
        }
    }
}

struct OnThreadLocked {
    record: Option<Record>,
    commands: mpsc::Sender<Command>,
}

#[async_trait]
impl AsyncLocked for OnThreadLocked {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    async fn save(&mut self, change: Change) -> Result<(), StoreError> {
        let (answer, pending) = question();
        self.commands
            .send(Command::Save(change, answer))
            .map_err(|_| gone())?;
        self.record = pending.await?;
        Ok(())
    }

    async fn unlock(self: Box<Self>) {
        let (answer, pending) = question();
        if self.commands.send(Command::Unlock(answer)).is_ok() {
            // Whatever the thread answers, its guard is gone.
            let _ = pending.await;
        }
    }
}

/// Runs the job on a thread of its own and waits for its answer.
async fn work<T: Send + 'static>(job: impl FnOnce(Answer<T>) + Send + 'static) -> Result<T, StoreError> {
    let (answer, pending) = question();
    std::thread::Builder::new()
        .name("grantflow-store".to_owned())
        .spawn(move || job(answer))
        .map_err(|error| gone().because(error))?;
    pending.await
}

/// The thread is not there: none could be had, or the store panicked.
fn gone() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable)
}

/// One answer, given on one thread and awaited on another.
fn question<T>() -> (Answer<T>, Pending<T>) {
    let slot = Arc::new(Mutex::new(Slot {
        answer: None,
        waker: None,
    }));
    (Answer(Arc::clone(&slot)), Pending(slot))
}

struct Slot<T> {
    answer: Option<Result<T, StoreError>>,
    waker: Option<Waker>,
}

fn open<T>(slot: &Mutex<Slot<T>>) -> MutexGuard<'_, Slot<T>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Answer<T>(Arc<Mutex<Slot<T>>>);

impl<T> Answer<T> {
    fn give(self, answer: Result<T, StoreError>) {
        open(&self.0).answer = Some(answer);
    }
}

/// Dropped by a panic of the store, the answer is that the thread is gone.
impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = open(&self.0);
            slot.answer.get_or_insert_with(|| Err(gone()));
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

struct Pending<T>(Arc<Mutex<Slot<T>>>);

impl<T> Future for Pending<T> {
    type Output = Result<T, StoreError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = open(&self.0);
        match slot.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                slot.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
