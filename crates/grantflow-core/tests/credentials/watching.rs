//! What an observer is told, and a token that is kept fresh without callers.

use std::future::Future as _;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use grantflow_core::flow::RetryPolicy;
use grantflow_core::{Credentials, Event, Key, Observer, Outcome, StoreErrorKind, blocking};
use grantflow_store::OnThread;

use crate::world::{Narrow, World, block_on, key, store};

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Event>>>);

impl Observer for Seen {
    fn observe(&self, of: &Key, event: &Event) {
        assert_eq!(*of, key());
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Seen {
    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn an_observer_is_told_of_each_refresh_try_and_end() {
    let (world, seen) = (World::default(), Seen::default());
    let credentials =
        blocking::Credentials::new(key(), store(3600), world.clone()).with_observer(seen.clone());
    credentials.header().unwrap();
    assert_eq!(seen.take(), []);
    credentials.refresh().unwrap();
    assert_eq!(
        seen.take(),
        [Event::RefreshStarted, Event::RefreshSucceeded { generation: 2 }]
    );
    world.passes(Duration::from_secs(3600));
    world.is_down(true);
    credentials.header().unwrap_err();
    let told = seen.take();
    let tries = told.iter().filter(|event| **event == Event::RefreshStarted);
    let pauses = told.iter().filter(|event| matches!(event, Event::Retried { .. }));
    assert_eq!((tries.count(), pauses.count()), (4, 3));
    let outcome = Outcome::Transient;
    assert_eq!(told.last(), Some(&Event::RefreshFailed { outcome }));
}

#[test]
fn an_observer_is_told_when_another_handle_refreshed_and_when_a_login_is_needed() {
    let (world, seen) = (World::default(), Seen::default());
    let store = store(0);
    let other = blocking::Credentials::new(key(), store.clone(), world.clone());
    let credentials = blocking::Credentials::new(key(), store, world.clone()).with_observer(seen.clone());
    credentials.header().unwrap();
    seen.take();
    other.refresh().unwrap();
    world.passes(Duration::from_secs(3500));
    other.refresh().unwrap();
    credentials.header().unwrap();
    assert_eq!(seen.take(), [Event::Adopted { generation: 4 }]);
    world.refuses();
    assert!(credentials.refresh().unwrap_err().needs_user());
    assert!(matches!(seen.take().last(), Some(Event::NeedsUser { .. })));
}

#[test]
fn an_observer_is_told_of_a_token_that_cannot_be_stored() {
    let (world, seen) = (World::default(), Seen::default());
    let store = Narrow::new(store(0));
    let credentials = blocking::Credentials::new(key(), store, world).with_observer(seen.clone());
    credentials.header().unwrap();
    let kind = StoreErrorKind::Full;
    let failures = seen
        .take()
        .into_iter()
        .filter(|event| *event == Event::SaveFailed { kind });
    assert_eq!(failures.count(), 4);
}

#[test]
fn tries_are_as_the_caller_has_them() {
    let world = World::default();
    world.is_down(true);
    let credentials =
        blocking::Credentials::new(key(), store(0), world.clone()).with_retries(RetryPolicy::never());
    credentials.header().unwrap_err();
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn r17_a_handle_in_long_trouble_tries_no_more_than_one_in_ten_again() {
    let world = World::default();
    world.is_down(true);
    let credentials = blocking::Credentials::new(key(), store(0), world.clone());
    for _ in 0..1000 {
        credentials.header().unwrap_err();
    }
    let more = world.refreshes() - 1000;
    assert!((100..=115).contains(&more), "{more}");
}

#[test]
fn r38_a_token_that_is_kept_fresh_needs_no_caller_and_ends_with_its_guard() {
    let world = World::default();
    world.keeps_tasks();
    world.time_flies();
    let credentials = Credentials::new(key(), OnThread::new(store(3600)), world.clone());
    let guard = credentials.keep_fresh().unwrap();
    let mut keeper = world.tasks().pop().unwrap();
    let mut poll = || keeper.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    while world.refreshes() < 3 {
        assert!(poll().is_pending());
        world.tasks().into_iter().for_each(block_on);
    }
    drop(guard);
    while poll().is_pending() {
        world.tasks().into_iter().for_each(block_on);
    }
    assert_eq!((world.refreshes(), world.replays()), (3, 0));
}

#[test]
fn r38_where_the_keeper_dies_with_its_runtime_callers_refresh_as_ever() {
    let world = World::default();
    world.keeps_tasks();
    let credentials = Credentials::new(key(), OnThread::new(store(0)), world.clone());
    let guard = credentials.keep_fresh().unwrap();
    let mut keeper = world.tasks().pop().unwrap();
    assert!(matches!(
        keeper.as_mut().poll(&mut Context::from_waker(Waker::noop())),
        Poll::Pending
    ));
    drop((keeper, world.tasks()));
    // The flight went with its task; the caller makes its own.
    let shown = block_on(async {
        let mut header = Box::pin(credentials.header());
        std::future::poll_fn(|cx| {
            let answer = header.as_mut().poll(cx);
            world.tasks().into_iter().for_each(block_on);
            answer
        })
        .await
        .unwrap()
    });
    assert_eq!(shown, "Bearer AT2");
    drop(guard);
}
