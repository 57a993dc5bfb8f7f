//! Authorization details ([RFC 9396]): asked for, granted, and never more than that afterwards.
//!
//! A detail of a type that the server knows is granted as it is asked for. A code and a refresh token are good for those that were
//! granted, or for some of them.
//!
//! [RFC 9396]: https://www.rfc-editor.org/rfc/rfc9396

use serde_json::Value;

use crate::client_auth::Refusal;
use crate::message::Parameters;
use crate::site::Turn;

/// What a request asks for; nothing where the parameter is absent.
pub(crate) fn asked(turn: &Turn<'_>, parameters: &Parameters) -> Result<Option<Vec<Value>>, Refusal> {
    let refuse = |problem| Refusal::new("invalid_authorization_details", problem);
    let Some(text) = parameters.value("authorization_details") else {
        return Ok(None);
    };
    let details: Vec<Value> =
        serde_json::from_str(text).map_err(|_| refuse("authorization_details is no array in JSON"))?;
    let types = &turn.config.detail_types;
    let is_known = |detail: &Value| {
        detail["type"]
            .as_str()
            .is_some_and(|kind| types.iter().any(|known| known == kind))
    };
    if details.is_empty() || !details.iter().all(is_known) {
        return Err(refuse("a detail is of no type that is known here"));
    }
    Ok(Some(details))
}

/// What a token is for: what the request asks for of what was granted, or all of it.
pub(crate) fn narrowed(turn: &Turn<'_>, granted: &[Value]) -> Result<Vec<Value>, Refusal> {
    match asked(turn, &turn.request.form)? {
        None => Ok(granted.to_vec()),
        Some(asked) if asked.iter().all(|detail| granted.contains(detail)) => Ok(asked),
        Some(_) => Err(Refusal::new(
            "invalid_authorization_details",
            "more than was granted",
        )),
    }
}
