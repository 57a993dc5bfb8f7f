//! A login in the steps an application without a receiver of its own takes: start, consent, accept, exchange, keep.

use grantflow_core::flow::{discover as discover_server, keep};
use grantflow_core::{
    AuthorizationCode, AuthorizationRequest, Client, Endpoint, Error, Issuer, Key, PendingAuthorization,
    Provenance, Record, Scopes, ServerMetadata, Step, Token, TokenRequest,
};

/// The client with this id, by what the server says of itself; public until a secret is added.
///
/// # Errors
///
/// [`Error`] if the server says nothing that can be used, or not that it is `issuer`.
pub fn discover(issuer: &str, id: &str) -> Result<Step<Client>, Error> {
    let origin = Endpoint::allow_http_for_loopback(issuer)?.origin();
    let id = id.to_owned();
    let metadata = discover_server(&Issuer::allow_http_for_loopback(issuer)?);
    Ok(metadata.and_then(move |metadata, _| Ok(Step::Done(metadata.client(id).with_origins([origin])))))
}

/// What the server says of itself.
///
/// # Errors
///
/// [`Error::InvalidInput`] if `issuer` is no name of one.
pub fn metadata(issuer: &str) -> Result<Step<ServerMetadata>, Error> {
    Ok(discover_server(&Issuer::allow_http_for_loopback(issuer)?))
}

/// The first step: the address to open, and what waits for its redirect.
pub fn start(client: &Client, redirect_uri: &str, scopes: &str) -> Step<(String, PendingAuthorization)> {
    let (client, redirect_uri, scopes) = (client.clone(), redirect_uri.to_owned(), scopes.to_owned());
    Step::begin(move |cx| {
        let request = AuthorizationRequest::new(&client, redirect_uri).scopes(scopes.as_str())?;
        let begun = request.begin(cx)?;
        Ok(begun.and_then(|(url, pending), _| Ok(Step::Done((url.into_string(), pending)))))
    })
}

/// The second step: checks the redirect, exchanges the code and keeps the record.
pub fn finish(client: &Client, pending: PendingAuthorization, redirect: &str) -> Step<Record> {
    let (client, redirect) = (client.clone(), redirect.to_owned());
    Step::begin(move |cx| {
        let code: AuthorizationCode = pending.accept(&redirect, cx)?;
        let key = Key::new(&client, code.scopes().clone());
        let exchange = TokenRequest::authorization_code(&client, code).flow();
        Ok(exchange.and_then(move |token: Token, cx| {
            let provenance = Provenance::new("authorization_code", cx.wall());
            Ok(keep(Record::new(key, client, token, provenance), None))
        }))
    })
}

/// The key that [`finish`] stores under.
///
/// # Errors
///
/// [`Error::InvalidInput`] for what is no scope.
pub fn key(client: &Client, scopes: &str) -> Result<Key, Error> {
    Ok(Key::new(client, Scopes::parse(scopes)?))
}
