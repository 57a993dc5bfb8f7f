//! Tasks that share a handle: futures that are dropped, runtimes that are gone.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Barrier;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use grantflow_core::flow::RetryPolicy;
use grantflow_core::{Credentials, Error, Store as _};
use grantflow_store::OnThread;

use crate::world::{World, block_on, key, request, store};

fn credentials(world: &World, ends_in: i64) -> Credentials {
    Credentials::new(key(), OnThread::new(store(ends_in)), world.clone())
}

fn shown(header: &http::HeaderValue) -> &str {
    header.to_str().unwrap()
}

type Header<'a> = Pin<Box<dyn Future<Output = Result<http::HeaderValue, Error>> + 'a>>;

fn poll(future: &mut Header<'_>) -> Poll<Result<http::HeaderValue, Error>> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_fresh_token_is_read_once_and_then_cached() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    assert_eq!(shown(&block_on(credentials.header()).unwrap()), "Bearer AT1");
    assert_eq!(shown(&credentials.cached_header().unwrap()), "Bearer AT1");
    assert_eq!(world.refreshes(), 0);
}

#[test]
fn r10_a_thousand_tasks_make_one_request_each_time_their_token_has_expired() {
    let world = World::default();
    world.keeps_tasks();
    let credentials = credentials(&world, 0);
    for round in 1..=20 {
        let mut waiting: Vec<Header<'_>> = (0..1000)
            .map(|_| Box::pin(credentials.header()) as Header<'_>)
            .collect();
        assert!(waiting.iter_mut().all(|header| poll(header).is_pending()));
        let mut tasks = world.tasks();
        assert_eq!(tasks.len(), 1);
        block_on(tasks.pop().unwrap());
        for mut header in waiting {
            let Poll::Ready(header) = poll(&mut header) else {
                panic!("the flight has landed")
            };
            assert_eq!(shown(&header.unwrap()), format!("Bearer AT{}", round + 1));
        }
        assert_eq!((world.refreshes(), world.replays()), (round, 0));
        world.passes(Duration::from_secs(3600));
    }
}

/// Polls all of them once; the answers that are there.
fn poll_all(headers: &mut Vec<Header<'_>>, cx: &mut Context<'_>) -> Vec<String> {
    let mut answers = Vec::new();
    headers.retain_mut(|header| match header.as_mut().poll(cx) {
        Poll::Ready(header) => {
            answers.push(shown(&header.unwrap()).to_owned());
            false
        }
        Poll::Pending => true,
    });
    answers
}

#[test]
fn r10_a_thousand_tasks_on_eight_threads_make_a_hundred_requests_in_a_hundred_rounds() {
    const THREADS: usize = 8;
    const TASKS: usize = 125;
    const ROUNDS: usize = 100;
    let world = World::default();
    let credentials = credentials(&world, 0);
    let together = Barrier::new(THREADS);
    let run = || {
        for round in 1..=ROUNDS {
            if together.wait().is_leader() {
                world.holds(true);
            }
            together.wait();
            let mut waiting: Vec<Header<'_>> = (0..TASKS)
                .map(|_| Box::pin(credentials.header()) as Header<'_>)
                .collect();
            // The endpoint does not answer before all have asked.
            let answers = poll_all(&mut waiting, &mut Context::from_waker(Waker::noop()));
            assert_eq!((answers.len(), waiting.len()), (0, TASKS));
            if together.wait().is_leader() {
                world.holds(false);
            }
            let mut answers = Vec::new();
            block_on(poll_fn(|cx| {
                answers.extend(poll_all(&mut waiting, cx));
                match waiting.len() {
                    0 => Poll::Ready(()),
                    _ => Poll::Pending,
                }
            }));
            assert_eq!(answers.len(), TASKS);
            let expected = format!("Bearer AT{}", round + 1);
            assert!(answers.iter().all(|answer| *answer == expected), "{answers:?}");
            if together.wait().is_leader() {
                assert_eq!((world.refreshes(), world.replays()), (round, 0));
                world.passes(Duration::from_secs(3600));
            }
        }
    };
    thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(run);
        }
    });
    assert_eq!((world.refreshes(), world.replays()), (ROUNDS, 0));
}

/// A refused grant is remembered in its record; a server that is down is not, so that only the flight can share it.
#[test]
fn r10_a_failure_that_will_pass_is_shared_by_all_who_waited_and_by_nobody_after_them() {
    let world = World::default();
    world.keeps_tasks();
    world.is_down(true);
    let credentials = credentials(&world, 0).with_retries(RetryPolicy::never());
    let mut waiting: Vec<Header<'_>> = (0..1000)
        .map(|_| Box::pin(credentials.header()) as Header<'_>)
        .collect();
    assert!(waiting.iter_mut().all(|header| poll(header).is_pending()));
    world.tasks().into_iter().for_each(block_on);
    for mut header in waiting {
        let Poll::Ready(Err(error)) = poll(&mut header) else {
            panic!("the flight has landed, and failed")
        };
        assert!(error.is_transient(), "{error}");
    }
    assert_eq!((world.refreshes(), world.tasks().len()), (1, 0));

    world.is_down(false);
    assert_eq!(shown(&block_on_with_tasks(&world, &credentials)), "Bearer AT3");
    assert_eq!(world.refreshes(), 2);
}

#[test]
fn r03_a_refresh_goes_on_when_its_caller_is_dropped_at_any_moment() {
    for polls in 0..4 {
        let world = World::default();
        world.keeps_tasks();
        let store = store(0);
        let credentials = Credentials::new(key(), OnThread::new(store.clone()), world.clone());
        let mut header: Header<'_> = Box::pin(credentials.header());
        for _ in 0..polls {
            assert!(poll(&mut header).is_pending());
        }
        drop(header);
        for task in world.tasks() {
            block_on(task);
        }
        let expected = if polls == 0 { "RT1" } else { "RT2" };
        let stored = store.read(&key()).unwrap().unwrap();
        assert_eq!(stored.token().refresh_token.as_ref().unwrap().expose(), expected);
        assert_eq!(shown(&block_on_with_tasks(&world, &credentials)), "Bearer AT2");
        assert_eq!(
            (world.refreshes(), world.replays()),
            (1, 0),
            "dropped after {polls} polls"
        );
    }
}

fn block_on_with_tasks(world: &World, credentials: &Credentials) -> http::HeaderValue {
    let mut header: Header<'_> = Box::pin(credentials.header());
    loop {
        if let Poll::Ready(header) = poll(&mut header) {
            return header.unwrap();
        }
        world.tasks().into_iter().for_each(block_on);
    }
}

#[test]
fn r38_when_the_runtime_drops_the_task_a_waiter_refreshes_itself() {
    let world = World::default();
    world.keeps_tasks();
    let credentials = credentials(&world, 0);
    let mut first: Header<'_> = Box::pin(credentials.header());
    let mut second: Header<'_> = Box::pin(credentials.header());
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    drop(world.tasks());
    assert_eq!(shown(&block_on(second).unwrap()), "Bearer AT2");
    assert_eq!(shown(&block_on(first).unwrap()), "Bearer AT2");
    assert_eq!(world.refreshes(), 1);
    assert!(world.tasks().is_empty());
}

#[test]
fn r38_when_the_runtime_drops_the_task_of_its_only_caller_that_one_refreshes_itself() {
    let world = World::default();
    world.keeps_tasks();
    let credentials = credentials(&world, 0);
    let mut only: Header<'_> = Box::pin(credentials.header());
    assert!(poll(&mut only).is_pending());
    drop(world.tasks());
    assert!(poll(&mut only).is_pending());
    assert!(
        world.tasks().is_empty(),
        "a runtime that lost one task is given no other"
    );
    assert_eq!(shown(&block_on(only).unwrap()), "Bearer AT2");
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn r38_without_a_runtime_the_caller_refreshes_itself() {
    let world = World::default();
    let credentials = credentials(&world, 0);
    assert_eq!(shown(&block_on(credentials.header()).unwrap()), "Bearer AT2");
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn while_one_task_refreshes_early_the_others_go_on_with_the_token_that_lives() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    block_on(credentials.header()).unwrap();
    world.passes(Duration::from_secs(3300));
    world.keeps_tasks();
    let mut early: Header<'_> = Box::pin(credentials.header());
    assert!(poll(&mut early).is_pending());
    let Poll::Ready(header) = poll(&mut (Box::pin(credentials.header()) as Header<'_>)) else {
        panic!("a token lives")
    };
    assert_eq!(shown(&header.unwrap()), "Bearer AT1");
    world.tasks().into_iter().for_each(block_on);
    let Poll::Ready(header) = poll(&mut early) else {
        panic!("the flight has landed")
    };
    assert_eq!(shown(&header.unwrap()), "Bearer AT2");
}

#[test]
fn r25_an_api_that_always_answers_401_costs_one_refresh() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    world.always_401();
    for calls in [2, 3] {
        assert_eq!(block_on(credentials.authorized(request())).unwrap().status(), 401);
        assert_eq!((world.refreshes(), world.apis()), (1, calls));
    }
}

#[test]
fn t54_what_was_revoked_is_given_out_no_more() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    block_on(credentials.header()).unwrap();
    block_on(credentials.revoke()).unwrap();
    assert!(block_on(credentials.header()).unwrap_err().needs_user());
}

#[test]
fn the_future_of_each_method_can_move_between_threads() {
    fn moves<F: Future + Send>(future: F) -> F {
        future
    }
    let world = World::default();
    let credentials = credentials(&world, 3600);
    let token = thread::spawn(move || {
        block_on(moves(async {
            assert!(credentials.has_scopes("a").await?);
            assert!(credentials.settle(Duration::ZERO).await);
            credentials.access_token().await
        }))
    });
    assert_eq!(token.join().unwrap().unwrap().token.expose(), "AT1");
}
