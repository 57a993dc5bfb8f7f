//! What a protected resource says when it wants a token, or another one: `WWW-Authenticate` ([RFC 9110 section 11.6.1],
//! [RFC 6750 section 3], [RFC 9728 section 5.1], [RFC 9470 section 3]).
//!
//! Servers write this header by hand, so what is harmless is tolerated: commas too many or missing, values without quotes, any case,
//! bytes that are no ASCII within quotes. What could be read in two ways is not read: a challenge with a parameter twice is left out,
//! and of a header whose quotes do not end, the challenge that it ends in.
//!
//! [RFC 9110 section 11.6.1]: https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1
//! [RFC 6750 section 3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
//! [RFC 9728 section 5.1]: https://www.rfc-editor.org/rfc/rfc9728#section-5.1
//! [RFC 9470 section 3]: https://www.rfc-editor.org/rfc/rfc9470#section-3

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, header};

use crate::Scopes;

/// One challenge of a `WWW-Authenticate` header.
///
/// # Example
///
/// ```
/// use grantflow_core::Challenge;
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("www-authenticate", r#"Basic realm="x", Bearer error="insufficient_scope", scope="files:write""#.parse()?);
/// let challenge = Challenge::bearer(&headers).ok_or("no challenge")?;
/// assert!(challenge.is_insufficient_scope());
/// assert!(challenge.scopes().is_some_and(|scopes| scopes.contains("files:write")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Challenge {
    scheme: String,
    token68: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// All challenges of a reply, in their order; those that cannot be read in one way are left out.
    ///
    /// At most 32 are read, of at most 8 KiB for each header.
    #[must_use]
    pub fn all(headers: &HeaderMap) -> Vec<Self> {
        let mut all = Vec::new();
        for value in headers.get_all(header::WWW_AUTHENTICATE) {
            if value.len() <= LONGEST {
                Reader::new(&String::from_utf8_lossy(value.as_bytes())).read(&mut all);
            }
        }
        all
    }

    /// The challenge for a bearer token: of several the first that names metadata, else the first.
    #[must_use]
    pub fn bearer(headers: &HeaderMap) -> Option<Self> {
        let mut bearer = Self::all(headers);
        bearer.retain(|challenge| challenge.is("Bearer"));
        let named = bearer
            .iter()
            .position(|challenge| challenge.resource_metadata().is_some());
        (!bearer.is_empty()).then(|| bearer.swap_remove(named.unwrap_or(0)))
    }

    /// The authentication scheme as it was written: `Bearer`, `DPoP`, `Basic`, …
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether it is of this scheme, in any case.
    #[must_use]
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// What schemes such as `Negotiate` have in place of parameters.
    #[must_use]
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }

    /// The value of a parameter, by its name in any case; `None` if it is absent or empty.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        let found = parameters.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// All parameters as they were written, in their order, none of them twice; values are other people's text.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The part of the server that the challenge is about ([RFC 9110 section 11.5]).
    ///
    /// [RFC 9110 section 11.5]: https://www.rfc-editor.org/rfc/rfc9110#section-11.5
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        self.parameter("realm")
    }

    /// The scopes that the request needs ([RFC 6750 section 3]); `None` too if one of them has a character that no scope may have.
    ///
    /// [RFC 6750 section 3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
    #[must_use]
    pub fn scopes(&self) -> Option<Scopes> {
        let scopes = Scopes::parse(self.parameter("scope")?).ok()?;
        (!scopes.is_empty()).then_some(scopes)
    }

    /// Why the request was refused: `invalid_token`, `insufficient_scope`, … ([RFC 6750 section 3.1]).
    ///
    /// [RFC 6750 section 3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.parameter("error")
    }

    /// The reason in the server's words, for developers. It is other people's text.
    #[must_use]
    pub fn error_description(&self) -> Option<&str> {
        self.parameter("error_description")
    }

    /// Whether the token was good and grants too little ([RFC 6750 section 3.1]).
    ///
    /// [RFC 6750 section 3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    #[must_use]
    pub fn is_insufficient_scope(&self) -> bool {
        self.error() == Some("insufficient_scope")
    }

    /// Whether the token was good and its user did not log in well enough, or too long ago ([RFC 9470 section 3]): no refresh helps.
    ///
    /// [RFC 9470 section 3]: https://www.rfc-editor.org/rfc/rfc9470#section-3
    #[must_use]
    pub fn is_insufficient_user_authentication(&self) -> bool {
        self.error() == Some("insufficient_user_authentication")
    }

    /// Whether the headers of a refusal ask for another login of the user, so that no other token of the same login helps.
    #[must_use]
    pub fn asks_for_login(headers: &HeaderMap) -> bool {
        headers.contains_key(header::WWW_AUTHENTICATE)
            && Self::all(headers)
                .iter()
                .any(Self::is_insufficient_user_authentication)
    }

    /// Where the resource says to find its metadata ([RFC 9728 section 5.1]); the address is not checked yet.
    ///
    /// [RFC 9728 section 5.1]: https://www.rfc-editor.org/rfc/rfc9728#section-5.1
    #[must_use]
    pub fn resource_metadata(&self) -> Option<&str> {
        self.parameter("resource_metadata")
    }

    /// How the user has to have logged in, as names separated by spaces, the preferred one first ([RFC 9470 section 3]).
    ///
    /// [RFC 9470 section 3]: https://www.rfc-editor.org/rfc/rfc9470#section-3
    #[must_use]
    pub fn acr_values(&self) -> Option<&str> {
        self.parameter("acr_values")
    }

    /// How long ago the user may have logged in at most, in whole seconds ([RFC 9470 section 3]).
    ///
    /// [RFC 9470 section 3]: https://www.rfc-editor.org/rfc/rfc9470#section-3
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        let seconds = self.parameter("max_age")?;
        let digits = seconds.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| Duration::from_secs(seconds.parse().unwrap_or(u64::MAX)))
    }
}

/// Prints all but what stands in place of parameters, which may be a credential.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("scheme", &self.scheme)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// Reads one header from left to right.
///
/// ```text
/// challenge = scheme [ 1*SP ( token68 / parameters ) ]     a name with "=" behind it is a parameter of the challenge before it,
/// parameter = name BWS "=" BWS ( token / quoted )          one without begins a challenge
/// ```
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Adds what can be read; the rest of the header is given up where it makes no sense.
    fn read(&mut self, all: &mut Vec<Challenge>) {
        let mut current = None;
        let sound = self.challenges(&mut current, all);
        if sound.is_some() {
            end(current, all);
        }
    }

    /// `None` where the text makes no sense; `current` is the challenge that it happened in.
    fn challenges(&mut self, current: &mut Option<Building>, all: &mut Vec<Challenge>) -> Option<()> {
        loop {
            self.skip(|c| c.is_ascii_whitespace() || c == ',');
            if self.rest.is_empty() {
                return Some(());
            }
            let name = self.token()?;
            if self.equals() {
                let value = self.value()?;
                if let Some(challenge) = current {
                    challenge.add(name, value);
                }
                continue;
            }
            end(current.take(), all);
            let token68 = self.token68();
            *current = Some(Building::new(name, token68));
        }
    }

    fn skip(&mut self, what: fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(what);
    }

    /// The longest beginning of such characters; `None` if there are none.
    #[inline(never)] // with each of its patterns it would be there again
    fn take(&mut self, what: fn(char) -> bool) -> Option<&'a str> {
        let end = self.rest.find(|c| !what(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!taken.is_empty()).then_some(taken)
    }

    fn token(&mut self) -> Option<&'a str> {
        self.take(is_token)
    }

    /// Passes an equals sign with white space around it; without one nothing is passed.
    fn equals(&mut self) -> bool {
        let Some(rest) = self.rest.trim_ascii_start().strip_prefix('=') else {
            return false;
        };
        self.rest = rest.trim_ascii_start();
        true
    }

    fn value(&mut self) -> Option<String> {
        match self.rest.strip_prefix('"') {
            Some(rest) => {
                self.rest = rest;
                self.quoted()
            }
            // Some servers leave the quotes out where an address needs them.
            None => Some(self.take(is_unquoted).unwrap_or_default().to_owned()),
        }
    }

    /// The rest of a quoted string; `None` if it does not end.
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut letters = self.rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = self.rest.get(at + 1..)?;
                    return Some(value);
                }
                '\\' => value.push(letters.next()?.1),
                _ => value.push(letter),
            }
        }
        None
    }

    /// What stands for parameters after a scheme and a space: characters of base64 with padding, up to a comma or the end.
    fn token68(&mut self) -> Option<String> {
        let after = self.rest.trim_start_matches(' ');
        if after.len() == self.rest.len() {
            return None;
        }
        let bare = after.trim_start_matches(is_base64);
        let padded = bare.trim_start_matches('=');
        let is_end = matches!(padded.trim_ascii_start().as_bytes(), [] | [b',', ..]);
        let length = after.len() - padded.len();
        if !is_end || bare.len() == after.len() {
            return None;
        }
        self.rest = padded;
        after.get(..length).map(str::to_owned)
    }
}

/// A challenge that is being read.
struct Building {
    challenge: Challenge,
    ambiguous: bool,
}

impl Building {
    fn new(scheme: &str, token68: Option<String>) -> Self {
        let challenge = Challenge {
            scheme: scheme.to_owned(),
            token68,
            parameters: Vec::new(),
        };
        Self {
            challenge,
            ambiguous: false,
        }
    }

    /// RFC 9110 section 11.2: "each parameter name MUST only occur once per challenge".
    fn add(&mut self, name: &str, value: String) {
        let parameters = &mut self.challenge.parameters;
        self.ambiguous |= parameters.len() == MOST;
        self.ambiguous |= parameters
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !self.ambiguous {
            parameters.push((name.to_owned(), value));
        }
    }
}

fn end(building: Option<Building>, all: &mut Vec<Challenge>) {
    if let Some(Building {
        challenge,
        ambiguous: false,
    }) = building
        && all.len() < MOST
    {
        all.push(challenge);
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// RFC 9110 section 11.2.
fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~+/".contains(c)
}

fn is_unquoted(c: char) -> bool {
    c.is_ascii_graphic() && !"\",".contains(c)
}

/// More than any server says: longer headers are passed over.
const LONGEST: usize = 8 << 10;
/// The most challenges of a reply, and parameters of a challenge, so that comparing names costs little.
const MOST: usize = 32;

#[cfg(test)]
mod tests;
