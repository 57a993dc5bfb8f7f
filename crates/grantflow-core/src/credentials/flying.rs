//! One caller gets the token for all.
//!
//! ```text
//! obtain ─▶ turn ─┬─ a token that will do
//!                 ├─ wait for the flight in the air
//!                 └─ fly, in a task of its own ─▶ read ─▶ adopt │ lock ▸ re-read ▸ refresh ▸ save ▸ unlock ─▶ publish ─▶ land
//!                                                                                      └ failed ─▶ publish ─▶ land ─▶ keep
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::Source;
use super::asynchronous::Credentials;
use super::flight::{End, Leader};
use super::keeping::Unsaved;
use super::observer::Event;
use super::published::{Grant, Moment, Need, Obtained, Published};
use super::shared::{Plan, Turn};
use crate::driver::perform;
use crate::error::TransportError;
use crate::flow::Access;
use crate::step::Cancelled;
use crate::{
    AsyncHost, AsyncLocked, AsyncStore, CertificateThumbprint, EntropyError, Error, Key, LoadError,
    NotAuthorized, Now, Request, Response, SignError, Signature, SigningRequest, StoreError,
};

/// A lock on its way: held when the flow that took it has ended without giving it back.
pub(super) type Held<'h> = Option<Box<dyn AsyncLocked + 'h>>;

impl Credentials {
    pub(super) async fn obtain(&self, need: &Need) -> Obtained {
        let mut ends_seen = 0;
        let mut task_was_lost = false;
        loop {
            let flight = match self.shared.turn(need, || self.transport.now()) {
                Turn::Take(published) => return Ok(published),
                Turn::Wait(flight) => {
                    self.tell(Event::Coalesced);
                    flight
                }
                Turn::Fly(leader) => {
                    let flight = leader.flight();
                    self.launch(need.clone(), leader, task_was_lost).await;
                    match flight.landing().await {
                        // Who flew itself has gone on storing it since, and may have refreshed it for others.
                        End::Landed(result) => return result.map(|landed| self.shared.newest(need, landed)),
                        End::Abandoned => {
                            task_was_lost = true;
                            continue;
                        }
                    }
                }
            };
            ends_seen += 1;
            let end = flight.landing().await;
            task_was_lost |= matches!(end, End::Abandoned);
            if let Some(result) = self.shared.landed(need, end, ends_seen, self.transport.now()) {
                return result;
            }
        }
    }

    /// Hands the flight to the task that keeps the lock, if there is one; else to a task of its own. Where no runtime takes it, or
    /// one has lost it, the caller flies itself; if the caller is dropped then, whoever waits takes over.
    async fn launch(&self, need: Need, leader: Leader<Obtained>, task_was_lost: bool) {
        let Err((need, leader)) = self.shared.inbox.hand_over((need, leader)) else {
            return;
        };
        let owned = Arc::new(AtomicBool::new(!task_was_lost));
        let (handle, is_owned) = (self.clone(), Arc::clone(&owned));
        let task = Box::pin(async move { handle.fly(need, leader, &is_owned).await });
        if task_was_lost {
            task.await;
        } else if let Err(task) = self.transport.spawn(task) {
            owned.store(false, Ordering::Relaxed);
            task.await;
        }
    }

    /// `owned`: whether a task of its own flies, which may go on when all callers have their answer.
    ///
    /// Boxed here, so that its code is there once for all that call it, and may call itself.
    pub(super) fn fly<'a>(
        &'a self,
        need: Need,
        leader: Leader<Obtained>,
        owned: &'a AtomicBool,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.take_flight(need, leader, owned))
    }

    async fn take_flight(&self, need: Need, leader: Leader<Obtained>, owned: &AtomicBool) {
        let (key, store) = match &*self.source {
            Source::Stored { key, store, .. } => (key, &**store),
            Source::Bare(token) => {
                return leader.land(match need {
                    Need::Valid => self
                        .moment()
                        .and_then(|moment| self.shared.publish_bare(token.clone(), moment)),
                    Need::NotThis(_) | Need::After(_) => Err(NotAuthorized::NoRefreshToken.into()),
                });
            }
        };
        let host = FlightHost {
            credentials: self,
            store,
        };
        let mut held = None;
        let (obtained, unsaved) = self.land(&need, key, store, &host, &mut held).await;
        if let Some(unsaved) = unsaved {
            return self.keep(unsaved, (obtained, leader), held, &host, owned).await;
        }
        if let Some(lock) = held {
            lock.unlock().await;
        }
        leader.land(obtained);
    }

    async fn land<'h>(
        &self,
        need: &Need,
        key: &Key,
        store: &dyn AsyncStore,
        host: &'h FlightHost<'_>,
        held: &mut Held<'h>,
    ) -> (Obtained, Option<Unsaved>) {
        let before = self.generation();
        let adopt = |published: Arc<Published>| {
            let generation = published.grant.generation();
            if before.is_some_and(|before| before < generation) {
                self.tell(Event::Adopted { generation });
            }
            Ok(published)
        };
        let read = store.read(key.clone()).await.map_err(Error::from);
        let moment = || self.moment();
        let (result, unsaved) = match read.and_then(|read| self.shared.plan(need, key, read, moment()?)) {
            Ok(Plan::Use(published)) => return (adopt(published), None),
            Ok(Plan::Run(flow)) => Unsaved::of(perform(self.equipped(*flow).ending(), host, held).await),
            Err(error) => (Err(error), None),
        };
        if let Err(Error::Store(_)) = &result {
            // Whoever was in the way, or made it full, may have stored a token meanwhile.
            let read = store.read(key.clone()).await.ok().flatten();
            let plan = moment().and_then(|moment| self.shared.plan(need, key, read, moment));
            if let Ok(Plan::Use(published)) = plan {
                return (adopt(published), unsaved);
            }
        }
        (self.publish(need, result, unsaved.as_ref()), unsaved)
    }

    /// Publishes what a flow gave, and tells it.
    pub(super) fn publish(
        &self,
        need: &Need,
        result: Result<Access, Error>,
        unsaved: Option<&Unsaved>,
    ) -> Obtained {
        match &result {
            Ok(access) => {
                let generation = access.record.generation();
                if access.refreshed {
                    self.tell(Event::RefreshSucceeded { generation });
                } else if self.generation().is_none_or(|before| before < generation) {
                    self.tell(Event::Adopted { generation });
                }
            }
            Err(error) => {
                match error {
                    Error::NotAuthorized(_) | Error::Store(_) => {}
                    asked => self.tell(Event::RefreshFailed {
                        outcome: asked.outcome(),
                    }),
                }
                if error.needs_user() {
                    let why = match error {
                        Error::NotAuthorized(why) => *why,
                        _ => NotAuthorized::Refused,
                    };
                    self.tell(Event::NeedsUser { why });
                }
            }
        }
        if let Some(unsaved) = unsaved {
            let kind = unsaved.why().kind();
            self.tell(Event::SaveFailed { kind });
        }
        self.shared.publish(need, result, self.moment()?)
    }

    /// The generation of the record behind the published token.
    pub(super) fn generation(&self) -> Option<u64> {
        let published = self.shared.cell.load();
        published.as_ref().map(|published| match &published.grant {
            Grant::Stored(record) => record.generation(),
            Grant::Bare(_) => 0,
        })
    }

    pub(super) fn moment(&self) -> Result<Moment, Error> {
        let mut jitter = [0];
        self.transport.fill(&mut jitter)?;
        Ok(Moment {
            now: self.transport.now(),
            ticks: self.transport.ticks(),
            jitter: jitter[0],
        })
    }
}

/// The world of one flight: it tells the observer what passes through it.
pub(super) struct FlightHost<'a> {
    credentials: &'a Credentials,
    store: &'a dyn AsyncStore,
}

#[async_trait]
impl AsyncHost for FlightHost<'_> {
    fn now(&self) -> Now {
        self.credentials.transport.now()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.credentials.transport.fill(bytes)
    }

    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.credentials.transport.certificate()
    }

    /// The only request of these flows is the refresh.
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.credentials.tell(Event::RefreshStarted);
        self.credentials.transport.send(request).await
    }

    /// The only wait of these flows is the one before another try.
    async fn wait(&self, pause: Duration) -> Result<(), Cancelled> {
        self.credentials.shared.budget.spend();
        self.credentials.tell(Event::Retried { pause });
        self.credentials.transport.sleep(pause).await;
        Ok(())
    }

    async fn load(&self, source: crate::Source) -> Result<Vec<u8>, LoadError> {
        self.credentials.transport.load(source).await
    }

    async fn sign(&self, request: SigningRequest) -> Result<Signature, SignError> {
        self.credentials.transport.sign(request).await
    }

    async fn lock(&self, key: Key, patience: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        self.store.lock(key, patience).await
    }
}
