//! [`KeyCache`]: the keys of one issuer, asked for by one caller at a time and for all ([OpenID Connect Core section 10.1.1]).
//!
//! ```text
//! look ─┬─▶ Use(keys)
//!       ├─▶ Ask(flight) ─▶ Send ─▶ landed, or dropped on the way: the next caller asks
//!       ├─▶ Wait ─▶ look
//!       └─▶ Fail(error of a moment ago)
//! ```
//!
//! [OpenID Connect Core section 10.1.1]: https://openid.net/specs/openid-connect-core-1_0.html#RotateSigKeys

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantflow_core::error::TransportErrorKind;
use grantflow_core::{Cancelled, Cx, Error, Next, Response, Step, TransportError};
use grantflow_jwt::KeySet;

use super::{KeyRequest, PublishedKeys};

/// The keys of one issuer. Clones share them, so one cache serves all threads and tasks.
///
/// Times are those of the clock since boot, which nobody sets. Keys are good for as long as the server says
/// ([`PublishedKeys::fresh_for`]), and for a day more while it cannot be reached. However many callers want a key that is not
/// there, the server is asked once a minute; one that failed is left alone for ten seconds, in which the same error is given again.
///
/// # Example
///
/// ```
/// use grantflow_core::{Endpoint, Step};
/// use grantflow_oidc::{KeyCache, KeyRequest};
///
/// let cache = KeyCache::new(KeyRequest::jwks(Endpoint::new("https://server.example.com/jwks")?));
/// assert!(matches!(cache.keys(), Step::Begin(_)));
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone)]
pub struct KeyCache(Arc<Shared>);

struct Shared {
    request: KeyRequest,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Option<Known>,
    /// When the last request was begun.
    asked_at: Option<Duration>,
    /// Whether somebody is asking.
    in_flight: bool,
    /// How the last request failed, if it did.
    failure: Option<Error>,
}

struct Known {
    keys: Arc<KeySet>,
    fresh_until: Duration,
}

/// What a caller finds.
enum Found {
    Use(Arc<KeySet>),
    Ask(Flight),
    Wait,
    Fail(Error),
    /// The keys are those that the caller knows already, and it is too early to ask for others.
    Unchanged,
}

/// What a caller wants.
#[derive(Clone)]
enum Wanted {
    /// Any that can be used.
    Any,
    /// Others than these, among which a token's key was not.
    Newer(Arc<KeySet>),
}

impl KeyCache {
    /// Nothing yet; the first flow asks.
    #[must_use]
    pub fn new(request: KeyRequest) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Shared { request, state }))
    }

    /// The keys: at once while they are fresh, else from the server. While it cannot be reached, old ones for a day.
    ///
    /// The flow ends in [`Error::BadReply`] or [`Error::Transport`] if there are none.
    pub fn keys(&self) -> Step<Arc<KeySet>> {
        let flow = self.flow(Wanted::Any);
        // There is nothing that a caller who knows none could know already.
        flow.and_then(|keys, _| keys.map(Step::Done).ok_or(Error::Cancelled))
    }

    /// Other keys than those `known`, among which a token's key was not; `None` if the server was asked less than a minute ago.
    ///
    /// The flow ends in [`Error::BadReply`] or [`Error::Transport`] if the server could not say.
    pub fn newer_than(&self, known: Arc<KeySet>) -> Step<Option<Arc<KeySet>>> {
        self.flow(Wanted::Newer(known))
    }

    fn flow(&self, wanted: Wanted) -> Step<Option<Arc<KeySet>>> {
        let cache = self.clone();
        Step::begin(move |cx| {
            let until = cx.now().boot.saturating_add(LONGEST_WAIT);
            cache.look(wanted, until, cx)
        })
    }

    fn look(
        self,
        wanted: Wanted,
        until: Duration,
        cx: &mut Cx<'_>,
    ) -> Result<Step<Option<Arc<KeySet>>>, Error> {
        let now = cx.now().boot;
        match self.find(&wanted, now) {
            Found::Use(keys) => Ok(Step::Done(Some(keys))),
            Found::Unchanged => Ok(Step::Done(None)),
            Found::Fail(error) => Err(error),
            Found::Ask(flight) => flight.ask(wanted, cx),
            Found::Wait if now >= until => Err(TransportError::new(TransportErrorKind::Timeout).into()),
            Found::Wait => {
                let next = move |passed: Result<(), Cancelled>, cx: &mut Cx<'_>| {
                    passed.map_err(|Cancelled| Error::Cancelled)?;
                    self.look(wanted, until, cx)
                };
                Ok(Step::Wait(PAUSE, Next::new(next)))
            }
        }
    }

    /// Decides, and if it decides to ask, notes it: the next caller finds that.
    fn find(&self, wanted: &Wanted, now: Duration) -> Found {
        let mut state = self.0.state();
        let since = state.asked_at.map(|at| now.saturating_sub(at));
        let within = |pause| since.is_some_and(|since| since < pause);
        let failure = state.failure.clone();
        let known = state.known.as_ref();
        match wanted {
            Wanted::Any => {
                if let Some(known) = known.filter(|known| now < known.fresh_until) {
                    return Found::Use(Arc::clone(&known.keys));
                }
                let old = known.filter(|known| known.can_be_used(now));
                let old = old.map(|known| Arc::clone(&known.keys));
                if let Some(old) =
                    old.filter(|_| state.in_flight || (failure.is_some() && within(AFTER_FAILURE)))
                {
                    return Found::Use(old);
                }
            }
            Wanted::Newer(than) => {
                if let Some(known) = known.filter(|known| !Arc::ptr_eq(&known.keys, than)) {
                    return Found::Use(Arc::clone(&known.keys));
                }
            }
        }
        if state.in_flight {
            return Found::Wait;
        }
        let pause = match wanted {
            Wanted::Any => AFTER_FAILURE,
            Wanted::Newer(_) => BETWEEN_REFETCHES,
        };
        match (failure, wanted) {
            (Some(error), _) if within(pause) => return Found::Fail(error),
            (None, Wanted::Newer(_)) if within(pause) => return Found::Unchanged,
            _ => {}
        }
        state.in_flight = true;
        state.asked_at = Some(now);
        Found::Ask(Flight(Some(Arc::clone(&self.0))))
    }
}

impl Known {
    fn can_be_used(&self, now: Duration) -> bool {
        now < self.fresh_until.saturating_add(LONGEST_STALE)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is ever half written: what a panic left is what was there.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to ask, of one caller at a time. One that is dropped on the way, because its flow was, gives it back.
struct Flight(Option<Arc<Shared>>);

impl Flight {
    fn ask(self, wanted: Wanted, cx: &mut Cx<'_>) -> Result<Step<Option<Arc<KeySet>>>, Error> {
        let Some(request) = self.0.as_ref().map(|shared| shared.request.clone()) else {
            return Err(Error::Cancelled);
        };
        let asked_at = cx.now().boot;
        let http = request.to_http(cx)?;
        let next = move |reply: Result<Response, TransportError>, cx: &mut Cx<'_>| {
            let published = match reply {
                Ok(reply) => request.parse(&reply, cx),
                Err(error) => Err(error.into()),
            };
            let landed = self.land(published, asked_at);
            match (landed, wanted) {
                (Landed::New(keys), _) | (Landed::Old(keys, _), Wanted::Any) => Ok(Step::Done(Some(keys))),
                (Landed::Old(_, error), Wanted::Newer(_)) | (Landed::Nothing(error), _) => Err(error),
            }
        };
        Ok(Step::Send(http, Next::new(next)))
    }

    fn land(mut self, published: Result<PublishedKeys, Error>, asked_at: Duration) -> Landed {
        let Some(shared) = self.0.take() else {
            return Landed::Nothing(Error::Cancelled);
        };
        let mut state = shared.state();
        state.in_flight = false;
        match published {
            Ok(PublishedKeys { keys, fresh_for }) => {
                let keys = Arc::new(keys);
                state.failure = None;
                state.known = Some(Known {
                    keys: Arc::clone(&keys),
                    fresh_until: asked_at.saturating_add(fresh_for),
                });
                Landed::New(keys)
            }
            Err(error) => {
                state.failure = Some(error.clone());
                match state.known.as_ref().filter(|known| known.can_be_used(asked_at)) {
                    Some(known) => Landed::Old(Arc::clone(&known.keys), error),
                    None => Landed::Nothing(error),
                }
            }
        }
    }
}

/// How a request ended.
enum Landed {
    New(Arc<KeySet>),
    Old(Arc<KeySet>, Error),
    Nothing(Error),
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.state().in_flight = false;
        }
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache")
            .field("request", &self.0.request)
            .finish_non_exhaustive()
    }
}

/// Threat T47: tokens that name keys nobody has are no reason to ask more often.
const BETWEEN_REFETCHES: Duration = Duration::from_secs(60);
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Who can keep the server from being reached does not keep a withdrawn key alive for longer.
const LONGEST_STALE: Duration = Duration::from_secs(86_400);
/// How often one looks who waits for another's request, and for how long: more than any request takes.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(12);
