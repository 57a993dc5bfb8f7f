//! Calls of APIs that want the token elsewhere than in `Authorization`, or refuse it otherwise than by 401.

use std::time::Duration;

use grantflow_core::blocking::Credentials;
use grantflow_core::{Error, Heard, Quirks, Store as _, StoreExt as _};
use http::{HeaderMap, StatusCode};

use crate::world::{World, key, request, store};

/// Credentials of a provider with these quirks, whose token lives for an hour.
fn credentials(world: &World, f: impl FnOnce(&mut Quirks)) -> Credentials {
    let store = store(3600);
    let record = store.read(&key()).unwrap().unwrap();
    let mut quirks = Quirks::default();
    f(&mut quirks);
    let client = record.client().clone().with_quirks(quirks);
    store.put(record.with_client(client), Duration::ZERO).unwrap();
    Credentials::new(key(), store, world.clone())
}

#[test]
fn q65_the_token_goes_in_the_providers_header_alone_and_is_refreshed_there_too() {
    let world = World::default();
    let credentials = credentials(&world, |quirks| {
        quirks.token_header = Some("X-Api-Token".to_owned())
    });
    assert_eq!(credentials.authorized(request()).unwrap().status(), 200);
    assert_eq!(credentials.header_name(), "x-api-token");
    let header = credentials.header().unwrap();
    assert!(header.is_sensitive());
    assert_eq!(header, "AT1");
    credentials.refresh().unwrap();
    assert_eq!(credentials.header().unwrap(), "AT2");
    assert_eq!(credentials.authorized(request()).unwrap().status(), 200);
    assert_eq!(credentials.after_401(&header).unwrap().unwrap(), "AT2");
    assert_eq!(world.refreshes(), 1);
    world.always_401();
    assert_eq!(credentials.authorized(request()).unwrap().status(), 401);
    assert_eq!(world.refreshes(), 2);
}

#[test]
fn q65_a_header_that_means_something_else_carries_no_token() {
    for name in ["host", "Cookie", "content-length", "a b", ""] {
        let world = World::default();
        let credentials = credentials(&world, |quirks| quirks.token_header = Some(name.to_owned()));
        let result = credentials.authorized(request());
        assert!(matches!(result, Err(Error::InvalidInput(_))), "{name}");
        assert_eq!(world.apis(), 0);
    }
}

#[test]
fn q66_a_401_without_a_challenge_is_one_and_other_statuses_where_the_quirk_names_them() {
    for (status, named, refreshes) in [(401, false, 1), (403, false, 0), (403, true, 1), (400, true, 1)] {
        let world = World::default();
        world.refuses_by(status);
        world.always_401();
        let credentials = credentials(&world, |quirks| {
            if named {
                quirks.refused_statuses.push(status);
            }
        });
        for _ in 0..2 {
            // One refresh, and then it is the caller's: a forbidden call costs no refresh each.
            assert_eq!(credentials.authorized(request()).unwrap().status(), status);
            assert_eq!(world.refreshes(), refreshes, "{status} {named}");
        }
        let heard = |status| {
            let request = request();
            let mut call = credentials.api_call(request.method(), request.uri()).unwrap();
            call.heard(StatusCode::from_u16(status).unwrap(), &HeaderMap::new())
        };
        assert_eq!(heard(401), Heard::Refused);
        assert_eq!(heard(status) == Heard::Refused, refreshes > 0);
    }
}
