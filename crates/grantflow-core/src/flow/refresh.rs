//! A refresh under the lock ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)), written down before it is asked for.
//!
//! ```text
//!            ┌──────────── Wait(jitter) ◀──────────────┐
//!            ▼                                         │ nothing changed, or lost for the first time
//! Save(attempt begun) ─▶ Send(refresh) ─▶ ExpectToken ─┤
//!                                          │           └ out of tries ─▶ Save(what is known) ─▶ error
//!                                          ├─ refused ─▶ Save(refusal) ─▶ error
//!                                          ├─ granted ─▶ Save(token) ─▶ Unlock ─▶ Done
//!                                          └─ granted, with an ID token to check ─▶ Save(its refresh token) ─▶ check ─┬─▶ as above
//!                                                                                                                     └ refused ─▶ error;
//!                                                                      with the lock and the record, if that could not be stored ◀─┘
//! ```
//!
//! The journal, [`RefreshState::attempt_started_at`](crate::RefreshState::attempt_started_at), stands in the record from before
//! the request leaves until its outcome is known. Whoever finds it there knows that the refresh token may be spent.

use std::time::Duration;

use super::access::{Access, AccessTokenFlow, GoneOn, Unless, unlock};
use super::retry::{self, time_until};
use crate::error::{NotAuthorized, StoreError, StoreErrorKind};
use crate::record::RefreshState;
use crate::step::Change;
use crate::{
    Cx, Error, Expect, IdTokenCheck, Next, Outcome, Record, Request, Response, Secret, Step, Timestamp,
    Token, TokenRequest, TransportError,
};

/// A refresh under way; in a box, since each state is handed to the next.
pub(super) struct Refresh {
    flow: AccessTokenFlow,
    record: Record,
    /// Why the newest token, that of an earlier refresh, is stored nowhere yet.
    unsaved: Option<StoreError>,
    /// The time since boot at which it all began.
    began: Duration,
    tries: u32,
    /// Whether a request with this refresh token got no answer, in this flow or in one that ended before.
    lost: bool,
}

impl Refresh {
    pub(super) fn new(
        flow: AccessTokenFlow,
        record: Record,
        unsaved: Option<StoreError>,
        cx: &Cx<'_>,
    ) -> Box<Self> {
        Box::new(Self {
            lost: record.refresh.is_in_doubt(),
            flow,
            record,
            unsaved,
            began: cx.now().boot,
            tries: 0,
        })
    }

    /// Begins the next try after a pause.
    pub(super) fn after(self: Box<Self>, pause: Duration, cx: &mut Cx<'_>) -> Result<Step<Access>, Error> {
        retry::after(pause, cx, move |cx| self.begin(cx))
    }

    /// Writes down that the request will leave, then sends it.
    fn begin(mut self: Box<Self>, cx: &mut Cx<'_>) -> Result<Step<Access>, Error> {
        // Made before it is written down that it will leave: one that cannot be made leaves no doubt.
        let asking = self.request(cx)?;
        if self.tries > 0 && self.record.refresh.is_in_doubt() {
            return Ok(self.send(asking, cx));
        }
        // An attempt that another has noted is noted anew: where no lock keeps two from finding it, one of them gets a conflict.
        let noted_before = self.record.refresh.attempt_started_at.replace(cx.wall());
        self.record.refresh.retry_at = None;
        let journal = Change::Put(Box::new(self.record.clone()));
        let next = move |saved: Result<(), StoreError>, cx: &mut Cx<'_>| match saved {
            // With it went the newest token, if that had been stored nowhere.
            Ok(()) => {
                self.unsaved = None;
                Ok(self.send(asking, cx))
            }
            // Somebody else is about to refresh, or has, though the lock was ours: a lease that was lost.
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                self.record.refresh.attempt_started_at = noted_before;
                self.flow.look_again((self.record, self.unsaved), error)
            }
            // The store does not take even the token that is known to be good: it is not worse for one more.
            Err(_) if self.unsaved.is_some() => Ok(self.send(asking, cx)),
            // No request has left, so nothing is lost.
            Err(error) => Err(error.into()),
        };
        Ok(Step::Save(journal, Next::new(next)))
    }

    /// The refresh, as the program's client or that of the record.
    fn request(&self, cx: &mut Cx<'_>) -> Result<(TokenRequest, Request), Error> {
        let refresh_token = self.record.token().refresh_token.clone();
        let refresh_token = refresh_token.ok_or(NotAuthorized::NoRefreshToken)?;
        let client = self.flow.client_of(&self.record)?;
        let mut request = TokenRequest::refresh(&client, refresh_token);
        if !self.record.key().resource().is_empty() {
            request = request.resource(self.record.key().resource());
        }
        if client.quirks().scopes_on_refresh {
            request = request.scopes(self.record.key().scopes().clone());
        }
        let http = request.to_http(cx)?;
        Ok((request, http))
    }

    fn send(mut self: Box<Self>, (request, http): (TokenRequest, Request), cx: &Cx<'_>) -> Step<Access> {
        self.tries = self.tries.saturating_add(1);
        let state = ExpectToken {
            refresh: self,
            request,
            asked_at: cx.wall(),
            proven_again: false,
        };
        Step::Send(http, Next::new(state))
    }

    /// What a failure means: another try, or the end with what is known written down.
    fn failed(mut self: Box<Self>, error: Error, cx: &mut Cx<'_>) -> Result<Step<Access>, Error> {
        let again = match error.outcome() {
            Outcome::Permanent => false,
            Outcome::Transient => self.tries < self.flow.policy.tries,
            Outcome::Ambiguous => !self.lost && self.may_be_spent_in_vain(cx.wall()),
        };
        // A refresh token that went astray once stays in doubt, whatever the server says of a later try.
        self.lost |= error.outcome() == Outcome::Ambiguous;
        let asked = error.retry_at();
        if again {
            let pause = self.flow.policy.pause(self.tries, cx)?;
            let pause = pause.max(time_until(asked, cx.wall()));
            let elapsed = cx.now().boot.saturating_sub(self.began);
            if elapsed.saturating_add(pause) <= self.flow.policy.begin_within {
                return match asked {
                    Some(_) => {
                        let then: Noted = Box::new(move |refresh, noted, cx| match noted {
                            // Somebody else has stored something, a newer refresh token perhaps: a lease that was lost.
                            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                                let Self {
                                    record,
                                    unsaved,
                                    flow,
                                    ..
                                } = *refresh;
                                retry::after(pause, cx, move |_| flow.look_again((record, unsaved), error))
                            }
                            _ => refresh.after(pause, cx),
                        });
                        self.note(asked, then)
                    }
                    None => self.after(pause, cx),
                };
            }
        }
        self.lost &= !error.needs_user();
        self.record.fails(&error);
        self.note(asked, Box::new(move |refresh, _, _| refresh.ended(error)))
    }

    /// The end without a token. What is stored nowhere goes along, and with it what is in doubt since: for who goes on storing it.
    fn ended(self: Box<Self>, error: Error) -> Result<Step<Access>, Error> {
        if self.unsaved.is_none() {
            return Err(error);
        }
        Ok(Step::Done(Access {
            record: self.record,
            refreshed: false,
            unsaved: self.unsaved,
            not_before: None,
            refused: Some(error),
        }))
    }

    /// Whether nothing is lost by asking with a refresh token that may be spent: the provider tolerates it, or there is no
    /// access token of use that the server could take away.
    fn may_be_spent_in_vain(&self, now: Timestamp) -> bool {
        let is_refused = matches!(self.flow.unless, Unless::Is(_));
        is_refused || self.record.token().is_over(now) || self.record.tolerates_reuse()
    }

    /// Writes down what is known now, for other processes and later runs, then goes on. What cannot be written down costs
    /// others a request more or some patience less, and nothing else.
    fn note(mut self: Box<Self>, retry_at: Option<Timestamp>, then: Noted) -> Result<Step<Access>, Error> {
        if self.lost && retry_at.is_none() && self.record.refresh.retry_at.is_none() {
            // The journal says all of it already.
            return Ok(Step::begin(move |cx| then(self, Ok(()), cx)));
        }
        self.record.refresh.retry_at = retry_at;
        if !self.lost {
            self.record.refresh.attempt_started_at = None;
        }
        let change = Change::Put(Box::new(self.record.clone()));
        let next = move |saved: Result<(), StoreError>, cx: &mut Cx<'_>| {
            if saved.is_ok() {
                self.unsaved = None;
            }
            then(self, saved, cx)
        };
        Ok(Step::Save(change, Next::new(next)))
    }
}

struct ExpectToken {
    refresh: Box<Refresh>,
    request: TokenRequest,
    asked_at: Timestamp,
    /// Whether the server has asked for another proof.
    proven_again: bool,
}

impl Expect<Result<Response, TransportError>, Access> for ExpectToken {
    fn resume(
        mut self: Box<Self>,
        reply: Result<Response, TransportError>,
        cx: &mut Cx<'_>,
    ) -> Result<Step<Access>, Error> {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return self.refresh.failed(error.into(), cx),
        };
        let granted = self.request.read(&reply, cx);
        // Nothing was done: the refresh token is as good as before. Later than any try may begin, those who wait for the lock would give
        // up before the second reply; what the server wants is known then to the next refresh.
        let elapsed = cx.now().boot.saturating_sub(self.refresh.began);
        let in_time = elapsed <= self.refresh.flow.policy.begin_within;
        if self.request.is_worth_another_proof(&reply, &granted) && !self.proven_again && in_time {
            return match self.request.to_http(cx) {
                Ok(http) => {
                    self.proven_again = true;
                    Ok(Step::Send(http, Next::new(*self)))
                }
                Err(error) => self.refresh.failed(error, cx),
            };
        }
        let (successor, token) = match granted {
            Ok(token) => {
                let checked = self.request.check_type(&token, &reply, cx);
                (token.refresh_token.clone(), checked.map(|()| token))
            }
            Err(error) => match self.request.successor(&reply, cx) {
                Some(successor) => (Some(successor), Err(error)),
                None => return self.refresh.failed(error, cx),
            },
        };
        // A record from before there was a key is bound from here on, and another run needs the key.
        let record = self.refresh.record.clone();
        self.refresh.record = record.bound_by(self.request.client());
        let mut token = match token {
            // The lifetime counts from when the server may have granted it, not from when the reply was read.
            Ok(token) => token.asked_at(self.asked_at),
            // The one before is spent, though the server does not do what it was asked for.
            Err(error) => {
                let refuse: Judged = Box::new(|refresh| refresh.refuse(error));
                return Ok(self.refresh.keep(successor, refuse));
            }
        };
        match (self.refresh.flow.id_token_check(), &token.id_token) {
            (Some(check), Some(_)) => {
                let check: Judged = Box::new(move |refresh| Ok(refresh.check(token, &*check)));
                return Ok(self.refresh.keep(successor, check));
            }
            // The one before says whose grant it is: the next that comes has to be about the same user.
            (Some(_), None) => token.id_token.clone_from(&self.refresh.record.token().id_token),
            (None, _) => {}
        }
        Ok(save(self.refresh.record.refreshed(token), self.refresh.flow))
    }
}

/// What is between the reply and the store.
impl Refresh {
    /// Stores the refresh token first where the rest of the reply is yet to be judged, before the access token is stored, and so handed
    /// out by anybody: the one before it is spent, whatever becomes of the rest.
    fn keep(mut self: Box<Self>, successor: Option<Secret>, judge: Judged) -> Step<Access> {
        let Some(successor) = successor else {
            return Step::begin(move |_| judge(self));
        };
        let mut kept = self.record.token().clone();
        kept.refresh_token = Some(successor);
        self.record = self.record.refreshed(kept);
        self.put(judge)
    }

    fn put(mut self: Box<Self>, judge: Judged) -> Step<Access> {
        let change = Change::Put(Box::new(self.record.clone()));
        let next = move |saved: Result<(), StoreError>, _: &mut Cx<'_>| match saved {
            // Somebody else has stored something, a login perhaps.
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                let again: Judged = Box::new(move |refresh| match refresh.unsaved {
                    Some(_) => judge(refresh),
                    None => Ok(refresh.put(judge)),
                });
                Ok(self.overtaken(error, again))
            }
            saved => {
                self.unsaved = saved.err();
                judge(self)
            }
        };
        Step::Save(change, Next::new(next))
    }

    /// Goes on under the lock anew, unless what was stored meanwhile is as new as the refresh token that is kept here; without the
    /// lock, and with the conflict, after too many tries.
    fn overtaken(mut self: Box<Self>, conflict: StoreError, then: Judged) -> Step<Access> {
        let (flow, record) = (self.flow.clone(), self.record.clone());
        let then: GoneOn = Box::new(move |flow, _, unsaved| {
            (self.flow, self.unsaved) = (flow, unsaved);
            then(self)
        });
        flow.overtaken(record, conflict, then)
    }

    fn check(self: Box<Self>, token: Token, check: &dyn IdTokenCheck) -> Step<Access> {
        let checked = check.check_refreshed(token, &self.record);
        checked.then(move |end, _| match end {
            Ok(token) => Ok(save(self.record.refreshed(token), self.flow)),
            Err(error) => self.refuse(error),
        })
    }

    /// The end without a token, though one was granted: nothing is in doubt, the grant is not over, and asking again at once would
    /// only spend another refresh token.
    fn refuse(mut self: Box<Self>, error: Error) -> Result<Step<Access>, Error> {
        if self.unsaved.is_some() {
            return self.ended(error);
        }
        if self.record.refresh.attempt_started_at.is_none() {
            return Err(error);
        }
        self.record.refresh = RefreshState::default();
        let change = Change::Put(Box::new(self.record));
        let next = move |_: Result<(), StoreError>, _: &mut Cx<'_>| Err(error);
        Ok(Step::Save(change, Next::new(next)))
    }
}

/// How a refresh goes on when what came of it is noted, and how the note went; when its refresh token is stored. One type for all, since
/// what is done before is compiled for each.
type Noted =
    Box<dyn FnOnce(Box<Refresh>, Result<(), StoreError>, &mut Cx<'_>) -> Result<Step<Access>, Error> + Send>;
type Judged = Box<dyn FnOnce(Box<Refresh>) -> Result<Step<Access>, Error> + Send>;

/// Stores what was granted, then gives the lock back.
pub(super) fn save(granted: Record, flow: AccessTokenFlow) -> Step<Access> {
    let change = Change::Put(Box::new(granted.clone()));
    Step::Save(change, Next::new(ExpectSaved { granted, flow }))
}

struct ExpectSaved {
    granted: Record,
    flow: AccessTokenFlow,
}

impl Expect<Result<(), StoreError>, Access> for ExpectSaved {
    fn resume(self: Box<Self>, saved: Result<(), StoreError>, _: &mut Cx<'_>) -> Result<Step<Access>, Error> {
        match saved {
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                Ok(self.flow.save_again(self.granted, error))
            }
            saved => Ok(unlock(Access {
                record: self.granted,
                refreshed: true,
                unsaved: saved.err(),
                not_before: None,
                refused: None,
            })),
        }
    }
}
