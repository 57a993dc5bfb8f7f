//! A new token from a source that can be asked again, under the record's lock.
//!
//! ```text
//!        ┌────── Wait(jitter) ◀──────┐
//!        ▼                           │ it may pass
//! the source's flow ─▶ ended ────────┤
//!                        │           └ it does not, or out of tries ─▶ Save(when to come back) ─▶ error
//!                        └ granted ─▶ Save(token) ─▶ Unlock ─▶ Done
//! ```
//!
//! There is no journal: no refresh token is spent, so that a lost reply costs a request and nothing else.

use std::sync::Arc;
use std::time::Duration;

use super::access::{Access, AccessTokenFlow};
use super::refresh::save;
use super::retry::{self, time_until};
use super::source::TokenSource;
use crate::error::StoreError;
use crate::step::Change;
use crate::{Cx, Error, Next, Outcome, Provenance, Record, Step, Token};

/// An acquisition under way; in a box, since each try is handed to the next.
pub(super) struct Acquire {
    flow: AccessTokenFlow,
    source: Arc<dyn TokenSource>,
    stored: Option<Record>,
    /// The time since boot at which it all began.
    began: Duration,
    tries: u32,
}

impl Acquire {
    pub(super) fn new(
        flow: AccessTokenFlow,
        source: Arc<dyn TokenSource>,
        stored: Option<Record>,
        cx: &Cx<'_>,
    ) -> Box<Self> {
        Box::new(Self {
            flow,
            source,
            stored,
            began: cx.now().boot,
            tries: 0,
        })
    }

    /// Begins the next try after a pause.
    pub(super) fn after(self: Box<Self>, pause: Duration, cx: &mut Cx<'_>) -> Result<Step<Access>, Error> {
        retry::after(pause, cx, move |cx| self.begin(cx))
    }

    pub(super) fn begin(mut self: Box<Self>, cx: &mut Cx<'_>) -> Result<Step<Access>, Error> {
        self.tries = self.tries.saturating_add(1);
        let asked_at = cx.wall();
        Ok(self.source.token().then(move |end, cx| match end {
            // The lifetime counts from when the server may have granted it, not from when the reply was read.
            Ok(token) => Ok(self.granted(token.asked_at(asked_at), cx)),
            Err(error) => self.failed(error, cx),
        }))
    }

    fn granted(self: Box<Self>, token: Token, cx: &Cx<'_>) -> Step<Access> {
        let record = match self.stored {
            // Another process may have asked before, with a key of its own.
            Some(stored) => stored.refreshed(token).bound_by(self.source.client()),
            None => {
                let provenance = Provenance::new(self.source.name(), cx.wall());
                let (key, client) = (self.source.key().clone(), self.source.client().clone());
                Record::new(key, client, token, provenance).first(cx.wall())
            }
        };
        save(record, self.flow)
    }

    /// What a failure means: another try, or the end with what others should know written down.
    fn failed(self: Box<Self>, error: Error, cx: &mut Cx<'_>) -> Result<Step<Access>, Error> {
        let asked = error.retry_at();
        if error.outcome() != Outcome::Permanent && self.tries < self.flow.policy.tries {
            let pause = self.flow.policy.pause(self.tries, cx)?;
            let pause = pause.max(time_until(asked, cx.wall()));
            let elapsed = cx.now().boot.saturating_sub(self.began);
            if elapsed.saturating_add(pause) <= self.flow.policy.begin_within {
                return self.after(pause, cx);
            }
        }
        let (Some(mut record), Some(_)) = (self.stored, asked) else {
            return Err(error);
        };
        record.refresh.retry_at = asked;
        let next = move |_: Result<(), StoreError>, _: &mut Cx<'_>| Err(error);
        Ok(Step::Save(Change::Put(Box::new(record)), Next::new(next)))
    }
}
