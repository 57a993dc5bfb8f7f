//! Token replies in a provider's own form, put into that of [RFC 6749 section 5] before the one reader sees them.
//!
//! ```text
//! success ─▶ as_standard ─▶ reader          refusal, or what made no sense ─▶ explained ─▶ error
//! ```
//!
//! Only where a quirk says so: a reply of a server that keeps to the standard never comes here.
//!
//! [RFC 6749 section 5]: https://www.rfc-editor.org/rfc/rfc6749#section-5

use std::borrow::Cow;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::members::{Member, Members, as_text};
use super::retry_after::retry_at;
use crate::client::LifetimeUnit;
use crate::error::{ErrorCode, ServerError};
use crate::{Cx, Error, Quirks, Response, Timestamp, TokenType};

/// The reply as the standard has it; `None` for what is no object, or repeats a member: the reader says what is wrong with it.
pub(super) fn as_standard(body: &[u8], quirks: &Quirks, cx: &Cx<'_>) -> Option<Zeroizing<String>> {
    let outer = members(body)?;
    let inner = quirks.reply_object.as_deref().and_then(|name| outer.any(name));
    let inner = inner.and_then(|value| members(value.get().as_bytes()));
    let mut standard = Object::with_room_for(body.len());
    // What stands beside the object is an extra, unless it is of another token.
    let container = quirks.reply_object.as_deref().filter(|_| inner.is_some());
    let others = outer.all().filter(|(name, _)| match (container, &inner) {
        (Some(container), Some(inner)) => {
            *name != container && !OF_A_TOKEN.contains(name) && !inner.has(name)
        }
        _ => true,
    });
    let own = inner.iter().flat_map(Members::all);
    let renamed = |standard: &str| quirks.reply_members.get(standard).map(String::as_str);
    let mut expires_in = None;
    for (name, value) in own.chain(others) {
        let known = quirks.reply_members.iter().find(|(_, theirs)| *theirs == name);
        match known.map_or(name, |(standard, _)| standard) {
            // The standard's own name, where the provider means something else by it.
            name_of_standard if known.is_none() && renamed(name_of_standard).is_some() => {}
            "expires_in" => expires_in = expires_in.or_else(|| lifetime(value, quirks)),
            "expires_at" if known.is_some() => {
                expires_in = expires_in.or_else(|| until(value, cx.wall()));
            }
            "token_type" if quirks.any_token_type_is_bearer && !is_known_type(value) => {}
            name => standard.push(name, value.get()),
        }
    }
    let usual = || quirks.lifetime_seconds.map(|seconds| seconds.to_string().into());
    if let Some(seconds) = expires_in.or_else(usual).filter(|seconds| !seconds.is_empty()) {
        standard.push("expires_in", &seconds);
    }
    Some(standard.finish())
}

/// The refusal that a provider has put in its own words; any other error as it is.
pub(super) fn explained(error: Error, reply: &Response, quirks: &Quirks, cx: &Cx<'_>) -> Error {
    let refusal = match &error {
        Error::Server(refusal) => Some(refusal),
        Error::BadReply(_) => None,
        _ => return error,
    };
    let body = members(reply.body().as_bytes());
    let place = quirks.error_code.as_deref().zip(body.as_ref());
    let theirs = place.and_then(|(path, body)| code_at(path, body));
    let theirs = theirs.or_else(|| Some((refusal?.code().as_str().to_owned(), None)));
    let Some((theirs, description)) = theirs else {
        return error;
    };
    let code = match quirks.error_codes.get(&theirs) {
        Some(standard) => standard,
        None if is_code(&theirs) => &theirs,
        // A sentence, which is no code: what the standard makes of the reply says more.
        None => return error,
    };
    let description = refusal
        .and_then(|refusal| refusal.description().map(str::to_owned))
        .or(description);
    let uri = refusal.and_then(|refusal| refusal.uri().map(str::to_owned));
    ServerError::new(ErrorCode::from(code.as_str()))
        .explained(description, uri)
        .replied(reply.status(), retry_at(reply.headers(), cx.wall()))
        .into()
}

/// The code at a path such as `errors.0.errorType`, and what is said beside it for people.
fn code_at(path: &str, body: &Members<'_>) -> Option<(String, Option<String>)> {
    let (parent, last) = match path.rsplit_once('.') {
        Some((parent, last)) => (Some(members(at(parent, body)?.get().as_bytes())?), last),
        None => (None, path),
    };
    let parent = parent.as_ref().unwrap_or(body);
    let value = parent.any(last)?;
    let code = match as_text(value) {
        Some(text) => text.into_owned(),
        // WeChat's `errcode`, which may say that there is none.
        None => Some(value.get())
            .filter(|number| *number != "0" && number.parse::<i64>().is_ok())?
            .to_owned(),
    };
    let mut said = EXPLANATIONS.iter().filter_map(|name| as_text(parent.any(name)?));
    let description = said.next().map(Cow::into_owned).filter(|text| *text != code);
    (!code.is_empty()).then_some((code, description))
}

/// The value at a path.
fn at<'a>(path: &str, body: &Members<'a>) -> Member<'a> {
    let mut steps = path.split('.');
    let mut value = body.any(steps.next()?)?;
    for step in steps {
        value = match step.parse::<usize>() {
            Ok(place) => {
                let list: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
                list.get(place).copied()?
            }
            Err(_) => members(value.get().as_bytes())?.any(step)?,
        };
    }
    Some(value)
}

/// The members of an object, none of them twice, also in what lies within.
fn members(json: &[u8]) -> Option<Members<'_>> {
    Members::nested(json).ok()
}

/// A number in seconds from one in the provider's unit; empty for one that means no end, as it came for one that is none.
fn lifetime<'a>(value: &'a RawValue, quirks: &Quirks) -> Option<Cow<'a, str>> {
    if value.get() == "null" {
        return None;
    }
    let text = as_text(value);
    let Some(number) = text
        .as_deref()
        .unwrap_or(value.get())
        .parse::<f64>()
        .ok()
        .filter(|n| n.is_finite())
    else {
        return Some(value.get().into());
    };
    if number == 0.0 && quirks.zero_lifetime_is_endless {
        return Some(Cow::Borrowed(""));
    }
    Some(match quirks.lifetime_unit {
        LifetimeUnit::Seconds => value.get().into(),
        LifetimeUnit::Milliseconds => (number / 1000.0).to_string().into(),
        // Far above what the reader clamps to, and finite.
        LifetimeUnit::Minutes => (number.min(1e12) * 60.0).to_string().into(),
    })
}

/// The seconds until a time, which is a text of RFC 3339 or counts seconds since 1970; as it came for what is neither.
fn until(value: &RawValue, now: Timestamp) -> Option<Cow<'static, str>> {
    if value.get() == "null" {
        return None;
    }
    let text = as_text(value);
    let text = text.as_deref().unwrap_or(value.get());
    let time = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<i64>().ok().map(Timestamp::from_unix_seconds));
    Some(match time {
        Some(time) => time.since(now).as_secs().to_string().into(),
        // No number, so that the reader refuses it by name.
        None => Cow::Borrowed("true"),
    })
}

fn is_known_type(value: &RawValue) -> bool {
    as_text(value).is_some_and(|name| TokenType::from_name(&name).is_some())
}

/// Whether it is what RFC 6749 section 5.2 has for a code, and no sentence.
fn is_code(text: &str) -> bool {
    text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

/// A JSON object under construction, whose text is cleared on drop.
struct Object(Zeroizing<String>);

impl Object {
    /// With room for a reply of so many bytes under longer names, so that it does not grow and leave a copy behind.
    fn with_room_for(length: usize) -> Self {
        Self(Zeroizing::new(String::with_capacity(length + 512)))
    }

    fn push(&mut self, name: &str, value: &str) {
        let is_first = self.0.is_empty();
        self.0.push(if is_first { '{' } else { ',' });
        // A text always serializes.
        self.0.push_str(&serde_json::to_string(name).unwrap_or_default());
        self.0.push(':');
        self.0.push_str(value);
    }

    fn finish(mut self) -> Zeroizing<String> {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

/// What stands beside a token that is looked for elsewhere, and belongs to another: Slack's bot.
const OF_A_TOKEN: [&str; 6] = [
    "access_token",
    "refresh_token",
    "expires_in",
    "token_type",
    "scope",
    "id_token",
];

/// Where providers explain refusals to people.
const EXPLANATIONS: [&str; 4] = ["error_description", "message", "errmsg", "error_msg"];
