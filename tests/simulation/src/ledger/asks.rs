//! Who may refresh, when, and with which token.

use crate::network::{Aim, End};
use crate::scenario::{Fault, Faults};
use crate::server::{Grant, Issue, access_of, refresh_of};
use crate::world::{Cause, Micros, SECOND, State, Who};

/// Tokens are refreshed from 80 % of their life on, and after a second at least.
const EARLIEST_PERCENT: u64 = 80;
const LEAST_LIFE_SECONDS: u64 = 1;
/// Requests of one refresh: four, and one more after a lost reply.
const MOST_TRIES: u32 = 5;
/// What rounding of times to milliseconds may cost.
const ROUNDING: Micros = 2_000;
/// How far a stored token may be in the future before it is refreshed, and how long `Retry-After` counts, in milliseconds.
const SKEW_MILLIS: i64 = 300_000;
const LONGEST_RETRY_AFTER_MILLIS: i64 = 3_600_000;

impl State {
    /// A request for a refresh leaves its process.
    pub(crate) fn check_departure(&mut self, at: usize) {
        let ask = &self.ledger.asks[at];
        let (who, with) = (ask.who, ask.with);
        let Some(slot) = self.server.family(with).map(|family| family.slot) else {
            return;
        };
        if self.ledger.lease_lost {
            // Two believe that they hold the lock; the save decides.
            return;
        }
        if !self.holds(who, slot) {
            return self.violated("I3", "refreshes without the lock".to_owned());
        }
        let mine = self.ledger.asks[..at].iter().rev();
        let earlier: Vec<(Who, End)> = mine
            .filter(|ask| ask.aim == Aim::Refresh && ask.with == with)
            .map(|ask| (ask.who, ask.end))
            .collect();
        if earlier.iter().any(|(_, end)| *end == End::Open) {
            return self.violated("I3", format!("two refreshes with {with} at once"));
        }
        if self.scenario.rotates {
            for (_, end) in &earlier {
                self.check_earlier(with, *end);
            }
        }
        self.check_tries(slot);
        self.check_stored(who, slot, with);
        let in_doubt = |(_, end): &(Who, End)| matches!(end, End::Ambiguous | End::Forgotten);
        if earlier.is_empty() {
            self.check_reason(who, slot, with);
        } else if earlier.iter().any(in_doubt) && self.scenario.rotates && !self.scenario.grace_known {
            self.check_doubt(who, slot, with);
        }
    }

    /// A server in trouble is asked so often at most.
    fn check_tries(&mut self, slot: usize) {
        let Some(holder) = &mut self.depot.slots[slot].holder else {
            return;
        };
        holder.asks += 1;
        // Who keeps the lock until a save is done may have to refresh more than once under it.
        let kept = self.scenario.faults.has_any(Faults::OF_SAVES);
        // Each may be sent once more with another nonce.
        let most = if self.scenario.nonces {
            2 * MOST_TRIES
        } else {
            MOST_TRIES
        };
        if holder.asks > most && !kept {
            let asks = holder.asks;
            self.violated("I3", format!("asks {asks} times under one lock"));
        }
    }

    /// A refresh token that may be spent is sent again only when nothing is left to lose: the access token has ended, was
    /// refused, or another one was asked for.
    fn check_doubt(&mut self, who: Who, slot: usize, with: Grant) {
        let stored = self.depot.slots[slot].record.as_ref();
        let Some(end) = stored.and_then(|record| record.token().expires_at) else {
            return;
        };
        let lives = end.unix_millis() > self.wall(who.process) + 1;
        let refused = self.ledger.refused_by_api.contains(&(who, with));
        let demanded = self
            .ledger
            .demands
            .iter()
            .any(|demand| demand.who == who && demand.slot == slot);
        let jumped = self.processes.iter().any(|process| process.jumps > 0);
        if lives && !refused && !demanded && !jumped {
            self.violated(
                "I5",
                format!("sends {with} again, which may be spent, while its access token lives"),
            );
        }
    }

    /// The same refresh token was sent before, and this came of it.
    fn check_earlier(&mut self, with: Grant, end: End) {
        match end {
            End::Granted(new) => {
                let lost = self
                    .server
                    .issue(new)
                    .is_some_and(|issue| !issue.saved && issue.window.is_some());
                if !lost {
                    self.violated("I3", format!("{with} is spent, and sent again"));
                }
            }
            End::Refused if !self.saves_may_fail() => {
                self.violated("I3", format!("{with} was refused, and is sent again"));
            }
            _ => {}
        }
    }

    /// Whether what is learned may not find its way into the record.
    fn saves_may_fail(&self) -> bool {
        let faults = self.scenario.faults;
        faults.has_any(&[
            Fault::SaveFails,
            Fault::WriteHangs,
            Fault::Crash,
            Fault::RuntimeDrop,
            Fault::Abort,
            Fault::SpawnRefused,
        ])
    }

    /// What is sent is what is stored, and nothing stored forbids it.
    fn check_stored(&mut self, who: Who, slot: usize, with: Grant) {
        let wall = self.wall(who.process);
        let Some(stored) = &self.depot.slots[slot].record else {
            return self.violated("I3", "refreshes what is deleted".to_owned());
        };
        let state = stored.refresh_state();
        if state.revoked_at.is_some() {
            return self.violated("I3", "refreshes what is revoked".to_owned());
        }
        // Granted to this process, and as far as it knows not stored: it keeps the lock, and knows better than the record.
        let unsaved = |issue: &Issue| issue.delivered == Some(who) && !issue.confirmed;
        let held = if self.scenario.rotates {
            self.server.issue(with).is_some_and(unsaved)
        } else {
            self.server
                .family(with)
                .is_some_and(|family| family.issues.iter().any(unsaved))
        };
        let token = stored.token().refresh_token.as_ref();
        let same = token.and_then(|token| refresh_of(token.expose())) == Some(with);
        let refused = state.refused.is_some();
        let waits = state
            .retry_at
            .map(|at| at.unix_millis())
            .filter(|at| *at > wall && *at - wall <= LONGEST_RETRY_AFTER_MILLIS);
        // A clock that was set back makes a time come again.
        let waits = waits.filter(|_| self.processes.iter().all(|process| process.jumps == 0));
        let journal = state.attempt_started_at.is_some();
        if !same && !held {
            self.violated(
                "I3",
                format!("{with} is sent, which is not the stored refresh token"),
            );
        } else if refused && !held {
            self.violated("I3", format!("{with} is known to be refused, and sent"));
        } else if let Some(at) = waits.filter(|_| !held) {
            self.violated(
                "I3",
                format!("sent {} ms before the server's Retry-After", at - wall),
            );
        } else if !journal && !held {
            self.violated(
                "I3",
                "sent without a word in the record that an attempt is under way".to_owned(),
            );
        }
    }

    /// The token that is to be replaced is stale, or was refused, or somebody asked for another.
    pub(crate) fn check_reason(&mut self, who: Who, slot: usize, with: Grant) {
        let stored = self.depot.slots[slot].record.as_ref();
        let Some(stored) = stored.map(|record| record.token().clone()) else {
            return;
        };
        let current = access_of(stored.access_token.expose());
        let newest = if self.scenario.rotates && self.source_of(slot).is_none() {
            Some(with)
        } else {
            current
        };
        let Some(grant) = newest else { return };
        let least = LEAST_LIFE_SECONDS * SECOND;
        let by_age = self.server.issue(grant).is_some_and(|issue| {
            let age = self.now.saturating_sub(issue.asked) + issue.older + ROUNDING;
            // What the reply said was left: whole seconds, rounded down.
            let on_its_way = issue.delivered_at.saturating_sub(issue.issued).div_ceil(SECOND);
            let told = issue.lifetime.map(|life| life.saturating_sub(on_its_way));
            told.is_some_and(|life| age >= (life * SECOND / 100 * EARLIEST_PERCENT).max(least))
        });
        let wall = self.wall(who.process);
        let issued = stored.issued_at.unix_millis();
        let by_clock = stored.expires_at.is_some_and(|end| {
            let life = (end.unix_millis() - issued).max(0) * EARLIEST_PERCENT as i64 / 100;
            wall + 2 >= issued + life.max(LEAST_LIFE_SECONDS as i64 * 1000)
        });
        let from_the_future = issued > wall + SKEW_MILLIS;
        let refused = self.ledger.refused_by_api.contains(&(who, grant));
        if by_age || by_clock || from_the_future || refused || self.use_demand(who, slot, grant) {
            return;
        }
        // The clock was set since the token was got: what it says now is not what it said then.
        let jumps: u64 = self.processes.iter().map(|process| process.jumps).sum();
        if self.ledger.jump_refreshes < jumps * self.scenario.handles as u64 {
            self.ledger.jump_refreshes += 1;
            return;
        }
        self.violated("I3", format!("token {grant} is refreshed though it is fresh"));
    }

    /// A demand that this refresh serves.
    fn use_demand(&mut self, who: Who, slot: usize, grant: Grant) -> bool {
        let fits = |demand: &&mut super::Demand| {
            !demand.done && demand.who == who && demand.slot == slot && demand.stored <= Some(grant)
        };
        match self.ledger.demands.iter_mut().find(fits) {
            Some(demand) => {
                demand.done = true;
                true
            }
            None => false,
        }
    }

    /// A spent refresh token came to the server again, and the family is dead. Was there a way to know better?
    pub(crate) fn check_replay(&mut self, at: usize, spent: Grant) {
        let next = Grant {
            number: spent.number + 1,
            ..spent
        };
        let Some(issue) = self.server.issue(next).cloned() else {
            return;
        };
        let ask = &self.ledger.asks[at];
        let why = if self.ledger.lease_lost && self.scenario.store.compares() {
            self.ledger.losses.lease += 1;
            "a lease was lost, and two refreshed at once"
        } else if ask.end != End::Open {
            // Its sender has given it up, and then tried once more, or died.
            self.ledger.losses.late += 1;
            "a request arrived after its sender had given it up"
        } else if issue.saved {
            return self.violated(
                "I3",
                format!("{spent} is spent and {next} is stored, and {spent} is sent"),
            );
        } else {
            match (issue.delivered, issue.window) {
                (None, _) => {
                    self.ledger.losses.reply_lost += 1;
                    "its reply never came"
                }
                (Some(_), Some(cause)) => {
                    match cause {
                        Cause::Crash => self.ledger.losses.crash += 1,
                        _ => self.ledger.losses.task_ended += 1,
                    }
                    cause.name()
                }
                (Some(_), None) => {
                    return self.violated(
                        "I3",
                        format!("{spent} is sent while somebody has {next} to store"),
                    );
                }
            }
        };
        self.remark(crate::chronicle::What::Unavoidable { grant: next, why });
    }
}
