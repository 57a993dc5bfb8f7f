//! What happens to a token, for those who watch: metrics, logs, tests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::StoreErrorKind;
use crate::{Key, NotAuthorized, Outcome};

/// Is told of each event in the life of a handle's token, on the thread or task where it happens.
///
/// It must not block, and must not ask the same credentials for a token: the refresh that it is told of would wait for it.
/// If it panics, the event is lost and the refresh goes on, since a token that was granted has to be stored.
///
/// A closure will do:
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use grantflow_core::{Event, Key};
///
/// static REFRESHES: AtomicU64 = AtomicU64::new(0);
/// let observer = |_: &Key, event: &Event| {
///     if matches!(event, Event::RefreshStarted) {
///         REFRESHES.fetch_add(1, Ordering::Relaxed);
///     }
/// };
/// # fn takes(_: impl grantflow_core::Observer) {}
/// # takes(observer);
/// ```
pub trait Observer: Send + Sync {
    /// Takes notice of what happened to the credentials under `key`.
    fn observe(&self, key: &Key, event: &Event);
}

impl<F: Fn(&Key, &Event) + Send + Sync> Observer for F {
    fn observe(&self, key: &Key, event: &Event) {
        self(key, event);
    }
}

/// What happened; no event has a secret in it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A request for a new token leaves, with the record locked.
    RefreshStarted,
    /// A new token was granted.
    RefreshSucceeded {
        /// The generation of the record that holds it.
        generation: u64,
    },
    /// No new token was granted.
    RefreshFailed {
        /// What that means for a second try.
        outcome: Outcome,
    },
    /// The next try begins after this pause.
    Retried {
        /// How long it waits.
        pause: Duration,
    },
    /// Another handle or process had refreshed already; its token is used.
    Adopted {
        /// The generation of the record that holds it.
        generation: u64,
    },
    /// A caller waits for a refresh that another caller began.
    Coalesced,
    /// A good token could not be stored; the lock is kept and storing it is tried again.
    SaveFailed {
        /// What the store said.
        kind: StoreErrorKind,
    },
    /// A token that could not be stored at first is stored now.
    Saved,
    /// Only a new login helps.
    NeedsUser {
        /// Why.
        why: NotAuthorized,
    },
}

/// The observer of a handle, or none.
#[derive(Clone, Default)]
pub(super) struct Observed(pub(super) Option<Arc<dyn Observer>>);

impl Observed {
    pub(super) fn tell(&self, key: &Key, event: Event) {
        let Some(observer) = &self.0 else { return };
        // A panic here would give the lock back while a granted token is stored nowhere. What the observer left half done is
        // its own: nothing of ours is touched within.
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| observer.observe(key, &event)));
        drop(told);
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "None" })
    }
}

/// Writes each event as a `tracing` event: failures as warnings, all else at debug level, with the target `grantflow`.
///
/// Credentials are named by their issuer, their client and the first bytes of their key's digest, so that no account is in the log.
#[cfg(feature = "tracing")]
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to it")]
pub struct TracingObserver;

#[cfg(feature = "tracing")]
impl Observer for TracingObserver {
    fn observe(&self, key: &Key, event: &Event) {
        let (issuer, client_id) = (key.issuer(), key.client_id());
        let digest = key.digest();
        let record = digest.get(..8).unwrap_or(&digest);
        macro_rules! log {
            ($level:ident, $($rest:tt)*) => {
                tracing::$level!(target: "grantflow", issuer, client_id, record, $($rest)*)
            };
        }
        match event {
            Event::RefreshStarted => log!(debug, "refresh started"),
            Event::RefreshSucceeded { generation } => log!(debug, generation, "refresh succeeded"),
            Event::RefreshFailed { outcome } => log!(warn, ?outcome, "refresh failed"),
            Event::Retried { pause } => log!(debug, ?pause, "refresh tried again"),
            Event::Adopted { generation } => log!(debug, generation, "token of another process adopted"),
            Event::Coalesced => log!(debug, "waiting for a refresh under way"),
            Event::SaveFailed { kind } => log!(warn, ?kind, "token could not be stored"),
            Event::Saved => log!(debug, "token stored at last"),
            Event::NeedsUser { why } => log!(warn, %why, "a login is needed"),
        }
    }
}
