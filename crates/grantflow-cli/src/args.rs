//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use grantflow::loopback::LoginArgs;

/// OAuth 2.0 from the command line: log in once, then call APIs with tokens that refresh themselves.
#[derive(Debug, Parser)]
#[command(name = "grantflow", version, max_term_width = 100, after_help = crate::exit::CODES)]
pub(crate) struct Args {
    /// Where credentials are kept: `file:PATH`
    ///
    /// By default a file in the user's own data directory. It is readable by its owner only.
    #[arg(long, global = true, value_name = "STORE", env = "GRANTFLOW_STORE")]
    pub(crate) store: Option<String>,

    /// How results are printed; the members of `json` are a promise (docs/cli.md)
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,

    /// Certificates to trust besides those of the system, in PEM form
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The form of results.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people
    Text,
    /// One JSON value for programs
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask the user for consent in a browser and store the credentials
    ///
    /// Stored credentials that serve are kept: nobody is asked twice.
    Login(Login),
    /// Print an access token, refreshed first if it has to be
    Token,
    /// Print the Authorization header line, for `curl -H @-`
    Header,
    /// Run curl with the Authorization header, which no other process can see
    Curl(Curl),
    /// Show what is stored: scopes, expiry, origins; no secret
    Info,
    /// List the stored credentials
    List,
    /// Revoke the credentials at the server and delete them here
    Revoke,
    /// Watch the whole story on an embedded authorization server
    Demo(Demo),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("client").required(true).multiple(false).args(["client_secrets", "issuer"]))]
pub(crate) struct Login {
    /// The client_secrets.json of the application
    #[arg(long, value_name = "FILE")]
    pub(crate) client_secrets: Option<PathBuf>,

    /// The authorization server, asked for its metadata (http on a loopback literal only)
    #[arg(long, value_name = "URL", requires = "client_id")]
    pub(crate) issuer: Option<String>,

    /// The client id, with --issuer
    #[arg(long, value_name = "ID", requires = "issuer")]
    pub(crate) client_id: Option<String>,

    /// A file with the client secret, `-` for standard input; secrets are not taken from the command line
    #[arg(long, value_name = "FILE", requires = "issuer")]
    pub(crate) client_secret_file: Option<PathBuf>,

    /// A scope to ask for; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,

    /// The redirect address that is registered, such as http://127.0.0.1/cb; its port is replaced
    #[arg(long, value_name = "URL")]
    pub(crate) redirect_uri: Option<String>,

    /// An origin that the token may be sent to, such as https://api.example.com; may be repeated
    #[arg(long = "origin", value_name = "URL")]
    pub(crate) origins: Vec<String>,

    /// A name for the account, where several are used
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) account: String,

    #[command(flatten)]
    pub(crate) receiver: LoginArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Curl {
    /// The address to call
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Options for curl, after `--`
    #[arg(last = true, value_name = "CURL OPTIONS")]
    pub(crate) options: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Consent without a browser
    #[arg(long)]
    pub(crate) yes: bool,
}
