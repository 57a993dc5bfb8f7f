//! What was granted and is stored nowhere yet: its store is tried again, with the lock held meanwhile.
//!
//! ```text
//! Wait ─▶ Save ─┬─ stored ────────────▶ Unlock ─▶ Done
//!  ▲            ├─ the lock is lost ──▶ Lock ─┬─ something as new is stored ─▶ Unlock ─▶ Done
//!  │            │                             └─ else ─▶ Save
//!  ├────────────┴─ fails           └─ cannot be had ─▶ Wait
//!  └─ out of tries, or of patience ─▶ the store's error
//! ```

use std::time::Duration;

use super::access::{Access, AccessTokenFlow, GoneOn, Unless, unlock};
use crate::error::{StoreError, StoreErrorKind};
use crate::step::{Cancelled, Change};
use crate::{Cx, Error, Expect, Next, Step};

/// How often a store is tried again: for a minute.
const TRIES: u32 = 10;

impl Access {
    /// Stores what could not be stored, trying for about a minute, then gives the lock back; at once done where all is stored.
    ///
    /// It belongs into the flow that ended in this, whose lock is then still held; without a lock it takes one. It ends in the error of
    /// the store that takes nothing: the refresh token in the [`record`](Self::record) is then as good as lost, since the next process
    /// finds the one that is spent. What somebody else has stored meanwhile, and is as new, is the end, too.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_core::flow::{Access, Unless, access_token};
    /// use grantflow_core::{Key, Step};
    ///
    /// fn stored(key: Key) -> Step<Access> {
    ///     access_token(key, Unless::Expired).and_then(|access, _| Ok(access.store_again()))
    /// }
    /// # let _ = stored;
    /// ```
    pub fn store_again(self) -> Step<Self> {
        if self.unsaved.is_none() {
            return Step::Done(self);
        }
        let again = Again {
            flow: AccessTokenFlow::new(self.record.key().clone(), Unless::Expired),
            access: self,
            tries: 0,
            is_last: false,
        };
        again.pause()
    }

    /// The end for those who cannot keep the lock: what is refused is an error, once its refresh token is stored.
    pub(super) fn judged(self) -> Step<Self> {
        let Some(error) = self.refused.clone() else {
            return Step::Done(self);
        };
        self.store_again().then(|end, _| match end {
            // Something as new was stored meanwhile: a login perhaps.
            Ok(access) if access.refused.is_none() => Ok(Step::Done(access)),
            _ => Err(error),
        })
    }
}

struct Again {
    flow: AccessTokenFlow,
    access: Access,
    tries: u32,
    is_last: bool,
}

impl Again {
    fn pause(mut self) -> Step<Access> {
        let pause = Duration::from_secs(1 << self.tries.min(3));
        self.tries += 1;
        let next = move |waited: Result<(), Cancelled>, _: &mut Cx<'_>| {
            // A host that cannot wait would make all tries at one moment.
            self.is_last = waited.is_err() || self.tries >= TRIES;
            Ok(self.save())
        };
        Step::Wait(pause, Next::new(next))
    }

    fn save(self) -> Step<Access> {
        let change = Change::Put(Box::new(self.access.record.clone()));
        Step::Save(change, Next::new(self))
    }

    fn lock(self, lost: StoreError) -> Step<Access> {
        let (flow, record) = (self.flow.clone(), self.access.record.clone());
        let then: GoneOn = Box::new(move |flow, _, given_up| match given_up {
            Some(error) if self.is_last => Err(error.into()),
            Some(_) => Ok(Self { flow, ..self }.pause()),
            None => Ok(Self { flow, ..self }.save()),
        });
        flow.overtaken(record, lost, then)
    }
}

impl Expect<Result<(), StoreError>, Access> for Again {
    fn resume(
        mut self: Box<Self>,
        saved: Result<(), StoreError>,
        _: &mut Cx<'_>,
    ) -> Result<Step<Access>, Error> {
        let error = match saved {
            Ok(()) => {
                self.access.unsaved = None;
                return Ok(unlock(self.access));
            }
            Err(error) => error,
        };
        match error.kind() {
            StoreErrorKind::Conflict | StoreErrorKind::NotLocked => Ok(self.lock(error)),
            _ if self.is_last => Err(error.into()),
            _ => Ok(self.pause()),
        }
    }
}
