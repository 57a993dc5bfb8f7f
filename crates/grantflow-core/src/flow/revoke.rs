//! Credentials come to their end ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).
//!
//! ```text
//! Lock ─▶ Save(tombstone) ─▶ Send(revoke) ─┬─ done ───▶ Save(delete) ─▶ Unlock ─▶ Done
//!  ▲            │ overtaken                └─ failed ─▶ error; the tombstone stays, and revoking again finishes
//!  └────────────┘ at most 16 times
//! ```
//!
//! The record is made unusable first, durably: whatever happens then, nobody hands the token out any more.
//! Where another write comes between the lock and a save, as happens where the lock was lost or is none, what stands there now is
//! looked at: a token that was refreshed meanwhile is the one to revoke, and a login that came after the revocation stays.

use super::access::LOCK_PATIENCE;
use super::keep::OVERTAKEN;
use crate::error::{StoreError, StoreErrorKind};
use crate::exchange::{RevocationRequest, TokenTypeHint};
use crate::step::Change;
use crate::{Client, Cx, Error, Expect, Key, Next, NotAuthorized, Record, Response, Step, TransportError};

/// Revokes what is stored under `key` at the server and deletes it. The refresh token is revoked where there is one, else the
/// access token.
///
/// A server without a revocation endpoint is an error before anything changes.
pub fn revoke(key: Key) -> Step<()> {
    revoke_as(key, None)
}

/// The same as this client of the program's, as [`AccessTokenFlow::as_client`](super::AccessTokenFlow::as_client) has it.
pub fn revoke_as(key: Key, client: Option<Client>) -> Step<()> {
    let revocation = Revocation {
        key,
        client,
        tries_left: OVERTAKEN,
    };
    revocation.lock(Ending::Begin)
}

/// What is to be revoked, whoever writes meanwhile.
struct Revocation {
    key: Key,
    client: Option<Client>,
    tries_left: u32,
}

/// What is left to do once the record is locked.
enum Ending {
    Begin,
    /// The server knows; the tombstone of this generation is to be deleted.
    Delete(u64),
}

struct ExpectRecord {
    revocation: Revocation,
    ending: Ending,
}

impl Revocation {
    fn lock(self, ending: Ending) -> Step<()> {
        let state = ExpectRecord {
            ending,
            revocation: self,
        };
        let key = state.revocation.key.clone();
        Step::Lock(key, LOCK_PATIENCE, Next::new(state))
    }

    /// Locks and looks again if another write came first, a few times.
    fn look_again(mut self, error: StoreError, ending: Ending) -> Result<Step<()>, Error> {
        if error.kind() != StoreErrorKind::Conflict || self.tries_left == 0 {
            return Err(error.into());
        }
        self.tries_left -= 1;
        Ok(self.lock(ending))
    }

    fn begin(self, stored: Option<Record>, cx: &mut Cx<'_>) -> Result<Step<()>, Error> {
        let record = stored.ok_or(NotAuthorized::NothingStored)?;
        let token = record.token();
        let (token, hint) = match &token.refresh_token {
            Some(refresh_token) => (refresh_token, TokenTypeHint::RefreshToken),
            None => (&token.access_token, TokenTypeHint::AccessToken),
        };
        let client = match &self.client {
            Some(ours) => ours.on_behalf_of(record.client())?,
            None => record.client().clone(),
        };
        let request = RevocationRequest::new(&client, token, hint);
        let http = request.to_http(cx)?;
        let tombstone = if record.refresh.revoked_at.is_some() {
            record
        } else {
            record.tombstone(cx.wall())
        };
        let generation = tombstone.generation();
        let ask = move |saved: Result<(), StoreError>, _: &mut Cx<'_>| {
            if let Err(error) = saved {
                return self.look_again(error, Ending::Begin);
            }
            Ok(Step::Send(
                http,
                Next::new(move |reply: Result<Response, TransportError>, cx: &mut Cx<'_>| {
                    request.parse(&reply?, cx)?;
                    Ok(self.delete(generation))
                }),
            ))
        };
        Ok(Step::Save(Change::Put(Box::new(tombstone)), Next::new(ask)))
    }

    fn delete(self, generation: u64) -> Step<()> {
        let next = move |deleted: Result<(), StoreError>, _: &mut Cx<'_>| match deleted {
            Ok(()) => Ok(end()),
            Err(error) => self.look_again(error, Ending::Delete(generation)),
        };
        Step::Save(Change::Delete, Next::new(next))
    }
}

impl Expect<Result<Option<Record>, StoreError>, ()> for ExpectRecord {
    fn resume(
        self: Box<Self>,
        stored: Result<Option<Record>, StoreError>,
        cx: &mut Cx<'_>,
    ) -> Result<Step<()>, Error> {
        let stored = stored?;
        match self.ending {
            Ending::Begin => self.revocation.begin(stored, cx),
            Ending::Delete(generation) => {
                let ours = |record: &Record| {
                    record.refresh.revoked_at.is_some() && record.generation() == generation
                };
                // What is not our tombstone came after it, and was not asked to be revoked.
                Ok(match stored {
                    Some(record) if ours(&record) => self.revocation.delete(generation),
                    _ => end(),
                })
            }
        }
    }
}

fn end() -> Step<()> {
    Step::Unlock(Next::new(|(), _: &mut Cx<'_>| Ok(Step::Done(()))))
}
