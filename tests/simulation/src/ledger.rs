//! The invariants I1–I10, held against everything that happens.
//!
//! | | what is checked | where |
//! |---|---|---|
//! | I1 | a new refresh token is stored before its access token is seen, or its lock is kept until it is stored | [`calls`], [`end`] |
//! | I2 | what is stored never goes back, and nothing comes back that was deleted or revoked | [`saves`] |
//! | I3 | one refresh per expiry, under the lock, with the stored token; a spent one only after a lost reply | [`asks`] |
//! | I4 | no wait is longer than 75 s for the lock and 60 s for the refresh | [`calls`] |
//! | I5 | a token that lives is handed out, whatever fails | [`calls`] |
//! | I6 | after faults that pass, nobody has to log in, but for losses that nobody can prevent, which are counted | [`asks`], [`end`] |
//! | I7 | nobody touches another key's record | [`saves`], [`end`] |
//! | I8 | nothing panics | the executor |
//! | I9 | the code of a device is asked for no more often than the server wants, and not once its answer is known | `device` |
//! | I10 | a code, a subject token or an assertion that works once is sent once, with what belongs to it, and only by its own login or source | `browser`, `source` |

mod asks;
mod calls;
mod end;
mod saves;

use crate::chronicle::What;
use crate::network::Ask;
use crate::server::Grant;
use crate::world::{Cause, Micros, SECOND, State, Who};

pub(crate) use calls::{Begun, Failure};

/// A wait for the lock and a refresh, as DESIGN section 4 has them.
pub(crate) const LOCK_AND_REFRESH: Micros = (75 + 60) * SECOND;

/// An invariant that did not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Violation {
    /// Which one: `I1` to `I10`.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

/// How a refresh token can be lost that nobody can save: the window between the server's commit and the save.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Losses {
    /// The reply never came.
    pub reply_lost: u64,
    /// The process died between the reply and the save.
    pub crash: u64,
    /// The runtime or the task was ended from outside between the reply and the save, or the caller who had to refresh itself.
    pub task_ended: u64,
    /// A request that was given up arrived after the next one.
    pub late: u64,
    /// A lease was lost, so that two refreshed at once.
    pub lease: u64,
}

impl Losses {
    /// All of them.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.reply_lost + self.crash + self.task_ended + self.late + self.lease
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.reply_lost += other.reply_lost;
        self.crash += other.crash;
        self.task_ended += other.task_ended;
        self.late += other.late;
        self.lease += other.lease;
    }
}

/// All that is known for sure of a history.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) violation: Option<Violation>,
    pub(crate) asks: Vec<Ask>,
    /// Who was refused by the API with which token.
    pub(crate) refused_by_api: Vec<(Who, Grant)>,
    /// Explicit demands for a new token, and the token that was stored then.
    demands: Vec<Demand>,
    pub(crate) handles: Vec<HandleLog>,
    /// A lease was lost while its holder believed in it: from then on two may refresh at once.
    pub(crate) lease_lost: bool,
    jump_refreshes: u64,
    pub(crate) losses: Losses,
    pub(crate) calls: u64,
    pub(crate) cancelled: u64,
    pub(crate) crashes: u64,
    pub(crate) longest_wait: Micros,
    /// Logins on devices that were stored, and those that a later life of their process went on with.
    pub(crate) device_logins: u64,
    pub(crate) resumed: u64,
    /// Those that the server asked the user about, in browsers, and for a resource.
    pub(crate) backchannel_logins: u64,
    pub(crate) browser_logins: u64,
    pub(crate) resource_logins: u64,
    pub(crate) introspections: u64,
    /// Tokens that were granted for what a source presented.
    pub(crate) presented: u64,
    /// Requests that were sent back for another proof.
    pub(crate) nonces: u64,
    /// Somebody revoked, deleted or logged in: from then on it is no fault that a login is needed.
    pub(crate) ended_by_user: Vec<bool>,
}

/// A call of `refresh()`.
#[derive(Clone, Copy, Debug)]
struct Demand {
    who: Who,
    slot: usize,
    stored: Option<Grant>,
    done: bool,
}

/// What a handle has given.
#[derive(Clone, Debug)]
pub(crate) struct HandleLog {
    pub(crate) who: Who,
    pub(crate) slot: usize,
    newest: Option<Grant>,
    /// The family that this handle has revoked.
    revoked: Option<u32>,
    asked_to_revoke: bool,
}

impl State {
    pub(crate) fn violated(&mut self, invariant: &'static str, what: String) {
        if self.ledger.violation.is_none() {
            self.remark(What::Violated(format!("{invariant}: {what}").into()));
            self.ledger.violation = Some(Violation { invariant, what });
        }
    }

    /// A new handle of this life; its number.
    pub(crate) fn opened(&mut self, who: Who, slot: usize) -> usize {
        self.ledger.handles.push(HandleLog {
            who,
            slot,
            newest: None,
            revoked: None,
            asked_to_revoke: false,
        });
        self.ledger.handles.len() - 1
    }

    /// The lock is given back in good order: what was granted is stored, or nobody was there who could go on trying.
    pub(crate) fn check_unlock(&mut self, who: Who, slot: usize) {
        if !self.is_alive(who) || self.ledger.lease_lost || !self.has_unsaved(who, slot) {
            return;
        }
        if self.processes[who.process].tasks_unsafe {
            self.break_windows_of(who, Some(slot), Cause::GaveUp);
        } else {
            self.violated(
                "I1",
                "gives the lock back, and what was granted is not stored".to_owned(),
            );
        }
    }

    /// Whether this process has got a token of this record that it has not stored yet.
    pub(crate) fn has_unsaved(&mut self, who: Who, slot: usize) -> bool {
        let mut families = self
            .server
            .families
            .iter_mut()
            .filter(|family| family.slot == slot);
        families.any(|family| family.open(who).any(|issue| !issue.by_device))
    }

    /// Whoever got a reply and has not stored it yet never will: what held it is gone.
    pub(crate) fn break_windows_of(&mut self, who: Who, slot: Option<usize>, cause: Cause) {
        let mut broken = 0_u32;
        for family in &mut self.server.families {
            if slot.is_some_and(|slot| slot != family.slot) {
                continue;
            }
            // What a device got is not under the lock.
            for issue in family
                .open(who)
                .filter(|issue| slot.is_none() || !issue.by_device)
            {
                issue.window = Some(cause);
                issue.lost_once = true;
                broken += 1;
            }
        }
        let owned = !self.processes[who.process].tasks_unsafe && !self.ledger.lease_lost;
        if broken > 0 && cause == Cause::Cancel && owned {
            self.violated(
                "I1",
                "a caller that was dropped took a refresh with it".to_owned(),
            );
        }
        if broken > 0 && cause == Cause::Exit && !self.ledger.lease_lost {
            let what = "a program that had let all settle took a refresh with it";
            self.violated("I1", what.to_owned());
        }
    }
}
