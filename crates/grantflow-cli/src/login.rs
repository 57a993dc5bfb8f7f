//! `grantflow login`: a client, a consent, a stored record.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use grantflow::loopback::{LoginError, TerminalPrompt, run_flow_with};
use grantflow::{Client, Issuer, Origin, Scopes, Secret, TransportHost, flow, run};

use crate::args::{Args, Login};
use crate::exit::{FAILED, Failure, LOGIN_NEEDED, USAGE};
use crate::guard;
use crate::output::{describe, while_waiting};
use crate::record::print;
use crate::session::Session;

/// Logs in, unless stored credentials serve.
pub(crate) fn login(args: &Args, login: &Login) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let scopes = Scopes::try_from(login.scopes.as_slice())?;
    let client = client(login, &session)?;
    let options = login.receiver.options().account(&login.account);
    let prompt = TerminalPrompt::new();
    let credentials = run_flow_with(
        &client,
        scopes,
        session.store.clone(),
        session.transport.clone(),
        &options,
        &prompt,
    )?;
    guard::watch(&credentials);
    let record = credentials.record()?;
    print(
        args,
        &describe(&record, &session.store, &session.location, session.now()),
    );
    Ok(())
}

/// The client that was named, with what was said about it.
fn client(login: &Login, session: &Session) -> Result<Client, Failure> {
    let mut client = match (&login.client_secrets, &login.issuer, &login.client_id) {
        (Some(file), _, _) => {
            let json = fs::read(file)
                .map_err(|error| Failure::new(USAGE, format!("cannot read {}: {error}", file.display())))?;
            Client::from_client_secrets(&json)?
        }
        (None, Some(issuer), Some(id)) => {
            let issuer = Issuer::allow_http_for_loopback(issuer)?;
            let host = TransportHost::new(&session.transport);
            let metadata = while_waiting("asking the server for its metadata", || {
                run(flow::discover(&issuer), &host)
            })?;
            match &login.client_secret_file {
                Some(file) => metadata.confidential_client(id, secret(file)?),
                None => metadata.client(id),
            }
        }
        _ => {
            return Err(Failure::new(
                USAGE,
                "name a client: --client-secrets FILE, or --issuer URL --client-id ID",
            ));
        }
    };
    if let Some(uri) = &login.redirect_uri {
        client = client.with_redirect_uris([uri]);
    }
    let mut origins = client.origins().to_vec();
    for origin in &login.origins {
        origins.push(Origin::new(origin)?);
    }
    Ok(client.with_origins(origins))
}

/// The first line of a file, or of standard input.
fn secret(file: &Path) -> Result<Secret, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    let text = Secret::new(text);
    read.map_err(|error| Failure::new(USAGE, format!("cannot read the client secret: {error}")))?;
    let line = text.expose().lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::new(USAGE, "the client secret is empty"));
    }
    Ok(Secret::new(line))
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Flow(error) => error.into(),
            error => {
                let code = match &error {
                    LoginError::TimedOut | LoginError::NoAnswer => LOGIN_NEEDED,
                    LoginError::NotLoopback | LoginError::NoLoopbackRedirect | LoginError::OtherRecord(_) => {
                        USAGE
                    }
                    _ => FAILED,
                };
                Self::new(code, error)
            }
        }
    }
}
