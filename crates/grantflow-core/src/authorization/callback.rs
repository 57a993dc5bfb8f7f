//! The redirect that comes back ([RFC 6749 section 4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2)).

use std::fmt;
use std::sync::Arc;

use super::mode::ResponseMode;
use super::query::Parameters;
use crate::error::{ErrorCode, ServerError};
use crate::{Error, Secret};

/// A redirect that was taken apart and not yet checked.
pub(super) struct Callback<'a> {
    parameters: Parameters<'a>,
    place: Place,
}

/// Where the parameters stand in the redirect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Query,
    /// Without an address: a query alone, or the body of a `form_post`.
    Bare,
    /// Servers put errors there (quirk 48), and codes only in response types that were not asked for.
    Fragment,
}

impl<'a> Callback<'a> {
    /// Reads an answer that comes in this mode: what was to come in a body is not taken from an address.
    pub(super) fn parse_as(text: &'a str, mode: ResponseMode) -> Result<Self, CallbackError> {
        let callback = Self::parse(text)?;
        if mode.is_posted() && callback.place != Place::Bare {
            return Err(CallbackError::Mode);
        }
        Ok(callback)
    }

    /// Reads an address with a query, absolute or from its path on, or the query alone; white space around it does not count.
    fn parse(text: &'a str) -> Result<Self, CallbackError> {
        if text.len() > LIMIT {
            return Err(CallbackError::Malformed);
        }
        let (place, text) = find(text.trim()).ok_or(CallbackError::Malformed)?;
        let parameters = Parameters::parse(text)?;
        Ok(Self { parameters, place })
    }

    pub(super) fn state(&self) -> Option<Secret> {
        self.parameters.get("state").map(Secret::from)
    }

    /// A signed answer (JARM section 2.3).
    pub(super) fn response(&self) -> Option<&str> {
        self.parameters.get("response")
    }

    /// The ID token beside the code (OpenID Connect Core section 3.3.2.5).
    pub(super) fn id_token(&self) -> Option<Secret> {
        let id_token = self.parameters.get("id_token");
        id_token.filter(|token| !token.is_empty()).map(Secret::from)
    }

    /// Whether there is an ID token, and no refusal.
    pub(super) fn has_id_token_alone(&self) -> bool {
        self.id_token().is_some() && self.parameters.get("error").is_none()
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        self.parameters.get("iss")
    }

    /// What else the provider sent; it proves nothing.
    pub(super) fn others(&self) -> Vec<(String, Secret)> {
        let others = self
            .parameters
            .iter()
            .filter(|(name, _)| !OF_THE_FLOW.contains(name));
        others
            .map(|(name, value)| (name.to_owned(), Secret::from(value)))
            .collect()
    }

    /// The code, or why there is none; only to be asked once state and issuer are checked.
    pub(super) fn outcome(&self, code_parameter: &str) -> Result<Secret, Error> {
        match (self.parameters.get(code_parameter), self.parameters.get("error")) {
            (Some(code), None) if self.place != Place::Fragment => Ok(Secret::from(code)),
            (None, Some(code)) => Err(self.refusal(code)),
            (Some(_), Some(_)) => Err(CallbackError::CodeAndError.into()),
            _ => Err(CallbackError::NoCode.into()),
        }
    }

    fn refusal(&self, code: &str) -> Error {
        let text = |name| self.parameters.get(name).map(str::to_owned);
        let refusal =
            ServerError::new(ErrorCode::from(code)).explained(text("error_description"), text("error_uri"));
        match refusal.code() {
            ErrorCode::AccessDenied => Error::Denied(Arc::new(refusal)),
            // Quirk 48: the same by another name.
            ErrorCode::Other(code) if code == "user_denied" => Error::Denied(Arc::new(refusal)),
            _ => Error::Server(Arc::new(refusal)),
        }
    }
}

/// The parameters of what may be an address: the first delimiter tells an address (`/`, `:`, `?`, `#`) from a query (`=`, `&`).
fn find(text: &str) -> Option<(Place, &str)> {
    let first = text.find(['/', ':', '?', '#', '=', '&'])?;
    if text[first..].starts_with(['=', '&']) {
        return Some((Place::Bare, text));
    }
    let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
    if let Some((_, query)) = address.split_once('?') {
        return Some((Place::Query, query));
    }
    (!fragment.is_empty()).then_some((Place::Fragment, fragment))
}

/// What is checked and used up here, or proves nothing as long as it is not checked.
const OF_THE_FLOW: [&str; 4] = ["code", "state", "iss", "id_token"];
/// Longer than any address a browser sends.
const LIMIT: usize = 64 * 1024;

/// Why a redirect is not the answer to an authorization; nothing of it is in the message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CallbackError {
    /// The text is no address with a query.
    Malformed,
    /// A parameter is there twice (RFC 6749 section 3.1: "MUST NOT be included more than once").
    Repeated,
    /// The state is absent or not the one that was sent (RFC 6749 section 10.12).
    State,
    /// The issuer is absent though promised, or another than the one asked (RFC 9207 section 2.4).
    Issuer,
    /// The authorization was begun too long ago.
    Expired,
    /// Neither a code nor an error is where it belongs.
    NoCode,
    /// Both a code and an error are there.
    CodeAndError,
    /// The answer came in another way than was asked for: in an address and not in a body, or not signed.
    Mode,
    /// An ID token was asked for beside the code and is not there.
    NoIdToken,
}

impl fmt::Display for CallbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the redirect is not an address with a query",
            Self::Repeated => "the redirect repeats a parameter",
            Self::State => "the redirect does not belong to this login: its state is another",
            Self::Issuer => "the redirect comes from another authorization server",
            Self::Expired => "the login was begun too long ago",
            Self::NoCode => "the redirect has neither a code nor an error",
            Self::CodeAndError => "the redirect has both a code and an error",
            Self::Mode => "the redirect came in another way than was asked for",
            Self::NoIdToken => "the redirect has no ID token, which was asked for",
        })
    }
}

impl std::error::Error for CallbackError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_found_in_every_form_it_comes_in() {
        for (text, found) in [
            ("http://127.0.0.1:8080/cb?code=a&state=b", "code=a&state=b"),
            ("https://app.example/a=b?code=a", "code=a"),
            ("com.example.app:/cb?code=a#_=_", "code=a"),
            ("urn:x?code=a", "code=a"),
            ("localhost:8080/?code=a", "code=a"),
            ("app.example/cb?code=a", "code=a"),
            ("/cb?code=a", "code=a"),
            ("/?code=a?b/c", "code=a?b/c"),
            ("?code=a", "code=a"),
        ] {
            assert_eq!(find(text), Some((Place::Query, found)), "{text}");
        }
        for bare in ["code=a&iss=https://as.example/?x", "&code=a"] {
            assert_eq!(find(bare), Some((Place::Bare, bare)), "{bare}");
        }
        for (text, found) in [
            ("https://app.example/cb#error=a", "error=a"),
            ("#error=a", "error=a"),
            ("https://app.example/#?error=a", "?error=a"),
        ] {
            assert_eq!(find(text), Some((Place::Fragment, found)), "{text}");
        }
        for none in ["", "4", "4/0AbUR2V", "https://app.example/cb", "/cb#"] {
            assert_eq!(find(none), None, "{none}");
        }
    }
}
