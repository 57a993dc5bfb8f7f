//! A refresh whose ID token is checked before its access token is stored.

use std::sync::Arc;

use super::super::scripted::{NOW, Scripted, both, client, ends_in, key};
use super::super::{Access, AccessTokenFlow, Unless, revoke_as};
use crate::error::StoreErrorKind;
use crate::{
    AuthorizationCode, Client, Error, IdTokenCheck, Record, Refreshed, Secret, Step, Token, TokenRequest,
};

/// Lets pass what says that it is good.
#[derive(Debug)]
pub(super) struct Says;

impl IdTokenCheck for Says {
    fn check(&self, token: Token, _: &AuthorizationCode) -> Step<Token> {
        Step::Done(token)
    }

    fn check_without_redirect(&self, token: Token, acr_values: &[String]) -> Step<Token> {
        let says = token.id_token.as_ref().map(Secret::expose);
        assert_ne!(says, Some("never"), "nobody asked for it to be checked");
        match says {
            Some("good") => Step::Done(token),
            // It says how the user logged in.
            Some(acr) if acr_values.iter().any(|wanted| wanted == acr) => Step::Done(token),
            _ => Step::begin(|_| Err(Error::TokenRefused("it is not good"))),
        }
    }

    fn check_refreshed(&self, token: Token, before: &Record) -> Step<Token> {
        let kept = before.token().refresh_token.as_ref().map(Secret::expose);
        // The new one is in the record before the check, unless somebody else has just stored as new a one.
        assert!(
            kept == Some("RT2") || token.refresh_token.is_none() || before.generation() == 1,
            "{kept:?}"
        );
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

/// A server that binds tokens to a key though nobody asked for it, or no longer does.
#[test]
fn r01_a_token_of_another_type_is_refused_and_the_new_refresh_token_kept() {
    for name in ["DPoP", "N_A", "mac"] {
        let odd = reply("good").replace("Bearer", name);
        let script = || Scripted::default().stores(ends_in(0)).replies(200, &odd);
        let (access, host) = both(script, expired);
        assert!(matches!(access, Err(Error::BadReply(_))), "{name}: {access:?}");
        let stored = host.stored().unwrap();
        assert_eq!(tokens(&stored), ("AT1", Some("RT2")), "{name}");
        assert!(stored.refresh_state().attempt_started_at.is_none());
        assert_eq!(host.bodies().len(), 1, "{name}: the spent one is not sent again");
    }
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

/// A command without the check may refresh what a service with one has stored.
#[test]
fn t09_the_id_token_of_the_login_outlives_a_refresh_without_one_and_without_a_check() {
    let granted = r#"{"access_token":"AT2","token_type":"Bearer","expires_in":3600,"refresh_token":"RT2"}"#;
    let mut token = ends_in(0).token().clone();
    token.id_token = Some(Secret::new("of.the.login"));
    let stored = ends_in(0).refreshed(token);
    let script = || Scripted::default().stores(stored.clone()).replies(200, granted);
    let (access, host) = both(script, || AccessTokenFlow::new(key(), Unless::Expired).flow());
    assert!(access.unwrap().refreshed);
    let id_token = host.stored().unwrap().token().id_token.clone();
    assert_eq!(id_token.unwrap().expose(), "of.the.login");
}

#[test]
fn a_refresh_token_that_is_neither_stored_nor_comes_with_a_good_token_is_stored_when_its_store_takes_it() {
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .replies(200, &reply("bad"))
            .saves()
            .fails_to_save(StoreErrorKind::Io)
            .fails_to_save(StoreErrorKind::Full)
    };
    let (access, host) = both(script, expired);
    assert!(matches!(access, Err(Error::TokenRefused(_))), "{access:?}");
    assert_eq!(tokens(&host.stored().unwrap()), ("AT1", Some("RT2")));
    let log = host.log();
    let end = [
        "save 2",
        "wait 1000 ms",
        "save 2",
        "wait 2000 ms",
        "save 2",
        "unlock",
    ];
    assert!(log.ends_with(&end.map(str::to_owned)), "{log:?}");
}

#[test]
fn a_login_that_came_meanwhile_stays() {
    let login = Record::new(
        key(),
        client(),
        Token::bearer("AT9", NOW),
        ends_in(0).provenance().clone(),
    );
    let login = login.succeeding(&ends_in(0));
    for word in ["good", "bad"] {
        let script = || {
            Scripted::default()
                .stores(ends_in(0))
                .replies(200, &reply(word))
                .saves()
                .overtaken_by(login.clone())
                .overtaken_by(login.clone())
        };
        let (_, host) = both(script, expired);
        assert_eq!(tokens(&host.stored().unwrap()), ("AT9", None), "{word}");
    }
}

/// Another found the lock free, since it was lost, and has noted that it is about to ask: with the refresh token that is spent.
#[test]
fn r01_a_new_refresh_token_is_kept_over_a_note_that_came_meanwhile() {
    let mut note = ends_in(0);
    note.refresh.attempt_started_at = Some(NOW);
    for (word, access_token) in [("good", "AT2"), ("bad", "AT1")] {
        let script = || {
            Scripted::default()
                .stores(ends_in(0))
                .replies(200, &reply(word))
                .saves()
                .overtaken_by(note.clone())
        };
        let (_, host) = both(script, expired);
        let stored = host.stored().unwrap();
        assert_eq!(tokens(&stored), (access_token, Some("RT2")), "{word}");
        assert_eq!(stored.refresh_state().attempt_started_at, None, "{word}");

        // The same while its store takes nothing.
        let script = || {
            Scripted::default()
                .stores(ends_in(0))
                .replies(200, &reply(word))
                .saves()
                .fails_to_save(StoreErrorKind::Io)
                .overtaken_by(note.clone())
        };
        let (_, host) = both(script, expired);
        assert_eq!(
            tokens(&host.stored().unwrap()),
            (access_token, Some("RT2")),
            "{word}"
        );
    }
}

/// A store that is away for a moment, as where a lease moves to another machine: the handle goes on storing what it was given.
#[test]
fn r29_what_was_granted_is_not_lost_with_a_lock_that_cannot_be_had_again() {
    let mut note = ends_in(0);
    note.refresh.attempt_started_at = Some(NOW);
    let granted = r#"{"access_token":"AT2","token_type":"Bearer","expires_in":3600,"refresh_token":"RT2"}"#;
    let script = || {
        Scripted::default()
            .stores(ends_in(0))
            .locks()
            .replies(200, granted)
            .saves()
            .overtaken_by(note.clone())
            .fails_to_lock(StoreErrorKind::Unavailable)
    };
    let (access, _) = both(script, expired);
    let access = access.unwrap();
    assert_eq!(tokens(&access.record), ("AT2", Some("RT2")));
    assert!(access.unsaved.is_some());
}

#[test]
fn r01_a_lock_that_is_lost_again_and_again_ends_without_a_token_that_is_not_good() {
    let mut note = ends_in(0);
    note.refresh.attempt_started_at = Some(NOW);
    let script = || {
        let script = Scripted::default()
            .stores(ends_in(0))
            .replies(200, &reply("bad"))
            .saves();
        (0..40).fold(script, |script, _| script.overtaken_by(note.clone()))
    };
    let (access, host) = both(script, expired);
    assert!(matches!(access, Err(Error::TokenRefused(_))), "{access:?}");
    assert_eq!(host.bodies().len(), 1, "the spent one is not sent again");
    // Three locks at the end of the flow, three for the tries, which take a minute and no longer.
    let log = host.log();
    let waits: Vec<&str> = log.iter().filter_map(|line| line.strip_prefix("wait ")).collect();
    assert_eq!(waits[..3], ["1000 ms", "2000 ms", "4000 ms"]);
    assert_eq!(waits[3..], ["8000 ms"; 7]);
    let count = |what: &str| log.iter().filter(|line| *line == what).count();
    assert_eq!((count("lock"), count("save 2")), (7, 17), "{log:?}");
}

#[test]
fn r01_what_is_wrong_with_a_reply_takes_nothing_from_its_refresh_token() {
    let good = r#"{"access_token":"AT2","token_type":"Bearer","expires_in":3600,"refresh_token":"RT2"}"#;
    let odd = [
        good.replace("3600", r#""soon""#),
        good.replace("3600", "[]"),
        good.replace(r#""Bearer""#, "7"),
        good.replace(r#""AT2""#, r#""A\u0000T2""#),
        good.replace(r#""AT2""#, "{}"),
        good.replace("access_token", "token"),
        good.replace('}', r#","scope":1}"#),
        good.replace('}', r#","id_token":[]}"#),
        good.replace('}', r#","scope":"a","scope":"a"}"#),
        good.replace('}', r#","more":{"a":1,"a":2}}"#),
        good.replace('}', &format!(r#","more":{}{}}}"#, "[".repeat(40), "]".repeat(40))),
    ];
    for odd in odd {
        let script = || Scripted::default().stores(ends_in(0)).replies(200, &odd);
        let (access, host) = both(script, expired);
        assert!(matches!(access, Err(Error::BadReply(_))), "{odd}: {access:?}");
        let stored = host.stored().unwrap();
        assert_eq!(tokens(&stored), ("AT1", Some("RT2")), "{odd}");
        assert!(stored.refresh_state().attempt_started_at.is_none());
        assert_eq!(host.bodies().len(), 1, "{odd}: the spent one is not sent again");
    }
}

/// For those who refresh without a store of ours.
#[test]
fn r01_a_refresh_by_itself_gives_the_new_refresh_token_of_a_reply_that_is_refused() {
    let refresh = || TokenRequest::refresh(&client(), Secret::new("RT1"));
    let good = r#"{"access_token":"AT2","token_type":"Bearer","expires_in":3600,"refresh_token":"RT2"}"#;
    for odd in [
        good.replace("Bearer", "DPoP"),
        good.replace("3600", "[]"),
        good.replace("access_token", "token"),
    ] {
        let script = || Scripted::default().replies(200, &odd);
        let Refreshed { refresh_token, token } = both(script, || refresh().refreshed()).0.unwrap();
        assert_eq!(refresh_token.as_ref().map(Secret::expose), Some("RT2"), "{odd}");
        assert!(matches!(token, Err(Error::BadReply(_))), "{odd}: {token:?}");
        let (token, _) = both(script, || refresh().flow());
        assert!(matches!(token, Err(Error::BadReply(_))), "{odd}: {token:?}");
    }
    let script = || Scripted::default().replies(200, good);
    let Refreshed { refresh_token, token } = both(script, || refresh().refreshed()).0.unwrap();
    assert_eq!(refresh_token.as_ref().map(Secret::expose), Some("RT2"));
    assert_eq!(token.unwrap().access_token.expose(), "AT2");
    // None came: the old one stays, and there is nothing to keep.
    for nothing in [
        r#"{"access_token":7}"#,
        r#"{"error":"invalid_grant","refresh_token":"RT2"}"#,
    ] {
        let script = || Scripted::default().replies(200, nothing);
        assert!(both(script, || refresh().refreshed()).0.is_err(), "{nothing}");
    }
}

/// Two readers of it would see two: neither is taken.
#[test]
fn t32_a_refresh_token_that_comes_twice_or_with_a_refusal_is_not_kept() {
    let twice = r#"{"access_token":"AT2","refresh_token":"RT2","refresh_token":"RT3"}"#;
    let refused = r#"{"error":"invalid_grant","refresh_token":"RT2"}"#;
    for odd in [twice, refused] {
        let script = || {
            Scripted::default()
                .stores(ends_in(0))
                .replies(200, odd)
                .replies(200, odd)
        };
        let (access, host) = both(script, expired);
        assert!(access.is_err(), "{odd}");
        assert_eq!(tokens(&host.stored().unwrap()), ("AT1", Some("RT1")), "{odd}");
    }
}

#[test]
fn a_refusal_without_a_new_refresh_token_leaves_no_doubt() {
    let granted = r#"{"access_token":"AT2","token_type":"Bearer","expires_in":3600,"id_token":"bad"}"#;
    let script = || Scripted::default().stores(ends_in(0)).replies(200, granted);
    let (access, host) = both(script, expired);
    assert!(matches!(access, Err(Error::TokenRefused(_))), "{access:?}");
    let stored = host.stored().unwrap();
    assert_eq!(tokens(&stored), ("AT1", Some("RT1")));
    assert!(stored.refresh_state().attempt_started_at.is_none());
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
    assert!(
        host.stored()
            .is_some_and(|stored| stored.refresh_state().attempt_started_at.is_none())
    );
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
