//! `--service-account KEY.json` and `--adc`: tokens without a login, by a key file of Google's or what this machine has.

use std::path::{Path, PathBuf};

use grantflow::blocking::Credentials;
use grantflow::flow::TokenSource;
use grantflow::google::{
    DefaultCredentials, Found, FoundSource, Place, ServiceAccountKey, TrustedEndpoints, environment,
};
use grantflow::{Endpoint, TransportHost, WithFiles, run};

use crate::args::Args;
use crate::exit::{Failure, LOGIN_NEEDED, NETWORK, USAGE};
use crate::output::while_waiting;
use crate::select::Selector;
use crate::session::{Session, transport};

/// Where a token comes from: the stored credentials that are chosen, or one of Google's places.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("google").multiple(false).args(["service_account", "adc"]))]
pub(crate) struct TokenArgs {
    /// Ask as the service account of this key file, with no login and nothing stored
    ///
    /// Name the scopes with --scope, and a user of the domain whom the account speaks for with --subject. The token is kept only
    /// where --store says so.
    #[arg(long, value_name = "FILE", help_heading = HEADING, conflicts_with_all = OTHERS)]
    service_account: Option<PathBuf>,

    /// Ask with the credentials that this machine has for its programs (Application Default Credentials)
    ///
    /// They are looked for in the file that GOOGLE_APPLICATION_CREDENTIALS names, then where `gcloud auth application-default login`
    /// puts them, then at the metadata server of Google's machines. `grantflow doctor` says which they are. Name the scopes with
    /// --scope; a user's token has those that the user consented to.
    #[arg(long, help_heading = HEADING, conflicts_with_all = OTHERS)]
    adc: bool,

    /// Count calls to this project, with --adc: `header` then prints x-goog-user-project too
    #[arg(long, value_name = "PROJECT", help_heading = HEADING, requires = "adc")]
    quota_project: Option<String>,

    /// Sign a token for this API here, without asking any server, such as `https://pubsub.googleapis.com/`
    #[arg(long, value_name = "URL", help_heading = HEADING, requires = "service_account", conflicts_with_all = ["adc", "scopes", "subject"])]
    audience: Option<String>,

    /// Trust this token endpoint, if the file names one that is not Google's
    #[arg(long, value_name = "URL", help_heading = HEADING, requires = "google", value_parser = endpoint)]
    token_endpoint: Option<Endpoint>,

    // Last, since its heading counts for all that follow.
    #[command(flatten)]
    pub(crate) which: Selector,
}

const HEADING: &str = "Without a login";
/// What chooses among stored credentials, and means nothing where none are stored.
const OTHERS: [&str; 6] = [
    "issuer",
    "client_id",
    "account",
    "label",
    "resource",
    "user_agent",
];
const TRUST: &str = "a token_uri that is not Google's is obeyed only if --token-endpoint names it";

/// Whom a token is asked for with, for what to do about a failure.
pub(crate) enum Whose {
    /// Those that are stored here.
    Stored,
    /// The service account with the key in this file.
    Account(PathBuf),
    /// The user whose grant is in gcloud's file, or in one like it.
    User(PathBuf),
    /// That of this machine.
    Machine,
}

impl TokenArgs {
    /// The credentials that are meant.
    pub(crate) fn credentials(&self, args: &Args) -> Result<(Credentials, Whose), Failure> {
        match &self.service_account {
            Some(file) => Ok((self.by_key(file, args)?, Whose::Account(file.clone()))),
            None if self.adc => self.by_default(args),
            None => Ok((Session::open(args)?.credentials(&self.which)?, Whose::Stored)),
        }
    }

    fn by_key(&self, file: &Path, args: &Args) -> Result<Credentials, Failure> {
        let key = key_in(file, &self.trusted())?;
        if let Some(audience) = &self.audience {
            return live(key.with_audience(audience), args);
        }
        let mut account = key.credentials(self.needed_scopes()?)?;
        if let Some(user) = self.which.subject() {
            account = account.with_subject(user);
        }
        live(account, args)
    }

    fn by_default(&self, args: &Args) -> Result<(Credentials, Whose), Failure> {
        let scopes: Vec<&str> = self.which.words().collect();
        let mut search = DefaultCredentials::new(environment(), scopes)?.trusting(self.trusted());
        if let Some(project) = &self.quota_project {
            search = search.quota_project(project);
        }
        let found = find(search, args)?;
        let file = file_of(&found);
        match (found.source(), self.which.subject()) {
            (FoundSource::ServiceAccount(_, account), user) => {
                self.needed_scopes()?;
                let account = account.clone();
                let account = match user {
                    Some(user) => account.with_subject(user),
                    None => account,
                };
                Ok((live(account, args)?, Whose::Account(file)))
            }
            (_, Some(_)) => Err(Failure::new(
                USAGE,
                format!(
                    "only a service account with a key speaks for a user, and there is none: {}",
                    found.place()
                ),
            )),
            (FoundSource::AuthorizedUser(_), None) => Ok((live(found, args)?, Whose::User(file))),
            _ => Ok((live(found, args)?, Whose::Machine)),
        }
    }

    fn trusted(&self) -> TrustedEndpoints {
        trusting(self.token_endpoint.as_ref())
    }

    fn needed_scopes(&self) -> Result<Vec<&str>, Failure> {
        let scopes: Vec<&str> = self.which.words().collect();
        if scopes.is_empty() {
            let hint = match self.adc {
                true => "name scopes with --scope, such as https://www.googleapis.com/auth/cloud-platform",
                false => "name scopes with --scope, or one API with --audience",
            };
            let problem = "a service account needs to know what the token is for";
            return Err(Failure::new(USAGE, problem).hint(hint));
        }
        Ok(scopes)
    }
}

/// Google's token endpoints, and this one.
pub(crate) fn trusting(endpoint: Option<&Endpoint>) -> TrustedEndpoints {
    let trusted = endpoint.into_iter().cloned();
    trusted.fold(TrustedEndpoints::google(), TrustedEndpoints::and_endpoint)
}

/// The key in a file.
pub(crate) fn key_in(file: &Path, trusted: &TrustedEndpoints) -> Result<ServiceAccountKey, Failure> {
    let cannot_read = |error| Failure::new(USAGE, format!("cannot read {}: {error}", file.display()));
    let json = std::fs::read_to_string(file).map_err(cannot_read)?;
    ServiceAccountKey::from_json_trusting(&json, trusted)
        .map_err(|error| Failure::new(USAGE, format!("{}: {error}", file.display())).hint(TRUST))
}

/// The file that they were found in; empty if in none.
pub(crate) fn file_of(found: &Found) -> PathBuf {
    match found.place() {
        Place::Variable(path) | Place::Gcloud(path) => path.clone(),
        _ => PathBuf::new(),
    }
}

/// Looks for the credentials that this machine has for its programs.
pub(crate) fn find(search: DefaultCredentials, args: &Args) -> Result<Found, Failure> {
    let transport = WithFiles::new(transport(args.ca_file.as_deref())?);
    let found = while_waiting("looking for credentials", || {
        run(search.find(), &TransportHost::new(&transport))
    });
    found.map_err(|error| {
        let failure = Failure::from(error);
        match failure.code() {
            USAGE if failure.message().contains("token_uri") => failure.hint(TRUST),
            _ => failure,
        }
    })
}

impl Whose {
    /// The same failure with what helps here: what a server refuses of an account is no login that ended, and a user's grant in
    /// gcloud's file is gcloud's to get anew.
    pub(crate) fn explained(&self, failure: Failure) -> Failure {
        if failure.code() != LOGIN_NEEDED {
            return failure;
        }
        match self {
            Self::Stored | Self::Machine => failure,
            Self::Account(file) => {
                let message = failure.message().to_owned();
                failure.instead(NETWORK, message).hint(format!(
                    "check that the key in {} is still one of the account's, what the account may do, and this machine's clock",
                    file.display()
                ))
            }
            Self::User(file) => failure.hint(format!(
                "the user's grant in {} has ended: run `gcloud auth application-default login`",
                file.display()
            )),
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

pub(crate) fn endpoint(text: &str) -> Result<Endpoint, String> {
    Endpoint::allow_http_for_loopback(text).map_err(|error| error.to_string())
}
