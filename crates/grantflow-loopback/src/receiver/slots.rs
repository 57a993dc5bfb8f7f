//! Who is connected: at most 32 at once, and whoever idles longest gives way ([RFC 8252 section 8.3], threat T19).
//!
//! ```text
//! enter ─▶ Reading ──heard──▶ Answering ──answered──▶ Draining ──▶ left
//!             │                                        │          ▲
//!             └── evicted by the 33rd, or at the end ──┴──────────┘
//! ```
//!
//! Browsers open connections in advance and leave them idle, and so may anybody else on the machine: the one that matters is the
//! newest, never the oldest.
//!
//! [RFC 8252 section 8.3]: https://www.rfc-editor.org/rfc/rfc8252#section-8.3

use std::collections::VecDeque;
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pages::Page;

/// How many are served at once.
const MOST: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Slots {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// What became of the login, once the redirect came.
    outcome: Option<Page>,
    /// The final page was fetched.
    shown: bool,
    open: usize,
    next: u64,
    /// Those that have not said what they want, the oldest first.
    reading: VecDeque<(u64, TcpStream)>,
}

/// A place among the connections; dropping it leaves.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    number: u64,
}

impl Slots {
    /// Takes a place for the connection, if need be that of the one that idles longest. `None` at the end.
    pub(super) fn enter(&self, stream: &TcpStream) -> Option<u64> {
        let twin = stream.try_clone().ok()?;
        let mut state = self.lock();
        while state.open >= MOST && !state.closed {
            if let Some((_, oldest)) = state.reading.pop_front() {
                let _ = oldest.shutdown(Shutdown::Both);
            }
            state = self.wait(state, None);
        }
        if state.closed {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.open += 1;
        state.reading.push_back((number, twin));
        Some(number)
    }

    /// The place with this number, on the thread that serves it.
    pub(super) fn slot(&self, number: u64) -> Slot<'_> {
        Slot { slots: self, number }
    }

    /// Notes what became of the login.
    pub(super) fn decide(&self, outcome: Page) {
        self.lock().outcome = Some(outcome);
    }

    /// The final page, once there is one.
    pub(super) fn outcome(&self) -> Option<Page> {
        self.lock().outcome
    }

    /// Notes that the final page was fetched.
    pub(super) fn shown(&self) {
        self.lock().shown = true;
        self.changed.notify_all();
    }

    /// Whether there is a final page that nobody has fetched yet.
    pub(super) fn is_page_due(&self) -> bool {
        let state = self.lock();
        state.outcome.is_some() && !state.shown
    }

    /// Waits until the final page was fetched, or the time is over.
    pub(super) fn wait_until_shown(&self, at_most: Duration) {
        let end = Instant::now() + at_most;
        let mut state = self.lock();
        while !state.shown && !state.closed {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.wait(state, Some(left));
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Lets nobody in any more and hangs up on those who have not said what they want.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for (_, stream) in state.reading.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// A pause after a failed accept, cut short at the end.
    pub(super) fn pause(&self, pause: Duration) {
        let state = self.lock();
        if !state.closed {
            drop(self.wait(state, Some(pause)));
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, at_most: Option<Duration>) -> MutexGuard<'a, State> {
        match at_most {
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                let waited = self.changed.wait_timeout(state, limit);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot<'_> {
    /// The connection said what it wants: it is answered now and no longer gives way. `None` if it had to give way before.
    pub(super) fn heard(&self) -> Option<TcpStream> {
        let mut state = self.slots.lock();
        let at = state
            .reading
            .iter()
            .position(|(number, _)| *number == self.number)?;
        state.reading.remove(at).map(|(_, stream)| stream)
    }

    /// The connection was answered: it may give way again.
    pub(super) fn answered(&self, stream: TcpStream) {
        let mut state = self.slots.lock();
        if state.closed {
            let _ = stream.shutdown(Shutdown::Both);
        } else {
            state.reading.push_back((self.number, stream));
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        drop(self.heard());
        self.slots.lock().open -= 1;
        self.slots.changed.notify_all();
    }
}
