//! What an [`AsyncStore`] promises: all that a [`Store`] does, seen through [`Blocking`], and what only futures can break.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::samples::{json, key, record};
use super::store::PATIENCE;
use crate::{AsyncLocked, AsyncStore, Change, Key, Locked, Protection, Record, Store, StoreError, Token};

/// Work for a [`BlockOn`].
pub type Task<'t> = Pin<Box<dyn Future<Output = ()> + Send + 't>>;

/// Runs a future to its end on the caller's thread: [`block_on`], or a runtime's where the store needs one.
pub type BlockOn = fn(Task<'_>);

/// Runs a future to its end on the caller's thread, without a runtime.
pub fn block_on(task: Task<'_>) {
    struct Bell(Mutex<bool>, Condvar);
    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.1.notify_one();
        }
    }
    let bell = Arc::new(Bell(Mutex::new(true), Condvar::new()));
    let waker = Waker::from(Arc::clone(&bell));
    let mut task = task;
    loop {
        let rung = bell.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rung = bell
            .1
            .wait_while(rung, |rung| !*rung)
            .unwrap_or_else(PoisonError::into_inner);
        *rung = false;
        drop(rung);
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return;
        }
    }
}

/// An async store as a blocking one, for the suite of [`store`](super::store).
#[derive(Debug)]
pub struct Blocking<A> {
    store: A,
    block_on: BlockOn,
}

impl<A: AsyncStore> Blocking<A> {
    /// Waits for `store` with `block_on`.
    pub fn new(store: A, block_on: BlockOn) -> Self {
        Self { store, block_on }
    }
}

fn wait<T: Send>(block_on: BlockOn, future: impl Future<Output = T> + Send) -> T {
    let mut output = None;
    block_on(Box::pin(async {
        output = Some(future.await);
    }));
    output.expect("`block_on` returns when the future has ended")
}

impl<A: AsyncStore> Store for Blocking<A> {
    fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        wait(self.block_on, self.store.read(key.clone()))
    }

    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        let lock = wait(self.block_on, self.store.lock(key.clone(), patience))?;
        Ok(Box::new(BlockingLocked {
            lock: Some(lock),
            block_on: self.block_on,
        }))
    }

    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        let lock = wait(self.block_on, self.store.lock_for_login(key.clone(), patience))?;
        Ok(Box::new(BlockingLocked {
            lock: Some(lock),
            block_on: self.block_on,
        }))
    }

    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        wait(self.block_on, self.store.keys())
    }

    fn protection(&self) -> Protection {
        self.store.protection()
    }
}

struct BlockingLocked<'s> {
    /// There until it is dropped.
    lock: Option<Box<dyn AsyncLocked + 's>>,
    block_on: BlockOn,
}

impl Locked for BlockingLocked<'_> {
    fn record(&self) -> Option<&Record> {
        self.lock.as_ref()?.record()
    }

    fn save(&mut self, change: Change) -> Result<(), StoreError> {
        let lock = self.lock.as_mut().expect("there until it is dropped");
        wait(self.block_on, lock.save(change))
    }
}

impl Drop for BlockingLocked<'_> {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            wait(self.block_on, lock.unlock());
        }
    }
}

async fn lock<'s>(store: &'s impl AsyncStore, patience: Duration) -> Box<dyn AsyncLocked + 's> {
    let locked = store.lock(key("ann"), patience).await;
    locked.expect("a lock that nobody holds can be had")
}

async fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// When `unlock` has ended, the lock is free: not soon, but now.
pub fn an_awaited_unlock_has_unlocked<A: AsyncStore>(make: impl FnOnce() -> A, block_on: BlockOn) {
    let store = make();
    wait(block_on, async {
        for _ in 0..20 {
            lock(&store, PATIENCE).await.unlock().await;
            lock(&store, Duration::ZERO).await.unlock().await;
        }
    });
}

/// A guard that is dropped gives the lock back, if only soon.
pub fn a_dropped_guard_unlocks<A: AsyncStore>(make: impl FnOnce() -> A, block_on: BlockOn) {
    let store = make();
    wait(block_on, async {
        drop(lock(&store, PATIENCE).await);
        lock(&store, PATIENCE).await.unlock().await;
    });
}

/// A future of `lock` that is dropped takes no lock for ever, whether it still waited or was about to end.
pub fn a_dropped_lock_takes_nothing<A: AsyncStore>(make: impl FnOnce() -> A, block_on: BlockOn) {
    let store = make();
    wait(block_on, async {
        drop(poll_once(store.lock(key("ann"), PATIENCE)).await);
        let held = lock(&store, PATIENCE).await;
        drop(poll_once(store.lock(key("ann"), PATIENCE)).await);
        held.unlock().await;
        lock(&store, PATIENCE).await.unlock().await;
    });
}

/// After a future of `save` was dropped the record is wholly the old or wholly the new one, and the store goes on.
pub fn a_dropped_save_leaves_a_whole_record<A: AsyncStore>(make: impl FnOnce() -> A, block_on: BlockOn) {
    let (store, old) = (make(), record("ann"));
    let new = old.refreshed(Token::bearer("new", old.token().issued_at));
    wait(block_on, async {
        let mut locked = lock(&store, PATIENCE).await;
        let first = locked.save(Change::Put(Box::new(old.clone()))).await;
        first.expect("a record is stored");
        drop(poll_once(locked.save(Change::Put(Box::new(new.clone())))).await);
        drop(locked);
        let locked = lock(&store, PATIENCE).await;
        let found = locked.record().map(json);
        assert!(
            found == Some(json(&old)) || found == Some(json(&new)),
            "the record is neither the old nor the new one"
        );
        locked.unlock().await;
    });
}
