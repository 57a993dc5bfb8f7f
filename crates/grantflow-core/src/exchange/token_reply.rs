//! A token reply ([RFC 6749 section 5.1]), strict where it is security and lenient where that harms nobody.
//!
//! Tolerated always: `expires_in` as text or too large, no expiry, no `token_type` or one in another case, scopes as
//! an array or with commas, empty and null members, unknown members, a byte order mark, any 2xx.
//! By a named quirk only: another media type, a form instead of JSON, other names and places (`odd_reply`). Never: a repeated member.
//!
//! [RFC 6749 section 5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1

use std::mem::take;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::members::{Member, Members, as_text, as_texts, text};
use super::{expect_json, has_media_type, odd_reply, read, refusal};
use crate::error::ReplyProblem;
use crate::form;
use crate::{Cx, Error, Quirks, Response, Scopes, Secret, Token, TokenType};

/// Reads the reply of a token endpoint into a token that says nothing yet, where it stays: it is large to be handed around.
pub(crate) fn read_into(
    token: &mut Token,
    reply: &Response,
    quirks: &Quirks,
    cx: &Cx<'_>,
) -> Result<(), Error> {
    let granted = with_members(reply, quirks, cx, |members| {
        fill(token, members).map_err(|problem| refusal::bad(reply, problem, cx))
    });
    match granted {
        Err(error) if quirks.changes_refusals() => Err(odd_reply::explained(error, reply, quirks, cx)),
        granted => granted,
    }
}

/// The refresh token alone, of a reply that grants something, whatever is wrong with the rest: its label, its other members, how often
/// they are there.
pub(crate) fn successor(reply: &Response, quirks: &Quirks, cx: &Cx<'_>) -> Option<Secret> {
    /// Of these each may be there once.
    #[derive(Deserialize)]
    struct Successor<'a> {
        #[serde(borrow, default)]
        refresh_token: Member<'a>,
        #[serde(borrow, default)]
        error: Member<'a>,
    }
    if !reply.status().is_success() {
        return None;
    }
    let body = reply.body().as_bytes();
    let form = is_form(reply, quirks).then(|| form::as_json(body));
    let json = form.as_ref().map_or(body, |form| form.as_bytes());
    let standard = quirks
        .changes_replies()
        .then(|| odd_reply::as_standard(json, quirks, cx))
        .flatten();
    let json = standard.as_ref().map_or(json, |standard| standard.as_bytes());
    let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
    let Successor { refresh_token, error } = serde_json::from_slice(json).ok()?;
    let token = text(refresh_token.filter(|_| error.is_none()), "refresh_token");
    token.ok().flatten().map(Secret::new)
}

/// Reads the members of a reply that grants something, in the standard's form if it comes in another.
fn with_members(
    reply: &Response,
    quirks: &Quirks,
    cx: &Cx<'_>,
    then: impl FnOnce(&mut Members<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    refusal::check(reply, cx)?;
    let is_form = is_form(reply, quirks);
    if !is_form && !quirks.any_media_type {
        expect_json(reply, cx)?;
    }
    let form = is_form.then(|| form::as_json(reply.body().as_bytes()));
    let json = form
        .as_ref()
        .map_or(reply.body().as_bytes(), |form| form.as_bytes());
    let standard = quirks
        .changes_replies()
        .then(|| odd_reply::as_standard(json, quirks, cx))
        .flatten();
    let json = standard.as_ref().map_or(json, |standard| standard.as_bytes());
    let mut members = Members::default();
    read(&mut members, json, reply, cx)?;
    then(&mut members)
}

fn is_form(reply: &Response, quirks: &Quirks) -> bool {
    quirks.form_token_replies && FORMS.iter().any(|form| has_media_type(reply, form))
}

/// Fills in what the server granted.
fn fill(token: &mut Token, members: &mut Members<'_>) -> Result<(), ReplyProblem> {
    token.scopes = scopes(members)?;
    let lifetime = lifetime(members)?;
    token.expires_at = lifetime.map(|lifetime| token.issued_at.plus(lifetime));
    // What the protocol does not know is kept (quirk 20).
    for (name, value) in members.others() {
        token.extras.push(name, value);
    }
    let access_token = take(&mut members.access_token).get("access_token")?;
    let access_token = access_token.ok_or(ReplyProblem::Missing("access_token"))?;
    if !is_visible(&access_token) {
        return Err(ReplyProblem::Invalid("access_token"));
    }
    token.access_token = Secret::new(access_token);
    // None means the usual one (quirk 7).
    if let Some(name) = take(&mut members.token_type).get("token_type")? {
        token.token_type = TokenType::from_name(&name).unwrap_or(TokenType::Unknown);
    }
    token.refresh_token = take(&mut members.refresh_token)
        .get("refresh_token")?
        .map(Secret::new);
    token.id_token = take(&mut members.id_token).get("id_token")?.map(Secret::new);
    Ok(())
}

/// RFC 6749 appendix A.12: `access-token = 1*VSCHAR`, and VSCHAR is %x20-7E. Anything else fits in no header.
fn is_visible(token: &str) -> bool {
    // Without an early end, so that the compiler takes many bytes at once.
    let visible = |all, byte: u8| all & (byte.wrapping_sub(b' ') <= b'~' - b' ');
    token.bytes().fold(true, visible)
}

/// A number, or a text that is one (quirk 1), in seconds; clamped to what a clock can bear (quirk 2).
pub(super) fn lifetime(members: &Members<'_>) -> Result<Option<Duration>, ReplyProblem> {
    let seconds = |value| seconds(value).ok_or(ReplyProblem::Invalid("expires_in"));
    members.expires_in().map(seconds).transpose()
}

/// The same of any member; `None` for what is no number.
pub(super) fn seconds(value: &RawValue) -> Option<Duration> {
    let text = as_text(value);
    let number = text.as_deref().unwrap_or(value.get());
    if let Ok(seconds) = number.parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    // As JSON writes numbers: Rust's own reader takes words such as "infinity" too, and brings 15 KB of code.
    let seconds: f64 = serde_json::from_str(number).ok()?;
    // Below zero the token has ended already.
    let seconds = seconds.clamp(0.0, LONGEST.as_secs_f64());
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST))
}

/// A text or an array of texts (quirk 9), under either name; where none is named, `None`.
pub(super) fn scopes(members: &Members<'_>) -> Result<Option<Scopes>, ReplyProblem> {
    let scopes = match members.scope() {
        Some(value) => Some(granted(value).ok_or(ReplyProblem::Invalid("scope"))?),
        // Only a habit: a `scopes` of another type is a member like any other.
        None => members.other("scopes").and_then(granted),
    };
    Ok(scopes.filter(|scopes| !scopes.is_empty()))
}

fn granted(value: &RawValue) -> Option<Scopes> {
    if value.get().len() > LONGEST_SCOPE {
        return None;
    }
    match as_text(value) {
        Some(names) => Some(Scopes::granted([&*names])),
        None => Some(Scopes::granted(as_texts(value)?.iter().map(|name| &**name))),
    }
}

/// How providers of form replies label them.
const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "text/plain"];
/// Ten years.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Far above what any server grants, and little enough to compare each name with each other.
const LONGEST_SCOPE: usize = 16 << 10;
