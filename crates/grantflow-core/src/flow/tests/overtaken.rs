//! Logins and revocations that another write overtakes, as where a save compares and there is no lock, or one that was lost.

use super::super::keep::OVERTAKEN;
use super::super::scripted::{GRANTED, NOW, Scripted, both, ends_in, key};
use super::super::{AccessTokenFlow, access_token, keep, revoke};
use super::{Unless, tokens};
use crate::error::{StoreError, StoreErrorKind};
use crate::{Error, NotAuthorized, Record, Secret};

/// The login that is to be stored: the access token `AT8` with the refresh token `RT8`.
fn login() -> Record {
    let mut token = ends_in(60).token().clone();
    token.access_token = Secret::new("AT8");
    token.refresh_token = Some(Secret::new("RT8"));
    Record::new(
        key(),
        super::super::scripted::client(),
        token,
        ends_in(0).provenance().clone(),
    )
}

/// The stored record after so many refreshes of others, the last of which brought `AT5` and `RT5`.
fn refreshed(times: u64) -> Record {
    let mut token = ends_in(60).token().clone();
    token.access_token = Secret::new("AT5");
    token.refresh_token = Some(Secret::new("RT5"));
    (0..times).fold(ends_in(0), |record, _| record.refreshed(token.clone()))
}

fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Store(error) if error.kind() == StoreErrorKind::Conflict)
}

#[test]
fn r30_a_login_that_a_refresh_overtakes_comes_after_it() {
    let script = || Scripted::default().stores(ends_in(0)).overtaken_by(refreshed(3));
    let (kept, host) = both(script, || keep(login(), None));
    assert_eq!(kept.unwrap().generation(), 5);
    assert_eq!(
        host.log(),
        ["lock", "save 2", "unlock", "lock", "save 5", "unlock"]
    );
    assert_eq!(tokens(&host.stored().unwrap()), ("AT8", "RT8"));
}

#[test]
fn r30_a_login_that_a_revocation_overtakes_comes_after_it() {
    let tombstone = ends_in(0).tombstone(NOW);
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .overtaken_by(tombstone.clone())
    };
    let (kept, host) = both(script, || keep(login(), None));
    assert_eq!(kept.unwrap().generation(), 3);
    let stored = host.stored().unwrap();
    assert!(stored.refresh.revoked_at.is_none());
    assert_eq!(tokens(&stored), ("AT8", "RT8"));

    // Deleted, it counts from the clock, not from what it would have come after.
    let script = || Scripted::default().stores(ends_in(0)).deleted_meanwhile();
    let (kept, _) = both(script, || keep(login(), None));
    let seconds = u64::try_from(NOW.unix_seconds()).unwrap();
    assert_eq!(kept.unwrap().generation(), seconds);
}

#[test]
fn r30_a_login_is_tried_so_often_and_then_given_up() {
    let overtaken = |times: u64| {
        (1..=times).fold(Scripted::default().stores(ends_in(0)), |script, n| {
            script.overtaken_by(refreshed(n))
        })
    };
    let most = u64::from(OVERTAKEN);
    let (kept, host) = both(|| overtaken(most), || keep(login(), None));
    assert_eq!(kept.unwrap().generation(), most + 2);
    assert_eq!(tokens(&host.stored().unwrap()), ("AT8", "RT8"));

    let (kept, host) = both(|| overtaken(most + 1), || keep(login(), None));
    assert!(is_conflict(&kept.unwrap_err()));
    let locks = host.log().iter().filter(|what| *what == "lock").count();
    assert_eq!(locks as u64, most + 1);
    assert_eq!(tokens(&host.stored().unwrap()), ("AT5", "RT5"));
}

#[test]
fn r30_a_login_that_finds_its_place_taken_or_its_disk_full_is_not_tried_again() {
    for kind in [
        StoreErrorKind::OtherRecord,
        StoreErrorKind::Full,
        StoreErrorKind::Io,
        StoreErrorKind::LockTimeout { holder: None },
    ] {
        let script = || {
            Scripted::default()
                .stores(ends_in(0))
                .overtaken_by(refreshed(1))
                .fails_to_save(kind)
        };
        let (kept, host) = both(script, || keep(login(), None));
        let expected = Error::from(StoreError::new(kind));
        assert_eq!(kept.unwrap_err().to_string(), expected.to_string());
        assert_eq!(tokens(&host.stored().unwrap()), ("AT5", "RT5"));
        assert_eq!(
            host.log(),
            ["lock", "save 2", "unlock", "lock", "save 3", "unlock"]
        );
    }
}

#[test]
fn r30_a_login_in_place_of_another_replaces_it_on_the_second_try_too() {
    let other = key().with_account("bob");
    let script = || Scripted::default().stores(ends_in(0)).overtaken_by(refreshed(1));
    let (_, host) = both(script, || keep(login(), Some(other.clone())));
    assert_eq!(
        host.log(),
        ["lock", "replace 2", "unlock", "lock", "replace 3", "unlock"]
    );
}

#[test]
fn r30_a_revocation_that_a_refresh_overtakes_revokes_the_newer_token() {
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .overtaken_by(refreshed(1))
            .replies(200, "")
    };
    let (revoked, host) = both(script, || revoke(key()));
    revoked.unwrap();
    assert_eq!(
        host.log(),
        [
            "lock",
            "save tombstone",
            "unlock",
            "lock",
            "save tombstone",
            "send POST /revoke",
            "delete",
            "unlock"
        ]
    );
    assert!(host.bodies()[0].starts_with("token=RT5&"), "{:?}", host.bodies());
    assert!(host.stored().is_none());
}

#[test]
fn r30_a_login_after_a_revocation_is_not_deleted_with_what_was_revoked() {
    let newer = login().succeeding(&ends_in(0).tombstone(NOW));
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .saves()
            .overtaken_by(newer.clone())
            .replies(200, "")
    };
    let (revoked, host) = both(script, || revoke(key()));
    revoked.unwrap();
    assert_eq!(tokens(&host.stored().unwrap()), ("AT8", "RT8"));
    assert_eq!(host.log()[3..], ["delete", "unlock", "lock", "unlock"]);
    assert_eq!(host.bodies().len(), 1, "the newer login is not revoked");
}

#[test]
fn r30_two_revocations_end_in_no_record_whoever_deletes_it() {
    // The other has written the same tombstone, and is gone.
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .saves()
            .overtaken_by(ends_in(0).tombstone(NOW))
            .replies(200, "")
    };
    let (revoked, host) = both(script, || revoke(key()));
    revoked.unwrap();
    assert!(host.stored().is_none());
    assert_eq!(host.log()[3..], ["delete", "unlock", "lock", "delete", "unlock"]);

    // The other has deleted it.
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .saves()
            .deleted_meanwhile()
            .replies(200, "")
    };
    let (revoked, host) = both(script, || revoke(key()));
    revoked.unwrap();
    assert_eq!(host.log()[3..], ["delete", "unlock", "lock", "unlock"]);

    // It was deleted before anything was revoked: there is nothing left to do it with.
    let script = || Scripted::default().stores(ends_in(0)).deleted_meanwhile();
    let (revoked, _) = both(script, || revoke(key()));
    assert!(matches!(
        revoked.unwrap_err(),
        Error::NotAuthorized(NotAuthorized::NothingStored)
    ));
}

#[test]
fn r30_a_revocation_is_tried_so_often_and_then_given_up() {
    let script = || {
        (0..=u64::from(OVERTAKEN)).fold(Scripted::default().stores(ends_in(0)), |script, n| {
            script.overtaken_by(refreshed(n + 1))
        })
    };
    let (revoked, host) = both(script, || revoke(key()));
    assert!(is_conflict(&revoked.unwrap_err()));
    assert!(host.bodies().is_empty());
}

/// An early refresh waits for no lock, but once something was granted there is something to lose.
#[test]
fn r30_whoever_would_not_wait_before_the_request_waits_to_store_what_it_brought() {
    let early = || {
        AccessTokenFlow::new(key(), Unless::Stale(1))
            .patience(std::time::Duration::ZERO)
            .flow()
    };
    let script = || {
        Scripted::default()
            .stores(ends_in(60))
            .replies(200, GRANTED)
            .saves()
            .overtaken_by(ends_in(60))
    };
    let (access, host) = both(script, early);
    assert!(access.unwrap().refreshed);
    assert_eq!(tokens(&host.stored().unwrap()), ("AT2", "RT2"));
    assert_eq!(host.log()[0], "try lock");
    assert_eq!(host.log()[3..], ["save 2", "unlock", "lock", "save 2", "unlock"]);
}

/// A refresh that a login overtakes while its request is under way hands out the login's token, and stores nothing over it.
#[test]
fn r30_a_login_that_overtakes_a_refresh_is_adopted() {
    let newer = login().succeeding(&ends_in(0));
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .replies(200, GRANTED)
            .saves()
            .overtaken_by(newer.clone())
    };
    let (access, host) = both(script, || access_token(key(), Unless::Expired));
    assert_eq!(tokens(&access.unwrap().record), ("AT8", "RT8"));
    assert_eq!(tokens(&host.stored().unwrap()), ("AT8", "RT8"));
}
