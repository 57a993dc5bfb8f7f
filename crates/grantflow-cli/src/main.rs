//! The `grantflow` command: log in, keep credentials, call APIs.
//!
//! One file a subcommand; `args` says what can be typed, `exit` what the exit code means, `guard` what an interrupt may not break.

mod args;
mod aside;
mod bound;
mod curl;
mod demo;
mod doctor;
mod exit;
mod export;
mod guard;
mod id_token;
mod import;
mod inspect;
mod list;
mod logging;
mod login;
mod output;
mod patience;
mod place;
mod privacy;
mod providers;
mod qr;
mod record;
mod reseal;
mod select;
mod service_account;
mod session;
mod stores;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use grantflow::loopback::Visible;

use crate::args::{Args, Command, Format};
use crate::exit::Failure;

fn main() -> ExitCode {
    guard::no_core_dumps();
    let mut args = match Args::try_parse() {
        Ok(args) => args,
        Err(usage) => return misused(&usage),
    };
    // Before there is a second thread, since the environment is every thread's.
    args.secret = stores::take_secret(&args);
    let done = perform(&args);
    guard::settled();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(args.format);
            ExitCode::from(failure.code())
        }
    }
}

fn perform(args: &Args) -> Result<(), Failure> {
    guard::settle_when_interrupted()?;
    match &args.command {
        Command::Login(login) => login::login(args, login),
        Command::Token(which) => record::token(args, which),
        Command::Header(which) => record::header(args, which),
        Command::Curl(curl) => curl::curl(args, curl),
        Command::Info(which) => record::info(args, which),
        Command::List => list::list(args),
        Command::Providers => providers::providers(args),
        Command::Doctor => doctor::doctor(args),
        Command::Reseal => reseal::reseal(args),
        Command::Revoke(revoke) => record::revoke(args, revoke),
        Command::Import(import) => import::import(args, import),
        Command::Export(export) => export::export(args, export),
        Command::IdToken(which) => id_token::id_token(args, which),
        Command::Inspect(which) => inspect::inspect(args, which),
        Command::Demo(demo) => demo::demo(args, demo),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Args::command(), "grantflow", &mut script);
            output::write(&String::from_utf8_lossy(&script))
        }
    }
}

/// Help, the version, or what cannot be understood.
fn misused(usage: &clap::Error) -> ExitCode {
    if !usage.use_stderr() {
        // Where help cannot be printed there is nobody to tell.
        let _ = usage.print();
        return ExitCode::SUCCESS;
    }
    let text = usage.render().to_string();
    if wants_json() {
        let problem = text.split("\n\n").next().unwrap_or_default();
        let problem = problem.strip_prefix("error: ").unwrap_or(problem);
        let words: Vec<&str> = problem.split_whitespace().collect();
        Failure::new(exit::USAGE, words.join(" "))
            .hint("see `grantflow --help`")
            .report(Format::Json);
    } else {
        // It repeats what was typed, which may come from elsewhere.
        let shown: Vec<String> = text.lines().map(|line| Visible(line).to_string()).collect();
        match shown.iter().map(String::as_str).eq(text.lines()) {
            // The same in colours, where those are wanted.
            true => drop(usage.print()),
            false => output::note(&shown.join("\n")),
        }
    }
    ExitCode::from(exit::USAGE)
}

/// Whether programs read the errors, as far as can be told from a command line that makes no sense.
fn wants_json() -> bool {
    let words: Vec<_> = std::env::args_os().collect();
    words.iter().any(|word| word == "--format=json")
        || words
            .windows(2)
            .any(|pair| pair == [OsStr::new("--format"), OsStr::new("json")])
}
