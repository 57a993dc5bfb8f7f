//! What a refresh writes down, tries again and gives up.

use std::time::Duration;

use super::super::scripted::{GRANTED, NOW, Scripted, both, client, ends_in, key};
use super::super::{AccessTokenFlow, RetryPolicy, Unless, access_token, keep};
use super::tokens;
use crate::error::{StoreError, StoreErrorKind};
use crate::{Cx, Error, Next, NotAuthorized, Outcome, Quirks, Record, Secret, Step};

/// What remains of a record after its JSON form, as another process reads it.
fn reread(record: &Record) -> Record {
    Record::from_json(record.expose_json().expose()).unwrap()
}

fn expired() -> Step<super::super::Access> {
    access_token(key(), Unless::Expired)
}

/// A record in doubt: somebody sent its refresh token and never said what came of it.
fn in_doubt(seconds: i64) -> Record {
    let mut record = ends_in(seconds);
    record.refresh.attempt_started_at = Some(NOW.minus(Duration::from_secs(5)));
    reread(&record)
}

fn tolerant(record: &Record) -> Record {
    let quirks = Quirks {
        refresh_grace_seconds: Some(10),
        ..Quirks::default()
    };
    let mut tolerant = Record::new(
        key(),
        client().with_quirks(quirks),
        record.token().clone(),
        record.provenance().clone(),
    );
    tolerant.refresh = record.refresh.clone();
    tolerant
}

#[test]
fn r01_a_request_leaves_only_when_the_store_knows_of_it() {
    let full = StoreErrorKind::Full;
    let script = || Scripted::default().stores(ends_in(0)).fails_to_save(full);
    let (access, host) = both(script, expired);
    assert!(matches!(access.unwrap_err(), Error::Store(error) if error.kind() == full));
    assert_eq!(host.log(), ["lock", "journal", "unlock"]);
}

#[test]
fn r01_a_refresh_whose_outcome_nobody_knows_is_asked_for_once_more_and_not_twice() {
    let script = || Scripted::default().stores(in_doubt(0)).replies(200, GRANTED);
    let (access, host) = both(script, expired);
    assert!(access.unwrap().refreshed);
    // It is noted anew: where no lock keeps two from finding it, one of them has to get a conflict.
    let noted = ["lock", "journal", "send POST /token"];
    assert_eq!(host.log()[..3], noted);
    assert_eq!(host.log()[3..], ["save 2", "unlock"]);
    assert!(!host.stored().unwrap().refresh_state().is_in_doubt());

    let script = || Scripted::default().stores(in_doubt(0)).loses_the_reply();
    let (access, host) = both(script, expired);
    assert_eq!(access.unwrap_err().outcome(), Outcome::Ambiguous);
    assert_eq!(host.log()[..3], noted);
    assert_eq!(host.log()[3..], ["unlock"]);
    assert!(host.stored().unwrap().refresh_state().is_in_doubt());
}

#[test]
fn r02_a_lost_reply_is_asked_for_once_more_under_the_same_lock() {
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .loses_the_reply()
            .replies(200, GRANTED)
    };
    let (access, host) = both(script, expired);
    assert!(access.unwrap().refreshed);
    let twice = [
        "lock",
        "journal",
        "send POST /token",
        "wait 6 ms",
        "send POST /token",
    ];
    assert_eq!(host.log()[..5], twice);
    assert_eq!(host.log()[5..], ["save 2", "unlock"]);
    assert_eq!(host.bodies()[0], host.bodies()[1]);

    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .loses_the_reply()
            .loses_the_reply()
    };
    let (access, host) = both(script, expired);
    assert_eq!(access.unwrap_err().outcome(), Outcome::Ambiguous);
    assert_eq!(host.log()[..5], twice);
    assert_eq!(host.log()[5..], ["unlock"]);
    assert!(host.stored().unwrap().refresh_state().is_in_doubt());
}

#[test]
fn r02_a_success_that_cannot_be_read_leaves_the_refresh_token_in_doubt() {
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .replies(200, "<html>sign in to the hotel</html>")
            .replies(200, "{")
    };
    let (access, host) = both(script, expired);
    assert_eq!(access.unwrap_err().outcome(), Outcome::Ambiguous);
    assert!(host.stored().unwrap().refresh_state().is_in_doubt());
}

#[test]
fn r02_q67_while_the_token_lives_a_lost_reply_is_asked_for_again_only_where_the_provider_tolerates_it() {
    let early = || access_token(key(), Unless::Stale(1));
    let script = || Scripted::default().stores(ends_in(60)).loses_the_reply();
    let (access, host) = both(script, early);
    assert!(access.is_err());
    assert_eq!(host.log(), ["lock", "journal", "send POST /token", "unlock"]);
    let left = host.stored().unwrap();

    // Nobody else asks either: the token is used to its end.
    let (access, host) = both(|| Scripted::default().stores(reread(&left)), early);
    let access = access.unwrap();
    assert!(!access.refreshed);
    assert_eq!(access.not_before, access.record.token().expires_at);
    assert_eq!(host.log(), ["lock", "unlock"]);

    let script = || {
        Scripted::default()
            .stores(tolerant(&ends_in(60)))
            .loses_the_reply()
            .replies(200, GRANTED)
    };
    let (access, host) = both(script, early);
    assert!(access.unwrap().refreshed);
    assert_eq!(host.bodies().len(), 2);
    let script = || {
        let doubtful = tolerant(&in_doubt(60));
        Scripted::default().stores(doubtful).replies(200, GRANTED)
    };
    assert!(both(script, early).0.unwrap().refreshed);
}

/// Somebody wants another token, but nothing is wrong with the one that is there.
#[test]
fn r02_a_token_that_lives_is_not_risked_for_another_one_when_a_reply_is_lost() {
    let forced = || access_token(key(), Unless::Generation(1));
    let script = || Scripted::default().stores(ends_in(60)).loses_the_reply();
    let (access, host) = both(script, forced);
    assert_eq!(access.unwrap_err().outcome(), Outcome::Ambiguous);
    assert_eq!(host.log(), ["lock", "journal", "send POST /token", "unlock"]);
    // Nor when it is wanted again, by this process or another.
    let left = reread(&host.stored().unwrap());
    let (access, host) = both(|| Scripted::default().stores(left.clone()), forced);
    assert_eq!(access.unwrap_err().retry_at(), left.token().expires_at);
    assert_eq!(host.log(), ["lock", "unlock"]);

    for record in [tolerant(&ends_in(60)), ends_in(0)] {
        let script = || {
            Scripted::default()
                .stores(record.clone())
                .loses_the_reply()
                .replies(200, GRANTED)
        };
        assert!(both(script, forced).0.unwrap().refreshed);
    }
    for record in [tolerant(&in_doubt(60)), in_doubt(0)] {
        let script = || Scripted::default().stores(record.clone()).replies(200, GRANTED);
        assert!(both(script, forced).0.unwrap().refreshed);
    }
}

#[test]
fn r17_a_server_in_trouble_is_tried_four_times_and_marks_nothing_bad() {
    for status in [429, 503] {
        let script = || {
            let busy = r#"{"error":"temporarily_unavailable"}"#;
            let host = Scripted::default().stores(ends_in(0));
            (0..4).fold(host, |host, _| host.replies(status, busy))
        };
        let (access, host) = both(script, expired);
        let error = access.unwrap_err();
        assert!(error.is_transient() && !error.needs_user(), "{status}");
        let waits: Vec<_> = host
            .log()
            .into_iter()
            .filter(|line| line.starts_with("wait"))
            .collect();
        assert_eq!(waits, ["wait 6 ms", "wait 13 ms", "wait 27 ms"]);
        assert_eq!(host.log().last().unwrap(), "unlock");
        let stored = host.stored().unwrap();
        assert_eq!(*stored.refresh_state(), *ends_in(0).refresh_state());
    }
}

#[test]
fn r17_a_request_that_never_left_is_tried_again_and_an_early_one_is_not() {
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .cannot_connect()
            .replies(200, GRANTED)
    };
    assert!(both(script, expired).0.unwrap().refreshed);
    let script = || Scripted::default().stores(ends_in(60)).cannot_connect();
    let (access, host) = both(script, || access_token(key(), Unless::Stale(1)));
    assert_eq!(access.unwrap_err().outcome(), Outcome::Transient);
    assert_eq!(
        host.log(),
        ["lock", "journal", "send POST /token", "save 1", "unlock"]
    );
}

#[test]
fn r17_what_the_server_refuses_for_good_is_not_tried_again() {
    let script = || {
        let refusal = r#"{"error":"invalid_client"}"#;
        Scripted::default().stores(ends_in(0)).replies(401, refusal)
    };
    let (access, host) = both(script, expired);
    let error = access.unwrap_err();
    assert!(!error.is_transient() && !error.needs_user());
    assert_eq!(host.bodies().len(), 1);
    assert!(!host.stored().unwrap().refresh_state().is_in_doubt());
}

#[test]
fn r16_a_server_is_left_alone_as_long_as_it_asks_by_every_process() {
    // Soon: waited for under the lock, and written down first for whoever comes if this process dies.
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .replies_later(503, "20")
            .replies(200, GRANTED)
    };
    let (access, host) = both(script, expired);
    assert!(access.unwrap().refreshed);
    let log = host.log();
    assert_eq!(
        log[2..6],
        ["send POST /token", "save retry-at", "wait 20000 ms", "journal"]
    );
    assert!(host.stored().unwrap().refresh_state().retry_at.is_none());

    // Too late for this caller: an error that says when.
    let script = || Scripted::default().stores(ends_in(0)).replies_later(429, "600");
    let (access, host) = both(script, expired);
    let at = Some(NOW.plus(Duration::from_secs(600)));
    assert_eq!(access.unwrap_err().retry_at(), at);
    let left = reread(&host.stored().unwrap());

    // Another process sends nothing before.
    let (access, host) = both(|| Scripted::default().stores(left.clone()), expired);
    let error = access.unwrap_err();
    assert!(error.is_transient() && error.retry_at() == at, "{error}");
    assert_eq!(host.log(), ["lock", "unlock"]);
}

#[test]
fn r16_a_time_more_than_an_hour_away_is_of_a_clock_that_was_set() {
    let mut record = ends_in(0);
    record.refresh.retry_at = Some(NOW.plus(Duration::from_secs(86_400)));
    let script = || Scripted::default().stores(record.clone()).replies(200, GRANTED);
    assert!(both(script, expired).0.unwrap().refreshed);
}

#[test]
fn r16_a_token_that_lives_is_given_out_while_the_server_is_left_alone() {
    let mut record = ends_in(60);
    let at = NOW.plus(Duration::from_secs(30));
    record.refresh.retry_at = Some(at);
    let script = || Scripted::default().stores(record.clone());
    let (access, host) = both(script, || access_token(key(), Unless::Stale(1)));
    assert_eq!(access.unwrap().not_before, Some(at));
    assert_eq!(host.log(), ["lock", "unlock"]);
}

#[test]
fn r16_no_try_begins_after_those_who_wait_for_the_lock_would_give_up() {
    let policy = RetryPolicy {
        tries: 100,
        first_pause: Duration::from_secs(1000),
        longest_pause: Duration::from_secs(1000),
        ..RetryPolicy::default()
    };
    let script = || {
        let host = Scripted::default().stores(ends_in(0));
        (0..3).fold(host, |host, _| host.cannot_connect())
    };
    let flow = move || {
        AccessTokenFlow::new(key(), Unless::Expired)
            .retries(policy)
            .flow()
    };
    let (access, host) = both(script, flow);
    assert!(access.is_err());
    // 27.4 s each: the second pause would end after 32 s.
    assert_eq!(host.bodies().len(), 2);
}

#[test]
fn r04_a_token_that_cannot_be_stored_is_given_out_with_the_reason_and_the_lock() {
    let script = || {
        let full = StoreErrorKind::Full;
        Scripted::default()
            .stores(ends_in(0))
            .replies(200, GRANTED)
            .saves()
            .fails_to_save(full)
    };
    let (access, host) = both(script, expired);
    let access = access.unwrap();
    assert_eq!(tokens(&access.record), ("AT2", "RT2"));
    assert_eq!(access.unsaved.unwrap().kind(), StoreErrorKind::Full);
    assert_eq!(tokens(&host.stored().unwrap()), ("AT1", "RT1"));
    assert!(host.stored().unwrap().refresh_state().is_in_doubt());
}

#[test]
fn r23_a_token_granted_for_no_time_serves_those_who_waited_for_the_lock() {
    let mut token = ends_in(0).token().clone();
    (token.issued_at, token.expires_at) = (NOW, Some(NOW));
    let record = ends_in(0).refreshed(token);
    let (access, host) = both(|| Scripted::default().stores(record.clone()), expired);
    assert!(!access.unwrap().refreshed);
    assert_eq!(host.log(), ["lock", "unlock"]);
}

#[test]
fn r30_a_lease_that_was_lost_before_the_request_left_costs_a_second_look() {
    let newer = ends_in(60).refreshed(ends_in(60).token().clone());
    let script = || Scripted::default().stores(ends_in(0)).overtaken_by(newer.clone());
    let (access, host) = both(script, expired);
    let access = access.unwrap();
    assert!(!access.refreshed);
    assert_eq!(access.record.generation(), 2);
    assert_eq!(host.log(), ["lock", "journal", "unlock", "lock", "unlock"]);
}

#[test]
fn r30_a_token_won_without_the_lease_is_stored_unless_a_newer_one_is() {
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .replies(200, GRANTED)
            .saves()
            .overtaken_by(in_doubt(0))
    };
    let (access, host) = both(script, expired);
    assert!(access.unwrap().refreshed);
    assert_eq!(tokens(&host.stored().unwrap()), ("AT2", "RT2"));

    let deleted = || {
        Scripted::default()
            .stores(ends_in(0))
            .replies(200, GRANTED)
            .saves()
            .deleted_meanwhile()
    };
    let (access, host) = both(deleted, expired);
    let nothing = Error::NotAuthorized(NotAuthorized::NothingStored);
    assert_eq!(access.unwrap_err().to_string(), nothing.to_string());
    assert!(host.stored().is_none());
}

/// It had ended by the time that it was found: nobody is given a token that is of no use.
#[test]
fn r30_what_overtook_a_token_and_has_ended_is_refreshed_in_turn() {
    let newer = ends_in(0).refreshed(ends_in(0).token().clone());
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .replies(200, GRANTED)
            .saves()
            .overtaken_by(newer.clone())
            .replies(200, GRANTED)
    };
    let (access, host) = both(script, expired);
    let access = access.unwrap();
    assert!(access.refreshed);
    assert_eq!((access.record.generation(), host.bodies().len()), (3, 2));
    assert_eq!(tokens(&host.stored().unwrap()), ("AT2", "RT2"));
}

/// Of two who find the same attempt of one who died, only one sends its refresh token.
#[test]
fn r30_who_comes_second_to_a_noted_attempt_sends_nothing() {
    let newer = in_doubt(0).refreshed(ends_in(60).token().clone());
    let script = || {
        Scripted::default()
            .stores(in_doubt(0))
            .overtaken_by(newer.clone())
    };
    let (access, host) = both(script, expired);
    assert_eq!(access.unwrap().record.generation(), 2);
    assert_eq!(host.log(), ["lock", "journal", "unlock", "lock", "unlock"]);
}

/// After a lost reply nothing is sent again when somebody else has stored a newer token meanwhile: the old one is spent.
#[test]
fn r30_a_try_that_was_put_off_is_given_up_when_the_lease_is_lost() {
    let newer = ends_in(60).refreshed(ends_in(60).token().clone());
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .saves()
            .loses_the_reply()
            .replies_later(503, "4")
            .overtaken_by(newer.clone())
    };
    let (access, host) = both(script, expired);
    assert_eq!(access.unwrap().record.generation(), 2);
    assert_eq!(host.bodies().len(), 2);
    assert_eq!(
        host.log()[5..],
        ["save retry-at", "wait 4000 ms", "unlock", "lock", "unlock"]
    );
}

/// The disk is full, so that no journal says that the refresh token may be spent: whoever keeps the lock has to know.
#[test]
fn r01_a_reply_that_is_lost_while_nothing_can_be_stored_is_kept_in_mind() {
    let ended = || ends_in(60).refreshed(ends_in(60).token().clone());
    let holding = move || {
        let holding = move |_, _: &mut Cx<'_>| {
            let full = StoreError::new(StoreErrorKind::Full);
            Ok(AccessTokenFlow::new(key(), Unless::Generation(2)).holding(ended(), full))
        };
        Step::Lock(key(), Duration::ZERO, Next::new(holding))
    };
    let script = || {
        Scripted::default()
            .stores(ends_in(60))
            .fails_to_save(StoreErrorKind::Full)
            .loses_the_reply()
    };
    let (access, host) = both(script, holding);
    let access = access.unwrap();
    assert_eq!(host.bodies().len(), 1, "{:?}", host.log());
    assert!(access.refused.is_some() && access.unsaved.is_some());
    assert!(access.record.refresh_state().attempt_started_at.is_some());
}

/// Whoever has a token to store and finds that the lock was lost goes on with the newer of the two, and sends nothing before.
#[test]
fn r30_a_token_to_store_is_not_given_up_for_an_older_one_when_the_lease_is_lost() {
    let ended = || {
        let mut token = ends_in(0).token().clone();
        token.refresh_token = Some(Secret::new("RT9"));
        ends_in(0).refreshed(token)
    };
    let holding = move || {
        let holding = move |_, _: &mut Cx<'_>| {
            let full = StoreError::new(StoreErrorKind::Full);
            Ok(AccessTokenFlow::new(key(), Unless::Expired).holding(ended(), full))
        };
        Step::Lock(key(), Duration::ZERO, Next::new(holding))
    };
    let script = || {
        Scripted::default()
            .stores(in_doubt(0))
            .overtaken_by(in_doubt(0))
            .replies(200, GRANTED)
    };
    let (access, host) = both(script, holding);
    let access = access.unwrap();
    assert!(access.refreshed && access.unsaved.is_none());
    assert!(host.bodies()[0].contains("RT9"), "{:?}", host.bodies());
    let log = [
        "try lock",
        "journal",
        "unlock",
        "lock",
        "journal",
        "send POST /token",
    ];
    assert_eq!(host.log()[..6], log);
    assert_eq!(host.log()[6..], ["save 3", "unlock"]);

    let newer = ended().refreshed(ends_in(60).token().clone());
    let script = || {
        Scripted::default()
            .stores(in_doubt(0))
            .overtaken_by(newer.clone())
    };
    let (access, host) = both(script, holding);
    assert_eq!(access.unwrap().record.generation(), 3);
    assert_eq!(host.log()[3..], ["lock", "unlock"]);
}

#[test]
fn a_login_where_nothing_is_stored_counts_from_the_clock() {
    let (kept, _) = both(Scripted::default, || keep(ends_in(60), None));
    let seconds = u64::try_from(NOW.unix_seconds()).unwrap();
    assert_eq!(kept.unwrap().generation(), seconds);
}

#[test]
fn a_401_is_answered_with_another_try_though_the_record_is_in_doubt() {
    let script = || Scripted::default().stores(in_doubt(60)).replies(200, GRANTED);
    let (access, _) = both(script, || access_token(key(), Unless::Is(Secret::new("AT1"))));
    assert!(access.unwrap().refreshed);
}
