//! Reaching the password manager: each call on a thread of its own, with an end to the patience.
//!
//! ```text
//! caller ─▶ thread ─▶ open, if it is not ─▶ the call ─▶ answer ─▶ caller
//!   │ time limit                │ disconnected: once more, from the start
//!   ▼                           ▼
//! TimedOut; the thread goes on alone, begins nothing more, and keeps the lock until its call has ended
//! ```
//!
//! A locked keyring waits for somebody to type a password, and no library bounds that. An abandoned thread may still write in
//! the end; since it holds on to the record's lock, nobody has written anything newer by then.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantflow_core::{StoreError, StoreErrorKind};
use keyring_core::{CredentialStore, Error};

use super::errors::{self, Because};

/// The time limit of a call, unless another is set.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How many threads may wait for an answer that nobody waits for any more.
const ABANDONED: usize = 8;

/// A password manager: that of the system, or any other for which there is a crate.
///
/// Nothing is reached before the first call. A connection that broke is opened anew. Clones share it.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use grantflow_store::Keyring;
///
/// let keyring = Keyring::system().time_limit(Duration::from_secs(5));
/// # drop(keyring);
/// ```
#[derive(Clone)]
pub struct Keyring {
    shared: Arc<Shared>,
    limit: Duration,
}

/// Opens a store of `keyring-core`.
type Open = dyn Fn() -> keyring_core::Result<Arc<CredentialStore>> + Send + Sync;

struct Shared {
    open: Box<Open>,
    opened: Mutex<Option<Arc<CredentialStore>>>,
    abandoned: AtomicUsize,
}

/// What a call keeps until it has ended, whoever waits for it: the lock of a record, or nothing.
pub(super) type Hold = Option<Arc<dyn Send + Sync>>;

impl Keyring {
    /// That of the system: the Secret Service (GNOME Keyring, KWallet, KeePassXC), the user's keychain on macOS, or the
    /// Credential Manager on Windows.
    #[must_use]
    pub fn system() -> Self {
        Self::new(super::system::open)
    }

    /// Any store of `keyring-core`. It is opened by the first call, and again after its connection broke, each time on the
    /// thread of that call.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use grantflow_store::Keyring;
    ///
    /// let keyring = Keyring::new(|| Ok(keyring_core::mock::Store::new()?));
    /// # drop(keyring);
    /// ```
    pub fn new(
        open: impl Fn() -> keyring_core::Result<Arc<CredentialStore>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                open: Box::new(open),
                opened: Mutex::default(),
                abandoned: AtomicUsize::new(0),
            }),
            limit: TIME_LIMIT,
        }
    }

    /// How long a call may take: 30 seconds, unless it is said here. A record takes several calls.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Makes one call. What it returns is dropped if the answer comes too late.
    pub(super) fn call<T: Send + 'static>(
        &self,
        hold: &Hold,
        work: impl Fn(&CredentialStore) -> keyring_core::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let timed_out = |why| StoreError::new(StoreErrorKind::TimedOut).because(Because::new(why));
        if self.shared.abandoned.load(Ordering::SeqCst) >= ABANDONED {
            return Err(timed_out("it has not answered earlier calls yet"));
        }
        let (send, answer) = mpsc::sync_channel(1);
        let state = Arc::new(AtomicU8::new(RUNNING));
        let (shared, ours, hold) = (Arc::clone(&self.shared), Arc::clone(&state), hold.clone());
        std::thread::Builder::new()
            .name("grantflow-keyring".to_owned())
            .spawn(move || {
                let ended = Ended {
                    state: ours,
                    shared: Arc::clone(&shared),
                };
                let result = shared.attempt(&work, &ended.state);
                // Before the answer, so that who has it finds the lock its own.
                drop(hold);
                let _ = send.send(result);
                drop(ended);
            })
            .map_err(|error| StoreError::new(StoreErrorKind::Unavailable).because(error))?;
        let answer = match answer.recv_timeout(self.limit) {
            Err(RecvTimeoutError::Timeout) if self.shared.abandon(&state) => {
                return Err(timed_out("it may wait for somebody to unlock it"));
            }
            // It came in the last moment.
            Err(RecvTimeoutError::Timeout) => answer.recv().ok(),
            answer => answer.ok(),
        };
        let panicked = "the library that reaches it panicked";
        let none = || StoreError::new(StoreErrorKind::Unavailable).because(Because::new(panicked));
        if answer.is_none() {
            *self.shared.opened() = None;
        }
        answer.ok_or_else(none)?.map_err(errors::store_error)
    }
}

const RUNNING: u8 = 0;
const OVER: u8 = 1;
const LEFT_ALONE: u8 = 2;

/// Counts a thread out when it ends, panics included.
struct Ended {
    state: Arc<AtomicU8>,
    shared: Arc<Shared>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        if self.state.swap(OVER, Ordering::SeqCst) == LEFT_ALONE {
            self.shared.abandoned.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Shared {
    fn opened(&self) -> MutexGuard<'_, Option<Arc<CredentialStore>>> {
        // Its changes are assignments: a panic elsewhere leaves it whole.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a call alone, unless it has just ended. Its connection goes with it.
    fn abandon(&self, state: &AtomicU8) -> bool {
        self.abandoned.fetch_add(1, Ordering::SeqCst);
        let left = state.compare_exchange(RUNNING, LEFT_ALONE, Ordering::SeqCst, Ordering::SeqCst);
        if left.is_err() {
            self.abandoned.fetch_sub(1, Ordering::SeqCst);
            return false;
        }
        *self.opened() = None;
        true
    }

    fn connection(&self) -> keyring_core::Result<Arc<CredentialStore>> {
        if let Some(store) = self.opened().clone() {
            return Ok(store);
        }
        // Not under the mutex: to open it may take for ever.
        let store = (self.open)()?;
        *self.opened() = Some(Arc::clone(&store));
        Ok(store)
    }

    /// Works, and once more if the connection had broken before.
    fn attempt<T>(
        &self,
        work: &impl Fn(&CredentialStore) -> keyring_core::Result<T>,
        state: &AtomicU8,
    ) -> keyring_core::Result<T> {
        let tried = self.work(work, state);
        match tried {
            Err(error) if errors::is_disconnected(&error) => {
                *self.opened() = None;
                self.work(work, state)
            }
            tried => tried,
        }
    }

    fn work<T>(
        &self,
        work: &impl Fn(&CredentialStore) -> keyring_core::Result<T>,
        state: &AtomicU8,
    ) -> keyring_core::Result<T> {
        let store = self.connection()?;
        if state.load(Ordering::SeqCst) == LEFT_ALONE {
            // Nobody is told.
            return Err(Error::NoEntry);
        }
        work(&*store)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
