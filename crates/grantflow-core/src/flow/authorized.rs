//! A request with the token on it, refreshed and replayed once when the API answers 401
//! ([RFC 6750 section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
//!
//! ```text
//! access_token(Expired) ─▶ Send ─┬─ 401 ─▶ access_token(Is(refused)) ─▶ Send ─▶ Done
//!                                └─ else ────────────────────────────────────▶ Done
//! ```
//!
//! Nothing is sent before a new token is stored: the lock ends with the next one at the latest, and whoever had it then would find the
//! refresh token that is spent.

use std::sync::Arc;

use super::access::{Access, Unless, access_token};
use crate::client::shown_is;
use crate::{Cx, Error, Key, Next, Origin, Record, Request, Response, Step, TokenType, TransportError};

/// Sends `request` with the access token stored under `key`.
///
/// The token goes to the origins of the record only, and is one that whoever has it may use: [`Credentials`](crate::Credentials) prove
/// those that are bound to a key; one that is bound to a certificate goes over connections that show it, or nowhere. A 401 costs one
/// refresh and one replay; a second 401 is the caller's, and so is one that asks for another login of the user
/// ([RFC 9470](https://www.rfc-editor.org/rfc/rfc9470#section-3)).
///
/// A new token that cannot be stored is tried to be stored for about a minute; then the flow ends in the error of the store.
pub fn authorized(key: Key, request: Request) -> Step<Response> {
    stored_token(key.clone(), Unless::Expired).and_then(move |access, cx| {
        let first = send(with_token(request.clone(), &access.record, cx)?);
        Ok(first.and_then(move |reply, _| {
            let record = access.record;
            let refused = record.token().access_token.clone();
            if !record.is_refused(reply.status(), reply.headers()) {
                return Ok(Step::Done(reply));
            }
            let fresh = stored_token(key, Unless::Is(refused));
            Ok(fresh.and_then(move |access, cx| Ok(send(with_token(request, &access.record, cx)?))))
        }))
    })
}

fn stored_token(key: Key, unless: Unless) -> Step<Access> {
    access_token(key, unless).and_then(|access, _| Ok(access.store_again()))
}

fn send(request: Request) -> Step<Response> {
    Step::Send(
        request,
        Next::new(|reply: Result<Response, TransportError>, _: &mut Cx<'_>| Ok(Step::Done(reply?))),
    )
}

fn with_token(mut request: Request, record: &Record, cx: &Cx<'_>) -> Result<Request, Error> {
    allowed(record.origins(), request.uri())?;
    if record.token().token_type != TokenType::Bearer {
        return Err(Error::Unsupported(
            "prove a bound token in this flow: use a handle",
        ));
    }
    if let Some(bound_to) = record.certificate() {
        shown_is(bound_to, request.uri(), cx)?;
    }
    let (name, token) = record.header()?;
    request.headers_mut().insert(name, token);
    Ok(request)
}

/// Whether a token for `origins` may go to `uri`.
pub(crate) fn allowed(origins: &[Origin], uri: &http::Uri) -> Result<(), Error> {
    if origins.iter().any(|origin| origin.covers(uri)) {
        return Ok(());
    }
    let origin = Origin::of(uri).map_or_else(
        || "an address without an origin".to_owned(),
        |origin| origin.to_string(),
    );
    Err(Error::OriginNotAllowed(Arc::from(origin)))
}
