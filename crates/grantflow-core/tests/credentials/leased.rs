//! A token that was granted while the lock of its record, which is a lease, was lost to another.

use std::fmt;
use std::future::Future as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Context, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use grantflow_core::{
    Change, Credentials, Event, Key, Locked, Protection, Record, Secret, Store, StoreError, StoreErrorKind,
    Token,
};
use grantflow_store::OnThread;

use crate::world::{START, World, block_on, key, store};

/// Of a token that is granted, in seconds.
const LIFETIME: i64 = 100_000_000;

/// A store whose lock another may take over while its holder lives; then the holder's save is a conflict.
#[derive(Clone, Default)]
struct Leased(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    record: Option<Record>,
    /// Counts what is written.
    version: u64,
    holder: Option<u64>,
    /// How many leases there were.
    leases: u64,
    /// How often somebody wanted one.
    asked: usize,
    /// How many of those who want one are to be told that the store is not there.
    refused: usize,
    /// Whether it takes no new token.
    full: bool,
}

impl Leased {
    fn new(record: Record) -> Self {
        let leased = Self::default();
        leased.state().record = Some(record);
        leased
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    fn lease(&self, state: &mut State) -> Lease {
        state.leases += 1;
        state.holder = Some(state.leases);
        Lease {
            store: self.clone(),
            number: state.leases,
            version: state.version,
            record: state.record.clone(),
        }
    }

    /// Another has the lease now, and has written down that it is about to refresh.
    fn is_taken_over(&self) -> Lease {
        let mut lease = self.lease(&mut self.state());
        let found = lease.record.clone().unwrap();
        lease.save(Change::Put(Box::new(found))).unwrap();
        lease
    }

    fn wait_until_asked(&self, times: usize) {
        let state = self.state();
        drop(self.0.1.wait_while(state, |state| state.asked < times).unwrap());
    }

    fn refresh_token(&self) -> String {
        let record = self.state().record.clone().unwrap();
        record.token().refresh_token.as_ref().unwrap().expose().to_owned()
    }
}

impl fmt::Debug for Leased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leased")
    }
}

struct Lease {
    store: Leased,
    number: u64,
    version: u64,
    record: Option<Record>,
}

impl Store for Leased {
    fn read(&self, _: &Key) -> Result<Option<Record>, StoreError> {
        Ok(self.state().record.clone())
    }
    /// Whoever has some patience waits as long as it takes.
    fn lock(&self, _: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        let mut state = self.state();
        state.asked += 1;
        self.0.1.notify_all();
        if state.refused > 0 {
            state.refused -= 1;
            return Err(StoreError::new(StoreErrorKind::Unavailable));
        }
        while state.holder.is_some() {
            if patience.is_zero() {
                return Err(StoreError::new(StoreErrorKind::LockTimeout { holder: None }));
            }
            state = self.0.1.wait(state).unwrap();
        }
        Ok(Box::new(self.lease(&mut state)))
    }
    fn keys(&self) -> Result<Vec<Key>, StoreError> {
        Ok(self
            .state()
            .record
            .iter()
            .map(|record| record.key().clone())
            .collect())
    }
    fn protection(&self) -> Protection {
        Protection::Memory
    }
}

impl Locked for Lease {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }
    fn save(&mut self, change: Change) -> Result<(), StoreError> {
        let mut state = self.store.0.0.lock().unwrap();
        if state.version != self.version {
            return Err(StoreError::new(StoreErrorKind::Conflict));
        }
        let record = match change {
            Change::Put(record) => Some(*record),
            _ => None,
        };
        let is_new = record.as_ref().map(Record::generation) != self.record.as_ref().map(Record::generation);
        if state.full && is_new && record.is_some() {
            return Err(StoreError::new(StoreErrorKind::Full));
        }
        state.version += 1;
        self.version = state.version;
        self.record.clone_from(&record);
        state.record = record;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.store.state();
        if state.holder == Some(self.number) {
            state.holder = None;
        }
        self.store.0.1.notify_all();
    }
}

/// A handle whose refresh has left, and the task that it is in.
struct Flown {
    world: World,
    store: Leased,
    credentials: Credentials,
    task: JoinHandle<()>,
    events: Arc<Mutex<Vec<Event>>>,
}

/// With a token that ends so many seconds after the start.
fn flown(ends_in: i64) -> Flown {
    let world = World::default();
    world.keeps_tasks();
    world.time_flies();
    world.holds(true);
    // Flying time is not to end it by the way.
    world.grants_for(LIFETIME);
    let record = store(ends_in).read(&key()).unwrap().unwrap();
    let store = Leased::new(record);
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let credentials = Credentials::new(key(), OnThread::new(store.clone()), world.clone())
        .with_observer(move |_: &Key, event: &Event| told.lock().unwrap().push(event.clone()));
    let mut access = Box::pin(credentials.access_token());
    let first = access.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending());
    drop(access);
    let task = world.tasks().pop().unwrap();
    let task = thread::spawn(move || block_on(task));
    world.wait_for_refreshes(1);
    Flown {
        world,
        store,
        credentials,
        task,
        events,
    }
}

impl Flown {
    /// Waits for the end of the task: the token that was granted is where others find it, and that is known.
    fn ends_with(self, refresh_token: &str) {
        self.task.join().unwrap();
        assert_eq!(self.store.refresh_token(), refresh_token);
        assert_eq!(self.world.replays(), 0);
        assert!(self.store.state().holder.is_none(), "the lease is given back");
        let access = block_on(self.credentials.access_token()).unwrap();
        assert!(access.unsaved.is_none());
    }
}

#[test]
fn r30_an_early_refresh_whose_lease_was_lost_waits_for_it_and_stores_what_it_got() {
    let flown = flown(300);
    let another = flown.store.is_taken_over();
    flown.world.holds(false);
    flown.store.wait_until_asked(2);
    drop(another);
    flown.ends_with("RT2");
}

#[test]
fn r30_a_token_whose_lease_was_lost_and_cannot_be_had_again_yet_is_kept_until_it_can() {
    let flown = flown(0);
    drop(flown.store.is_taken_over());
    flown.store.state().refused = 3;
    flown.world.holds(false);
    let events = Arc::clone(&flown.events);
    flown.ends_with("RT2");
    assert!(events.lock().unwrap().contains(&Event::Saved));
}

/// A handle whose token could not be stored, and whose lease another has had since.
fn kept_without_the_lease(change: impl FnOnce(&Leased)) -> Flown {
    let flown = flown(0);
    flown.store.state().full = true;
    flown.world.holds(false);
    let access = block_on(flown.credentials.access_token()).unwrap();
    assert_eq!(access.unsaved.unwrap().kind(), StoreErrorKind::Full);
    change(&flown.store);
    flown.store.state().full = false;
    flown
}

#[test]
fn r30_a_lease_that_is_lost_while_a_token_waits_for_its_store_is_taken_again() {
    kept_without_the_lease(|store| drop(store.is_taken_over())).ends_with("RT2");
}

#[test]
fn r30_a_token_that_waits_for_its_store_is_stored_over_nothing_as_new_and_not_where_it_was_deleted() {
    let newer = |store: &Leased| {
        let mut lease = store.is_taken_over();
        let mut token = Token::bearer("AT9", grantflow_core::Timestamp::from_unix_seconds(START));
        token.refresh_token = Some(Secret::new("RT9"));
        let login = lease.record.clone().unwrap().refreshed(token);
        store.state().full = false;
        lease.save(Change::Put(Box::new(login))).unwrap();
    };
    let flown = kept_without_the_lease(newer);
    flown.task.join().unwrap();
    assert_eq!(flown.store.refresh_token(), "RT9");

    let deleted = |store: &Leased| store.is_taken_over().save(Change::Delete).unwrap();
    let flown = kept_without_the_lease(deleted);
    flown.task.join().unwrap();
    assert!(flown.store.state().record.is_none());
}

/// The token ends while it is stored nowhere and its lock is lost: what is refreshed then is the newest, and is stored in the end.
#[test]
fn r30_a_caller_that_needs_more_while_the_lease_is_lost_refreshes_the_newest_token() {
    let flown = flown(0);
    flown.store.state().full = true;
    flown.world.holds(false);
    assert!(
        block_on(flown.credentials.access_token())
            .unwrap()
            .unsaved
            .is_some()
    );
    flown.store.state().refused = usize::MAX;
    drop(flown.store.is_taken_over());
    flown.world.passes(Duration::from_secs(LIFETIME.unsigned_abs()));
    // Without the lock nothing is refreshed, and nothing is given up.
    let error = block_on(flown.credentials.header()).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(flown.world.refreshes(), 1);
    flown.store.state().refused = 0;
    assert_eq!(block_on(flown.credentials.header()).unwrap(), "Bearer AT3");
    flown.store.state().full = false;
    flown.ends_with("RT3");
}
