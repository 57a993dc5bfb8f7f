//! What needs a stored record: `token`, `header`, `info`, `list`, `revoke`.

use grantflow::{Store as _, StoreErrorKind};
use serde_json::{Value, json};

use crate::args::{Args, Format};
use crate::exit::{FAILED, Failure};
use crate::output::{describe, lines, while_waiting};
use crate::session::Session;

/// Prints an access token.
pub(crate) fn token(args: &Args) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let credentials = session.credentials()?;
    let access = while_waiting("getting an access token", || credentials.access_token())?;
    let expires_in = access.remaining.map(|left| left.as_secs());
    match args.format {
        Format::Text => println!("{}", access.token.expose()),
        Format::Json => println!(
            "{}",
            json!({"access_token": access.token.expose(), "expires_in": expires_in})
        ),
    }
    Ok(())
}

/// Prints the header line.
pub(crate) fn header(args: &Args) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let credentials = session.credentials()?;
    let header = while_waiting("getting an access token", || credentials.header())?;
    let value = header
        .to_str()
        .map_err(|_| Failure::new(FAILED, "the token does not fit in a line"))?;
    match args.format {
        Format::Text => println!("Authorization: {value}"),
        Format::Json => println!("{}", json!({"name": "Authorization", "value": value})),
    }
    Ok(())
}

/// Shows what is stored.
pub(crate) fn info(args: &Args) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let record = session.record()?;
    let description = describe(&record, &session.store, &session.location, session.now());
    print(args, &description);
    Ok(())
}

/// Lists what is stored.
pub(crate) fn list(args: &Args) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let mut all = Vec::new();
    for key in session.store.keys()? {
        if let Some(record) = session.store.read(&key)? {
            all.push(describe(
                &record,
                &session.store,
                &session.location,
                session.now(),
            ));
        }
    }
    match args.format {
        Format::Json => println!("{}", Value::Array(all)),
        Format::Text if all.is_empty() => println!("no credentials in {}", session.location),
        Format::Text => println!(
            "{}",
            all.iter().map(lines).collect::<Vec<_>>().join("\n").trim_end()
        ),
    }
    Ok(())
}

/// Ends the credentials.
pub(crate) fn revoke(args: &Args) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let credentials = session.credentials()?;
    while_waiting("revoking", || credentials.revoke()).map_err(|error| {
        let stored = !matches!(&error, grantflow::Error::Store(error) if error.kind() == StoreErrorKind::Corrupt);
        let failure = Failure::from(error);
        match stored {
            true if failure.code() == crate::exit::NETWORK => {
                failure.hint("the credentials are unusable here already; run `grantflow revoke` again to finish at the server")
            }
            _ => failure,
        }
    })?;
    match args.format {
        Format::Text => println!("revoked, and deleted from {}", session.location),
        Format::Json => println!("{}", json!({"revoked": true, "store": session.location})),
    }
    Ok(())
}

pub(crate) fn print(args: &Args, description: &Value) {
    match args.format {
        Format::Text => print!("{}", lines(description)),
        Format::Json => println!("{description}"),
    }
}
