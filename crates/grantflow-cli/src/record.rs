//! What needs a stored record: `token`, `header`, `info`, `revoke`.

use grantflow::blocking::Credentials;
use grantflow::{AccessToken, Error};
use serde_json::json;

use crate::args::Args;
use crate::exit::{Failure, NETWORK, REFUSED};
use crate::output::{describe, lines, result, while_waiting};
use crate::select::Selector;
use crate::session::Session;

/// Prints an access token.
pub(crate) fn token(args: &Args, selector: &Selector) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let credentials = session.credentials(selector)?;
    let access = while_waiting("getting an access token", || credentials.access_token())?;
    warn_if_unsaved(&access);
    let expires_in = access.remaining.map(|left| left.as_secs());
    result(
        args.format,
        access.token.expose(),
        &json!({"access_token": access.token.expose(), "expires_in": expires_in}),
    )
}

/// Prints the header line.
pub(crate) fn header(args: &Args, selector: &Selector) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let value = header_value(&session.credentials(selector)?)?;
    result(
        args.format,
        &format!("Authorization: {value}"),
        &json!({"name": "Authorization", "value": value}),
    )
}

/// The value of the `Authorization` header.
pub(crate) fn header_value(credentials: &Credentials) -> Result<String, Failure> {
    let header = while_waiting("getting an access token", || credentials.header())?;
    warn_if_unsaved(&credentials.access_token()?);
    let value = header.to_str().map_err(|_| {
        Failure::new(
            REFUSED,
            "the access token has a character that no header may have",
        )
    })?;
    Ok(value.to_owned())
}

/// The token works, and when it ends a login may be needed: better said now than then.
fn warn_if_unsaved(access: &AccessToken) {
    if let Some(why) = &access.unsaved {
        Failure::from(why.clone())
            .warn("the new token could not be stored, and a login may be needed when it ends");
    }
}

/// Shows what is stored.
pub(crate) fn info(args: &Args, selector: &Selector) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let record = session.record(selector)?;
    let description = describe(&record, &*session.store, &session.location, session.now());
    result(args.format, &lines(&description), &description)
}

/// Ends the credentials.
pub(crate) fn revoke(args: &Args, selector: &Selector) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let key = session.record(selector)?.key().clone();
    session.make_directory()?;
    let credentials = session.credentials_of(key.clone());
    while_waiting("revoking", || credentials.revoke()).map_err(|error| {
        let cannot = matches!(&error, Error::InvalidInput(input) if input.what() == "revocation_endpoint");
        let failure = Failure::from(error);
        if cannot {
            let what = session.deletable(&key);
            return failure.hint(format!(
                "this server revokes nothing: end the access in your account there, then delete {what}"
            ));
        }
        if failure.code() != NETWORK {
            return failure;
        }
        failure
            .hint("the credentials are unusable here already; run `grantflow revoke` again to end them at the server too")
    })?;
    result(
        args.format,
        &format!("revoked, and deleted from {}", session.location),
        &json!({"revoked": true, "store": session.location}),
    )
}
