//! `cargo xtask peers`: many processes, and a disk without room, for three libraries that keep credentials in files.
//!
//! All of them begin with the same login at the same server, which rotates refresh tokens and revokes a login when a spent one comes
//! again ([RFC 9700 section 4.14.2]).
//!
//! [RFC 9700 section 4.14.2]: https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use grantflow_comparison::{Asks, Grant, ours, python, yup};
use grantflow_testserver::Rotation;
use python::Python;

const PROCESSES: usize = 8;
const ENDPOINT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let mut peers = vec![Peer::Grantflow, Peer::YupOauth2];
    let mut skipped = 0;
    if python::is_installed() {
        peers.extend([Peer::Oauth2client(None), Peer::Oauth2client(Some("ann"))]);
    } else {
        println!(
            "SKIPPED oauth2client: it is not installed; `cargo xtask peers` does, where there are Python 3 and pip (4 cells)"
        );
        skipped = 4;
    }
    println!(
        "\n{PROCESSES} processes find one ended token at once, at an endpoint of {} s:\n",
        ENDPOINT.as_secs()
    );
    println!(
        "| keeps it in                                      | calls | replays | got a token | logged out | the login         |"
    );
    println!(
        "|--------------------------------------------------|-------|---------|-------------|------------|-------------------|"
    );
    let stampede = peers.iter().map(|peer| stampede(*peer));
    let stampede_holds = stampede.collect::<Vec<_>>()[0];
    println!("\nOne process finds an ended token, and no byte can be written (RLIMIT_FSIZE of 0):\n");
    println!(
        "| keeps it in                                      | calls | it got      | what was stored      | the next process |"
    );
    println!(
        "|--------------------------------------------------|-------|-------------|----------------------|------------------|"
    );
    let disk = peers.iter().map(|peer| full_disk(*peer));
    let disk_holds = disk.collect::<Vec<_>>()[0];
    println!("\n{skipped} cells skipped");
    match stampede_holds && disk_holds {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Whether everybody was served by one request.
fn stampede(peer: Peer) -> bool {
    let grant = Grant::new(Rotation::Strict);
    grant.server.set_delay(ENDPOINT);
    let file = grant.path("tokens.json");
    peer.store(&grant, &file);
    let mut processes: Vec<Process> = (0..PROCESSES).map(|_| peer.start(true)).collect();
    for process in &mut processes {
        process.ask(peer, &grant, &file);
    }
    let got: Vec<bool> = processes.into_iter().map(Process::got_a_token).collect();
    let served = got.iter().filter(|got| **got).count();
    let stats = grant.server.stats();
    println!(
        "| {:<48} | {:>5} | {:>7} | {:>11} | {:>10} | {:<17} |",
        peer.name(),
        grant.asked(),
        stats.refresh_replays,
        format!("{served} of {PROCESSES}"),
        format!("{} of {PROCESSES}", PROCESSES - served),
        if stats.families_revoked == 0 {
            "goes on"
        } else {
            "revoked for all 8"
        },
    );
    grant.asked() == 1 && served == PROCESSES && stats.families_revoked == 0
}

/// Whether nothing was lost.
fn full_disk(peer: Peer) -> bool {
    let grant = Grant::new(Rotation::Strict);
    let file = grant.path("tokens.json");
    peer.store(&grant, &file);
    let before = std::fs::read(&file).expect("a file");
    let mut process = peer.start(false);
    process.ask(peer, &grant, &file);
    let got = process.got_a_token();
    let calls = grant.asked();
    let after = std::fs::read(&file).unwrap_or_default();
    let mut next = peer.start(true);
    next.ask(peer, &grant, &file);
    let goes_on = next.got_a_token();
    let stored = match (after == before, goes_on) {
        (true, true) => "unchanged".to_owned(),
        (true, false) => "unchanged, and spent".to_owned(),
        (false, _) => format!("{} of {} bytes left", after.len(), before.len()),
    };
    println!(
        "| {:<48} | {calls:>5} | {:<11} | {stored:<20} | {:<16} |",
        peer.name(),
        if got { "a new token" } else { "an error" },
        if goes_on { "goes on" } else { "is logged out" },
    );
    after == before && goes_on
}

/// A library, and what it keeps credentials in.
#[derive(Clone, Copy)]
enum Peer {
    Grantflow,
    YupOauth2,
    /// `file.Storage`, or `multiprocess_file_storage` with a key.
    Oauth2client(Option<&'static str>),
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Grantflow => "Grantflow, `FileStore`",
            Self::YupOauth2 => "yup-oauth2 12.1.2, its file",
            Self::Oauth2client(None) => "oauth2client 4.1.3, `file.Storage`",
            Self::Oauth2client(Some(_)) => "oauth2client 4.1.3, `multiprocess_file_storage`",
        }
    }

    fn store(self, grant: &Grant, file: &Path) {
        match self {
            Self::Grantflow => drop(ours::stored(grant, file)),
            Self::YupOauth2 => yup::store(grant, file),
            Self::Oauth2client(key) => python::store(grant, file, key),
        }
    }

    /// A process that has loaded the library, where that takes long.
    fn start(self, has_room: bool) -> Process {
        match self {
            Self::Grantflow => Process::Program {
                name: "grantflow",
                has_room,
                asks: None,
            },
            Self::YupOauth2 => Process::Program {
                name: "yup-oauth2",
                has_room,
                asks: None,
            },
            Self::Oauth2client(_) => Process::Python(Python::start(has_room)),
        }
    }
}

enum Process {
    Program {
        name: &'static str,
        has_room: bool,
        asks: Option<Asks>,
    },
    Python(Python),
}

impl Process {
    fn ask(&mut self, peer: Peer, grant: &Grant, file: &Path) {
        match self {
            Self::Program { name, has_room, asks } => {
                let program = std::env::current_exe().expect("this program is a file");
                let program = program
                    .with_file_name("asks")
                    .with_extension(std::env::consts::EXE_EXTENSION);
                let start = if *has_room {
                    Asks::start
                } else {
                    Asks::start_without_room
                };
                *asks = Some(start(
                    &program.display().to_string(),
                    name,
                    file,
                    grant.server.issuer(),
                ));
            }
            Self::Python(python) => {
                let Peer::Oauth2client(key) = peer else { return };
                python.begin("token", python::entry(file, key));
            }
        }
    }

    fn got_a_token(self) -> bool {
        match self {
            Self::Program { asks, .. } => asks.is_some_and(|asks| asks.says() == "token"),
            Self::Python(mut python) => python.answer().is_ok(),
        }
    }
}
