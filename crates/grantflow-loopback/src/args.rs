//! The flags of a login, for commands built with [clap](https://docs.rs/clap).

use clap::Args;
use clap::builder::PossibleValue;

use crate::{LoginOptions, LoopbackHost};

/// The flags of a login, to be flattened into a command.
///
/// The spellings of oauth2client are taken too, and are not shown: `--auth_host_name`, `--auth_host_port` with any number of ports
/// behind it, `--noauth_local_webserver`, `--logging_level`.
///
/// # Example
///
/// ```
/// use clap::Parser;
/// use grantflow_loopback::LoginArgs;
///
/// #[derive(Parser)]
/// struct Command {
///     #[command(flatten)]
///     login: LoginArgs,
/// }
///
/// let command = Command::parse_from(["command", "--auth-host-port", "8080", "--auth-host-port", "8090"]);
/// assert_eq!(command.login.ports(), [8080, 8090]);
/// let options = command.login.options();
/// # let _ = options;
/// ```
#[derive(Args, Clone, Debug, Default)]
// Else what stands above would become the description of a command that has none of its own.
#[command(next_help_heading = "Login", about = None, long_about = None)]
#[non_exhaustive]
pub struct LoginArgs {
    /// Receive the login at this host: 127.0.0.1, ::1 or localhost
    #[arg(long = "auth-host-name", alias = "auth_host_name", value_name = "HOST")]
    host: Option<LoopbackHost>,

    /// Receive the login at this port; may be repeated, the first that is free is taken
    #[arg(long = "auth-host-port", value_name = "PORT")]
    ports: Vec<u16>,

    #[arg(long = "auth_host_port", value_name = "PORT", num_args = 0.., hide = true)]
    old_ports: Vec<u16>,

    /// Do not listen for the login: paste the address at which the browser ended
    #[arg(long = "no-local-server", alias = "noauth_local_webserver")]
    no_local_server: bool,

    /// What is worth a line of the log
    #[arg(
        long = "logging-level",
        alias = "logging_level",
        value_name = "LEVEL",
        ignore_case = true,
        default_value = "ERROR"
    )]
    logging_level: LoggingLevel,
}

/// What is worth a line of the log, by the names of oauth2client. No library sets it anywhere: that is the command's.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the levels of oauth2client, which get no more"
)]
pub enum LoggingLevel {
    /// Everything.
    Debug,
    /// What is done.
    Info,
    /// What may need attention.
    Warning,
    /// What went wrong.
    #[default]
    Error,
    /// What ends the program.
    Critical,
}

impl LoginArgs {
    /// The options that these flags stand for.
    pub fn options(&self) -> LoginOptions {
        let mut options = LoginOptions::new().ports(self.ports());
        if let Some(host) = self.host {
            options = options.host(host);
        }
        if self.no_local_server {
            options = options.no_local_server();
        }
        options
    }

    /// The ports, in the order in which they are to be tried.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.ports.iter().chain(&self.old_ports).copied().collect()
    }

    /// What is worth a line of the log.
    #[must_use]
    pub fn logging_level(&self) -> LoggingLevel {
        self.logging_level
    }
}

impl LoggingLevel {
    /// The name of the level.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }
}

impl clap::ValueEnum for LoggingLevel {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Debug,
            Self::Info,
            Self::Warning,
            Self::Error,
            Self::Critical,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()))
    }
}
