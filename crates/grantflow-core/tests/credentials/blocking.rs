//! Threads that share a handle.

use std::thread;
use std::time::Duration;

use grantflow_core::blocking::Credentials;
use grantflow_core::{
    Error, Key, NotAuthorized, Provenance, Record, Scopes, Store as _, StoreExt as _, Timestamp, Token,
};

use crate::world::{START, World, key, request, store};

fn credentials(world: &World, ends_in: i64) -> Credentials {
    Credentials::new(key(), store(ends_in), world.clone())
}

fn shown(header: &http::HeaderValue) -> &str {
    header.to_str().unwrap()
}

#[test]
fn a_fresh_token_is_read_once_and_then_cached() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    assert!(credentials.cached_header().is_none());
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT1");
    assert_eq!(shown(&credentials.cached_header().unwrap()), "Bearer AT1");
    assert_eq!(
        credentials.with_cached_header(|header| header.is_sensitive()),
        Some(true)
    );
    assert_eq!(world.refreshes(), 0);
}

#[test]
fn r10_a_hundred_threads_with_an_expired_token_make_one_request() {
    let world = World::default();
    let credentials = credentials(&world, 0);
    world.holds(true);
    let threads: Vec<_> = (0..100)
        .map(|_| {
            let credentials = credentials.clone();
            thread::spawn(move || shown(&credentials.header().unwrap()).to_owned())
        })
        .collect();
    world.wait_for_refreshes(1);
    world.holds(false);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), "Bearer AT2");
    }
    assert_eq!((world.refreshes(), world.replays()), (1, 0));
}

#[test]
fn r24_a_thousand_hosts_that_logged_in_together_do_not_refresh_together() {
    const HOSTS: usize = 1000;
    const SLICE: Duration = Duration::from_secs(30);
    let host = |_| {
        let world = World::default();
        world.rolls_dice();
        let credentials = credentials(&world, 3600);
        credentials.header().unwrap();
        (world, credentials)
    };
    let fleet: Vec<_> = (0..HOSTS).map(host).collect();
    let mut refreshes = [0; 120];
    for slice in &mut refreshes {
        for (world, credentials) in &fleet {
            let before = world.refreshes();
            world.passes(SLICE);
            credentials.header().unwrap();
            *slice += world.refreshes() - before;
        }
    }
    // From 80 to 90 % of an hour: twelve slices.
    assert_eq!(refreshes.iter().sum::<usize>(), HOSTS);
    assert_eq!(refreshes[..95].iter().sum::<usize>(), 0, "{refreshes:?}");
    let peak = refreshes.iter().max().unwrap();
    assert!(*peak <= 2 * HOSTS / 12, "{refreshes:?}");
}

#[test]
fn r10_the_error_of_a_refresh_is_shared_by_all_who_waited() {
    let world = World::default();
    let credentials = credentials(&world, 0);
    world.refuses();
    world.holds(true);
    let threads: Vec<_> = (0..20)
        .map(|_| {
            let credentials = credentials.clone();
            thread::spawn(move || credentials.header().unwrap_err())
        })
        .collect();
    world.wait_for_refreshes(1);
    world.holds(false);
    assert!(
        threads
            .into_iter()
            .all(|thread| thread.join().unwrap().needs_user())
    );
    assert_eq!(world.refreshes(), 1);
    assert!(matches!(
        credentials.header().unwrap_err(),
        Error::NotAuthorized(NotAuthorized::Refused)
    ));
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn while_one_thread_refreshes_early_the_others_go_on_with_the_token_that_lives() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    credentials.header().unwrap();
    world.passes(Duration::from_secs(3300));
    assert!(credentials.cached_header().is_none());
    world.holds(true);
    let early = {
        let credentials = credentials.clone();
        thread::spawn(move || shown(&credentials.header().unwrap()).to_owned())
    };
    world.wait_for_refreshes(1);
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT1");
    world.holds(false);
    assert_eq!(early.join().unwrap(), "Bearer AT2");
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT2");
}

#[test]
fn an_early_refresh_that_fails_takes_no_valid_token_away_and_is_not_tried_at_once_again() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    credentials.header().unwrap();
    world.passes(Duration::from_secs(3300));
    world.is_down(true);
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT1");
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT1");
    assert_eq!(world.refreshes(), 1);
    world.passes(Duration::from_secs(20));
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT1");
    assert_eq!(world.refreshes(), 2);
    world.passes(Duration::from_secs(300));
    assert!(credentials.header().unwrap_err().is_transient());
    world.is_down(false);
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT8");
}

#[test]
fn r25_an_api_that_always_answers_401_costs_one_refresh() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    world.always_401();
    for calls in [2, 3, 4] {
        assert_eq!(credentials.authorized(request()).unwrap().status(), 401);
        assert_eq!((world.refreshes(), world.apis()), (1, calls));
    }
}

#[test]
fn r25_a_hundred_callers_of_an_api_that_always_answers_401_refresh_once() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    world.always_401();
    let threads: Vec<_> = (0..100)
        .map(|_| {
            let credentials = credentials.clone();
            thread::spawn(move || credentials.authorized(request()).unwrap().status())
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 401);
    }
    assert_eq!((world.refreshes(), world.replays()), (1, 0));
    assert!(world.apis() <= 200, "{} calls", world.apis());
}

#[test]
fn r25_many_401s_at_once_cost_one_refresh() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    let refused = credentials.header().unwrap();
    world.holds(true);
    let threads: Vec<_> = (0..50)
        .map(|_| {
            let (credentials, refused) = (credentials.clone(), refused.clone());
            thread::spawn(move || shown(&credentials.after_401(&refused).unwrap().unwrap()).to_owned())
        })
        .collect();
    world.wait_for_refreshes(1);
    world.holds(false);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), "Bearer AT2");
    }
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn r22_a_wall_clock_that_jumps_ahead_costs_one_refresh() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    credentials.header().unwrap();
    world.wall_jumps(10 * 365 * 86_400_000);
    for _ in 0..3 {
        assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT2");
    }
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn r22_a_wall_clock_set_back_does_not_keep_a_token_for_ever() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    credentials.header().unwrap();
    world.wall_jumps(-60_000);
    world.passes(Duration::from_secs(3600));
    world.is_down(true);
    assert!(credentials.header().unwrap_err().is_transient());
    world.is_down(false);
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT6");
}

#[test]
fn r22_a_token_from_the_future_is_refreshed_once() {
    let world = World::default();
    world.wall_jumps(-86_400_000);
    let credentials = credentials(&world, 3600);
    for _ in 0..3 {
        assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT2");
    }
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn r23_a_server_that_grants_for_no_time_is_asked_once_a_second_at_most() {
    let world = World::default();
    let credentials = credentials(&world, 0);
    world.grants_for(0);
    for _ in 0..5 {
        credentials.header().unwrap();
        credentials.access_token().unwrap();
    }
    assert_eq!(world.refreshes(), 1);
    world.passes(Duration::from_secs(1));
    credentials.header().unwrap();
    assert_eq!(world.refreshes(), 2);
}

#[test]
fn r23_however_short_a_token_lives_there_is_one_refresh_a_second_at_most() {
    for lifetime in [0, 1, 2, 3, 5, 10, 29, 30, 31, 59, 60] {
        let world = World::default();
        let credentials = credentials(&world, 0);
        world.grants_for(lifetime);
        for tick in 0..1200_usize {
            credentials.header().unwrap();
            let seconds = tick / 10;
            let refreshes = world.refreshes();
            assert!(
                refreshes <= seconds + 1,
                "{refreshes} in {seconds} s of tokens of {lifetime} s"
            );
            world.passes(Duration::from_millis(100));
        }
        let least = 120 / usize::try_from(lifetime.max(2)).unwrap();
        assert!(
            world.refreshes() >= least,
            "tokens of {lifetime} s were used beyond their end"
        );
        assert_eq!(world.replays(), 0);
    }
}

#[test]
fn r09_two_handles_on_one_store_make_one_request() {
    let world = World::default();
    let store = store(0);
    let one = Credentials::new(key(), store.clone(), world.clone());
    let other = Credentials::new(key(), store, world.clone());
    world.holds(true);
    let threads =
        [one, other].map(|handle| thread::spawn(move || shown(&handle.header().unwrap()).to_owned()));
    world.wait_for_refreshes(1);
    world.holds(false);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), "Bearer AT2");
    }
    assert_eq!((world.refreshes(), world.replays()), (1, 0));
}

#[test]
fn a_forced_refresh_gets_another_token_and_stores_it() {
    let world = World::default();
    let store = store(3600);
    let credentials = Credentials::new(key(), store.clone(), world.clone());
    let access = credentials.refresh().unwrap();
    assert_eq!(
        (access.token.expose(), access.remaining),
        ("AT2", Some(Duration::from_secs(3600)))
    );
    assert_eq!(
        store.read(&key()).unwrap().unwrap().token().access_token.expose(),
        "AT2"
    );
}

#[test]
fn a_refresh_needs_no_thread_but_its_callers() {
    let world = World::default();
    world.has_threads();
    let credentials = credentials(&world, 0);
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT2");
    assert_eq!(credentials.refresh().unwrap().token.expose(), "AT3");
    world.refuses();
    assert!(credentials.refresh().unwrap_err().needs_user());
    assert_eq!((world.refreshes(), world.jobs()), (3, 0));
}

#[test]
fn r38_a_panic_of_the_transport_in_the_middle_of_a_refresh_is_made_good_by_who_waits() {
    let world = World::default();
    world.has_threads();
    let credentials = credentials(&world, 0);
    world.panics_once();
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT2");
    assert_eq!((world.refreshes(), world.replays()), (1, 0));
    assert!(credentials.settle(Duration::ZERO));
}

#[test]
fn a_bare_token_needs_the_user_when_it_ends() {
    let world = World::default();
    let mut token = Token::bearer("AT1", Timestamp::from_unix_seconds(START));
    token.expires_at = Some(Timestamp::from_unix_seconds(START + 10));
    let credentials = Credentials::from_access_token(token, world.clone());
    assert_eq!(shown(&credentials.header().unwrap()), "Bearer AT1");
    world.passes(Duration::from_secs(10));
    assert!(credentials.header().unwrap_err().needs_user());
    assert!(credentials.refresh().unwrap_err().needs_user());
}

#[test]
fn t51_a_token_goes_to_the_origins_of_its_record_and_handle_only() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    let allows = |credentials: &Credentials, uri: &str| credentials.allows(&uri.parse().unwrap()).is_ok();
    assert!(allows(&credentials, "https://api.example/x"));
    assert!(!allows(&credentials, "https://other.example/x"));
    let more = credentials
        .clone()
        .allow_origins([grantflow_core::Origin::new("https://other.example").unwrap()]);
    assert!(allows(&more, "https://other.example/x") && allows(&more, "https://api.example/x"));
    let mut elsewhere = request();
    *elsewhere.uri_mut() = "https://evil.example/".parse().unwrap();
    assert!(matches!(
        credentials.authorized(elsewhere),
        Err(Error::OriginNotAllowed(_))
    ));
    assert_eq!(world.apis(), 0);
}

#[test]
fn t54_what_was_revoked_is_given_out_no_more() {
    let world = World::default();
    let store = store(3600);
    let credentials = Credentials::new(key(), store.clone(), world.clone());
    credentials.header().unwrap();
    credentials.revoke().unwrap();
    assert!(credentials.cached_header().is_none());
    assert!(credentials.header().unwrap_err().needs_user());
    assert!(store.read(&key()).unwrap().is_none());
}

#[test]
fn scopes_are_those_granted_and_absent_credentials_need_the_user() {
    let world = World::default();
    let credentials = credentials(&world, 3600);
    assert!(credentials.has_scopes("a").unwrap() && credentials.has_scopes("").unwrap());
    assert!(!credentials.has_scopes(["a", "b"]).unwrap());
    let other = Key::new(&crate::world::client(), Scopes::parse("b").unwrap());
    let absent = Credentials::new(other, store(3600), world);
    assert!(absent.header().unwrap_err().needs_user());
}

#[test]
fn settle_waits_for_a_refresh_in_the_air() {
    let world = World::default();
    let credentials = credentials(&world, 0);
    assert!(credentials.settle(Duration::ZERO));
    world.holds(true);
    let flying = {
        let credentials = credentials.clone();
        thread::spawn(move || credentials.header().map(drop))
    };
    world.wait_for_refreshes(1);
    assert!(!credentials.settle(Duration::ZERO));
    world.holds(false);
    assert!(credentials.settle(Duration::from_secs(600)));
    flying.join().unwrap().unwrap();
}

#[test]
fn a_new_login_after_a_revocation_by_another_process_is_found_by_a_401() {
    let world = World::default();
    let store = store(3600);
    let credentials = Credentials::new(key(), store.clone(), world.clone());
    for _ in 0..3 {
        credentials.refresh().unwrap();
    }
    let old = credentials.header().unwrap();
    // Another process revokes and logs in again; the new record counts from one.
    store.delete(&key(), Duration::ZERO).unwrap();
    world.passes(Duration::from_secs(60));
    let mut token = Token::bearer("AT9", Timestamp::from_unix_seconds(START + 60));
    token.expires_at = Some(Timestamp::from_unix_seconds(START + 3660));
    let provenance = Provenance::new("test", Timestamp::from_unix_seconds(START + 60));
    store
        .put(
            Record::new(key(), crate::world::client(), token, provenance),
            Duration::ZERO,
        )
        .unwrap();
    assert_eq!(
        shown(&credentials.after_401(&old).unwrap().unwrap()),
        "Bearer AT9"
    );
    assert_eq!(shown(&credentials.cached_header().unwrap()), "Bearer AT9");
    assert_eq!(world.refreshes(), 3);
}
