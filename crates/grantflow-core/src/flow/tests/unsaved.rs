//! A token that was granted and cannot be stored, for those who drive a flow with `run` or `drive`.

use super::super::scripted::{GRANTED, NOW, Scripted, both, ends_in, key};
use super::super::{Access, Unless, access_token, authorized};
use super::{request, tokens};
use crate::error::StoreErrorKind;
use crate::{Error, Step};

fn me() -> Step<crate::Response> {
    authorized(key(), request("https://api.example/me"))
}

fn stored() -> Step<Access> {
    access_token(key(), Unless::Expired).and_then(|access, _| Ok(access.store_again()))
}

/// One that is granted a token, which its store does not take so many times.
fn full_for(times: u32) -> Scripted {
    let script = Scripted::default()
        .stores(ends_in(0))
        .replies(200, GRANTED)
        .saves();
    (0..times).fold(script, |script, _| script.fails_to_save(StoreErrorKind::Full))
}

#[test]
fn r04_a_request_leaves_only_with_a_token_that_is_stored() {
    let (reply, host) = both(|| full_for(2).replies(200, "{}"), me);
    assert_eq!(reply.unwrap().status(), 200);
    assert_eq!(tokens(&host.stored().unwrap()), ("AT2", "RT2"));
    let log = [
        "lock",
        "journal",
        "send POST /token",
        "save 2",
        "wait 1000 ms",
        "save 2",
        "wait 2000 ms",
        "save 2",
        "unlock",
        "send POST /me",
    ];
    assert_eq!(host.log(), log);
}

#[test]
fn r04_a_request_whose_token_can_be_stored_nowhere_ends_in_the_error_of_the_store_and_sends_nothing_more() {
    // Whatever the API would say, no other lock is taken while the refresh token is stored nowhere.
    let (reply, host) = both(|| full_for(40).replies(401, "{}").replies(200, GRANTED), me);
    assert!(matches!(reply.unwrap_err(), Error::Store(error) if error.kind() == StoreErrorKind::Full));
    assert_eq!(host.bodies().len(), 1, "{:?}", host.bodies());
    let log = host.log();
    assert_eq!(
        log.iter().filter(|line| line.ends_with("lock")).count(),
        2,
        "{log:?}"
    );
    assert_eq!(log.iter().filter(|line| *line == "save 2").count(), 11);
}

#[test]
fn r04_a_token_that_a_401_brings_is_stored_too_before_the_request_leaves_again() {
    let script = || {
        Scripted::default()
            .stores(ends_in(60))
            .replies(401, "{}")
            .replies(200, GRANTED)
            .saves()
            .fails_to_save(StoreErrorKind::Full)
            .replies(200, "{}")
    };
    let (reply, host) = both(script, me);
    assert_eq!(reply.unwrap().status(), 200);
    assert_eq!(host.authorizations(), ["Bearer AT1", "Bearer AT2"]);
    assert!(
        host.log()
            .ends_with(&["unlock".to_owned(), "send POST /me".to_owned()])
    );
    assert_eq!(tokens(&host.stored().unwrap()), ("AT2", "RT2"));
}

#[test]
fn r04_a_host_that_cannot_wait_tries_once_more_and_not_many_times_at_once() {
    let (access, host) = both(|| full_for(1).cannot_wait(), stored);
    assert!(access.unwrap().unsaved.is_none());
    assert_eq!(tokens(&host.stored().unwrap()), ("AT2", "RT2"));

    let (access, host) = both(|| full_for(40).cannot_wait(), stored);
    assert!(matches!(access.unwrap_err(), Error::Store(_)));
    assert_eq!(host.log()[3..], ["save 2", "wait 1000 ms", "save 2", "unlock"]);
}

#[test]
fn r30_a_token_that_waits_for_its_store_is_stored_though_the_lock_was_lost() {
    let mut note = ends_in(0);
    note.refresh.attempt_started_at = Some(NOW);
    let (access, host) = both(|| full_for(1).overtaken_by(note.clone()), stored);
    assert!(access.unwrap().unsaved.is_none());
    assert_eq!(tokens(&host.stored().unwrap()), ("AT2", "RT2"));
    let log = ["wait 1000 ms", "save 2", "unlock", "lock", "save 2", "unlock"];
    assert_eq!(host.log()[4..], log);

    // Something as new as it is stored: a login perhaps.
    let login = ends_in(0).refreshed(ends_in(60).token().clone());
    let (access, host) = both(|| full_for(1).overtaken_by(login.clone()), stored);
    assert_eq!(tokens(&access.unwrap().record), ("AT1", "RT1"));
    assert_eq!(host.log()[6..], ["unlock", "lock", "unlock"]);
}

#[test]
fn r04_a_lock_that_cannot_be_had_is_asked_for_again() {
    let (access, host) = both(|| full_for(1), || access_token(key(), Unless::Expired));
    let access = access.unwrap();
    let locked = || {
        let script = Scripted::default().stores(host.stored().unwrap());
        script
            .fails_to_lock(StoreErrorKind::Io)
            .fails_to_lock(StoreErrorKind::Io)
    };
    let (stored, host) = both(locked, || access.clone().store_again());
    assert!(stored.unwrap().unsaved.is_none(), "{:?}", host.log());
    assert_eq!(tokens(&host.stored().unwrap()), ("AT2", "RT2"));
}

#[test]
fn r04_a_token_that_is_stored_later_takes_a_lock_of_its_own() {
    let (access, host) = both(|| full_for(1), || access_token(key(), Unless::Expired));
    let access = access.unwrap();
    let (stored, host) = both(
        || Scripted::default().stores(host.stored().unwrap()),
        || access.clone().store_again(),
    );
    assert!(stored.unwrap().unsaved.is_none());
    assert_eq!(tokens(&host.stored().unwrap()), ("AT2", "RT2"));
    assert_eq!(host.log(), ["wait 1000 ms", "lock", "save 2", "unlock"]);
}
