//! One process of the stampede: it finds an ended token, gets a new one in its way, and calls the API with it.
//!
//! It says `ready`, waits for a line, and says `asking` and then `REFRESH STATUS`: `refreshed`, `shared` or `refused`, and what the API
//! answered. It ends with its standard input, so that it never outlives the demo.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use grantflow::blocking::Credentials;
use grantflow::store::FileStore;
use grantflow::ureq::UreqTransport;
use grantflow::{Event, Key, Store as _, Timestamp, Token};
use serde_json::{Value, json};

use crate::args::{Member, Way};
use crate::exit::{FAILED, Failure};
use crate::guard::Watched;
use crate::output::write;

/// Plays its part.
pub(super) fn play(member: &Member) -> Result<(), Failure> {
    let lines = input();
    let (refresh, token) = match member.way {
        Way::ByItself => by_itself(&member.file, &lines)?,
        Way::WithGrantflow => with_grantflow(&member.file, &lines)?,
    };
    let status = match token {
        Some(token) => call(&member.api, &token)?,
        None => 0,
    };
    write(&format!("{refresh} {status}"))
}

/// What became of the refresh, and the token that the process has then.
type Got = (&'static str, Option<String>);

/// As many programs do it: read the file, refresh, write the file.
fn by_itself(file: &Path, lines: &Receiver<()>) -> Result<Got, Failure> {
    let agent = agent();
    wait(lines)?;
    let mut stored: Value = serde_json::from_slice(&fs::read(file).map_err(failed)?).map_err(failed)?;
    let text = |name: &str| stored[name].as_str().unwrap_or_default();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", text("client_id")),
        ("refresh_token", text("refresh_token")),
    ];
    let mut reply = agent
        .post(text("token_endpoint"))
        .send_form(form)
        .map_err(failed)?;
    if reply.status() != 200 {
        return Ok(("refused", None));
    }
    let reply: Value =
        serde_json::from_slice(&reply.body_mut().read_to_vec().map_err(failed)?).map_err(failed)?;
    for name in ["access_token", "refresh_token"] {
        stored[name] = reply[name].clone();
    }
    fs::write(file, stored.to_string()).map_err(failed)?;
    Ok(("refreshed", stored["access_token"].as_str().map(str::to_owned)))
}

/// The same credentials as [`by_itself`] keeps them.
pub(super) fn plain(token_endpoint: &str, client_id: &str, token: &Token) -> Value {
    json!({
        "token_endpoint": token_endpoint,
        "client_id": client_id,
        "access_token": token.access_token.expose(),
        "refresh_token": token.refresh_token.as_ref().map(grantflow::Secret::expose),
        "expires_at": token.expires_at.map(Timestamp::unix_seconds),
    })
}

fn with_grantflow(file: &Path, lines: &Receiver<()>) -> Result<Got, Failure> {
    let store = FileStore::new(file);
    let key = store.keys()?.pop().ok_or_else(|| failed("nothing is stored"))?;
    let refreshed = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&refreshed);
    let transport = Watched::new(UreqTransport::new()?);
    let credentials = Credentials::new(key, store, transport).with_observer(move |_: &Key, event: &Event| {
        if matches!(event, Event::RefreshSucceeded { .. }) {
            noted.store(true, Ordering::Relaxed);
        }
    });
    wait(lines)?;
    let access = match credentials.access_token() {
        Ok(access) => access,
        Err(error) if error.needs_user() => return Ok(("refused", None)),
        Err(error) => return Err(error.into()),
    };
    let refresh = if refreshed.load(Ordering::Relaxed) {
        "refreshed"
    } else {
        "shared"
    };
    Ok((refresh, Some(access.token.expose().to_owned())))
}

/// What the API answers.
fn call(api: &str, token: &str) -> Result<u16, Failure> {
    let reply = agent()
        .get(api)
        .header("Authorization", format!("Bearer {token}"))
        .call();
    Ok(reply.map_err(failed)?.status().as_u16())
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().proxy(None).max_redirects(0);
    config.http_status_as_error(false).build().new_agent()
}

fn wait(lines: &Receiver<()>) -> Result<(), Failure> {
    write("ready")?;
    lines.recv().map_err(failed)?;
    write("asking")
}

/// The lines of standard input; when it ends, so does the process.
fn input() -> Receiver<()> {
    let (send, lines) = channel();
    thread::spawn(move || {
        for _ in std::io::stdin().lines().map_while(Result::ok) {
            // Nobody waits for more than one.
            let _ = send.send(());
        }
        std::process::exit(i32::from(FAILED));
    });
    lines
}

fn failed(why: impl std::fmt::Display) -> Failure {
    Failure::new(FAILED, format!("a process of the demo failed: {why}"))
}
