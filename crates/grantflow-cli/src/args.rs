//! What can be typed; values are read into what they stand for at once, so that a bad one is named with its option.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Parser, Subcommand, ValueEnum};
use grantflow::loopback::{LoginArgs, LoopbackHost};
use grantflow::{Issuer, Origin, ResponseMode, Secret};

use crate::export::ExportArgs;
use crate::id_token::IdTokenArgs;
use crate::import::ImportArgs;
use crate::inspect::InspectArgs;
use crate::place::{Place, SealingKey};
use crate::select::{Selector, several_scopes};
use crate::service_account::TokenArgs;

/// OAuth 2.0 from the command line: log in once, then call APIs with tokens that refresh themselves.
///
/// Begin with `grantflow demo`, which shows everything on a server of its own, or with `grantflow login`.
#[derive(Debug, Parser)]
#[command(name = "grantflow", version, max_term_width = 100, after_help = crate::exit::CODES)]
pub(crate) struct Args {
    /// Where the credentials are kept: file:PATH, multistore:DIRECTORY or keyring:APPLICATION/USER
    ///
    /// A file and an item of the password manager hold the credentials of one account, a directory any number. Sealed they are named
    /// file+sealed:PATH and multistore+sealed:DIRECTORY, with --sealing-key. Without the option the variable GRANTFLOW_STORE says
    /// where, and without that it is a directory in your own data directory (`grantflow doctor` shows which). Files are readable by
    /// their owner only.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "STORE", value_parser = OsStringValueParser::new().try_map(|text| Place::parse(&text)))]
    pub(crate) store: Option<Place>,

    /// Where the key of a sealed store is: keyring:APPLICATION/USER, file:PATH, or env:NAME for the variable NAME
    ///
    /// A key in a file or in the password manager is made by the first login. A variable has one that you made with
    /// `openssl rand -base64 32`. Without the option the variable GRANTFLOW_SEALING_KEY says where the key is.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "KEY", value_parser = OsStringValueParser::new().try_map(|text| SealingKey::parse(&text)))]
    pub(crate) sealing_key: Option<SealingKey>,

    /// The value of the variable that has the sealing key.
    #[arg(skip)]
    pub(crate) secret: Option<Secret>,

    /// How results are printed; the members of json are a promise (docs/cli.md)
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,

    /// Trust the certificates in this PEM file instead of those of the system
    ///
    /// It counts for the authorization server. What `grantflow curl` calls is checked by curl: see its option --cacert.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Show this client certificate to the authorization server: a PEM file, which may have its chain too
    ///
    /// For clients that authenticate by it, and for credentials that are bound to it (mTLS): each command that asks a server needs it
    /// again. `grantflow curl` shows it to the API too, if the credentials are bound to it. Without the option the variable
    /// GRANTFLOW_CLIENT_CERTIFICATE names the file.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub(crate) client_certificate: Option<PathBuf>,

    /// The key of --client-certificate: a PEM file; else the variable GRANTFLOW_CLIENT_KEY names it
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The form of results.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people
    Text,
    /// One JSON value for programs, errors too
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask for consent in a browser and store the credentials
    ///
    /// Name the client by the file that the provider gave you (--client-secrets), or by its id (--client-id) and the provider
    /// (--provider, one of `grantflow providers`) or server (--issuer). Stored credentials that serve are kept, and nobody is asked twice; more scopes are added to those that were
    /// granted before. To log in afresh, run `grantflow revoke` first.
    ///
    /// The browser is $BROWSER where that is set, else the default one. Without a browser the address to open is printed; with
    /// --device it may be one of another device.
    Login(Box<Login>),
    /// Print an access token, refreshed first if it has to be
    #[command(after_help = TOKEN_EXAMPLES, mut_arg("scopes", several_scopes))]
    Token(TokenArgs),
    /// Print the Authorization header line
    ///
    /// For programs that read headers from a file or a pipe.
    #[command(after_help = HEADER_EXAMPLES, mut_arg("scopes", several_scopes))]
    Header(TokenArgs),
    /// Run curl with the Authorization header, which no other process can see
    ///
    /// The header goes to the one address and nowhere else: it must be of an origin that the credentials are for (--origin of
    /// `grantflow login`), redirects are not followed, and curl's options are taken only if they cannot change where the request
    /// goes. The file .curlrc is not read. For everything else there is `grantflow header`.
    #[command(after_help = CURL_EXAMPLES)]
    Curl(Curl),
    /// Show what is stored: scopes, expiry, origins; no secret
    #[command(after_help = INFO_EXAMPLES, mut_arg("scopes", several_scopes))]
    Info(Selector),
    /// List what is stored
    ///
    /// Whose it is, for what, until when, and how it is protected. What cannot be read is listed with the reason, hides nothing else, and makes the exit code 6.
    #[command(after_help = LIST_EXAMPLES)]
    List,
    /// List the providers that `grantflow login --provider` knows
    ///
    /// What each is called, which options it needs (those in brackets have a default), and how to get a refresh token from it.
    #[command(after_help = crate::providers::EXAMPLES)]
    Providers,
    /// Revoke the credentials at the server and delete them here
    ///
    /// They are made unusable here first. If the server cannot be asked they stay so, and another `grantflow revoke` finishes.
    #[command(after_help = REVOKE_EXAMPLES, mut_arg("scopes", several_scopes))]
    Revoke(Revoke),
    /// Give a sealed store a new key, and seal each record with it
    ///
    /// Older keys stay where the key is, so that a copy of an older file still opens. A run that is cut short leaves each record
    /// sealed with the one or the other, and is finished by the next.
    #[command(after_help = crate::reseal::EXAMPLES)]
    Reseal,
    /// Copy credentials of oauth2client, gcloud or google-auth into the store
    ///
    /// The format is recognised by the content: file.Storage, multiprocess_file_storage, multistore_file, application default
    /// credentials, google-auth. The file stays as it is. What cannot be taken is listed with the reason.
    #[command(after_help = crate::import::EXAMPLES)]
    Import(Box<ImportArgs>),
    /// Write stored credentials for oauth2client or google-auth
    #[command(after_help = crate::export::EXAMPLES)]
    Export(Box<ExportArgs>),
    /// Print an ID token of a service account, for a service that asks who is there
    ///
    /// Google signs it for the one audience. The account is that of a key file, or the one that this machine has for its programs.
    #[command(after_help = crate::id_token::EXAMPLES)]
    IdToken(IdTokenArgs),
    /// Say what a JSON Web Token says, and whether it is to be believed
    ///
    /// What is malformed, unsigned, over, not from the --issuer or not for the --audience ends with 7, before any server is asked. The
    /// signature is checked where --jwks or --issuer says by whose keys. Nothing is stored.
    #[command(after_help = crate::inspect::EXAMPLES)]
    Inspect(InspectArgs),
    /// Say what is found here, what would be used and why, and what is wrong with it
    ///
    /// The store and its key, the password manager, directory and files with their modes, locks, the clock, proxies, and the
    /// credentials that --adc would use. It tries what it
    /// can: it takes locks, and writes, reads and deletes an item of the password manager, which may ask you to unlock it. Nothing
    /// that is stored is changed, and no secret is shown. The exit code is 6 if the store cannot be used, and 1 if something else
    /// is wrong.
    #[command(after_help = crate::doctor::EXAMPLES)]
    Doctor,
    /// Watch the whole story on an embedded authorization server
    ///
    /// Login, store, call, expiry, 16 threads at once, another process, revocation: each step with what it proves. Nothing of
    /// yours is touched, and nothing is left behind. `grantflow demo stampede` shows what 8 processes do to one login.
    Demo(Demo),
    /// Print completions for a shell
    ///
    /// For bash: source <(grantflow completions bash)
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("client").required(true).multiple(false).args(["client_secrets", "issuer", "provider"]))]
#[command(group = clap::ArgGroup::new("server").multiple(false).args(["issuer", "provider"]))]
#[command(after_help = LOGIN_EXAMPLES)]
pub(crate) struct Login {
    /// The client_secrets.json of the application, as providers offer it for download
    #[arg(long, value_name = "FILE")]
    pub(crate) client_secrets: Option<PathBuf>,

    /// The authorization server, which is asked for its metadata: https, or http on `127.0.0.1` or `[::1]`
    #[arg(long, value_name = "URL", requires = "client_id", value_parser = issuer)]
    pub(crate) issuer: Option<Issuer>,

    /// The provider, by its name in `grantflow providers`: its addresses and its differences are known here
    #[arg(long, value_name = "NAME", requires = "client_id")]
    pub(crate) provider: Option<String>,

    /// What the provider's addresses need, such as `tenant=contoso.example`; may be repeated
    #[arg(long = "provider-option", value_name = "NAME=VALUE", requires = "provider", conflicts_with_all = ["issuer", "client_secrets"], value_parser = name_and_value)]
    pub(crate) provider_options: Vec<(String, String)>,

    /// The client id, with --issuer or --provider
    #[arg(long, value_name = "ID", requires = "server", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) client_id: Option<String>,

    /// A file whose first line is the client secret, with --issuer or --provider; `-` is standard input
    ///
    /// There is no option for the secret itself: other processes can read command lines.
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(crate) client_secret_file: Option<PathBuf>,

    /// How the client authenticates, where the server lists several ways and means one
    ///
    /// Without the option it is the way that the file of the client, the preset or the server's metadata say: `basic` where they take both.
    #[arg(long, value_name = "WAY")]
    pub(crate) client_auth: Option<ClientAuth>,

    /// Scopes to ask for; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", num_args = 1..)]
    pub(crate) scopes: Vec<String>,

    /// Show a code to enter in a browser of another device, instead of opening one here
    ///
    /// For machines without a browser. The server has to give such codes (RFC 8628), and the client to be registered for them.
    #[arg(long, conflicts_with_all = ["redirect_uri", "host", "ports", "old_ports", "no_local_server"])]
    pub(crate) device: bool,

    /// Bind the tokens to a new key, so that whoever has them alone cannot use them (DPoP)
    ///
    /// The key is kept with the credentials. `grantflow curl` proves it with each request; the server has to know how.
    #[arg(long)]
    pub(crate) dpop: bool,

    /// How the server is to send its answer, where the client is registered for another way than the usual one
    ///
    /// A signed answer is proven by the keys of the server, so it needs --issuer.
    #[arg(long, value_name = "MODE", conflicts_with = "device")]
    pub(crate) response_mode: Option<AnswerMode>,

    /// The redirect address that is registered, if the client's file does not name it; without a port any free one is taken
    #[arg(long, value_name = "URL", value_parser = redirect_uri)]
    pub(crate) redirect_uri: Option<String>,

    /// An origin that the token may be sent to, such as `https://api.example.com` or `https://*.example.com`; may be repeated
    ///
    /// Origins are kept with the credentials. Those of known providers need not be named.
    #[arg(long = "origin", value_name = "URL", value_parser = origin)]
    pub(crate) origins: Vec<Origin>,

    /// A name of your own for the account, where you keep several
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) account: String,

    /// A label, where you keep several that are otherwise alike
    #[arg(long, value_name = "LABEL", default_value = "", hide_default_value = true)]
    pub(crate) label: String,

    #[command(flatten)]
    pub(crate) receiver: LoginArgs,
}

/// How a client authenticates (RFC 6749 section 2.3.1, RFC 8705 section 2).
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum ClientAuth {
    /// In the Authorization header (client_secret_basic)
    Basic,
    /// In the body of the request (client_secret_post)
    Post,
    /// By --client-certificate, which an authority signed that the server trusts (tls_client_auth)
    Tls,
    /// By --client-certificate, which the server was given (self_signed_tls_client_auth)
    SelfSignedTls,
}

/// How the answer to an authorization request comes back.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum AnswerMode {
    /// In the address that the browser is sent to
    #[value(name = "query")]
    Query,
    /// In the body of a POST, so that the code is in no history of the browser
    #[value(name = "form_post")]
    FormPost,
    /// In the address, signed by the server (JARM)
    #[value(name = "query.jwt")]
    QueryJwt,
    /// In the body of a POST, signed by the server (JARM)
    #[value(name = "form_post.jwt")]
    FormPostJwt,
}

impl From<AnswerMode> for ResponseMode {
    fn from(mode: AnswerMode) -> Self {
        match mode {
            AnswerMode::Query => Self::Query,
            AnswerMode::FormPost => Self::FormPost,
            AnswerMode::QueryJwt => Self::QueryJwt,
            AnswerMode::FormPostJwt => Self::FormPostJwt,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Curl {
    /// The address to call
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Options for curl, after `--`
    #[arg(last = true, value_name = "CURL OPTIONS")]
    pub(crate) options: Vec<OsString>,

    // Last, since its heading counts for all that follow.
    #[command(flatten)]
    pub(crate) selector: Selector,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) which: Selector,

    /// Delete them here without telling the server: for one that revokes nothing, or that is no more
    ///
    /// Whoever has a copy of them can go on using it, until the access ends in your account at the server.
    #[arg(long)]
    pub(crate) local: bool,
}

#[derive(Debug, clap::Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Demo {
    /// Consent without a browser
    #[arg(long)]
    pub(crate) yes: bool,

    /// One scene instead of the whole story
    #[command(subcommand)]
    pub(crate) scene: Option<Scene>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Scene {
    /// Watch 8 processes find one ended token at once: each by itself, and with Grantflow
    Stampede,
    /// Be one of those processes
    #[command(hide = true)]
    Member(Member),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Member {
    /// How it refreshes
    pub(crate) way: Way,
    /// Where the credentials are
    pub(crate) file: PathBuf,
    /// The API that it calls
    pub(crate) api: String,
}

/// How a process of the stampede refreshes.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Way {
    /// Reads the file, refreshes, writes the file
    ByItself,
    /// Through this library
    WithGrantflow,
}

pub(crate) fn issuer(text: &str) -> Result<Issuer, String> {
    Issuer::allow_http_for_loopback(text).map_err(|error| why_no_address(text, &error))
}

/// Why an address cannot be used; plain http, the usual mistake, in the words of this command.
pub(crate) fn why_no_address(text: &str, error: &grantflow::Error) -> String {
    let only_plain = text
        .strip_prefix("http://")
        .is_some_and(|rest| Issuer::new(format!("https://{rest}")).is_ok());
    if only_plain {
        return "plain http is taken on this machine only, as http://127.0.0.1 or http://[::1]".to_owned();
    }
    error.to_string()
}

pub(crate) fn origin(text: &str) -> Result<Origin, String> {
    Origin::new(text).map_err(|error| why_no_address(text, &error))
}

fn name_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text
        .split_once('=')
        .ok_or("it is a name, an equals sign and a value")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn redirect_uri(text: &str) -> Result<String, &'static str> {
    let rest = text.strip_prefix("http://").unwrap_or_default();
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => authority,
    };
    let is_loopback = host != "::1" && host.parse::<LoopbackHost>().is_ok();
    let is_address = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains('#');
    if is_loopback && is_address {
        return Ok(text.to_owned());
    }
    Err("a login is received on this machine: http://127.0.0.1, http://[::1] or http://localhost, and a path")
}

/// The heading of the options that every command has.
const EVERYWHERE: &str = "Everywhere";

const LOGIN_EXAMPLES: &str = "Examples:
  grantflow login --client-secrets client_secrets.json --scope openid email
  grantflow login --issuer https://gitlab.com --client-id ID --scope read_user \\
      --redirect-uri http://127.0.0.1/callback --origin https://gitlab.com
  grantflow login --provider github --client-id ID --client-secret-file secret.txt --scope read:user
  grantflow login --client-secrets client_secrets.json --scope openid --account work
  grantflow login --client-secrets tv_client.json --scope openid --device
  grantflow login --client-secrets client_secrets.json --scope openid \\
      --store multistore+sealed:credentials --sealing-key keyring:my-tool/key";

const TOKEN_EXAMPLES: &str = "Examples:
  grantflow token
  grantflow token --account work
  grantflow token --store keyring:my-tool/ann
  grantflow token --service-account key.json --scope https://www.googleapis.com/auth/pubsub
  grantflow token --adc --scope https://www.googleapis.com/auth/cloud-platform";

const HEADER_EXAMPLES: &str = "Examples:
  grantflow header | curl -H @- https://api.example.com/
  grantflow header --account work --format json
  grantflow header --service-account key.json --audience https://pubsub.googleapis.com/
  grantflow header --adc --quota-project PROJECT";

const INFO_EXAMPLES: &str = "Examples:
  grantflow info
  grantflow info --account work --format json";

const LIST_EXAMPLES: &str = "Examples:
  grantflow list
  grantflow list --store multistore:credentials --format json";

const REVOKE_EXAMPLES: &str = "Examples:
  grantflow revoke
  grantflow revoke --account work --scope openid";

const CURL_EXAMPLES: &str = "Examples:
  grantflow curl https://www.googleapis.com/oauth2/v3/userinfo
  grantflow curl --account work https://www.googleapis.com/oauth2/v3/userinfo
  grantflow curl https://api.example.com/items -- -sS --json '{\"name\": \"new\"}' -o reply.json";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definitions_contradict_each_other_nowhere() {
        Args::command().debug_assert();
    }

    #[test]
    fn t16_a_redirect_address_is_on_loopback() {
        for good in [
            "http://127.0.0.1/cb",
            "http://127.0.0.1:80/cb?x=1",
            "http://[::1]/",
            "http://localhost",
            "http://localhost:8080",
        ] {
            assert!(redirect_uri(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1/cb",
            "https://127.0.0.1/cb",
            "http://evil.example/",
            "http://127.0.0.1@evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://::1/",
            "http://0.0.0.0/",
            "http://127.0.0.1/#f",
            "http://127.0.0.1/a b",
            "http://127.0.0.1:port/",
        ] {
            assert!(redirect_uri(bad).is_err(), "{bad}");
        }
    }
}
