//! What providers do differently, a fixture for each line of the table in `table`: what is sent to them, what is read of them, and the
//! redirects of their logins.

mod logins;
mod replies;
mod requests;
mod table;

use grantflow_core::{AuthorizationCode, AuthorizationRequest, Client, Error, PendingAuthorization, Quirks};

use super::{at, client, pairs};

/// A client of a provider with these quirks.
fn with(f: impl FnOnce(&mut Quirks)) -> Client {
    let mut quirks = Quirks::default();
    f(&mut quirks);
    client().with_quirks(quirks)
}

/// A login that was begun: the parameters of its address, and what waits for the redirect.
fn begun(client: &Client, scopes: &str) -> (Vec<(String, String)>, PendingAuthorization) {
    let request = AuthorizationRequest::new(client, "http://127.0.0.1:7777/cb")
        .scopes(scopes)
        .unwrap();
    let (url, pending) = at(|cx| request.start(cx)).unwrap();
    let query = url.as_str().split_once('?').unwrap().1;
    (pairs(query.as_bytes()), pending)
}

/// What becomes of a redirect with these parameters and the right state.
fn redirected(client: &Client, parameters: &str) -> Result<AuthorizationCode, Error> {
    let (sent, pending) = begun(client, "a b");
    let state = value(&sent, "state").unwrap();
    at(|cx| pending.accept(&format!("/cb?{parameters}&state={state}"), cx))
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut pairs = pairs.iter().filter(|(known, _)| known == name);
    let (first, second) = (pairs.next(), pairs.next());
    assert!(second.is_none(), "{name} is there twice");
    first.map(|(_, value)| value.as_str())
}
