//! What needs a stored record: `token`, `header`, `info`, `revoke`.

use grantflow::blocking::Credentials;
use grantflow::flow::LOCK_PATIENCE;
use grantflow::{AccessToken, Error, StoreErrorKind, StoreExt as _};
use http::HeaderName;
use serde_json::json;

use crate::args::{Args, Format, Revoke};
use crate::bound;
use crate::exit::{Failure, LOGIN_NEEDED, NETWORK, REFUSED, STORE, USAGE};
use crate::output::{describe, lines, note, result, while_waiting};
use crate::select::Selector;
use crate::service_account::{TokenArgs, Whose};
use crate::session::Session;

/// Prints an access token.
pub(crate) fn token(args: &Args, from: &TokenArgs) -> Result<(), Failure> {
    let (credentials, whose) = from.credentials(args)?;
    let access = while_waiting("getting an access token", || credentials.access_token())
        .map_err(|error| whose.explained(error.into()))?;
    warn_if_unsaved(&access);
    let bound_to = match whose {
        Whose::Stored => bound::to_what(&credentials.record()?),
        _ => None,
    };
    if bound_to == Some(bound::BY_KEY) && args.format == Format::Text {
        note(
            "The token is bound to a key that is with the credentials: `grantflow curl` proves it, and nobody else can use the token.",
        );
    }
    let expires_in = access.remaining.map(|left| left.as_secs());
    result(
        args.format,
        access.token.expose(),
        &json!({"access_token": access.token.expose(), "expires_in": expires_in, "bound_to": bound_to}),
    )
}

/// Prints the header line, and those that belong to it.
pub(crate) fn header(args: &Args, from: &TokenArgs) -> Result<(), Failure> {
    let (credentials, whose) = from.credentials(args)?;
    if matches!(whose, Whose::Stored) && bound::is_by_key(&credentials.record()?) {
        return Err(Failure::new(
            USAGE,
            "the token is bound to a key, and each request needs a proof of its own: a header is not enough",
        )
        .hint("`grantflow curl` makes the proof for its request"));
    }
    let value = header_value(&credentials).map_err(|failure| whose.explained(failure))?;
    let name = credentials.header_name();
    let name = written(&name);
    let mut text = format!("{name}: {value}");
    let mut json = json!({"name": name, "value": value});
    let beside = credentials.api_headers().iter();
    let beside = beside.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    for (name, value) in beside {
        text = format!("{text}\n{name}: {value}");
        json["beside"][name] = value.into();
    }
    result(args.format, &text, &json)
}

/// The name of a header, as people write it.
pub(crate) fn written(name: &HeaderName) -> &str {
    match name.as_str() {
        "authorization" => "Authorization",
        "dpop" => "DPoP",
        name => name,
    }
}

/// The value of the header that carries the token.
fn header_value(credentials: &Credentials) -> Result<String, Failure> {
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
pub(crate) fn warn_if_unsaved(access: &AccessToken) {
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
pub(crate) fn revoke(args: &Args, revoke: &Revoke) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let record = session.record(&revoke.which).map_err(nothing_to_revoke)?;
    let key = record.key().clone();
    session.make_directory()?;
    if revoke.local {
        while_waiting("deleting", || session.store.delete(&key, LOCK_PATIENCE))?;
        return result(
            args.format,
            &format!("deleted from {}; the server was not told", session.location),
            &json!({"revoked": false, "store": session.location}),
        );
    }
    let credentials = session.credentials_of(&record)?;
    while_waiting("revoking", || credentials.revoke()).map_err(|error| {
        let is_full = matches!(&error, Error::Store(store) if store.kind() == StoreErrorKind::Full);
        let failure = Failure::from(error);
        match failure.code() {
            NETWORK => failure.hint(
                "the credentials are unusable here already; run `grantflow revoke` again to end them at the server too",
            ),
            STORE if is_full => failure.hint(
                "make room there and try again; or run `grantflow revoke --local`, which needs none: it deletes them here, and the server is not told",
            ),
            _ => nothing_to_revoke(failure),
        }
    })?;
    result(
        args.format,
        &format!("revoked, and deleted from {}", session.location),
        &json!({"revoked": true, "store": session.location}),
    )
}

/// To have nothing is no reason to log in for one who wants to log out.
fn nothing_to_revoke(failure: Failure) -> Failure {
    if failure.code() != LOGIN_NEEDED {
        return failure;
    }
    let why = failure.message().trim_start_matches("a login is needed: ");
    let message = format!("there is nothing to revoke: {why}");
    let hint = if failure.has_candidates() {
        "choose among these"
    } else {
        "if they are elsewhere, name the place with --store"
    };
    failure.instead(LOGIN_NEEDED, message).hint(hint)
}
