//! What happened in a history, in order: the text of it is the same for the same seed, byte for byte.

use std::fmt;

use grantflow_core::StoreErrorKind;

use crate::server::Grant;
use crate::world::{MILLI, Micros, SECOND, Who};

/// One entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Micros,
    pub(crate) who: Option<Who>,
    pub(crate) what: What,
}

/// An effect of the product that a fault can strike before and after.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    Read,
    Lock,
    Save,
    Unlock,
    Send,
    Sleep,
    Spawn,
}

/// The side of an effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Before,
    After,
}

/// What a caller asks of a handle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Call {
    Header,
    AccessToken,
    Refresh,
    Authorized,
    Settle,
    Record,
    Revoke,
    Delete,
    Login,
    Device,
    Backchannel,
    Browser,
    Resource,
    Introspect,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Begins {
        call: Call,
        handle: usize,
    },
    Gives {
        call: Call,
        grant: Option<Grant>,
        unsaved: bool,
    },
    Fails {
        call: Call,
        error: Box<str>,
    },
    Cancelled {
        call: Call,
    },
    Does(Effect),
    Stored {
        generation: Option<u64>,
        ended: bool,
    },
    StoreFails(StoreErrorKind),
    WriteHangs,
    Lands,
    Saves {
        generation: u64,
        grant: Grant,
        journal: bool,
        retry_at: bool,
    },
    Tombstone,
    Deletes,
    LetsGo,
    Departs {
        ask: usize,
        to: &'static str,
        with: Grant,
    },
    Commits {
        ask: usize,
        grant: Grant,
    },
    Answers {
        ask: usize,
        status: u16,
    },
    GivesUp {
        ask: usize,
        how: &'static str,
    },
    FamilyEnds {
        family: u32,
        why: &'static str,
    },
    Dies(Effect, Side),
    Restarts,
    Resumes {
        slot: usize,
    },
    Exits,
    StandsStill(Micros),
    RuntimeGone,
    TaskAborted,
    ClockSet {
        by_millis: i64,
    },
    SpawnRefused,
    DiskFails(StoreErrorKind),
    Outage,
    Api401,
    LeaseLost,
    Unavoidable {
        grant: Grant,
        why: &'static str,
    },
    Heals,
    Verifies,
    Violated(Box<str>),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.at / SECOND, self.at % SECOND / MILLI);
        write!(f, "{seconds:>6}.{millis:03} ")?;
        match self.who {
            Some(who) => write!(f, "p{}.{} ", who.process, who.life)?,
            None => f.write_str("     ")?,
        }
        self.what.fmt(f)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begins { call, handle } => write!(f, "{call:?} on handle {handle}"),
            Self::Gives { call, grant, unsaved } => {
                write!(f, "{call:?} is done")?;
                if let Some(grant) = grant {
                    write!(f, ": token {grant}")?;
                }
                f.write_str(if *unsaved { ", not saved" } else { "" })
            }
            Self::Fails { call, error } => write!(f, "{call:?} fails: {error}"),
            Self::Cancelled { call } => write!(f, "{call:?} is dropped by its caller"),
            Self::Does(effect) => write!(f, "{effect:?}"),
            Self::Stored { generation, ended } => match generation {
                Some(n) => write!(
                    f,
                    "finds generation {n}{}",
                    if *ended { ", a tombstone" } else { "" }
                ),
                None => f.write_str("finds nothing stored"),
            },
            Self::WriteHangs => f.write_str("the write hangs"),
            Self::Lands => f.write_str("the write that hung is done"),
            Self::StoreFails(kind) => write!(f, "the store fails: {kind:?}"),
            Self::Saves {
                generation,
                grant,
                journal,
                retry_at,
            } => {
                write!(f, "saves generation {generation}, token {grant}")?;
                f.write_str(if *journal { ", attempt under way" } else { "" })?;
                f.write_str(if *retry_at { ", retry later" } else { "" })
            }
            Self::Tombstone => f.write_str("saves a tombstone"),
            Self::Deletes => f.write_str("deletes the record"),
            Self::LetsGo => f.write_str("drops the guard"),
            Self::Departs { ask, to, with } => write!(f, "request {ask} to {to} with {with}"),
            Self::Commits { ask, grant } => write!(f, "server: request {ask} gets {grant}"),
            Self::Answers { ask, status } => write!(f, "server: request {ask} is answered {status}"),
            Self::GivesUp { ask, how } => write!(f, "request {ask}: {how}"),
            Self::FamilyEnds { family, why } => write!(f, "server: grant {family} ends: {why}"),
            Self::Dies(effect, side) => write!(f, "dies {side:?} {effect:?}"),
            Self::Exits => f.write_str("ends, all settled"),
            Self::Resumes { slot } => write!(f, "goes on with the login of record {slot}"),
            Self::Restarts => f.write_str("starts"),
            Self::StandsStill(time) => write!(f, "stands still for {} s", time / SECOND),
            Self::RuntimeGone => f.write_str("the runtime is dropped"),
            Self::TaskAborted => f.write_str("a task is aborted"),
            Self::ClockSet { by_millis } => write!(f, "the clock is set by {by_millis} ms"),
            Self::SpawnRefused => f.write_str("spawn is refused"),
            Self::DiskFails(kind) => write!(f, "saves fail from now on: {kind:?}"),
            Self::Outage => f.write_str("the server cannot be reached from now on"),
            Self::Api401 => f.write_str("the API refuses everybody from now on"),
            Self::LeaseLost => f.write_str("the lease is lost"),
            Self::Unavoidable { grant, why } => write!(f, "{grant} is lost: {why}"),
            Self::Heals => f.write_str("no more faults"),
            Self::Violated(what) => write!(f, "VIOLATED {what}"),
            Self::Verifies => f.write_str("everybody asks once more"),
        }
    }
}

/// The entries of a history.
#[derive(Debug, Default)]
pub(crate) struct Chronicle(Vec<Entry>);

impl Chronicle {
    pub(crate) fn push(&mut self, at: Micros, who: Option<Who>, what: What) {
        self.0.push(Entry { at, who, what });
    }

    /// All of it, a line an entry.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|entry| format!("{entry}\n")).collect()
    }
}
