//! `grantflow demo stampede`: what processes do to one login, each by itself, and with this library.
//!
//! ```text
//! log in, twice ─▶ two hours pass ─┬─▶ 8 processes, each by itself ─┬─▶ the table
//!                                  └─▶ 8 processes with Grantflow ──┘
//! ```
//!
//! The server keeps its replies back until all of them have asked, as a slow one does; it rotates refresh tokens, and ends a login whose
//! spent refresh token comes again ([RFC 9700 section 4.14.2]).
//!
//! [RFC 9700 section 4.14.2]: https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum as _;
use grantflow::blocking::Credentials;
use grantflow::store::FileStore;
use grantflow::ureq::UreqTransport;
use grantflow::{Change, Issuer, Origin, Store as _, TransportHost, flow, run};
use grantflow_testserver::{Endpoint, Fault, TestServer};
use serde_json::{Value, json};

use super::home::Home;
use super::{consent, ensure, member};
use crate::args::{Format, Way};
use crate::exit::{FAILED, Failure};
use crate::output::{one_line, write};

/// How many processes there are on each side.
const PROCESSES: usize = 8;

/// Far longer than any of this takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than the access token lives.
const TWO_HOURS: Duration = Duration::from_secs(2 * 3600);

/// Plays both sides at once, and shows them side by side.
pub(super) fn play(format: Format) -> Result<(), Failure> {
    let began = Instant::now();
    if format == Format::Text {
        write(INTRODUCTION)?;
    }
    let home = Home::make()?;
    let [alone, ours] = thread::scope(|scope| {
        let alone = scope.spawn(|| Side::play(Way::ByItself, &home));
        let ours = Side::play(Way::WithGrantflow, &home);
        let alone = alone.join().map_err(|_| failed("a thread of the demo failed"));
        Ok::<_, Failure>([alone??, ours?])
    })?;
    match format {
        Format::Text => write(&table(&alone, &ours, began.elapsed()))?,
        Format::Json => write(&one_line(&json!({
            "processes": PROCESSES,
            "by_itself": alone.to_json(),
            "with_grantflow": ours.to_json(),
        })))?,
    }
    ensure(
        alone.requests == PROCESSES as u64 && !alone.lives,
        "processes that refresh by themselves kept their login",
    )?;
    ensure(
        ours.requests == 1 && ours.replays == 0 && ours.served() == PROCESSES && ours.lives,
        "processes with Grantflow asked more than once, or lost their login",
    )
}

/// What one side came to.
struct Side {
    fates: Vec<Fate>,
    requests: u64,
    replays: u64,
    /// Whether the login goes on.
    lives: bool,
}

/// What one process came to.
struct Fate {
    refresh: String,
    served: bool,
}

impl Side {
    fn play(way: Way, home: &Home) -> Result<Self, Failure> {
        let server = Arc::new(TestServer::start().map_err(failed)?);
        let name = match way {
            Way::ByItself => "by-itself.json",
            Way::WithGrantflow => "with-grantflow.json",
        };
        let file = home.place(name);
        let credentials = log_in(&server, &file)?;
        if way == Way::ByItself {
            rewrite(&credentials, &server, &file)?;
        }
        let asked_before = server.stats().token_requests;
        server.set_fault(Endpoint::Refresh, Fault::Hold);
        let mut processes = (0..PROCESSES)
            .map(|_| Process::start(way, &file, &server.url("/api/me")))
            .collect::<Result<Vec<_>, _>>()?;
        for process in &processes {
            process.says("ready")?;
        }
        for process in &mut processes {
            process.go()?;
        }
        for process in &processes {
            process.says("asking")?;
        }
        let at_the_server = match way {
            Way::ByItself => PROCESSES as u64,
            Way::WithGrantflow => 1,
        };
        let all_there = server.wait_until(PATIENCE, |stats| stats.held == at_the_server);
        ensure(
            all_there,
            "the server was asked by fewer processes than it should be",
        )?;
        server.clear_faults();
        server.release();
        let fates = processes.iter().map(Process::fate).collect::<Result<_, _>>()?;
        let stats = server.stats();
        Ok(Self {
            fates,
            requests: stats.token_requests - asked_before,
            replays: stats.refresh_replays,
            lives: stats.families_revoked == 0 && credentials.refresh().is_ok(),
        })
    }

    fn served(&self) -> usize {
        self.fates.iter().filter(|fate| fate.served).count()
    }

    fn logged_out(&self) -> usize {
        self.fates.iter().filter(|fate| fate.refresh == "refused").count()
    }

    fn to_json(&self) -> Value {
        json!({
            "requests": self.requests,
            "replays": self.replays,
            "logged_out": self.logged_out(),
            "served": self.served(),
            "login_lives": self.lives,
        })
    }
}

/// A login whose access token has ended.
fn log_in(server: &Arc<TestServer>, file: &Path) -> Result<Credentials, Failure> {
    let transport = UreqTransport::new()?;
    let issuer = Issuer::allow_http_for_loopback(server.issuer())?;
    let metadata = run(flow::discover(&issuer), &TransportHost::new(&transport))?;
    let client = metadata
        .client("native-app")
        .with_origins([Origin::new(server.issuer())?]);
    let store = FileStore::new(file);
    let credentials = consent::by_stand_in(server, &client, &store, &transport)?;
    let stored = credentials.record()?;
    let mut locked = store.lock(stored.key(), PATIENCE)?;
    let mut token = stored.token().clone();
    token.issued_at = token.issued_at.minus(TWO_HOURS);
    token.expires_at = token.expires_at.map(|end| end.minus(TWO_HOURS));
    locked.save(Change::Put(Box::new(stored.refreshed(token))))?;
    drop(locked);
    Ok(Credentials::new(stored.key().clone(), store, transport))
}

/// The same login in the form of a program that does everything by itself.
fn rewrite(credentials: &Credentials, server: &TestServer, file: &Path) -> Result<(), Failure> {
    let stored = credentials.record()?;
    let plain = member::plain(&server.url("/token"), "native-app", stored.token());
    // Written over, so that it stays its owner's alone.
    std::fs::write(file, plain.to_string()).map_err(failed)
}

/// One of the processes: this program again. It ends when this is dropped.
struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Process {
    fn start(way: Way, file: &Path, api: &str) -> Result<Self, Failure> {
        let way = way
            .to_possible_value()
            .ok_or_else(|| failed("a way without a name"))?;
        let mut child = Command::new(std::env::current_exe().map_err(failed)?)
            .args(["demo", "member", way.get_name()])
            .arg(file)
            .arg(api)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Where one fails, the demo says so, and says it once.
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("a process without pipes"));
        };
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens once the demo has failed.
                let _ = send.send(line);
            }
        });
        Ok(Self { child, stdin, lines })
    }

    fn line(&self) -> Result<String, Failure> {
        let line = self.lines.recv_timeout(PATIENCE);
        line.map_err(|_| failed("a process of the demo said nothing"))
    }

    fn says(&self, word: &str) -> Result<(), Failure> {
        ensure(self.line()? == word, "a process said something else")
    }

    fn go(&mut self) -> Result<(), Failure> {
        writeln!(self.stdin).map_err(failed)
    }

    fn fate(&self) -> Result<Fate, Failure> {
        let line = self.line()?;
        let (refresh, status) = line
            .split_once(' ')
            .ok_or_else(|| failed("a process said something else"))?;
        Ok(Fate {
            refresh: refresh.to_owned(),
            served: status == "200",
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Fate {
    fn told(&self) -> &'static str {
        match (self.refresh.as_str(), self.served) {
            ("refreshed", true) => "refreshed",
            ("refreshed", false) => "refreshed, then ended by the others",
            ("shared", true) => "served by that refresh",
            ("refused", _) => "logged out: invalid_grant",
            _ => "not served",
        }
    }
}

fn table(alone: &Side, ours: &Side, took: Duration) -> String {
    let mut text = format!("    {:<40}{}\n", "each by itself", "with Grantflow");
    let mut line = |number: &str, left: &str, right: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{number:>2}  {left:<40}{right}");
    };
    for (at, (left, right)) in alone.fates.iter().zip(&ours.fates).enumerate() {
        line(&(at + 1).to_string(), left.told(), right.told());
    }
    line("", "", "");
    let both = |tell: &dyn Fn(&Side) -> String| (tell(alone), tell(ours));
    for (left, right) in [
        both(&|side| counted(side.requests, "refresh request")),
        both(&|side| format!("{} sent again", counted(side.replays, "spent token"))),
        both(&|side| format!("{} of {PROCESSES} logged out", side.logged_out())),
        both(&|side| format!("{} of {PROCESSES} served by the API", side.served())),
        both(&|side| {
            if side.lives {
                "the login goes on"
            } else {
                "the login is revoked"
            }
            .to_owned()
        }),
    ] {
        line("", &left, &right);
    }
    let _ = write!(
        text,
        "\nThat was all of it, in {:.1} s. Next: grantflow demo",
        took.as_secs_f64()
    );
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn failed(why: impl std::fmt::Display) -> Failure {
    Failure::new(FAILED, format!("the demo failed: {why}"))
}

const INTRODUCTION: &str = "\
8 processes find one ended token at once. The server is slow, and ends a login whose spent refresh token comes again.
Each by itself reads the file, refreshes and writes the file; with Grantflow one of them does, under the lock of the file.

";
