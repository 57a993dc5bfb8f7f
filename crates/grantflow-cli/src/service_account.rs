//! `--service-account KEY.json`: tokens without a login, by a key file of Google's.

use std::path::PathBuf;

use grantflow::Endpoint;
use grantflow::blocking::Credentials;
use grantflow::flow::TokenSource;
use grantflow::google::{ServiceAccountKey, TrustedEndpoints};

use crate::args::Args;
use crate::exit::{Failure, LOGIN_NEEDED, NETWORK, USAGE};
use crate::select::Selector;
use crate::session::{Session, transport};

/// Where a token comes from: the stored credentials that are chosen, or a service account.
#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    /// Ask as the service account of this key file, with no login and nothing stored
    ///
    /// Name the scopes with --scope, and a user of the domain whom the account speaks for with --subject. The token is kept only
    /// where --store says so.
    #[arg(long, value_name = "FILE", help_heading = HEADING, conflicts_with_all = ["issuer", "client_id", "account", "label", "resource", "user_agent"])]
    service_account: Option<PathBuf>,

    /// Sign a token for this API here, without asking any server, such as `https://pubsub.googleapis.com/`
    #[arg(long, value_name = "URL", help_heading = HEADING, requires = "service_account", conflicts_with_all = ["scopes", "subject"])]
    audience: Option<String>,

    /// Trust this token endpoint, if the key file names one that is not Google's
    #[arg(long, value_name = "URL", help_heading = HEADING, requires = "service_account", value_parser = endpoint)]
    token_endpoint: Option<Endpoint>,

    // Last, since its heading counts for all that follow.
    #[command(flatten)]
    pub(crate) which: Selector,
}

const HEADING: &str = "Without a login";

impl TokenArgs {
    /// The credentials that are meant.
    pub(crate) fn credentials(&self, args: &Args) -> Result<Credentials, Failure> {
        let Some(file) = &self.service_account else {
            return Session::open(args)?.credentials(&self.which);
        };
        let cannot_read = |error| Failure::new(USAGE, format!("cannot read {}: {error}", file.display()));
        let json = std::fs::read_to_string(file).map_err(cannot_read)?;
        let trusted = self.token_endpoint.iter().cloned();
        let trusted = trusted.fold(TrustedEndpoints::google(), TrustedEndpoints::and_endpoint);
        let key = ServiceAccountKey::from_json_trusting(&json, &trusted).map_err(|error| {
            Failure::new(USAGE, format!("{}: {error}", file.display()))
                .hint("a token_uri that is not Google's is obeyed only if --token-endpoint names it")
        })?;
        if let Some(audience) = &self.audience {
            return live(key.with_audience(audience), args);
        }
        let scopes: Vec<&str> = self.which.words().collect();
        if scopes.is_empty() {
            return Err(
                Failure::new(USAGE, "a service account needs to know what the token is for")
                    .hint("name scopes with --scope, or one API with --audience"),
            );
        }
        let mut account = key.credentials(scopes)?;
        if let Some(user) = self.which.subject() {
            account = account.with_subject(user);
        }
        live(account, args)
    }
}

impl TokenArgs {
    /// The same failure where there is nobody to log in: what a server refuses of an account is no login that ended.
    pub(crate) fn explained(&self, failure: Failure) -> Failure {
        match &self.service_account {
            Some(file) if failure.code() == LOGIN_NEEDED => {
                let message = failure.message().to_owned();
                failure.instead(NETWORK, message).hint(format!(
                    "check that the key in {} is still one of the account's, what the account may do, and this machine's clock",
                    file.display()
                ))
            }
            _ => failure,
        }
    }
}

/// A handle whose token is kept where --store says, and nowhere else.
fn live(source: impl TokenSource + 'static, args: &Args) -> Result<Credentials, Failure> {
    if args.store.is_none() {
        return Ok(Credentials::from_source(
            source,
            transport(args.ca_file.as_deref())?,
        ));
    }
    let session = Session::open(args)?;
    Ok(Credentials::from_source_stored(
        source,
        session.store,
        session.transport,
    ))
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    Endpoint::allow_http_for_loopback(text).map_err(|error| error.to_string())
}
