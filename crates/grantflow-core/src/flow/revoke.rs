//! Credentials come to their end ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).
//!
//! ```text
//! Lock ─▶ Save(tombstone) ─▶ Send(revoke) ─┬─ done ───▶ Save(delete) ─▶ Unlock ─▶ Done
//!                                          └─ failed ─▶ error; the tombstone stays, and revoking again finishes
//! ```
//!
//! The record is made unusable first, durably: whatever happens then, nobody hands the token out any more.

use super::access::LOCK_PATIENCE;
use crate::error::StoreError;
use crate::exchange::{RevocationRequest, TokenTypeHint};
use crate::step::Change;
use crate::{Cx, Error, Key, Next, NotAuthorized, Record, Response, Step, TransportError};

/// Revokes what is stored under `key` at the server and deletes it. The refresh token is revoked where there is one, else the
/// access token.
///
/// A server without a revocation endpoint is an error before anything changes.
pub fn revoke(key: Key) -> Step<()> {
    Step::Lock(key, LOCK_PATIENCE, Next::new(expect_record))
}

fn expect_record(stored: Result<Option<Record>, StoreError>, cx: &mut Cx<'_>) -> Result<Step<()>, Error> {
    let record = stored?.ok_or(NotAuthorized::NothingStored)?;
    let token = record.token();
    let (token, hint) = match &token.refresh_token {
        Some(refresh_token) => (refresh_token, TokenTypeHint::RefreshToken),
        None => (&token.access_token, TokenTypeHint::AccessToken),
    };
    let request = RevocationRequest::new(record.client(), token, hint);
    let http = request.to_http(cx)?;
    let tombstone = if record.refresh.revoked_at.is_some() {
        record
    } else {
        record.tombstone(cx.wall())
    };
    let ask = move |saved: Result<(), StoreError>, _: &mut Cx<'_>| {
        saved?;
        Ok(Step::Send(
            http,
            Next::new(move |reply: Result<Response, TransportError>, cx: &mut Cx<'_>| {
                request.parse(&reply?, cx)?;
                Ok(Step::Save(Change::Delete, Next::new(expect_deleted)))
            }),
        ))
    };
    Ok(Step::Save(Change::Put(Box::new(tombstone)), Next::new(ask)))
}

fn expect_deleted(deleted: Result<(), StoreError>, _: &mut Cx<'_>) -> Result<Step<()>, Error> {
    deleted?;
    Ok(Step::Unlock(Next::new(|(), _: &mut Cx<'_>| Ok(Step::Done(())))))
}
