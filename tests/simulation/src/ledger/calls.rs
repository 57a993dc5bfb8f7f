//! What callers get, and how long they wait for it.

use grantflow_core::{Error, Token};

use super::LOCK_AND_REFRESH;
use crate::browser::PATIENCE;
use crate::chronicle::{Call, What};
use crate::depot::LONGEST_SAVE;
use crate::device::LIFETIME;
use crate::scenario::{Fault, StoreKind};
use crate::server::{Family, Grant};
use crate::world::{MILLI, Micros, SECOND, State};

/// How long reads and saves of the store, and their retries, may take beside the lock and the refresh.
const STORE_TIME: Micros = 10 * SECOND;

/// How long writes of one flight may hang: the note of the attempt, that of a failure, the token.
const HANGING_WRITES: Micros = 3 * 30 * SECOND;

/// The longest `settle` that callers ask for.
const LONGEST_SETTLE: Micros = 100 * SECOND;

/// A call under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) handle: usize,
    call: Call,
    at: Micros,
    stood_still: Micros,
    newest: Option<Grant>,
    demand: Option<usize>,
    /// What was stored when the call began.
    stored: Option<Grant>,
}

/// What became of a call that failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) needs_user: bool,
    pub(crate) text: Box<str>,
}

fn is_login(call: Call) -> bool {
    matches!(
        call,
        Call::Login | Call::Device | Call::Backchannel | Call::Browser | Call::Resource
    )
}

impl State {
    pub(crate) fn begin(&mut self, handle: usize, call: Call) -> Begun {
        let log = &self.ledger.handles[handle];
        let (who, slot, newest) = (log.who, log.slot, log.newest);
        self.note(who, What::Begins { call, handle });
        self.ledger.calls += 1;
        let demand = (call == Call::Refresh).then(|| {
            let stored = self.stored_grant(slot);
            self.ledger.demands.push(super::Demand {
                who,
                slot,
                stored,
                done: false,
            });
            self.ledger.demands.len() - 1
        });
        if matches!(call, Call::Revoke | Call::Delete) || is_login(call) {
            self.ledger.ended_by_user[slot] = true;
        }
        self.ledger.handles[handle].asked_to_revoke |= call == Call::Revoke;
        Begun {
            handle,
            call,
            at: self.now,
            stood_still: self.processes[who.process].stood_still,
            newest,
            demand,
            stored: self.stored_grant(slot),
        }
    }

    pub(crate) fn stored_grant(&self, slot: usize) -> Option<Grant> {
        let record = self.depot.slots[slot].record.as_ref()?;
        crate::server::access_of(record.token().access_token.expose())
    }

    /// The call was dropped.
    pub(crate) fn cancelled(&mut self, begun: Begun) {
        let who = self.ledger.handles[begun.handle].who;
        self.ledger.cancelled += 1;
        self.note(who, What::Cancelled { call: begun.call });
    }

    /// The call gave a token, or is done without one.
    pub(crate) fn gave(&mut self, begun: Begun, grant: Option<Grant>, unsaved: bool) {
        let call = begun.call;
        let who = self.ledger.handles[begun.handle].who;
        self.note(who, What::Gives { call, grant, unsaved });
        self.ended(begun);
        if call == Call::Revoke {
            self.ledger.handles[begun.handle].revoked = begun.stored.map(|grant| grant.family);
        }
        if let Some(grant) = grant {
            self.check_given(begun, grant, unsaved);
            let newest = &mut self.ledger.handles[begun.handle].newest;
            // Logins are not numbered in the order in which they are stored.
            if newest.is_none_or(|newest| newest.family != grant.family || newest < grant) {
                *newest = Some(grant);
            }
        }
    }

    /// `settle` says that nothing is in the air: then what was granted before is stored.
    pub(crate) fn check_settled(&mut self, begun: Begun) {
        let log = self.ledger.handles[begun.handle].clone();
        let alone = self.scenario.handles == 1 && self.is_alive(log.who) && !self.ledger.lease_lost;
        let families = self.server.families.iter_mut();
        let of_slot = families.filter(|family| family.slot == log.slot);
        let waits = of_slot
            .flat_map(|family| family.open(log.who))
            .any(|issue| issue.delivered_at < begun.at && !issue.by_device);
        if alone && waits {
            self.violated(
                "I1",
                "says that all is settled, and a token waits to be stored".to_owned(),
            );
        }
    }

    fn writes_hang(&self) -> bool {
        self.scenario.store == StoreKind::Keyring && self.scenario.faults.has(Fault::WriteHangs)
    }

    fn store_time(&self) -> Micros {
        if self.writes_hang() {
            STORE_TIME + HANGING_WRITES
        } else {
            STORE_TIME
        }
    }

    fn ended(&mut self, begun: Begun) {
        if let Some(demand) = begun.demand {
            self.ledger.demands[demand].done = true;
        }
        let who = self.ledger.handles[begun.handle].who;
        let still = self.processes[who.process].stood_still - begun.stood_still;
        let waited = (self.now - begun.at).saturating_sub(still);
        if begun.call == Call::Login || !is_login(begun.call) {
            self.ledger.longest_wait = self.ledger.longest_wait.max(waited);
        }
        // One flight that was under way already, and one of its own; each sends at most the two requests of `authorized` beside.
        let flights = if self.processes[who.process].tasks_unsafe {
            4
        } else {
            2
        };
        let requests = if begun.call == Call::Authorized {
            2 * 30 * SECOND
        } else {
            0
        };
        let bound = match begun.call {
            // The code's time, and what it takes to store the token.
            Call::Device | Call::Backchannel => LIFETIME + LOCK_AND_REFRESH + self.store_time(),
            // The same of the browser, and what is asked before: three descriptions, the pushed request, the exchange.
            Call::Browser | Call::Resource => {
                PATIENCE + 7 * 30 * SECOND + LOCK_AND_REFRESH + self.store_time()
            }
            // A little more than was asked for.
            Call::Settle => LONGEST_SETTLE + self.store_time(),
            _ => flights * (LOCK_AND_REFRESH + self.store_time()) + requests,
        };
        if waited > bound {
            self.violated("I4", format!("{:?} took {} s", begun.call, waited / SECOND));
        }
    }

    fn check_given(&mut self, begun: Begun, grant: Grant, unsaved: bool) {
        let log = self.ledger.handles[begun.handle].clone();
        let Some(issue) = self.server.issue(grant).cloned() else {
            return self.violated("I2", "hands out a token that no server has issued".to_owned());
        };
        if self
            .server
            .family(grant)
            .is_none_or(|family| family.slot != log.slot)
        {
            return self.violated("I7", format!("hands out {grant}, which is another's"));
        }
        // I1: nobody sees a token whose refresh token could be lost by others, but for losses that are known already.
        let kept = self.holds(log.who, log.slot) && issue.delivered == Some(log.who);
        if !issue.saved && !kept && !issue.lost_once && !self.ledger.lease_lost {
            return self.violated(
                "I1",
                format!("hands out {grant}, which is neither stored nor under its lock"),
            );
        }
        let says = matches!(begun.call, Call::AccessToken | Call::Refresh);
        if says && !issue.saved && !unsaved {
            return self.violated("I1", format!("hands out {grant} as stored, which it is not"));
        }
        // Tokens of a source live side by side: without a lock one that was issued earlier may be stored later, and is as good.
        let compares = self.scenario.store == StoreKind::CompareAndSwap;
        let is_side_by_side = compares && self.source_of(log.slot).is_some();
        let is_ordered = !self.ledger.lease_lost && !is_side_by_side;
        // Logins are not numbered in the order in which they are stored.
        let known = begun.stored.is_some_and(|known| {
            known == grant || is_ordered && known.family == grant.family && known > grant
        });
        if known && begun.call == Call::Refresh && !self.ledger.lease_lost {
            return self.violated(
                "I5",
                format!("was asked for a new token, and gives {grant} again"),
            );
        }
        // One that was lost in the meantime is of no use to anybody.
        let lost = |newest| {
            self.server
                .issue(newest)
                .is_some_and(|issue| issue.lost_once && !issue.saved)
        };
        let newer = |newest: Grant| newest.family == grant.family && newest > grant && !lost(newest);
        if is_ordered && begun.newest.is_some_and(newer) {
            return self.violated("I2", format!("hands out {grant} after a newer one"));
        }
        // A token may end while its process stands still with it in hand.
        let clocks_agree = !self.scenario.faults.has_any(&[Fault::ClockJump, Fault::Pause]);
        let end = issue
            .end(1)
            .map(|end| end.max(issue.asked + SECOND) + 200 * MILLI);
        // Nor does one wait while the write of a token hangs that lives for less than that.
        let in_time = clocks_agree && !self.writes_hang();
        // One that ended on its way is handed out to whoever asked before it was stored: there is no better one.
        let landed_at = issue.delivered_at + LONGEST_SAVE;
        if in_time && landed_at < begun.at && end.is_some_and(|end| begun.at > end) {
            return self.violated("I5", format!("hands out {grant}, which has ended"));
        }
        if log.revoked >= Some(grant.family) && !self.ledger.lease_lost {
            self.violated(
                "I2",
                format!("hands out {grant} after it was revoked by this handle"),
            );
        }
    }

    /// The call failed.
    pub(crate) fn failed(&mut self, begun: Begun, error: &Error) -> Failure {
        let call = begun.call;
        let log = self.ledger.handles[begun.handle].clone();
        let failure = Failure {
            needs_user: error.needs_user(),
            text: error.to_string().into(),
        };
        let text = failure.text.clone();
        self.note(log.who, What::Fails { call, error: text });
        self.ended(begun);
        if matches!(call, Call::Header | Call::AccessToken) {
            self.check_refused(begun, &log, error);
        }
        // Where another write came first, the flow begins anew: a consent is not lost, nor does a revocation need asking twice.
        let conflict =
            matches!(error, Error::Store(error) if error.kind() == grantflow_core::StoreErrorKind::Conflict);
        if conflict && matches!(call, Call::Login | Call::Revoke) {
            self.violated(
                "I6",
                format!("{call:?} is given up because another write came first"),
            );
        }
        if failure.needs_user {
            self.check_needs_user(log.slot, error);
        }
        failure
    }

    /// I5: was there a token that lives?
    fn check_refused(&mut self, begun: Begun, log: &super::HandleLog, error: &Error) {
        let wall = self.wall(log.who.process);
        let slot = &self.depot.slots[log.slot];
        let readable = !self.scenario.faults.has(Fault::ReadFails);
        let lives = |token: &Token| {
            let end = token.expires_at.map_or(i64::MAX, |end| end.unix_millis());
            end > wall + 1 && token.issued_at.unix_millis() < wall + 300_000
        };
        // Whoever has heard that a token was set back or has ended by another clock may doubt it.
        let clocks_agree = !self.scenario.faults.has(Fault::ClockJump);
        let stored = slot
            .record
            .as_ref()
            .filter(|_| slot.since < begun.at && !slot.is_ended());
        // Whoever joins a flight that stood still hears of what it had seen before.
        let still_until = self.processes[log.who.process].still_until;
        let seen = slot.since >= still_until || begun.at > still_until + STORE_TIME;
        if let Some(record) = stored
            && readable
            && seen
            // It has forgotten its token then, and joins a flight that may be for more than a living one.
            && !log.asked_to_revoke
            && begun.newest <= self.stored_grant(log.slot)
            // Without a lock another source may have been answered meanwhile: who asked in vain has not looked since.
            && !(self.source_of(log.slot).is_some() && self.scenario.store == StoreKind::CompareAndSwap)
            // After a lost lease another may refresh while this one tries in vain.
            && !self.ledger.lease_lost
            && clocks_agree
            && lives(record.token())
            && self.family_end(log.slot).is_none()
        {
            return self.violated("I5", format!("fails ({error}), though a living token is stored"));
        }
        let gone = self.ledger.ended_by_user[log.slot];
        // The life of a token is counted from before its process stood still.
        let sure = clocks_agree && !gone && !self.scenario.faults.has(Fault::Pause);
        let known = begun.newest.filter(|_| sure);
        let issue = known.and_then(|grant| Some((grant, self.server.issue(grant)?.clone())));
        if let Some((grant, issue)) = issue {
            // By the clock of its owner the life began when the request left.
            let end = issue.end(0).map(|end| end.saturating_sub(issue.longest_way));
            let lives = end.is_none_or(|end| self.now + SECOND < end);
            let newest = |family: &Family| family.issues.len() == grant.number as usize + 1;
            let valid = |family: &Family| newest(family) && family.ended.is_none();
            if lives && self.server.family(grant).is_some_and(valid) {
                self.violated("I5", format!("fails ({error}), though {grant} lives"));
            }
        }
    }

    /// I6: a login is needed only where somebody ended the grant, or it was lost in a way that nobody can prevent.
    fn check_needs_user(&mut self, slot: usize, error: &Error) {
        let ended = self.family_end(slot).is_some();
        let absent = self.depot.slots[slot].record.is_none() || self.depot.slots[slot].is_ended();
        if !ended && !absent && !self.ledger.ended_by_user[slot] {
            self.violated(
                "I6",
                format!("needs the user ({error}), though the grant is alive"),
            );
        }
    }
}
