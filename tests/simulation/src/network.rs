//! The way of a request to the server and back, and all that can happen to it there.
//!
//! ```text
//! departs ─┬─▶ no connection
//!          ├─▶ lost on its way ──────────────────────────┐
//!          └─▶ arrives ▸ the server acts ─┬─▶ reply lost ─┴─▶ reset or time-out
//!                                         └─▶ reply
//! ```
//!
//! What the server does happens at its own time, whether the sender still waits, gave up, or died.

mod replies;
mod wanted;

use std::task::{Poll, Waker};

use grantflow_core::transport::REQUEST_TIMEOUT;
use grantflow_core::{Request, Response, TransportError, TransportErrorKind};
use http::header;

use crate::browser::WithCode;
use crate::chronicle::What;
use crate::device::PollVerdict;
use crate::proof::Proof;
use crate::scenario::{Fault, StoreKind};
use crate::server::{Ended, Grant, Rules, Verdict};
use crate::source::Presented;
use crate::world::{Cause, Due, MILLI, Micros, SECOND, State, Who};

use replies::{reply, throttled};
pub(crate) use wanted::{API, AUTHORIZE, Aim, BACKCHANNEL, DEVICE, INTROSPECT, ISSUER, PUSH, REVOKE, TOKEN};
use wanted::{Wanted, wanted};

/// When a sender looked at its clock, and what it read there, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Micros,
    pub(crate) wall: i64,
}

/// What became of a request, as far as its sender knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// The sender waits.
    Open,
    Granted(Grant),
    /// `invalid_grant`.
    Refused,
    /// The server said that it has done nothing, or could not be reached.
    Transient,
    /// It left, and no answer that can be read came.
    Ambiguous,
    /// The sender is gone.
    Forgotten,
    /// Any reply of the API or to a revocation.
    Replied,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) who: Who,
    pub(crate) aim: Aim,
    /// Whose family is the number of the record where codes are asked for, and that of the codes in a poll.
    pub(crate) with: Grant,
    proof: Option<Proof>,
    /// Whether another proof is wanted, and nothing was done.
    wants_proof: bool,
    poll: Option<PollVerdict>,
    codes: Option<String>,
    presented: Option<Presented>,
    with_code: Option<WithCode>,
    /// What was pushed, or what is described.
    text: Option<String>,
    /// When its sender looked at the clock.
    pub(crate) asked: Micros,
    pub(crate) end: End,
    way: Way,
    pub(crate) verdict: Option<Verdict>,
    status: u16,
    answer: Option<Result<Response, TransportError>>,
    waker: Option<Waker>,
}

/// What will happen on the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    Good,
    NoConnection,
    RequestLost,
    ReplyLost,
    TimeOut,
    Throttled { status: u16, seconds: Option<u64> },
    Broken { acts: bool },
    Portal,
}

impl State {
    /// A request leaves.
    pub(crate) fn depart(&mut self, who: Who, request: &Request, asked: Asked) -> usize {
        let Wanted {
            aim,
            with,
            presented,
            with_code,
            text,
            names_resource,
        } = wanted(request);
        let Some(with) = with else {
            self.violated("I2", "sends a token that no server has issued".to_owned());
            return self.ask(who, aim, Grant { family: 0, number: 0 }, Way::NoConnection, 0, 0);
        };
        let to = match aim {
            Aim::Refresh => "refresh",
            Aim::Revoke => "revoke",
            Aim::Api => "the API",
            Aim::Device => "for codes of a device",
            Aim::Poll => "a poll of a device",
            Aim::Source => "for a token of a source",
            Aim::Backchannel => "that the server ask the user",
            Aim::Push => "before the browser",
            Aim::Code => "with a code",
            Aim::Introspect => "about a token",
            Aim::Described => "for what is public",
        };
        let ask = self.server_asks();
        self.note(who, What::Departs { ask, to, with });
        let rtt = self.dice.between(2, 400) * MILLI;
        let (mut arrives, mut back) = (rtt / 2, rtt);
        let mut way = self.way(aim);
        match way {
            Way::NoConnection => back = self.dice.between(1, 5000) * MILLI,
            Way::RequestLost | Way::ReplyLost if self.dice.chance(500) => {
                back += self.dice.below(20) * SECOND
            }
            Way::RequestLost | Way::ReplyLost => back = micros(REQUEST_TIMEOUT),
            Way::Good if self.has(Fault::Slow) && self.dice.chance(self.scenario.mishaps) => {
                arrives = self.dice.below(45) * SECOND;
                back = arrives + self.dice.below(15) * SECOND;
            }
            _ => {}
        }
        if back > micros(REQUEST_TIMEOUT) {
            back = micros(REQUEST_TIMEOUT);
            way = Way::TimeOut;
        }
        let ask = self.ask(who, aim, with, way, arrives, back);
        let mut earlier = self.ledger.asks[..ask].iter().rev();
        let before = earlier.find(|ask| (ask.who, ask.aim, ask.with) == (who, aim, with));
        let unproven = before.filter(|ask| ask.wants_proof).map(|ask| ask.asked);
        let proven_again = unproven.is_some();
        // Its sender counts from when it first asked.
        self.ledger.asks[ask].asked = unproven.unwrap_or(asked.at);
        self.ledger.asks[ask].proof = Proof::of(request);
        self.ledger.asks[ask].presented = presented;
        self.ledger.asks[ask].text = text;
        match aim {
            Aim::Code => {
                self.check_code(with.family as usize, with_code.as_ref(), proven_again);
                self.ledger.asks[ask].with_code = with_code;
            }
            Aim::Source => self.check_presented(ask, presented.unwrap_or_default(), asked),
            Aim::Refresh => {
                self.check_resource(with, names_resource);
                self.check_departure(ask);
            }
            Aim::Poll => self.check_poll(who, with.family as usize, proven_again),
            _ => {}
        }
        ask
    }

    fn server_asks(&self) -> usize {
        self.ledger.asks.len()
    }

    fn ask(&mut self, who: Who, aim: Aim, with: Grant, way: Way, arrives: Micros, back: Micros) -> usize {
        let ask = self.ledger.asks.len();
        self.ledger.asks.push(Ask {
            who,
            aim,
            with,
            proof: None,
            wants_proof: false,
            poll: None,
            codes: None,
            presented: None,
            with_code: None,
            text: None,
            asked: self.now,
            end: End::Open,
            way,
            verdict: None,
            status: 0,
            answer: None,
            waker: None,
        });
        if !matches!(way, Way::NoConnection | Way::RequestLost | Way::Portal) {
            self.at(self.now + arrives, Due::Arrive(ask));
        }
        self.at(self.now + back, Due::Deliver(ask));
        ask
    }

    fn way(&mut self, aim: Aim) -> Way {
        if self.now < self.server.down_until && !matches!(aim, Aim::Api | Aim::Described) {
            return Way::NoConnection;
        }
        if !self.faults_on || !self.dice.chance(self.scenario.mishaps) {
            return Way::Good;
        }
        let fault = self.dice.pick(&[
            Fault::Throttle,
            Fault::ServerError,
            Fault::RequestLost,
            Fault::ReplyLost,
            Fault::Portal,
        ]);
        if !self.has(fault) {
            return Way::Good;
        }
        match fault {
            Fault::Throttle => Way::Throttled {
                status: self.dice.pick(&[429, 503]),
                seconds: self.dice.pick(&[None, Some(0), Some(2), Some(40), Some(400)]),
            },
            Fault::ServerError => Way::Broken {
                acts: self.dice.chance(500),
            },
            Fault::RequestLost => Way::RequestLost,
            Fault::ReplyLost => Way::ReplyLost,
            _ => Way::Portal,
        }
    }

    /// A request is at the server.
    pub(crate) fn arrive(&mut self, ask: usize) {
        let Ask { aim, with, way, .. } = self.ledger.asks[ask];
        let proof = self.ledger.asks[ask].proof.clone();
        if matches!(way, Way::Throttled { .. } | Way::Broken { acts: false }) {
            return;
        }
        if self.lacks_a_proof(aim, with, proof.as_ref()) {
            self.ledger.nonces += 1;
            let ask = &mut self.ledger.asks[ask];
            ask.wants_proof = true;
            ask.status = if aim == Aim::Api { 401 } else { 400 };
            return;
        }
        let status = match aim {
            Aim::Api => {
                let refuses = self.now < self.server.api_refuses_until;
                let proven = self.api_takes(with, proof.as_ref());
                if refuses || !proven || !self.server.accepts(with, self.now) {
                    401
                } else {
                    200
                }
            }
            Aim::Revoke => {
                if self.server.revoke(with) {
                    self.remark(What::FamilyEnds {
                        family: with.family,
                        why: "revoked",
                    });
                }
                200
            }
            Aim::Refresh => self.refresh_arrives(ask, with),
            Aim::Source => {
                let presented = self.ledger.asks[ask].presented.unwrap_or_default();
                self.presented_arrives(ask, with, presented)
            }
            Aim::Device => {
                self.ledger.asks[ask].codes = Some(self.codes(with.family as usize));
                200
            }
            Aim::Backchannel => {
                self.ledger.asks[ask].codes =
                    Some(self.backchannel(with.family as usize, with.number.into()));
                200
            }
            Aim::Push => {
                let body = self.ledger.asks[ask].text.take().unwrap_or_default();
                let pushed = self.pushed(&body);
                let status = if pushed.is_some() { 201 } else { 400 };
                self.ledger.asks[ask].codes = pushed;
                status
            }
            Aim::Introspect => {
                let active = self.server.accepts(with, self.now);
                self.ledger.asks[ask].codes = Some(format!(r#"{{"active":{active}}}"#));
                200
            }
            Aim::Described => {
                let text = self.ledger.asks[ask].text.take();
                let status = if text.is_some() { 200 } else { 401 };
                self.ledger.asks[ask].codes = text;
                status
            }
            Aim::Code => {
                let key = proof.map(|proof| proof.thumbprint().to_owned());
                let Some(grant) = self.code_arrives(with.family as usize, key) else {
                    self.ledger.asks[ask].status = 400;
                    return;
                };
                self.ledger.asks[ask].verdict = Some(Verdict::Granted(grant));
                self.remark(What::Commits { ask, grant });
                200
            }
            Aim::Poll => {
                let key = proof.map(|proof| proof.thumbprint().to_owned());
                let verdict = self.poll_arrives(with.family as usize, key);
                self.ledger.asks[ask].poll = Some(verdict);
                let PollVerdict::Granted(grant) = verdict else {
                    self.ledger.asks[ask].status = 400;
                    return;
                };
                self.ledger.asks[ask].verdict = Some(Verdict::Granted(grant));
                self.remark(What::Commits { ask, grant });
                200
            }
        };
        self.ledger.asks[ask].status = status;
    }

    fn refresh_arrives(&mut self, ask: usize, with: Grant) -> u16 {
        let rules = Rules {
            rotates: self.scenario.rotates,
            grace: self.scenario.grace,
            lifetime: self.dice.pick(self.scenario.lifetimes),
        };
        let verdict = self.server.refresh(with, rules, self.now);
        self.ledger.asks[ask].verdict = Some(verdict);
        match verdict {
            Verdict::Granted(grant) => {
                self.remark(What::Commits { ask, grant });
                200
            }
            Verdict::ReplayOf(grant) => {
                self.remark(What::FamilyEnds {
                    family: grant.family,
                    why: "a spent refresh token was used again",
                });
                self.check_replay(ask, grant);
                400
            }
            Verdict::InvalidGrant => 400,
        }
    }

    /// The sender learns the end, if it is still there.
    pub(crate) fn deliver(&mut self, at: usize) {
        if self.ledger.asks[at].end != End::Open {
            return;
        }
        let good = self.reply_to(at);
        let ask = &mut self.ledger.asks[at];
        let lost = |kind| Err(TransportError::new(kind));
        ask.answer = Some(match ask.way {
            Way::NoConnection => Err(TransportError::new(TransportErrorKind::Connect).before_sending()),
            Way::RequestLost | Way::ReplyLost => lost(TransportErrorKind::Other),
            Way::TimeOut => lost(TransportErrorKind::Timeout),
            Way::Throttled { status, seconds } => {
                ask.status = status;
                Ok(throttled(status, seconds))
            }
            Way::Broken { .. } => {
                ask.status = 500;
                Ok(reply(
                    500,
                    "text/html",
                    "<h1>Internal Server Error</h1>".to_owned(),
                ))
            }
            Way::Portal => {
                ask.status = 200;
                Ok(reply(
                    200,
                    "text/html",
                    "<h1>Welcome to our hotel</h1>".to_owned(),
                ))
            }
            Way::Good => Ok(good),
        });
        let ask = &mut self.ledger.asks[at];
        if let Some(waker) = ask.waker.take() {
            waker.wake();
        }
        let (who, status) = (ask.who, ask.status);
        match ask.answer {
            Some(Ok(_)) => self.note(who, What::Answers { ask: at, status }),
            _ => {
                let how = match ask.way {
                    Way::NoConnection => "no connection",
                    Way::TimeOut => "timed out",
                    _ => "no reply",
                };
                self.note(who, What::GivesUp { ask: at, how });
            }
        }
    }

    /// The answer, once it is there.
    pub(crate) fn answer(&mut self, at: usize, waker: &Waker) -> Poll<Result<Response, TransportError>> {
        let ask = &mut self.ledger.asks[at];
        let Some(answer) = ask.answer.take() else {
            ask.waker = Some(waker.clone());
            return Poll::Pending;
        };
        ask.end = match (ask.aim, ask.way, ask.verdict) {
            (
                Aim::Api
                | Aim::Revoke
                | Aim::Device
                | Aim::Backchannel
                | Aim::Push
                | Aim::Introspect
                | Aim::Described,
                ..,
            ) => End::Replied,
            (_, Way::Good, _) if ask.wants_proof => End::Transient,
            (_, Way::NoConnection | Way::Throttled { .. }, _) => End::Transient,
            (_, Way::Good, Some(Verdict::Granted(grant))) => End::Granted(grant),
            (_, Way::Good, _) => End::Refused,
            _ => End::Ambiguous,
        };
        let (who, aim, asked, with, end) = (ask.who, ask.aim, ask.asked, ask.with, ask.end);
        let heard = ask.poll.filter(|_| ask.way == Way::Good);
        let wants_proof = ask.wants_proof;
        // A reply that wants another proof still, after one more, counts as any other 401.
        let mut earlier = self.ledger.asks[..at].iter();
        let again =
            earlier.any(|ask| (ask.who, ask.aim, ask.with) == (who, Aim::Api, with) && ask.wants_proof);
        let ask = &self.ledger.asks[at];
        if ask.aim == Aim::Api && ask.status == 401 && (!wants_proof || again) {
            self.ledger.refused_by_api.push((who, with));
        }
        if let Some(verdict) = heard {
            self.heard(who, with.family as usize, verdict);
        }
        let date = answer
            .as_ref()
            .ok()
            .and_then(|reply| reply.headers().get(header::DATE)?.to_str().ok());
        if let Some(date) = date {
            self.processes[who.process].told = Some(date.into());
        }
        let now = self.now;
        // Without a lock one of two keeps what the other has stored. Nothing is spent for it.
        let of_nobody = aim == Aim::Source && self.scenario.store == StoreKind::CompareAndSwap;
        if let End::Granted(grant) = end
            && let Some(issue) = self.server.issue_mut(grant)
        {
            issue.asked = asked;
            issue.longest_way = issue.longest_way.max(now - asked);
            issue.delivered_at = now;
            issue.delivered = Some(who);
            issue.window = of_nobody.then_some(Cause::GaveUp);
            issue.lost_once |= of_nobody;
            self.granted_under_lock(who, grant);
        }
        Poll::Ready(answer)
    }

    fn granted_under_lock(&mut self, who: Who, grant: Grant) {
        let slot = self.server.family(grant).map(|family| family.slot);
        let holder = slot.and_then(|slot| self.depot.slots[slot].holder.as_mut());
        if let Some(holder) = holder.filter(|holder| holder.who == who) {
            holder.asks = 0;
        }
    }

    /// The sender goes, perhaps before the end.
    pub(crate) fn forget(&mut self, at: usize) {
        let ask = &mut self.ledger.asks[at];
        if ask.end == End::Open {
            ask.end = End::Forgotten;
            ask.answer = None;
            ask.waker = None;
        }
    }

    /// Whether the slot's family ended at the server, and how.
    pub(crate) fn family_end(&self, slot: usize) -> Option<Ended> {
        let newest = self
            .server
            .families
            .iter()
            .rev()
            .find(|family| family.slot == slot);
        newest.and_then(|family| family.ended)
    }
}

fn micros(time: std::time::Duration) -> Micros {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
