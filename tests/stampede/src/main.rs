//! `cargo xtask stampede`: what `tests/simulation` shows of a modelled world, shown again of real processes on real stores.
//!
//! ```text
//! main ─▶ session (a bus and a keyring of its own) ─▶ crowd ─▶ killed ─▶ stopped, disk (--full) ─▶ table
//!                                                      └─ this program again as `member`, many times
//! ```
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks to its terminal, and to its harness"
)]

mod clock;
mod crowd;
mod disk;
mod herd;
mod killed;
mod kind;
mod member;
mod options;
mod scene;
mod session;
mod stopped;
mod table;
mod watched;

use std::process::ExitCode;
use std::time::Instant;

use crate::kind::Kind;
use crate::options::Options;
use crate::table::Table;

/// What became of something, or why it could not be done.
type Done<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, words)) = args.split_first()
        && first == "member"
    {
        return match member::main(words) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("stampede: {error}");
                ExitCode::FAILURE
            }
        };
    }
    match Options::parse(&args) {
        Ok(None) => {
            print!("{}", options::HELP);
            ExitCode::SUCCESS
        }
        Ok(Some(options)) => run(&options, &args),
        Err(problem) => {
            eprintln!("stampede: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options, args: &[String]) -> ExitCode {
    let began = Instant::now();
    let mut table = Table::default();
    let mut kinds = options.kinds.clone();
    if kinds.contains(&Kind::Keyring) {
        match session::enter(args) {
            session::Session::Inside => {}
            session::Session::Ran(code) => return code,
            session::Session::None(reason) => {
                kinds.retain(|kind| *kind != Kind::Keyring);
                table.skip("keyring", options.keyring_cells(), &reason);
            }
        }
    }
    crowd::run(&mut table, &kinds, &options.crowds);
    killed::run(&mut table, &kinds, options);
    if options.full {
        stopped::run(&mut table, &kinds);
        disk::run(&mut table, &kinds);
    }
    match table.end(began.elapsed()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
