//! What a process that holds secrets owes them: no core dumps, and no refresh cut in half by an interrupt.
//!
//! ```text
//! quiet ──POST leaves──▶ owed ──its work is done──▶ quiet
//!   │ interrupt            │ interrupt
//!   ▼                      ▼
//! ends with 130          waits for `quiet`, a minute at the most, then ends with 130
//! ```
//!
//! A POST may spend what cannot be had again: a refresh token, a code. From an interrupt on none leaves, and what has left is
//! stored first. Waiting for a lock that another process holds is ended at once: nothing is lost by it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitStatus};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use grantflow::transport::{Job, Ticks};
use grantflow::ureq::UreqTransport;
use grantflow::{CertificateThumbprint, EntropyError, Now, Request, Response, Transport, TransportError};

use crate::exit::{FAILED, Failure, INTERRUPTED};
use crate::output::{end_spinner, note};

/// As long as a refresh with its second try may take.
const SETTLE: Duration = Duration::from_secs(60);

/// How often a directory is removed until nobody has put anything there meanwhile.
const REMOVALS: usize = 100;

static STATE: Mutex<State> = Mutex::new(State {
    interrupted: false,
    owed: false,
    child: None,
    home: None,
});
static CHANGED: Condvar = Condvar::new();

struct State {
    interrupted: bool,
    /// A POST has left, and what it brings is not stored.
    owed: bool,
    /// A program that must not outlive this one.
    child: Option<u32>,
    /// A directory that must not.
    home: Option<PathBuf>,
}

/// Core dumps would hold tokens (threat T62).
pub(crate) fn no_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // Where the limit cannot be set, the command works as well: it is a second line of defence.
        let _ = setrlimit(
            Resource::Core,
            Rlimit {
                current: Some(0),
                maximum: Some(0),
            },
        );
    }
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }
}

/// Ends with 130 on SIGINT, SIGTERM and SIGHUP, once what has left is stored: cut short, it would burn the refresh token.
pub(crate) fn settle_when_interrupted() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        let mut state = lock();
        state.interrupted = true;
        end(state.child.take());
        end_spinner();
        if state.owed {
            note("grantflow: interrupted; waiting for a reply that must not be lost");
        }
        let waited = CHANGED.wait_timeout_while(state, SETTLE, |state| state.owed);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some(home) = &state.home {
            remove(home);
        }
        process::exit(i32::from(INTERRUPTED));
    })
    .map_err(|error| Failure::new(FAILED, format!("cannot watch for interrupts: {error}")))
}

/// Says that whatever left has been stored. After an interrupt this does not return.
pub(crate) fn settled() {
    let mut state = lock();
    state.owed = false;
    CHANGED.notify_all();
    if state.interrupted {
        drop(state);
        wait_for_the_end();
    }
}

/// Runs a program to its end; an interrupt ends it too.
pub(crate) fn run(command: &mut Command) -> io::Result<ExitStatus> {
    let mut state = lock();
    if state.interrupted {
        drop(state);
        wait_for_the_end();
    }
    // Under the lock: an interrupt finds it started and known, or not started.
    let mut child = command.spawn()?;
    state.child = Some(child.id());
    drop(state);
    let status = child.wait();
    lock().child = None;
    status
}

/// Names the directory that an interrupt has to remove.
pub(crate) fn watch_home(home: &Path) {
    lock().home = Some(home.to_owned());
}

/// The transport of the command: from an interrupt on no POST leaves through it.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    transport: UreqTransport,
    /// Whether nothing is owed while a flow waits.
    polls: bool,
}

impl Watched {
    pub(crate) fn new(transport: UreqTransport) -> Self {
        Self {
            transport,
            polls: false,
        }
    }

    /// The transport of a flow that waits between polls alone: then the last reply has come, and brought nothing.
    pub(crate) fn between_polls(mut self) -> Self {
        self.polls = true;
        self
    }
}

impl Transport for Watched {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        if request.method() == http::Method::POST {
            let mut state = lock();
            // A second try of what is owed is no new debt.
            if state.interrupted && !state.owed {
                drop(state);
                wait_for_the_end();
            }
            state.owed = true;
        }
        self.transport.send(request)
    }

    fn sleep(&self, pause: Duration) {
        if self.polls {
            settled();
        }
        self.transport.sleep(pause);
    }

    fn spawn(&self, job: Job) -> Result<(), Job> {
        self.transport.spawn(job)
    }

    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.transport.certificate()
    }

    fn now(&self) -> Now {
        self.transport.now()
    }

    fn ticks(&self) -> Ticks {
        self.transport.ticks()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.transport.fill(bytes)
    }
}

/// Removes a directory that others may be writing to still.
fn remove(home: &Path) {
    for _ in 0..REMOVALS {
        // What cannot be removed holds nothing that a server still takes: it ends with this process.
        if std::fs::remove_dir_all(home).is_ok() {
            return;
        }
    }
}

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The interrupt's thread ends the process.
fn wait_for_the_end() -> ! {
    loop {
        thread::park();
    }
}

#[cfg(unix)]
fn end(child: Option<u32>) {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = child
        .and_then(|child| i32::try_from(child).ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // One that has ended needs no signal.
        let _ = kill_process(pid, Signal::TERM);
    }
}

#[cfg(not(unix))]
fn end(_: Option<u32>) {}
