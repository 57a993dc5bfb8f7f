//! The `grantflow` command: log in, keep credentials, call APIs.
//!
//! One file a subcommand; `args` says what can be typed, `exit` what the exit code means.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

mod args;
mod curl;
mod demo;
mod exit;
mod guard;
mod login;
mod output;
mod record;
mod session;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::{Args, Command};
use crate::exit::Failure;

fn main() -> ExitCode {
    guard::no_core_dumps();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(usage) => {
            let code = u8::from(usage.use_stderr()) * exit::USAGE;
            // Where help cannot be printed there is nobody to tell.
            let _ = usage.print();
            return ExitCode::from(code);
        }
    };
    match perform(&args) {
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
        Command::Token => record::token(args),
        Command::Header => record::header(args),
        Command::Curl(curl) => curl::curl(args, curl),
        Command::Info => record::info(args),
        Command::List => record::list(args),
        Command::Revoke => record::revoke(args),
        Command::Demo(demo) => demo::demo(args, demo),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Args::command(), "grantflow", &mut std::io::stdout());
            Ok(())
        }
    }
}
