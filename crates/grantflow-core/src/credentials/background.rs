//! A token that is kept fresh without callers, for those who ask for it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::asynchronous::Credentials;
use super::published::Need;
use super::step_aside;

/// The least time between two looks.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// The longest time between two looks, so that a clock that was set and a suspended machine are noticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Keeps the token of [`Credentials`](crate::Credentials) fresh until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the refreshing"]
pub struct KeepFresh {
    _alive: Arc<()>,
}

impl KeepFresh {
    pub(super) fn new(alive: Arc<()>) -> Self {
        Self { _alive: alive }
    }
}

pub(super) async fn keep_fresh(credentials: Credentials, alive: Weak<()>) {
    step_aside().await;
    while alive.strong_count() > 0 {
        // A failure is told to the observer and to the next caller; here it only means to come back.
        match credentials.obtain(&Need::Valid).await {
            Err(error) if error.needs_user() => return,
            Ok(_) | Err(_) => {}
        }
        let now = credentials.transport.now();
        let published = credentials.shared.cell.load_full();
        let pause = published.and_then(|published| published.fresh_for(now));
        let pause = pause.unwrap_or(LONGEST_PAUSE);
        credentials
            .transport
            .sleep(pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE))
            .await;
    }
}
