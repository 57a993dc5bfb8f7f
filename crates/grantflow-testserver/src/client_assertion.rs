//! Clients that prove themselves by a signed assertion ([RFC 7523 section 2.2], [OpenID Connect Core section 9]).
//!
//! It is really verified: the key of the client or its secret, `iss` and `sub` the client, this server's issuer as the one
//! audience (an address that a client might have been told by somebody else is not taken), times by this server's clock, and no
//! `jti` twice.
//!
//! [RFC 7523 section 2.2]: https://www.rfc-editor.org/rfc/rfc7523#section-2.2
//! [OpenID Connect Core section 9]: https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication

use serde::Deserialize;

use crate::client::TestClient;
use crate::client_auth::Refusal;
use crate::jws::Jws;
use crate::site::Turn;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// As long as an assertion may live.
const LONGEST: u64 = 3600;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    /// One text: a list is refused.
    aud: String,
    exp: u64,
    #[serde(default)]
    iat: Option<u64>,
    jti: String,
}

/// Finds the client behind the assertion.
pub(crate) fn authenticate<'a>(turn: &mut Turn<'a>, assertion: &str) -> Result<&'a TestClient, Refusal> {
    let refuse = |why| Refusal::new("invalid_client", why);
    let form = &turn.request.form;
    if form.value("client_assertion_type") != Some(TYPE) {
        return Err(Refusal::new(
            "invalid_request",
            "client_assertion_type is another",
        ));
    }
    let jws = Jws::parse(assertion).ok_or(refuse("the assertion is no signed token"))?;
    let claims: Claims = serde_json::from_slice(&jws.payload)
        .map_err(|_| refuse("the assertion lacks iss, sub, one aud, exp or jti"))?;
    if form.value("client_id").is_some_and(|id| id != claims.sub) {
        return Err(Refusal::new(
            "invalid_request",
            "client_id is not the client that authenticates",
        ));
    }
    turn.note.client_id = Some(claims.sub.clone());
    let client = turn.client(&claims.sub).ok_or(refuse("no such client"))?;
    turn.note.client_auth = Some(client.auth_method().to_owned());
    if !client.has_signed(&jws) {
        return Err(refuse(
            "the assertion is not signed with what the client is registered with",
        ));
    }
    if claims.iss != claims.sub {
        return Err(refuse("iss is not the client"));
    }
    if claims.aud != turn.issuer {
        return Err(refuse("the assertion is not for this server's issuer"));
    }
    let now = turn.state.clock.now().as_secs();
    // A second more, since a client's clock need not tick with ours.
    let of_this_time =
        claims.iat.is_none_or(|iat| iat <= now + 1) && claims.exp > now && claims.exp <= now + LONGEST + 1;
    if !of_this_time {
        return Err(refuse("the assertion must be short-lived and of this time"));
    }
    if !turn.state.seen_assertions.insert((claims.sub, claims.jti)) {
        return Err(refuse("the assertion was used before"));
    }
    turn.state.stats.client_assertions += 1;
    Ok(client)
}
