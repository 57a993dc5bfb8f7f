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

use std::task::{Poll, Waker};

use grantflow_core::transport::REQUEST_TIMEOUT;
use grantflow_core::{Body, Request, Response, TransportError, TransportErrorKind};
use http::header;

use crate::chronicle::What;
use crate::device::PollVerdict;
use crate::proof::Proof;
use crate::scenario::Fault;
use crate::server::{Ended, Grant, Rules, Verdict, access_of, refresh_of};
use crate::world::{Due, MILLI, Micros, SECOND, State, Who};

/// Where tokens are refreshed, revoked and used.
pub(crate) const TOKEN: &str = "https://server.example.com/token";
pub(crate) const REVOKE: &str = "https://server.example.com/revoke";
pub(crate) const DEVICE: &str = "https://server.example.com/device_authorization";
pub(crate) const API: &str = "https://api.example.com/";

/// What a request wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Aim {
    Refresh,
    Revoke,
    Api,
    /// For the codes of a device.
    Device,
    /// With the code of a device.
    Poll,
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
    /// When its sender looked at the clock.
    pub(crate) asked: Micros,
    pub(crate) end: End,
    way: Way,
    verdict: Option<Verdict>,
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
    pub(crate) fn depart(&mut self, who: Who, request: &Request, asked: Micros) -> usize {
        let (aim, with) = aim_of(request);
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
        self.ledger.asks[ask].asked = asked;
        self.ledger.asks[ask].proof = Proof::of(request);
        match aim {
            Aim::Refresh => self.check_departure(ask),
            Aim::Poll => {
                let earlier = self.ledger.asks[..ask].iter().rev();
                let mut earlier =
                    earlier.filter(|ask| ask.who == who && ask.aim == Aim::Poll && ask.with == with);
                let proven_again = earlier.next().is_some_and(|ask| ask.wants_proof);
                self.check_poll(who, with.family as usize, proven_again);
            }
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
        if self.now < self.server.down_until && aim != Aim::Api {
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
            Aim::Device => {
                self.ledger.asks[ask].codes = Some(self.codes(with.family as usize));
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

    /// What the server answers where nothing goes wrong.
    fn reply_to(&self, ask: usize) -> Response {
        let ask = &self.ledger.asks[ask];
        let body = match (ask.aim, ask.verdict) {
            _ if ask.wants_proof => r#"{"error":"use_dpop_nonce"}"#.to_owned(),
            (Aim::Device, _) => ask.codes.clone().unwrap_or_default(),
            (Aim::Poll, None) => {
                let code = ask.poll.map_or("invalid_grant", PollVerdict::code);
                format!(r#"{{"error":"{code}"}}"#)
            }
            (Aim::Refresh | Aim::Poll, Some(Verdict::Granted(grant))) => self.token_reply(grant),
            (Aim::Refresh, _) => r#"{"error":"invalid_grant"}"#.to_owned(),
            _ => "{}".to_owned(),
        };
        let mut reply = reply(ask.status.max(100), "application/json", body);
        if let Some(nonce) = self.nonce() {
            let nonce = http::HeaderValue::try_from(nonce).expect("it is a letter and digits");
            reply.headers_mut().insert("dpop-nonce", nonce);
        }
        if ask.wants_proof && ask.aim == Aim::Api {
            let challenge = http::HeaderValue::from_static("DPoP error=\"use_dpop_nonce\"");
            reply.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        reply
    }

    fn token_reply(&self, grant: Grant) -> String {
        let issue = self.server.issue(grant);
        let lifetime = issue.and_then(|issue| {
            let age = self.now.saturating_sub(issue.issued).div_ceil(SECOND);
            Some(issue.lifetime?.saturating_sub(age))
        });
        let token_type = if self.scenario.bound { "DPoP" } else { "Bearer" };
        let mut body = format!(
            r#"{{"token_type":"{token_type}","access_token":"{}""#,
            grant.access_token()
        );
        if let Some(lifetime) = lifetime {
            body.push_str(&format!(r#","expires_in":{lifetime}"#));
        }
        if self.scenario.rotates || grant.number == 0 {
            body.push_str(&format!(r#","refresh_token":"{}""#, grant.refresh_token()));
        }
        body.push('}');
        body
    }

    /// The answer, once it is there.
    pub(crate) fn answer(&mut self, at: usize, waker: &Waker) -> Poll<Result<Response, TransportError>> {
        let ask = &mut self.ledger.asks[at];
        let Some(answer) = ask.answer.take() else {
            ask.waker = Some(waker.clone());
            return Poll::Pending;
        };
        ask.end = match (ask.aim, ask.way, ask.verdict) {
            (Aim::Api | Aim::Revoke | Aim::Device, ..) => End::Replied,
            (_, Way::Good, _) if ask.wants_proof => End::Transient,
            (_, Way::NoConnection | Way::Throttled { .. }, _) => End::Transient,
            (_, Way::Good, Some(Verdict::Granted(grant))) => End::Granted(grant),
            (_, Way::Good, _) => End::Refused,
            _ => End::Ambiguous,
        };
        let (who, asked, with, end) = (ask.who, ask.asked, ask.with, ask.end);
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
        let now = self.now;
        if let End::Granted(grant) = end
            && let Some(issue) = self.server.issue_mut(grant)
        {
            issue.asked = asked;
            issue.longest_way = issue.longest_way.max(now - asked);
            issue.delivered_at = now;
            issue.delivered = Some(who);
            issue.window = None;
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

/// What a request wants, and the token in it.
fn aim_of(request: &Request) -> (Aim, Option<Grant>) {
    let body = || std::str::from_utf8(request.body().as_bytes()).unwrap_or_default();
    let member = |name: &str| {
        let pairs = body().split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(n, _)| *n == name).map(|(_, value)| value).next()
    };
    match request.uri().path() {
        "/token" if body().contains("device_code=") => (
            Aim::Poll,
            member("device_code").and_then(|code| number_after(code, "d")),
        ),
        "/token" => (Aim::Refresh, member("refresh_token").and_then(refresh_of)),
        "/device_authorization" => (
            Aim::Device,
            member("scope").and_then(|scope| number_after(scope, "slot")),
        ),
        "/revoke" => (Aim::Revoke, member("token").and_then(refresh_of)),
        _ => {
            let header = request.headers().get(header::AUTHORIZATION);
            let value = header.and_then(|value| value.to_str().ok());
            let token = value.and_then(|value| {
                value
                    .strip_prefix("Bearer ")
                    .or_else(|| value.strip_prefix("DPoP "))
            });
            (Aim::Api, token.and_then(access_of))
        }
    }
}

/// What is no pair of tokens, by its number.
fn number_after(text: &str, prefix: &str) -> Option<Grant> {
    let family = text.strip_prefix(prefix)?.parse().ok()?;
    Some(Grant { family, number: 0 })
}

fn reply(status: u16, media_type: &'static str, body: String) -> Response {
    let mut reply = Response::new(Body::from(body));
    *reply.status_mut() = http::StatusCode::from_u16(status).expect("the model has three-digit codes only");
    let value = http::HeaderValue::from_static(media_type);
    reply.headers_mut().insert(header::CONTENT_TYPE, value);
    reply
}

fn throttled(status: u16, seconds: Option<u64>) -> Response {
    let mut reply = reply(status, "text/plain", "later".to_owned());
    if let Some(seconds) = seconds {
        reply.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    reply
}

fn micros(time: std::time::Duration) -> Micros {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
