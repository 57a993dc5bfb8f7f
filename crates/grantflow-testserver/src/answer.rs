//! The answer to an authorization request, on its way back through the browser ([RFC 6749 section 4.1.2], [RFC 9207 section 2],
//! [OAuth 2.0 Form Post Response Mode], [JARM]).
//!
//! ```text
//! query          303 to the redirect URI
//! form_post      a page with a form for it
//! query.jwt      303, with one parameter that is signed
//! form_post.jwt  a form, with one parameter that is signed
//! ```
//!
//! [RFC 6749 section 4.1.2]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
//! [RFC 9207 section 2]: https://www.rfc-editor.org/rfc/rfc9207#section-2
//! [OAuth 2.0 Form Post Response Mode]: https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html
//! [JARM]: https://openid.net/specs/oauth-v2-jarm.html

use serde_json::json;
use url::form_urlencoded;

use crate::authorize::Target;
use crate::fault::Fault;
use crate::flaw::IdTokenFlaw;
use crate::id_token::{encrypted, sign, spoil};
use crate::message::Reply;
use crate::pages::escape;
use crate::site::Turn;

/// How the answer goes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResponseMode {
    posted: bool,
    signed: bool,
}

impl ResponseMode {
    /// The names, as metadata list them.
    pub(crate) const NAMES: [&str; 4] = ["query", "form_post", "query.jwt", "form_post.jwt"];

    pub(crate) fn is_plain_form(self) -> bool {
        self.posted && !self.signed
    }

    /// `None` for a mode that is not known here.
    pub(crate) fn named(name: Option<&str>) -> Option<Self> {
        let (posted, signed) = match name {
            None | Some("query") => (false, false),
            Some("form_post") => (true, false),
            // JARM section 2.3.4: `jwt` is `query.jwt` for a code.
            Some("query.jwt" | "jwt") => (false, true),
            Some("form_post.jwt") => (true, true),
            Some(_) => return None,
        };
        Some(Self { posted, signed })
    }
}

/// RFC 9207 section 2: "authorization servers […] MUST indicate their identity in the authorization response by
/// including the `iss` parameter", in errors too.
pub(crate) fn respond(turn: &mut Turn<'_>, target: &Target, answer: &[(&str, &str)]) -> Reply {
    turn.note.error = answer
        .iter()
        .find(|(name, _)| *name == "error")
        .map(|(_, code)| (*code).to_owned());
    let mut pairs: Vec<(&str, &str)> = answer.to_vec();
    match (&target.state, &target.fault) {
        (Some(_), Some(Fault::WrongState)) => pairs.push(("state", "wrong")),
        (Some(_), Some(Fault::NoState)) | (None, _) => {}
        (Some(state), _) => pairs.push(("state", state)),
    }
    match target.fault {
        Some(Fault::WrongIssuer) => pairs.push(("iss", WRONG_ISSUER)),
        Some(Fault::NoIssuer) => {}
        _ => pairs.push(("iss", turn.issuer)),
    }
    // Asked for in a way that is not known, it goes back in the usual one.
    let mode = target.mode.unwrap_or(ResponseMode {
        posted: false,
        signed: false,
    });
    let signed = mode.signed.then(|| signed(turn, target, &pairs));
    if let Some(signed) = &signed {
        pairs = vec![("response", signed)];
    }
    if mode.posted {
        return form(&target.redirect_uri, &pairs);
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&pairs);
    let separator = if target.redirect_uri.contains('?') {
        '&'
    } else {
        '?'
    };
    Reply::see_other(format!("{}{separator}{}", target.redirect_uri, query.finish()))
}

/// JARM section 2.1: `iss`, `aud`, `exp`, and the parameters.
fn signed(turn: &mut Turn<'_>, target: &Target, pairs: &[(&str, &str)]) -> String {
    let now = turn.state.clock.now().as_secs();
    let mut claims = json!({ "aud": target.client, "iat": now, "exp": now + LIFETIME });
    for (name, value) in pairs {
        claims[*name] = (*value).into();
    }
    let flaw = match target.fault {
        Some(Fault::Response(flaw)) => Some(flaw),
        _ => None,
    };
    if let Some(flaw) = flaw {
        spoil(&mut claims, flaw);
    }
    if flaw == Some(IdTokenFlaw::Encrypted) {
        return encrypted();
    }
    let client = turn.client(&target.client);
    let algorithm = client
        .map(|client| client.id_token_algorithm())
        .unwrap_or_default();
    let secret = client
        .and_then(|client| client.expose_secret())
        .unwrap_or_default();
    sign(turn, &claims, (algorithm, secret), flaw)
}

/// A page that sends itself on.
fn form(redirect_uri: &str, pairs: &[(&str, &str)]) -> Reply {
    let inputs: String = pairs
        .iter()
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n",
                escape(value)
            )
        })
        .collect();
    let page = format!(
        "<!doctype html>\n<title>Back to the application</title>\n<body onload=\"document.forms[0].submit()\">\n\
         <form method=\"post\" action=\"{}\">\n{inputs}<button>Continue</button>\n</form>\n",
        escape(redirect_uri)
    );
    Reply::html(200, page).no_store()
}

/// What [`Fault::WrongIssuer`] names.
pub(crate) const WRONG_ISSUER: &str = "https://attacker.example";
/// JARM section 2.1 recommends ten minutes at most.
const LIFETIME: u64 = 600;
