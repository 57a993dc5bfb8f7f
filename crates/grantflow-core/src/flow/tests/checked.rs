//! A refresh whose ID token is checked before its access token is stored.

use std::sync::Arc;

use super::super::scripted::{Scripted, both, client, ends_in, key};
use super::super::{Access, AccessTokenFlow, Unless, revoke_as};
use crate::error::StoreErrorKind;
use crate::{AuthorizationCode, Client, Error, IdTokenCheck, Record, Secret, Step, Token};

/// Lets pass what says that it is good.
#[derive(Debug)]
struct Says;

impl IdTokenCheck for Says {
    fn check(&self, token: Token, _: &AuthorizationCode) -> Step<Token> {
        Step::Done(token)
    }

    fn check_refreshed(&self, token: Token, before: &Record) -> Step<Token> {
        let kept = before.token().refresh_token.as_ref().map(Secret::expose);
        assert_eq!(kept, Some("RT2"), "the new one is in the record before the check");
        match token.id_token.as_ref().map(Secret::expose) {
            Some("good") => Step::Done(token),
            _ => Step::begin(|_| Err(Error::TokenRefused("it is not good"))),
        }
    }
}

fn checking() -> Client {
    client().with_id_token_check(Arc::new(Says))
}

fn expired() -> Step<Access> {
    AccessTokenFlow::new(key(), Unless::Expired)
        .as_client(checking())
        .flow()
}

fn reply(id_token: &str) -> String {
    format!(
        r#"{{"access_token":"AT2","token_type":"Bearer","expires_in":3600,"refresh_token":"RT2","id_token":"{id_token}"}}"#
    )
}

fn tokens(record: &Record) -> (&str, Option<&str>) {
    let token = record.token();
    (
        token.access_token.expose(),
        token.refresh_token.as_ref().map(Secret::expose),
    )
}

#[test]
fn the_new_refresh_token_is_stored_before_the_check_and_the_access_token_after_it() {
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .replies(200, &reply("good"))
    };
    let (access, host) = both(script, expired);
    assert_eq!(tokens(&access.unwrap().record), ("AT2", Some("RT2")));
    let kinds: Vec<String> = host
        .log()
        .iter()
        .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(kinds, ["lock", "journal", "send", "save", "save", "unlock"]);
    assert_eq!(tokens(&host.stored().unwrap()), ("AT2", Some("RT2")));
}

#[test]
fn what_is_refused_leaves_the_old_access_token_the_new_refresh_token_and_no_doubt() {
    let script = || Scripted::default().stores(ends_in(0)).replies(200, &reply("bad"));
    let (access, host) = both(script, expired);
    assert!(matches!(access, Err(Error::TokenRefused(_))), "{access:?}");
    let stored = host.stored().unwrap();
    assert_eq!(tokens(&stored), ("AT1", Some("RT2")));
    assert!(stored.refresh_state().attempt_started_at.is_none());
    assert!(
        stored.refresh_state().refused.is_none(),
        "another refresh may bring a better one"
    );
}

#[test]
fn without_an_id_token_there_is_nothing_to_check() {
    let granted = r#"{"access_token":"AT2","token_type":"Bearer","expires_in":3600,"refresh_token":"RT2"}"#;
    let script = || Scripted::default().stores(ends_in(0)).replies(200, granted);
    let (access, host) = both(script, expired);
    assert!(access.unwrap().refreshed);
    assert_eq!(
        host.log().iter().filter(|line| line.starts_with("save")).count(),
        1
    );
}

#[test]
fn a_refresh_token_that_is_neither_stored_nor_comes_with_a_good_token_is_kept_by_the_driver() {
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .replies(200, &reply("bad"))
            .saves()
            .fails_to_save(StoreErrorKind::Io)
    };
    let (access, _) = both(script, expired);
    let access = access.unwrap();
    assert_eq!(tokens(&access.record), ("AT1", Some("RT2")));
    assert!(access.unsaved.is_some(), "the driver goes on saving it");
}

#[test]
fn another_client_than_the_records_is_refused_before_anything_is_sent() {
    let other = Client::new("another", client().token_endpoint().clone());
    let flow = || {
        AccessTokenFlow::new(key(), Unless::Expired)
            .as_client(other.clone())
            .flow()
    };
    let (access, host) = both(|| Scripted::default().stores(ends_in(0)), flow);
    assert!(matches!(access, Err(Error::InvalidInput(_))), "{access:?}");
    assert!(host.bodies().is_empty());
    let (revoked, host) = both(
        || Scripted::default().stores(ends_in(0)),
        || revoke_as(key(), Some(other.clone())),
    );
    assert!(matches!(revoked, Err(Error::InvalidInput(_))), "{revoked:?}");
    assert!(
        host.bodies().is_empty()
            && host
                .stored()
                .is_some_and(|stored| stored.refresh_state().revoked_at.is_none())
    );
}
