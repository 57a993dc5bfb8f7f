//! Request objects ([RFC 9101 section 6]): authorization requests that clients sign, really verified.
//!
//! A client that is registered with keys for them has to sign every request. What is beside the object is refused, though
//! section 6.3 would let a server pass it over: a client under test has no reason to send it.
//!
//! [RFC 9101 section 6]: https://www.rfc-editor.org/rfc/rfc9101#section-6

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::authorize::Problem;
use crate::jws::Jws;
use crate::message::Parameters;
use crate::site::Turn;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    /// One text: a list is refused.
    aud: String,
    exp: u64,
    nbf: u64,
    iat: u64,
    jti: String,
    client_id: String,
    #[serde(flatten)]
    parameters: Map<String, Value>,
}

/// The parameters that the request is made of: those of its object; `None` for a client that signs no requests.
pub(crate) fn open(
    turn: &mut Turn<'_>,
    parameters: &Parameters,
    beside: &[&str],
) -> Result<Option<Parameters>, Problem> {
    let Some(client) = parameters.value("client_id").and_then(|id| turn.client(id)) else {
        return Ok(None);
    };
    if !client.signs_requests() {
        // What such a client sends is judged where requests without objects are.
        return Ok(None);
    }
    let unsigned = Problem("invalid_request", "this client has to sign its requests");
    let object = parameters.value("request").ok_or(unsigned)?;
    if parameters
        .names()
        .any(|name| name != "request" && name != "client_id" && !beside.contains(&name))
    {
        return Err(Problem(
            "invalid_request",
            "there are parameters beside the request object",
        ));
    }
    let wrong = |problem| Problem("invalid_request_object", problem);
    let jws = Jws::parse(object).ok_or(wrong("the request object is no signed token"))?;
    if jws.header.typ.as_deref() != Some("oauth-authz-req+jwt") {
        return Err(wrong("the token is of another type"));
    }
    if !client.has_signed_request(&jws) {
        return Err(wrong("the request object is not signed with a key of the client"));
    }
    let claims: Claims = serde_json::from_slice(&jws.payload)
        .map_err(|_| wrong("the request object lacks iss, one aud, exp, nbf, iat, jti or client_id"))?;
    if claims.iss != client.id() || claims.client_id != client.id() {
        return Err(wrong("the request object is another client's"));
    }
    if claims.aud != turn.issuer {
        return Err(wrong("the request object is not for this server's issuer"));
    }
    // Section 10.8: it could be taken for an assertion of the client.
    if ["sub", "request", "request_uri"]
        .iter()
        .any(|name| claims.parameters.contains_key(*name))
    {
        return Err(wrong("the request object has a claim that it must not have"));
    }
    let now = turn.state.clock.now().as_secs();
    // A second more, since a client's clock need not tick with ours.
    let of_this_time = claims.nbf <= now + 1
        && claims.iat <= now + 1
        && claims.exp > now
        && claims.exp <= claims.nbf + LONGEST;
    if !of_this_time {
        return Err(wrong("the request object must be short-lived and of this time"));
    }
    if !turn.state.seen_assertions.insert((claims.iss, claims.jti)) {
        return Err(wrong("the request object was used before"));
    }
    turn.state.stats.request_objects += 1;
    let mut opened = vec![("client_id".to_owned(), claims.client_id)];
    for (name, value) in claims.parameters {
        match value {
            Value::String(text) => opened.push((name, text)),
            Value::Array(list) if name == "resource" => {
                let texts = list.iter().filter_map(Value::as_str);
                opened.extend(texts.map(|text| (name.clone(), text.to_owned())));
            }
            other => opened.push((name, other.to_string())),
        }
    }
    Ok(Some(Parameters::from(opened)))
}

/// As long as an object may live, as FAPI has it.
const LONGEST: u64 = 3600;
