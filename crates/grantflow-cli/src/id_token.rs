//! `id-token --audience AUDIENCE`: who this program is, for a service that asks, such as one on Cloud Run
//! ([the guide](https://cloud.google.com/docs/authentication/get-id-token)).

use std::path::PathBuf;

use grantflow::blocking::Credentials;
use grantflow::flow::TokenSource;
use grantflow::google::{DefaultCredentials, FoundSource, environment};
use grantflow::{Endpoint, Scopes};
use serde_json::json;

use crate::args::Args;
use crate::exit::{Failure, USAGE};
use crate::output::{result, while_waiting};
use crate::service_account::{self, Whose, find, key_in};
use crate::session::transport;

#[derive(Debug, clap::Args)]
pub(crate) struct IdTokenArgs {
    /// Whom the token is for: the address of a service, or a client id
    #[arg(long, value_name = "AUDIENCE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    audience: String,

    /// The key file of the service account; without it, the credentials that this machine has for its programs
    #[arg(long, value_name = "FILE")]
    service_account: Option<PathBuf>,

    /// Trust this token endpoint, if the file names one that is not Google's
    #[arg(long, value_name = "URL", value_parser = service_account::endpoint)]
    token_endpoint: Option<Endpoint>,
}

pub(crate) const EXAMPLES: &str = "Examples:
  grantflow id-token --audience https://service-1234.run.app
  grantflow id-token --audience https://service-1234.run.app --service-account key.json | grantflow inspect";

/// Prints an ID token.
pub(crate) fn id_token(args: &Args, which: &IdTokenArgs) -> Result<(), Failure> {
    let trusted = service_account::trusting(which.token_endpoint.as_ref());
    let (credentials, whose) = match &which.service_account {
        Some(file) => {
            let key = key_in(file, &trusted)?;
            (
                live(key.id_token(&*which.audience)?, args)?,
                Whose::Account(file.clone()),
            )
        }
        None => {
            let search = DefaultCredentials::new(environment(), Scopes::none())?.trusting(trusted);
            let found = find(search, args)?;
            let file = service_account::file_of(&found);
            match found.source() {
                FoundSource::ServiceAccount(key, _) => {
                    (live(key.id_token(&*which.audience)?, args)?, Whose::Account(file))
                }
                FoundSource::Metadata(token) => {
                    let source = token.server().id_token(&*which.audience)?;
                    (live(source, args)?, Whose::Machine)
                }
                _ => {
                    let problem = format!(
                        "a user's credentials make no ID token for an audience, and there are no others: {}",
                        found.place()
                    );
                    return Err(Failure::new(USAGE, problem)
                        .hint("name the key file of a service account with --service-account"));
                }
            }
        }
    };
    let token = while_waiting("getting an ID token", || credentials.access_token())
        .map_err(|error| whose.explained(error.into()))?;
    let expires_in = token.remaining.map(|left| left.as_secs());
    result(
        args.format,
        token.token.expose(),
        &json!({"id_token": token.token.expose(), "expires_in": expires_in}),
    )
}

/// A handle whose token is kept nowhere.
fn live(source: impl TokenSource + 'static, args: &Args) -> Result<Credentials, Failure> {
    Ok(Credentials::from_source(
        source,
        transport(args.ca_file.as_deref())?,
    ))
}
