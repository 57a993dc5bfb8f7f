//! One process of a herd.
//!
//! ```text
//! member ask|ask-without-lock|hold STORE DIR
//! ```
//!
//! It says `ready` and waits for a line. `ask` then wants the token: it says `asking`, `waiting` and `locked` with the time, where it
//! comes to the lock, and at last `token …` or `error …`. `hold` takes the lock, says `locked`, and keeps it until another line.
//! It ends with its standard input, and so with its harness.

use std::fmt::Display;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use grantflow_core::blocking::Credentials;
use grantflow_core::{Error, Store as _};
use grantflow_ureq::UreqTransport;

use crate::Done;
use crate::clock;
use crate::herd::PATIENCE;
use crate::kind::Kind;
use crate::watched::Watched;

/// Does what the words say.
pub(crate) fn main(words: &[String]) -> Done<()> {
    let [task, kind, dir] = words else {
        return Err("member ask|ask-without-lock|hold STORE DIR".into());
    };
    let kind = Kind::named(kind).ok_or("no such store")?;
    let store = Watched::new(kind.open(Path::new(dir)), |what| {
        say(format_args!("{what} {}", clock::now()));
    });
    let lines = input();
    match task.as_str() {
        "ask" => ask(store, &lines),
        "ask-without-lock" => ask(store.without_lock(), &lines),
        "hold" => hold(&store, &lines),
        other => Err(format!("no task {other}").into()),
    }
}

fn ask(store: Watched, lines: &Receiver<()>) -> Done<()> {
    let key = store.keys()?.pop().ok_or("nothing is stored")?;
    let credentials = Credentials::new(key, store, UreqTransport::new()?);
    say("ready");
    lines.recv()?;
    say("asking");
    match credentials.access_token() {
        Ok(access) => say(format_args!("token {}", access.token.expose())),
        Err(Error::Store(error)) => say(format_args!("error {:?}", error.kind())),
        Err(error) => say(format_args!("error {error}")),
    }
    Ok(())
}

fn hold(store: &Watched, lines: &Receiver<()>) -> Done<()> {
    let key = store.keys()?.pop().ok_or("nothing is stored")?;
    say("ready");
    lines.recv()?;
    let locked = store.lock(&key, PATIENCE)?;
    lines.recv()?;
    drop(locked);
    Ok(())
}

/// The lines of standard input; when it ends, so does the process.
fn input() -> Receiver<()> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for _ in std::io::stdin().lines().map_while(Result::ok) {
            // Whoever needs no more lines has none to wait for.
            _ = send.send(());
        }
        std::process::exit(1);
    });
    lines
}

fn say(what: impl Display) {
    println!("{what}");
}
