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
//! [`Credentials`] is for async programs, [`blocking::Credentials`] for the others; the rules are in one place for both.

mod asynchronous;
pub mod blocking;
mod flight;
mod published;
mod shared;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

pub use asynchronous::Credentials;

use self::published::Published;
use crate::{Key, Now, Secret, StoreError, Token};

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
enum Source<S: ?Sized> {
    Stored { key: Key, store: Arc<S> },
    Bare(Token),
}

impl<S: fmt::Debug + ?Sized> fmt::Debug for Source<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored { key, store } => f
                .debug_struct("Stored")
                .field("key", key)
                .field("store", store)
                .finish(),
            Self::Bare(token) => f.debug_tuple("Bare").field(token).finish(),
        }
    }
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
