//! Waiting for the kernel's lock with an end to the patience.
//!
//! ```text
//! turn (this store, one thread at a time) ─▶ try the lock ──taken──▶ held
//!                                              │ another holds it
//!                                              ▼
//!                                  helper thread blocks in the kernel ──▶ handed over
//!                                              │ patience ends
//!                                              ▼
//!                          LockTimeout; the helper stays, and the next caller adopts it
//! ```
//!
//! No system waits for a file lock with a deadline, and polling is slower and unfair: so a thread blocks, and the caller waits
//! for the thread. A store has at most one such thread, however many callers give up.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use grantflow_core::{StoreError, StoreErrorKind};

use super::place::{Held, Place, Wait};

/// Who of this process deals with the kernel's lock.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken: bool,
    helper: Helper,
}

#[derive(Debug, Default)]
enum Helper {
    #[default]
    None,
    /// It blocks; if nobody wants the lock any more, it gives it back as soon as it has it.
    Waits {
        wanted: bool,
    },
    Done(Result<Held, StoreError>),
}

/// The turn of one caller; dropping it is the next one's chance.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Turns>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.state().taken = false;
        self.0.changed.notify_all();
    }
}

struct Deadline(Option<Instant>);

impl Deadline {
    fn left(&self) -> Duration {
        self.0
            .map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
    }
}

impl Turns {
    /// Takes the lock, waiting at most `patience`.
    pub(crate) fn lock(
        self: &Arc<Self>,
        place: &Arc<Place>,
        patience: Duration,
    ) -> Result<(Turn, Held), StoreError> {
        let timeout = |holder| StoreError::new(StoreErrorKind::LockTimeout { holder }).at(&place.lock_path());
        let deadline = Deadline(Instant::now().checked_add(patience));
        let turn = self
            .turn(&deadline)
            .ok_or_else(|| timeout(Some(std::process::id())))?;
        if let Some(held) = place.acquire(Wait::Never)? {
            return Ok((turn, held));
        }
        match self.wait(place, &deadline) {
            Some(held) => Ok((turn, held?)),
            None => Err(timeout(place.holder())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Its changes are assignments: a panic elsewhere leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something changes; `None` when the deadline is over.
    fn changed<'s>(
        &self,
        state: MutexGuard<'s, State>,
        deadline: &Deadline,
    ) -> Option<MutexGuard<'s, State>> {
        let left = deadline.left();
        if left.is_zero() {
            return None;
        }
        let waited = self.changed.wait_timeout(state, left);
        Some(waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    fn turn(self: &Arc<Self>, deadline: &Deadline) -> Option<Turn> {
        let mut state = self.state();
        while state.taken {
            state = self.changed(state, deadline)?;
        }
        state.taken = true;
        Some(Turn(Arc::clone(self)))
    }

    /// Has the helper wait; `None` when the deadline is over.
    fn wait(self: &Arc<Self>, place: &Arc<Place>, deadline: &Deadline) -> Option<Result<Held, StoreError>> {
        if deadline.left().is_zero() {
            return None;
        }
        if let Err(error) = self.enlist(place) {
            return Some(Err(error));
        }
        let mut state = self.state();
        loop {
            if let Helper::Done(_) = state.helper
                && let Helper::Done(held) = std::mem::take(&mut state.helper)
            {
                return Some(held);
            }
            state = match self.changed(state, deadline) {
                Some(state) => state,
                None => return self.give_up(),
            };
        }
    }

    /// Adopts the helper of a caller who gave up, or starts one.
    fn enlist(self: &Arc<Self>, place: &Arc<Place>) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Helper::Waits { wanted } = &mut state.helper {
            *wanted = true;
            return Ok(());
        }
        let (turns, place) = (Arc::clone(self), Arc::clone(place));
        std::thread::Builder::new()
            .name("grantflow-lock".to_owned())
            .spawn(move || turns.help(&place))
            .map_err(|error| StoreError::new(StoreErrorKind::Unavailable).because(error))?;
        state.helper = Helper::Waits { wanted: true };
        Ok(())
    }

    /// The helper's work.
    fn help(&self, place: &Place) {
        let held = match place.acquire(Wait::Always) {
            Ok(Some(held)) => Ok(held),
            Ok(None) => {
                Err(StoreError::new(StoreErrorKind::LockTimeout { holder: None }).at(&place.lock_path()))
            }
            Err(error) => Err(error),
        };
        let mut state = self.state();
        if let Helper::Waits { wanted: true } = state.helper {
            state.helper = Helper::Done(held);
            self.changed.notify_all();
        } else {
            state.helper = Helper::None;
        }
    }

    /// Leaves the helper to the next caller, unless it has just succeeded.
    fn give_up(&self) -> Option<Result<Held, StoreError>> {
        match &mut self.state().helper {
            Helper::Waits { wanted } => {
                *wanted = false;
                None
            }
            helper => match std::mem::take(helper) {
                Helper::Done(held) => Some(held),
                _ => None,
            },
        }
    }
}
