//! Replies that are no success: refusals ([RFC 6749 section 5.2]), redirects, and what makes no sense.
//!
//! [RFC 6749 section 5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2

use super::members::{Member, Members, as_text, text};
use super::retry_after::retry_at;
use crate::error::{BadReply, ErrorCode, ReplyProblem, ServerError};
use crate::{Cx, Error, Response};

/// Passes a success (any 2xx, quirk 18) that is not too large; anything else is the error it stands for.
///
/// The media type of an error is not looked at: proxies answer in HTML, and some servers label their JSON so.
pub(super) fn check(reply: &Response, cx: &Cx<'_>) -> Result<(), Error> {
    if reply.status().is_redirection() {
        return Err(bad(reply, ReplyProblem::Redirect, cx));
    }
    if reply.body().len() > LARGEST {
        return Err(bad(reply, ReplyProblem::TooLarge, cx));
    }
    if reply.status().is_success() {
        return Ok(());
    }
    let mut members = Members::default();
    match members.read(reply.body().as_bytes()) {
        Ok(()) => {
            refused(&members, reply, cx)?;
            Err(bad(reply, ReplyProblem::Status, cx))
        }
        Err(ReplyProblem::Repeated) => Err(bad(reply, ReplyProblem::Repeated, cx)),
        Err(_) => Err(bad(reply, ReplyProblem::Status, cx)),
    }
}

/// Passes an object without `error`; the status does not count, since some servers refuse with 200 (quirk 16).
pub(super) fn refused(members: &Members<'_>, reply: &Response, cx: &Cx<'_>) -> Result<(), Error> {
    let code = text(members.error(), "error").map_err(|problem| bad(reply, problem, cx))?;
    let Some(code) = code else { return Ok(()) };
    // Free text: one that is no text is not worth losing the code for.
    let free = |member: Member<'_>| Some(as_text(member?)?.into_owned());
    Err(ServerError::new(ErrorCode::from(&*code))
        .explained(
            free(members.other("error_description")),
            free(members.other("error_uri")),
        )
        .replied(reply.status(), retry_at(reply.headers(), cx.wall()))
        .into())
}

/// A reply that made no sense, and when to try again if it says so.
pub(super) fn bad(reply: &Response, problem: ReplyProblem, cx: &Cx<'_>) -> Error {
    BadReply::new(reply.status(), problem)
        .retry(retry_at(reply.headers(), cx.wall()))
        .into()
}

/// The same about an issuer or an address, which has no query.
pub(super) fn bad_at(reply: &Response, problem: ReplyProblem, named: &str, cx: &Cx<'_>) -> Error {
    BadReply::new(reply.status(), problem)
        .retry(retry_at(reply.headers(), cx.wall()))
        .naming(named)
        .into()
}

/// The most that is read of any reply.
const LARGEST: usize = 1 << 20;
