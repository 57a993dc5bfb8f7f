//! A source that is asked for its tokens, and not the server with a refresh token.

use std::sync::Arc;

use super::super::scripted::{GRANTED, NOW, Scripted, both, client, ends_in, key};
use super::super::{Access, AccessTokenFlow, ClientCredentials, RetryPolicy, TokenSource, Unless};
use crate::error::StoreErrorKind;
use crate::{Error, Key, NotAuthorized, Outcome, Record, Scopes, Step, Timestamp};

const OF_A_CLIENT: &str = r#"{"access_token":"AT2","token_type":"Bearer","expires_in":3600}"#;

fn source() -> Arc<dyn TokenSource> {
    Arc::new(ClientCredentials::new(client(), "a b").unwrap())
}

fn unless(unless: Unless) -> Step<Access> {
    AccessTokenFlow::new(source().key().clone(), unless)
        .from_source(source())
        .flow()
}

fn expired() -> Step<Access> {
    unless(Unless::Expired)
}

/// A record as a source leaves it, without a refresh token.
fn of_a_source(seconds: i64) -> Record {
    let old = ends_in(seconds);
    let mut token = old.token().clone();
    token.refresh_token = None;
    Record::new(source().key().clone(), client(), token, old.provenance().clone())
}

#[test]
fn a_source_needs_nothing_stored_before() {
    let script = || Scripted::default().replies(200, OF_A_CLIENT);
    let (access, host) = both(script, expired);
    let access = access.unwrap();
    assert!(access.refreshed && access.unsaved.is_none());
    let seconds = NOW.unix_seconds();
    assert_eq!(
        host.log(),
        ["lock", "send POST /token", &format!("save {seconds}"), "unlock"]
    );
    assert_eq!(
        host.bodies(),
        ["grant_type=client_credentials&scope=a+b&client_id=cid"]
    );
    let stored = host.stored().unwrap();
    assert_eq!(stored.key(), source().key());
    assert_eq!(stored.provenance().source, "client_credentials");
    assert_eq!(stored.origins(), client().origins());
    let end = Some(Timestamp::from_unix_seconds(seconds + 3600));
    assert_eq!(stored.token().expires_at, end);
}

#[test]
fn a_token_that_another_process_got_from_its_source_is_adopted() {
    let script = || Scripted::default().stores(of_a_source(60));
    let (access, host) = both(script, expired);
    assert!(!access.unwrap().refreshed);
    assert_eq!(host.log(), ["lock", "unlock"]);
}

/// Two asked, as they may where nothing locks. The other's token was stored first, and has ended: this one is as good, and lives.
#[test]
fn a_token_of_a_source_takes_the_place_of_one_that_came_in_between_and_has_ended() {
    let between = |seconds| of_a_source(0).refreshed(of_a_source(seconds).token().clone());
    let script = |seconds| {
        Scripted::default()
            .stores(of_a_source(0))
            .replies(200, OF_A_CLIENT)
            .overtaken_by(between(seconds))
    };
    let (access, host) = both(|| script(0), expired);
    let access = access.unwrap();
    assert!(access.refreshed && access.unsaved.is_none());
    assert_eq!((access.record.generation(), host.bodies().len()), (3, 1));
    assert_eq!(host.stored().unwrap().token().access_token.expose(), "AT2");
    // One that lives is adopted.
    let (access, host) = both(|| script(60), expired);
    let access = access.unwrap();
    assert!(!access.refreshed);
    assert_eq!((access.record.generation(), host.bodies().len()), (2, 1));
}

#[test]
fn an_ended_token_is_replaced_and_counted_on() {
    let script = || {
        Scripted::default()
            .stores(of_a_source(0))
            .replies(200, OF_A_CLIENT)
    };
    let (access, host) = both(script, expired);
    assert_eq!(access.unwrap().record.generation(), 2);
    // No journal: nothing is spent by asking.
    assert_eq!(host.log(), ["lock", "send POST /token", "save 2", "unlock"]);
}

/// Asked again, a source gives another token; a refresh token that a server adds to it is never sent.
#[test]
fn a_source_is_asked_even_where_a_refresh_token_is_stored() {
    let script = || Scripted::default().stores(ends_in(0)).replies(200, GRANTED);
    let (access, host) = both(script, expired);
    assert!(access.unwrap().refreshed);
    assert!(host.bodies()[0].starts_with("grant_type=client_credentials&"));
}

#[test]
fn r17_a_lost_reply_and_a_server_in_trouble_are_asked_again() {
    let script = || {
        let script = Scripted::default().loses_the_reply().cannot_connect();
        script
            .replies(503, r#"{"error":"temporarily_unavailable"}"#)
            .replies(200, OF_A_CLIENT)
    };
    let (access, host) = both(script, expired);
    assert!(access.unwrap().refreshed);
    assert_eq!(host.bodies().len(), 4);
    assert_eq!(
        host.log().iter().filter(|line| line.starts_with("wait")).count(),
        3
    );

    let never = || {
        let flow = AccessTokenFlow::new(key(), Unless::Expired).from_source(source());
        flow.retries(RetryPolicy::never()).flow()
    };
    let (access, host) = both(|| Scripted::default().loses_the_reply(), never);
    assert_eq!(access.unwrap_err().outcome(), Outcome::Ambiguous);
    assert_eq!(host.log(), ["lock", "send POST /token", "unlock"]);
}

#[test]
fn a_refusal_is_final_for_this_call_and_remembered_by_nobody() {
    let refused = r#"{"error":"invalid_client"}"#;
    let script = || Scripted::default().stores(of_a_source(0)).replies(401, refused);
    let (access, host) = both(script, expired);
    assert!(!access.unwrap_err().needs_user());
    assert_eq!(host.log(), ["lock", "send POST /token", "unlock"]);
    let (access, _) = both(
        || {
            Scripted::default()
                .stores(host.stored().unwrap())
                .replies(200, OF_A_CLIENT)
        },
        expired,
    );
    assert!(access.unwrap().refreshed);
}

#[test]
fn r17_a_server_that_asks_for_patience_is_left_alone_by_all_who_share_the_record() {
    let script = || {
        Scripted::default()
            .stores(of_a_source(0))
            .replies_later(429, "120")
    };
    let (access, host) = both(script, expired);
    assert!(access.unwrap_err().retry_at().is_some());
    assert_eq!(
        host.log(),
        ["lock", "send POST /token", "save retry-at", "unlock"]
    );
    let stored = host.stored().unwrap();
    let (access, host) = both(|| Scripted::default().stores(stored.clone()), expired);
    assert!(matches!(access.unwrap_err(), Error::RetryLater(_)));
    assert_eq!(host.log(), ["lock", "unlock"]);
}

#[test]
fn r02_a_token_that_cannot_be_stored_is_given_out_with_the_lock_held() {
    let script = || {
        Scripted::default()
            .replies(200, OF_A_CLIENT)
            .fails_to_save(StoreErrorKind::Full)
    };
    let (access, host) = both(script, expired);
    assert!(access.unwrap().unsaved.is_some());
    assert!(host.stored().is_none());
}

#[test]
fn what_is_being_revoked_is_not_asked_for_again() {
    let script = || Scripted::default().stores(of_a_source(60).tombstone(NOW));
    let (access, host) = both(script, expired);
    assert!(matches!(
        access.unwrap_err(),
        Error::NotAuthorized(NotAuthorized::Revoked)
    ));
    assert_eq!(host.log(), ["lock", "unlock"]);
}

#[test]
fn an_early_renewal_is_left_out_while_the_server_wants_to_be_left_alone() {
    let mut record = of_a_source(600);
    record.refresh.retry_at = Some(NOW.plus(std::time::Duration::from_secs(60)));
    let script = || Scripted::default().stores(record.clone());
    let (access, host) = both(script, || unless(Unless::Stale(1)));
    let access = access.unwrap();
    assert!(!access.refreshed && access.not_before.is_some());
    assert_eq!(host.log(), ["lock", "unlock"]);
}

#[test]
fn the_resource_is_sent_and_is_part_of_the_key() {
    let source = || ClientCredentials::new(client(), Scopes::none()).unwrap();
    let of_the_api = source().resource("https://api.example");
    assert_ne!(of_the_api.key(), source().key());
    let plain = Key::new(&client(), Scopes::none()).with_subject("cid");
    assert_eq!(of_the_api.key(), &plain.with_resource("https://api.example"));
    let flow = || {
        let source = Arc::new(source().resource("https://api.example"));
        AccessTokenFlow::new(source.key().clone(), Unless::Expired)
            .from_source(source)
            .flow()
    };
    let (_, host) = both(|| Scripted::default().replies(200, OF_A_CLIENT), flow);
    assert_eq!(
        host.bodies(),
        ["grant_type=client_credentials&resource=https%3A%2F%2Fapi.example&client_id=cid"]
    );
}
