//! Grantflow: a record in a file, whose access token has ended.

use std::path::Path;
use std::time::Duration;

use grantflow::prelude::*;
use grantflow::{Provenance, Record, Store as _, StoreExt as _, Timestamp, Token, Transport};

use crate::SCOPE;
use crate::grant::{CLIENT, Grant, SECRET};

/// The client of the tests.
///
/// # Panics
///
/// If `issuer` is no address.
#[must_use]
pub fn client(issuer: &str) -> Client {
    let at = |path: &str| Endpoint::allow_http_for_loopback(format!("{issuer}{path}")).expect("an address");
    let client = Client::new(CLIENT, at("/token")).with_secret_post(SECRET);
    client.with_authorization_endpoint(at("/authorize"))
}

/// Stores the grant with an access token that has ended, and opens what is stored.
///
/// # Panics
///
/// If it cannot be stored.
#[must_use]
pub fn stored(grant: &Grant, file: &Path) -> blocking::Credentials {
    stored_at(grant, grant.server.issuer(), file)
}

/// The same, as if `issuer` had given it.
///
/// # Panics
///
/// If it cannot be stored.
#[must_use]
pub fn stored_at(grant: &Grant, issuer: &str, file: &Path) -> blocking::Credentials {
    let client = client(issuer);
    let mut token = Token::bearer("ended", Timestamp::from_unix_seconds(0));
    token.expires_at = Some(Timestamp::from_unix_seconds(3600));
    token.refresh_token = Some(Secret::new(grant.refresh_token.as_str()));
    let key = Key::new(&client, Scopes::parse(SCOPE).expect("a scope"));
    let record = Record::new(
        key,
        client,
        token,
        Provenance::new("comparison", Timestamp::default()),
    );
    FileStore::new(file)
        .put(record, Duration::ZERO)
        .expect("a place to write");
    open(file)
}

/// Opens what is stored, as the next run of a program does.
///
/// # Panics
///
/// If nothing is stored.
#[must_use]
pub fn open(file: &Path) -> blocking::Credentials {
    open_with(file, UreqTransport::new().expect("a transport"))
}

/// The same with a transport of one's own.
///
/// # Panics
///
/// If nothing is stored.
#[must_use]
pub fn open_with(file: &Path, transport: impl Transport + 'static) -> blocking::Credentials {
    let store = FileStore::new(file);
    let key = store.keys().expect("a readable file").pop().expect("a record");
    blocking::Credentials::new(key, store, transport)
}
