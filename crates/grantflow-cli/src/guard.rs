//! What a process that holds secrets owes them: no core dumps, and no refresh cut in half by an interrupt.

use std::process;
use std::sync::OnceLock;
use std::time::Duration;

use grantflow::blocking::Credentials;

use crate::exit::{FAILED, Failure, INTERRUPTED};

/// The credentials in use, for the interrupt handler.
static IN_USE: OnceLock<Credentials> = OnceLock::new();

/// As long as a refresh with its second try may take.
const SETTLE: Duration = Duration::from_secs(60);

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

/// Ends with 130 on an interrupt, once a refresh in the air has been stored: cut short, it would burn the refresh token.
pub(crate) fn settle_when_interrupted() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        if let Some(credentials) = IN_USE.get() {
            credentials.settle(SETTLE);
        }
        process::exit(i32::from(INTERRUPTED));
    })
    .map_err(|error| Failure::new(FAILED, format!("cannot watch for interrupts: {error}")))
}

/// Names the credentials whose refresh an interrupt has to wait for.
pub(crate) fn watch(credentials: &Credentials) {
    // The first ones are the only ones of a command.
    let _ = IN_USE.set(credentials.clone());
}
