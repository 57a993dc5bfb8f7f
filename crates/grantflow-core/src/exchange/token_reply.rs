//! A token reply ([RFC 6749 section 5.1]), strict where it is security and lenient where that harms nobody.
//!
//! Tolerated always: `expires_in` as text or too large, no expiry, no `token_type` or one in another case, scopes as
//! an array or with commas, empty and null members, unknown members, a byte order mark, any 2xx.
//! By a named quirk only: another media type, a form instead of JSON. Never: a repeated member.
//!
//! [RFC 6749 section 5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1

use std::time::Duration;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::members::{self, Members};
use super::{has_media_type, object, refusal};
use crate::error::ReplyProblem;
use crate::{Cx, Error, Extras, Quirks, Response, Scopes, Secret, Timestamp, Token, TokenType};

/// Reads the reply of a token endpoint.
pub(crate) fn parse(reply: &Response, quirks: &Quirks, cx: &Cx<'_>) -> Result<Token, Error> {
    if quirks.form_token_replies && FORMS.iter().any(|form| has_media_type(reply, form)) {
        refusal::check(reply, cx)?;
        let json = form_as_json(reply.body().as_bytes());
        return token(&super::members(json.as_bytes(), reply, cx)?, reply, cx);
    }
    if quirks.any_media_type {
        refusal::check(reply, cx)?;
        return token(&super::members(reply.body().as_bytes(), reply, cx)?, reply, cx);
    }
    token(&object(reply, cx)?, reply, cx)
}

fn token(members: &Members<'_>, reply: &Response, cx: &Cx<'_>) -> Result<Token, Error> {
    read(members, cx.wall()).map_err(|problem| refusal::bad(reply, problem, cx))
}

fn read(members: &Members<'_>, now: Timestamp) -> Result<Token, ReplyProblem> {
    let access_token = members
        .text("access_token")?
        .ok_or(ReplyProblem::Missing("access_token"))?;
    // RFC 6749 appendix A.12: access-token = 1*VSCHAR. Anything else fits in no header.
    if !access_token.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(ReplyProblem::Invalid("access_token"));
    }
    let mut token = Token::bearer(access_token.into_owned(), now);
    if let Some(name) = members.text("token_type")? {
        token.token_type = TokenType::from_name(&name).ok_or(ReplyProblem::TokenType)?;
    }
    token.refresh_token = secret(members, "refresh_token")?;
    token.id_token = secret(members, "id_token")?;
    token.scopes = scopes(members)?;
    if let Some(value) = members.get("expires_in") {
        let lifetime = lifetime(value).ok_or(ReplyProblem::Invalid("expires_in"))?;
        token.expires_at = Some(now.plus(lifetime));
    }
    token.extras = extras(members);
    Ok(token)
}

fn secret(members: &Members<'_>, name: &'static str) -> Result<Option<Secret>, ReplyProblem> {
    let text = members.text(name)?;
    Ok(text.map(|text| Secret::new(text.into_owned())))
}

/// A number, or a text that is one (quirk 1), in seconds; clamped to what a clock can bear (quirk 2).
fn lifetime(value: &RawValue) -> Option<Duration> {
    let text = members::text(value);
    let number = text.as_deref().unwrap_or(value.get()).trim();
    if let Ok(seconds) = number.parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    // `f64` reads words such as "infinity" too.
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
    let seconds: f64 = number.parse().ok().filter(|_| number.bytes().all(plain))?;
    if !seconds.is_finite() {
        return None;
    }
    // Below zero the token has ended already. The clamp makes the conversion exact enough: it is at most ten years.
    Some(Duration::try_from_secs_f64(seconds.clamp(0.0, LONGEST.as_secs_f64())).unwrap_or(LONGEST))
}

/// A text or an array of texts (quirk 9), under either name; none named is `None`.
fn scopes(members: &Members<'_>) -> Result<Option<Scopes>, ReplyProblem> {
    let invalid = ReplyProblem::Invalid("scope");
    let Some(value) = members.get("scope") else {
        // Only a habit: a `scopes` of another type is a member like any other.
        return Ok(members
            .get("scopes")
            .and_then(granted)
            .filter(|scopes| !scopes.is_empty()));
    };
    let scopes = granted(value).ok_or(invalid)?;
    Ok((!scopes.is_empty()).then_some(scopes))
}

fn granted(value: &RawValue) -> Option<Scopes> {
    if value.get().len() > LONGEST_SCOPE {
        return None;
    }
    match members::text(value) {
        Some(names) => Some(Scopes::granted([&*names])),
        None => Some(Scopes::granted(members::texts(value)?.iter().map(|name| &**name))),
    }
}

/// What the protocol does not know is kept (quirk 20).
fn extras(members: &Members<'_>) -> Extras {
    let mut extras = Extras::default();
    for (name, value) in members.iter() {
        if !KNOWN.contains(&name) {
            extras.push(name, value);
        }
    }
    extras
}

/// The pairs of a form as a JSON object of texts, repeated ones included, so that there is one reader (quirk 13).
fn form_as_json(body: &[u8]) -> Zeroizing<String> {
    let mut json = Zeroizing::new(String::with_capacity(2 * body.len() + 2));
    json.push('{');
    for (name, value) in form_urlencoded::parse(body) {
        if json.len() > 1 {
            json.push(',');
        }
        // A text always serializes.
        json.push_str(&serde_json::to_string(&name).unwrap_or_default());
        json.push(':');
        json.push_str(&Zeroizing::new(serde_json::to_string(&value).unwrap_or_default()));
    }
    json.push('}');
    json
}

const KNOWN: [&str; 6] = [
    "access_token",
    "token_type",
    "expires_in",
    "refresh_token",
    "scope",
    "id_token",
];
/// How providers of form replies label them.
const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "text/plain"];
/// Ten years.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Far above what any server grants, and little enough to compare each name with each other.
const LONGEST_SCOPE: usize = 16 << 10;
