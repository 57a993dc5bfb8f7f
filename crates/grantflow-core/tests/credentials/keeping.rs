//! A token that was granted and cannot be stored; a handle that goes in the middle of a refresh.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use grantflow_core::transport::Task;
use grantflow_core::{
    AuthorizationCode, Credentials, Error, Event, IdTokenCheck, Key, Observer, Record, Step, Store as _,
    StoreErrorKind, Token, blocking,
};
use grantflow_store::{MemoryStore, OnThread};

use crate::world::{Narrow, World, block_on, client, key, store};

type Header<'a> = Pin<Box<dyn Future<Output = Result<http::HeaderValue, Error>> + 'a>>;

fn poll<T>(future: &mut Pin<Box<impl Future<Output = T> + ?Sized>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn refresh_token(store: &MemoryStore) -> String {
    let stored = store.read(&key()).unwrap().unwrap();
    stored.token().refresh_token.as_ref().unwrap().expose().to_owned()
}

fn is_locked(store: &MemoryStore) -> bool {
    match store.lock(&key(), Duration::ZERO) {
        Ok(_) => false,
        Err(error) => {
            assert!(matches!(error.kind(), StoreErrorKind::LockTimeout { .. }));
            true
        }
    }
}

/// A handle whose refresh was granted and could not be stored, the task that keeps the lock, and what it tries to reach.
struct Kept {
    world: World,
    store: Narrow,
    credentials: Credentials,
    task: Task,
}

/// Runs the task until the future has its answer.
fn answer<T>(task: &mut Task, mut future: Pin<Box<impl Future<Output = T> + ?Sized>>) -> T {
    block_on(std::future::poll_fn(|cx| {
        assert!(
            task.as_mut().poll(cx).is_pending(),
            "the task ended before the answer came"
        );
        future.as_mut().poll(cx)
    }))
}

fn keeping() -> Kept {
    keeping_watched_by(|_: &Key, _: &Event| {})
}

fn keeping_watched_by(observer: impl Observer + 'static) -> Kept {
    let world = World::default();
    world.keeps_tasks();
    world.time_flies();
    let store = Narrow::new(store(0));
    let credentials =
        Credentials::new(key(), OnThread::new(store.clone()), world.clone()).with_observer(observer);
    let mut access = Box::pin(credentials.access_token());
    assert!(poll(&mut access).is_pending());
    let mut task = world.tasks().pop().unwrap();
    let access = answer(&mut task, access).unwrap();
    assert_eq!(access.token.expose(), "AT2");
    assert_eq!(access.unsaved.unwrap().kind(), StoreErrorKind::Full);
    Kept {
        world,
        store,
        credentials,
        task,
    }
}

#[test]
fn r04_a_token_that_cannot_be_stored_is_given_out_and_its_lock_kept_until_it_can() {
    let kept = keeping();
    assert_eq!(refresh_token(&kept.store.inner), "RT1");
    assert!(is_locked(&kept.store.inner));
    let mut settled = Box::pin(kept.credentials.settle(Duration::ZERO));
    let settled = loop {
        if let Poll::Ready(settled) = poll(&mut settled) {
            break settled;
        }
    };
    assert!(!settled, "the token is stored nowhere");
    kept.store.full.store(false, Ordering::SeqCst);
    block_on(kept.task);
    assert_eq!(refresh_token(&kept.store.inner), "RT2");
    assert!(!is_locked(&kept.store.inner));
    let access = block_on(kept.credentials.access_token()).unwrap();
    assert_eq!((access.token.expose(), access.unsaved.is_none()), ("AT2", true));
    assert!(block_on(kept.credentials.settle(Duration::ZERO)));
    assert_eq!((kept.world.refreshes(), kept.world.replays()), (1, 0));
}

/// Believes no ID token.
#[derive(Debug)]
struct Doubtful;

impl IdTokenCheck for Doubtful {
    fn check(&self, _: Token, _: &AuthorizationCode) -> Step<Token> {
        Step::begin(|_| Err(Error::TokenRefused("nobody is believed")))
    }
    fn check_without_redirect(&self, _: Token, _: &[String]) -> Step<Token> {
        Step::begin(|_| Err(Error::TokenRefused("nobody is believed")))
    }
    fn check_refreshed(&self, _: Token, _: &Record) -> Step<Token> {
        Step::begin(|_| Err(Error::TokenRefused("nobody is believed")))
    }
}

#[test]
fn r04_a_refresh_token_that_comes_with_a_token_that_is_refused_holds_nobody_up_and_its_lock_is_kept_too() {
    let world = World::default();
    world.keeps_tasks();
    world.time_flies();
    world.gives_id_tokens();
    let store = Narrow::new(store(0));
    let saves_failed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&saves_failed);
    let credentials = Credentials::new(key(), OnThread::new(store.clone()), world.clone())
        .with_client(client().with_id_token_check(Arc::new(Doubtful)))
        .with_observer(move |_: &Key, event: &Event| {
            let failed = matches!(event, Event::SaveFailed { .. });
            counted.fetch_add(usize::from(failed), Ordering::SeqCst);
        });
    let mut access = Box::pin(credentials.access_token());
    assert!(poll(&mut access).is_pending());
    let mut task = world.tasks().pop().unwrap();
    let refused = answer(&mut task, access);
    assert!(matches!(refused, Err(Error::TokenRefused(_))), "{refused:?}");
    assert!(
        world.elapsed() < Duration::from_secs(1),
        "the answer waits for no store"
    );
    assert_eq!(saves_failed.load(Ordering::SeqCst), 1);
    // Longer than any flow would try.
    for _ in 0..100 {
        world.passes(Duration::from_secs(10));
        assert!(poll(&mut task).is_pending());
    }
    assert_eq!(refresh_token(&store.inner), "RT1");
    assert!(is_locked(&store.inner));
    store.full.store(false, Ordering::SeqCst);
    block_on(task);
    assert_eq!(refresh_token(&store.inner), "RT2");
    assert!(!is_locked(&store.inner));
    assert_eq!((world.refreshes(), world.replays()), (1, 0));
}

#[test]
fn r36_an_observer_that_panics_at_every_event_costs_no_token_and_no_lock() {
    // As a panic, but without a word on standard error.
    let kept = keeping_watched_by(|_: &Key, _: &Event| std::panic::resume_unwind(Box::new("observer")));
    assert_eq!(refresh_token(&kept.store.inner), "RT1");
    assert!(is_locked(&kept.store.inner));
    kept.store.full.store(false, Ordering::SeqCst);
    block_on(kept.task);
    assert_eq!(refresh_token(&kept.store.inner), "RT2");
    assert!(!is_locked(&kept.store.inner));
    assert_eq!((kept.world.refreshes(), kept.world.replays()), (1, 0));
}

#[test]
fn r04_a_token_that_ends_while_it_cannot_be_stored_is_refreshed_by_who_keeps_the_lock() {
    let mut kept = keeping();
    kept.world.passes(Duration::from_secs(3600));
    let header: Header<'_> = Box::pin(kept.credentials.header());
    assert_eq!(answer(&mut kept.task, header).unwrap(), "Bearer AT3");
    assert!(kept.world.tasks().is_empty(), "nobody else could have the lock");
    assert_eq!(refresh_token(&kept.store.inner), "RT1");
    assert!(is_locked(&kept.store.inner));
    kept.store.full.store(false, Ordering::SeqCst);
    block_on(kept.task);
    assert_eq!(refresh_token(&kept.store.inner), "RT3");
    assert!(!is_locked(&kept.store.inner));
    assert_eq!((kept.world.refreshes(), kept.world.replays()), (2, 0));
}

#[test]
fn r38_a_runtime_that_drops_who_keeps_the_lock_leaves_nobody_waiting() {
    let kept = keeping();
    kept.world.passes(Duration::from_secs(3600));
    let mut header: Header<'_> = Box::pin(kept.credentials.header());
    assert!(poll(&mut header).is_pending());
    drop(kept.task);
    kept.store.full.store(false, Ordering::SeqCst);
    // The token is lost with the task that had it; that is said, not waited for.
    assert!(block_on(header).unwrap_err().needs_user());
}

#[test]
fn r04_a_caller_that_refreshes_by_itself_tries_three_times_to_store_and_goes_on() {
    let world = World::default();
    let store = Narrow::new(store(0));
    let credentials = blocking::Credentials::new(key(), store.clone(), world.clone());
    let access = credentials.access_token().unwrap();
    assert_eq!(access.token.expose(), "AT2");
    assert_eq!(access.unsaved.unwrap().kind(), StoreErrorKind::Full);
    assert!(!is_locked(&store.inner));
    assert!(credentials.settle(Duration::ZERO));
}

#[test]
fn r04_a_blocking_caller_goes_on_with_its_token_while_a_thread_keeps_the_lock() {
    let world = World::default();
    world.has_threads();
    let store = Narrow::new(store(0));
    let credentials = blocking::Credentials::new(key(), store.clone(), world.clone());
    let access = credentials.access_token().unwrap();
    assert_eq!(access.token.expose(), "AT2");
    assert_eq!(access.unsaved.unwrap().kind(), StoreErrorKind::Full);
    assert!(is_locked(&store.inner));
    assert!(!credentials.settle(Duration::ZERO));
    assert_eq!(refresh_token(&store.inner), "RT1");
    store.full.store(false, Ordering::SeqCst);
    // The clock of this world is moved by whoever sleeps.
    assert!(credentials.settle(Duration::MAX));
    assert_eq!(refresh_token(&store.inner), "RT2");
    assert!(!is_locked(&store.inner));
    assert_eq!((world.refreshes(), world.replays(), world.jobs()), (1, 0, 1));
}

#[test]
fn r03_the_handle_of_main_waits_for_a_refresh_in_the_air_before_it_goes() {
    let world = World::default();
    world.has_threads();
    world.holds(true);
    let store = store(0);
    let of_main = blocking::Credentials::new(key(), store.clone(), world.clone());
    let of_worker = of_main.clone();
    let worker = thread::spawn(move || of_worker.header().unwrap());
    world.wait_for_refreshes(1);
    let main = {
        let store = store.clone();
        thread::spawn(move || {
            drop(of_main);
            refresh_token(&store)
        })
    };
    world.holds(false);
    assert_eq!(main.join().unwrap(), "RT2");
    assert_eq!(worker.join().unwrap(), "Bearer AT2");
}

#[test]
fn a_clone_that_goes_in_the_middle_of_a_refresh_waits_for_nothing() {
    let world = World::default();
    world.has_threads();
    world.holds(true);
    let of_main = blocking::Credentials::new(key(), store(0), world.clone());
    let of_worker = of_main.clone();
    let worker = thread::spawn(move || of_worker.header().unwrap());
    world.wait_for_refreshes(1);
    // Would never return if it waited: the endpoint is held.
    drop(of_main.clone());
    world.holds(false);
    assert_eq!(worker.join().unwrap(), "Bearer AT2");
}
