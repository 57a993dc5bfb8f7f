//! How clients prove who they are ([RFC 6749 section 2.3.1]), but for assertions.
//!
//! Each client has one registered way and no other is taken. A raw secret in an `Authorization` header, one that
//! was not form-encoded first, is refused if its encoding matters.
//!
//! [RFC 6749 section 2.3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::client::TestClient;
use crate::client_assertion;
use crate::message::{Inbound, Reply};
use crate::site::Turn;

/// Why a request is refused ([RFC 6749 section 5.2]).
///
/// [RFC 6749 section 5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) description: &'static str,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, description: &'static str) -> Self {
        Self { code, description }
    }

    /// RFC 6749 section 5.2: to a client that used the `Authorization` header, "the authorization server MUST
    /// respond with an HTTP 401 (Unauthorized) status code and include the `WWW-Authenticate` response header
    /// field". HTTP wants the field with every 401.
    pub(crate) fn into_reply(self, turn: &mut Turn<'_>) -> Reply {
        turn.note.error = Some(self.code.to_owned());
        if self.code == "invalid_client" {
            let reply = Reply::oauth_error(401, self.code, self.description);
            return reply.header("www-authenticate", "Basic realm=\"grantflow-testserver\"");
        }
        Reply::oauth_error(400, self.code, self.description)
    }
}

/// Finds the client behind a form, and what is wrong with any form.
pub(crate) fn authenticate<'a>(turn: &mut Turn<'a>) -> Result<&'a TestClient, Refusal> {
    let inbound: &'a Inbound = turn.request;
    if !inbound.is_form() {
        return Err(Refusal::new(
            "invalid_request",
            "the body must be application/x-www-form-urlencoded",
        ));
    }
    if inbound.form.repeated().is_some() {
        return Err(Refusal::new("invalid_request", "a parameter is repeated"));
    }
    if let Some(assertion) = inbound.form.value("client_assertion") {
        if inbound.header("authorization").is_some() || inbound.form.value("client_secret").is_some() {
            return Err(Refusal::new("invalid_request", TWO_WAYS));
        }
        return client_assertion::authenticate(turn, assertion);
    }
    let in_form = inbound.form.value("client_id");
    let Some(authorization) = inbound.header("authorization") else {
        let id = in_form.ok_or(Refusal::new("invalid_client", "client_id is missing"))?;
        let secret = inbound.form.value("client_secret");
        let method = if secret.is_some() {
            "client_secret_post"
        } else {
            "none"
        };
        return check(turn, id, secret, method);
    };
    turn.note.client_auth = Some("client_secret_basic".to_owned());
    if inbound.form.value("client_secret").is_some() {
        return Err(Refusal::new("invalid_request", TWO_WAYS));
    }
    let (id, secret) = basic(authorization).ok_or(Refusal::new(
        "invalid_client",
        "the Authorization header holds no form-encoded Basic credentials",
    ))?;
    turn.note.client_id = Some(id.clone());
    if in_form.is_some_and(|in_form| in_form != id) {
        return Err(Refusal::new(
            "invalid_request",
            "client_id is not the client that authenticates",
        ));
    }
    check(turn, &id, Some(&secret), "client_secret_basic")
}

const TWO_WAYS: &str = "the client authenticates in two ways at once";

fn check<'a>(
    turn: &mut Turn<'a>,
    id: &str,
    secret: Option<&str>,
    method: &'static str,
) -> Result<&'a TestClient, Refusal> {
    turn.note.client_auth = Some(method.to_owned());
    let client = turn
        .client(id)
        .ok_or(Refusal::new("invalid_client", "no such client"))?;
    if client.auth_method() != method {
        return Err(Refusal::new(
            "invalid_client",
            "the client is registered with another way to authenticate",
        ));
    }
    match secret {
        Some(secret) if !client.is_secret(secret) => {
            Err(Refusal::new("invalid_client", "the client secret is wrong"))
        }
        _ => Ok(client),
    }
}

/// The id and the secret in Basic credentials.
///
/// RFC 6749 section 2.3.1: the client identifier and the password are each "encoded using the
/// `application/x-www-form-urlencoded` encoding algorithm" before HTTP Basic joins them with a colon.
fn basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, credentials) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decode(id)?, form_decode(secret)?))
}

/// Undoes form encoding; `None` for text that is not form-encoded.
///
/// Stricter than browsers are: a space or a colon in the clear shows a client that forgot to encode.
fn form_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [*rest.next()?, *rest.next()?];
                let digits = std::str::from_utf8(&digits)
                    .ok()
                    .filter(|digits| !digits.starts_with('+'))?;
                u8::from_str_radix(digits, 16).ok()?
            }
            _ if byte.is_ascii_graphic() && !matches!(byte, b'&' | b'=' | b':' | b'/') => byte,
            _ => return None,
        });
    }
    String::from_utf8(decoded).ok()
}
