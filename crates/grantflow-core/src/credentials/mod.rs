//! The live handle that an application holds.
//!
//! ```text
//! header() ─▶ fresh? ─yes─▶ the published header: one load, one compare
//!               │no
//!               ▼
//!          one flies, the others wait or go on with a token that still lives
//!               │
//!               ▼
//!          read ─▶ newer? ─no─▶ lock ▸ re-read ▸ refresh ▸ save ▸ unlock ─▶ publish
//! ```
//!
//! [`Credentials`] is for async programs. [`blocking::Credentials`] is the same handle with its futures driven by threads that park.

mod api_call;
mod asynchronous;
mod background;
pub mod blocking;
mod budget;
mod flight;
mod flying;
mod inbox;
mod keeping;
mod observer;
mod parked;
mod published;
mod shared;
mod sync;
mod unstored;

use std::future::{Future, poll_fn};
use std::mem::replace;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

pub use api_call::{ApiCall, Heard};
pub use asynchronous::Credentials;
pub use background::KeepFresh;
#[cfg(feature = "tracing")]
pub use observer::TracingObserver;
pub use observer::{Event, Observer};

use self::published::Published;
use crate::flow::TokenSource;
use crate::{AsyncStore, Key, Now, Secret, StoreError, Token};

/// An access token, and how long it lives on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessToken {
    /// The token.
    pub token: Secret,
    /// What is left of its life; `None` where the server did not say how long it lives.
    pub remaining: Option<Duration>,
    /// Why the token could not be stored, though it is good: it works until it ends, and then a login may be needed.
    pub unsaved: Option<StoreError>,
}

impl AccessToken {
    fn of(published: &Published, now: Now) -> Self {
        Self {
            token: published.grant.token().access_token.clone(),
            remaining: published.remaining(now),
            unsaved: published.unsaved.clone(),
        }
    }
}

/// Where the tokens of a handle come from.
#[derive(Debug)]
enum Source {
    Stored {
        key: Key,
        store: Arc<dyn AsyncStore>,
        /// What is asked for a new token, if not the server with a refresh token.
        renewed_by: Option<Arc<dyn TokenSource>>,
    },
    Bare(Token),
}

/// Whether the first of the two comes to its end before the second.
async fn either<A>(first: impl Future<Output = A>, second: impl Future<Output = ()>) -> bool {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|cx| {
        if first.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        second.as_mut().poll(cx).map(|()| false)
    })
    .await
}

/// Lets whoever polls a task go on with it elsewhere: a blocking caller, that has what it wanted, on another thread.
async fn step_aside() {
    let mut is_aside = false;
    poll_fn(|cx| {
        if replace(&mut is_aside, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(all(test, grantflow_loom))]
#[path = "tests/model.rs"]
mod model;
