//! What needs a stored record: `token`, `header`, `info`, `list`, `revoke`.

use grantflow::{AccessToken, Store as _};
use serde_json::{Value, json};

use crate::args::Args;
use crate::exit::{Failure, NETWORK, REFUSED};
use crate::output::{describe, lines, result, while_waiting};
use crate::session::Session;

/// Prints an access token.
pub(crate) fn token(args: &Args) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let credentials = session.credentials()?;
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
pub(crate) fn header(args: &Args) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let value = header_value(&session)?;
    result(
        args.format,
        &format!("Authorization: {value}"),
        &json!({"name": "Authorization", "value": value}),
    )
}

/// The value of the `Authorization` header.
pub(crate) fn header_value(session: &Session) -> Result<String, Failure> {
    let credentials = session.credentials()?;
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
pub(crate) fn info(args: &Args) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let record = session.record()?;
    let description = describe(&record, &session.store, &session.location, session.now());
    result(args.format, &lines(&description), &description)
}

/// Lists what is stored.
pub(crate) fn list(args: &Args) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let mut all = Vec::new();
    for key in session.store.keys()? {
        // Deleted between the two reads, it is not listed.
        if let Some(record) = session.store.read(&key)? {
            all.push(describe(
                &record,
                &session.store,
                &session.location,
                session.now(),
            ));
        }
    }
    let text = match all.as_slice() {
        [] => format!("no credentials in {}", session.location),
        all => all.iter().map(lines).collect::<Vec<_>>().join("\n"),
    };
    result(args.format, &text, &Value::Array(all))
}

/// Ends the credentials.
pub(crate) fn revoke(args: &Args) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let credentials = session.credentials()?;
    while_waiting("revoking", || credentials.revoke()).map_err(|error| {
        let failure = Failure::from(error);
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
