//! One refresh at a time: whoever comes while it is in the air waits for the same end.
//!
//! One structure for both worlds: whoever waits leaves a waker, and the waker of a thread unparks it. A leader that goes away without an end (a
//! panic, a runtime that is gone) ends the flight as abandoned, and a waiter takes over.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use super::sync::{Mutex, MutexGuard};

/// The place where flights of one handle begin.
#[derive(Debug)]
pub(super) struct Flights<T> {
    current: Arc<Mutex<Option<Arc<Flight<T>>>>>,
}

/// A flight and its end.
#[derive(Debug)]
pub(super) struct Flight<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    end: Option<End<T>>,
    wakers: Vec<Waker>,
}

/// How a flight ended.
#[derive(Clone, Debug)]
pub(super) enum End<T> {
    /// With this, for all who waited.
    Landed(T),
    /// Its leader went away; somebody else has to fly.
    Abandoned,
}

/// What a caller is in a flight.
pub(super) enum Seat<T> {
    /// The one who flies.
    Leader(Leader<T>),
    /// One who waits.
    Passenger(Arc<Flight<T>>),
}

/// The duty to end a flight; dropping it abandons the flight.
pub(super) struct Leader<T> {
    flight: Arc<Flight<T>>,
    current: Arc<Mutex<Option<Arc<Flight<T>>>>>,
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self {
            current: Arc::new(Mutex::new(None)),
        }
    }
}

impl<T> Flights<T> {
    /// Joins the flight in the air, or begins one.
    pub(super) fn join(&self) -> Seat<T> {
        let mut current = lock(&self.current);
        if let Some(flight) = &*current {
            return Seat::Passenger(Arc::clone(flight));
        }
        let state = State {
            end: None,
            wakers: Vec::new(),
        };
        let flight = Arc::new(Flight {
            state: Mutex::new(state),
        });
        *current = Some(Arc::clone(&flight));
        Seat::Leader(Leader {
            flight,
            current: Arc::clone(&self.current),
        })
    }

    /// Begins a flight that others only watch; none if there is one already.
    pub(super) fn begin(&self) -> Option<Leader<T>> {
        match self.join() {
            Seat::Leader(leader) => Some(leader),
            Seat::Passenger(_) => None,
        }
    }

    /// The flight in the air, for those who only want to see it end.
    pub(super) fn in_the_air(&self) -> Option<Arc<Flight<T>>> {
        lock(&self.current).clone()
    }
}

impl<T> Leader<T> {
    /// The flight, to await its end.
    pub(super) fn flight(&self) -> Arc<Flight<T>> {
        Arc::clone(&self.flight)
    }

    /// Ends the flight for everybody.
    pub(super) fn land(self, with: T) {
        self.end(End::Landed(with));
    }

    fn end(&self, end: End<T>) {
        // First out of the way, so that whoever wakes and still needs something begins a new flight.
        let mut current = lock(&self.current);
        if current
            .as_ref()
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            *current = None;
        }
        drop(current);
        let mut state = lock(&self.flight.state);
        if state.end.is_none() {
            state.end = Some(end);
        }
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<T> Drop for Leader<T> {
    fn drop(&mut self) {
        self.end(End::Abandoned);
    }
}

impl<T: Clone> Flight<T> {
    /// The end, to be awaited.
    pub(super) fn landing(self: Arc<Self>) -> Landing<T> {
        Landing(self)
    }
}

/// The end of a flight, to be awaited.
pub(super) struct Landing<T>(Arc<Flight<T>>);

impl<T: Clone> Future for Landing<T> {
    type Output = End<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End<T>> {
        let mut state = lock(&self.0.state);
        if let Some(end) = &state.end {
            return Poll::Ready(end.clone());
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// A panic of another caller leaves nothing half done here: each critical section is a plain assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
