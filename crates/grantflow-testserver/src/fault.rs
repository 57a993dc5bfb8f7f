//! Faults on demand: what goes wrong between a server and its client, by name.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::flaw::IdTokenFlaw;

/// Something that goes wrong with a request.
///
/// Faults with "commit" in their name say whether the server did what was asked before things went wrong; a client
/// cannot tell, and what it does next is what such a test is about. Each has a name for the command line, see
/// [`Fault::NAMES`].
///
/// # Example
///
/// ```
/// use grantflow_testserver::{Endpoint, Fault, TestServer};
///
/// let server = TestServer::start()?;
/// server.push_fault(Endpoint::Refresh, Fault::DropAfterCommit); // the next refresh loses its reply
/// server.set_fault(Endpoint::Api, "429=2".parse::<Fault>()?); // every call of the API is told to wait
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Carries the request out, then answers this much later.
    Delay(Duration),
    /// Waits, then carries the request out and answers.
    DelayBeforeCommit(Duration),
    /// Carries the request out and keeps the reply until [`TestServer::release`](crate::TestServer::release).
    Hold,
    /// Closes the connection without having done anything.
    DropBeforeCommit,
    /// Carries the request out, then closes the connection without a reply.
    DropAfterCommit,
    /// Answers with this status and a page of HTML, without having done anything.
    Status(u16),
    /// Carries the request out, then answers with this status and a page of HTML.
    StatusAfterCommit(u16),
    /// Answers 429 with `Retry-After`, without having done anything.
    TooManyRequests(RetryAfter),
    /// Refuses with this OAuth error code, in the way of the endpoint, without having done anything.
    Error(String),
    /// Carries the request out and answers with the first half of the reply, complete in the eyes of HTTP.
    Malformed,
    /// Carries the request out and breaks the connection in the middle of the reply's body.
    Truncated,
    /// Carries the request out and answers with an empty body.
    Empty,
    /// Carries the request out and answers 200 with a page of HTML, as a captive portal would.
    Html,
    /// Carries the request out and answers with this many spaces before the reply, which is valid JSON if read to
    /// its end.
    Huge(u64),
    /// Carries the request out and answers with a body without end (it gives up after 1 GiB).
    Endless,
    /// Answers 307 to a path on the same server, without having done anything. A client that follows it with its
    /// credentials shows in the log.
    Redirect,
    /// Grants a bearer token though the request had a proof of possession. Changes nothing elsewhere.
    Unbound,
    /// Refuses, asking for a proof with a nonce that is always another one (RFC 9449), without having done anything.
    NewNonce,
    /// Names another issuer: in `iss` of the authorization response, in `issuer` of the metadata. Changes nothing
    /// elsewhere.
    WrongIssuer,
    /// Leaves `iss` out of the authorization response and `issuer` out of the metadata. Changes nothing elsewhere.
    NoIssuer,
    /// Echoes another `state` in the authorization response. Changes nothing elsewhere.
    WrongState,
    /// Leaves `state` out of the authorization response. Changes nothing elsewhere.
    NoState,
    /// Leaves `scope` out of a token reply, which says that all that was asked for is granted. Changes nothing elsewhere.
    NoScope,
    /// Writes the `token_type` of a token reply in odd case. Changes nothing elsewhere.
    OddTokenType,
    /// Answers 503 with `Retry-After` in this many seconds, without having done anything.
    Unavailable(u64),
    /// Refuses a poll with `slow_down` and names this interval in seconds, without having done anything.
    SlowDown(u64),
    /// Answers a poll that is to come again with 200, as GitHub does. Changes nothing elsewhere.
    PendingAs200,
    /// Leaves `interval` out of the codes for a device. Changes nothing elsewhere.
    NoInterval,
    /// Names the address `verification_url` in the codes for a device, as Google does. Changes nothing elsewhere.
    VerificationUrl,
    /// Leaves `issued_token_type` out of the reply to a token exchange. Changes nothing elsewhere.
    NoIssuedTokenType,
    /// Makes the ID token of a token reply, or of an authorization response, wrong in one thing. Changes nothing elsewhere.
    IdToken(IdTokenFlaw),
    /// Makes userinfo wrong in the same way; what is not signed has no wrong signature. Changes nothing elsewhere.
    UserInfo(IdTokenFlaw),
    /// Makes a signed authorization response (JARM) wrong in the same way. Changes nothing elsewhere.
    Response(IdTokenFlaw),
}

impl Fault {
    /// The names that [`FromStr`] reads and [`Display`](fmt::Display) writes, each with what it does.
    pub const NAMES: &[(&str, &str)] = &[
        ("delay=S", "carry the request out, answer S seconds later"),
        (
            "delay-before-commit=S",
            "wait S seconds, then carry the request out and answer",
        ),
        (
            "hold",
            "carry the request out and never answer (in process: until released)",
        ),
        ("drop-before-commit", "close the connection, nothing done"),
        (
            "drop-after-commit",
            "carry the request out, close the connection without a reply",
        ),
        (
            "status=CODE",
            "answer CODE (say 503) with a page of HTML, nothing done",
        ),
        (
            "status-after-commit=CODE",
            "carry the request out, then answer CODE",
        ),
        ("429=S", "answer 429 with Retry-After: S, nothing done"),
        (
            "429-date=S",
            "answer 429 with Retry-After as the HTTP date in S seconds, nothing done",
        ),
        ("429-bare", "answer 429 without Retry-After, nothing done"),
        (
            "error=NAME",
            "refuse with the OAuth error NAME (say invalid_grant), nothing done",
        ),
        ("malformed", "carry the request out, answer with half of the JSON"),
        (
            "truncated",
            "carry the request out, break the connection inside the body",
        ),
        ("empty", "carry the request out, answer with an empty body"),
        ("html", "carry the request out, answer 200 with a page of HTML"),
        (
            "huge=BYTES",
            "carry the request out, put BYTES spaces before the JSON",
        ),
        (
            "endless",
            "carry the request out, answer with a body that never ends",
        ),
        (
            "redirect",
            "answer 307 to another path of this server, nothing done",
        ),
        ("unbound", "grant a bearer token though the request was proven"),
        ("new-nonce", "ask for a proof with a new nonce, nothing done"),
        ("wrong-issuer", "name another issuer in iss or in the metadata"),
        ("no-issuer", "leave iss out, or issuer out of the metadata"),
        ("wrong-state", "echo another state in the authorization response"),
        ("no-state", "leave state out of the authorization response"),
        ("no-scope", "leave scope out of the token reply"),
        ("odd-token-type", "write the token type of the reply in odd case"),
        ("503=S", "answer 503 with Retry-After: S, nothing done"),
        (
            "slow-down=S",
            "refuse a poll with slow_down and the interval S, nothing done",
        ),
        ("pending-200", "answer a poll that is to come again with 200"),
        ("no-interval", "leave interval out of the codes for a device"),
        (
            "verification-url",
            "name the address verification_url in the codes for a device",
        ),
        (
            "no-issued-token-type",
            "leave issued_token_type out of the reply to a token exchange",
        ),
        (
            "id-token=FLAW",
            "give out an ID token that is wrong in one thing, see below",
        ),
        ("userinfo=FLAW", "answer userinfo that is wrong in the same way"),
        (
            "response=FLAW",
            "answer a signed authorization response that is wrong in the same way",
        ),
    ];

    /// Whether the fault makes a difference at this endpoint.
    #[must_use]
    pub fn applies_to(&self, endpoint: Endpoint) -> bool {
        match self {
            Self::WrongState | Self::NoState | Self::Response(_) => endpoint == Endpoint::Authorization,
            Self::IdToken(_) => matches!(
                endpoint,
                Endpoint::Authorization | Endpoint::Token | Endpoint::Refresh | Endpoint::Poll
            ),
            Self::NoScope | Self::OddTokenType | Self::Unbound => {
                matches!(endpoint, Endpoint::Token | Endpoint::Refresh | Endpoint::Poll)
            }
            Self::SlowDown(_) | Self::PendingAs200 => matches!(endpoint, Endpoint::Token | Endpoint::Poll),
            Self::NoIssuedTokenType => endpoint == Endpoint::Token,
            Self::NoInterval | Self::VerificationUrl => endpoint == Endpoint::Device,
            Self::UserInfo(_) => endpoint == Endpoint::Api,
            Self::NewNonce => matches!(endpoint, Endpoint::Token | Endpoint::Refresh | Endpoint::Api),
            Self::WrongIssuer | Self::NoIssuer => {
                matches!(endpoint, Endpoint::Authorization | Endpoint::Metadata)
            }
            _ => true,
        }
    }

    /// Whether the fault strikes before the server does what was asked.
    pub(crate) fn spares_the_server(&self) -> bool {
        matches!(
            self,
            Self::DropBeforeCommit
                | Self::Status(_)
                | Self::TooManyRequests(_)
                | Self::Error(_)
                | Self::Redirect
                | Self::Unavailable(_)
                | Self::SlowDown(_)
                | Self::NewNonce
        )
    }

    /// Whether the fault is about what an authorization response says, and so waits for the person's answer.
    pub(crate) fn is_in_authorization_response(&self) -> bool {
        matches!(
            self,
            Self::Error(_)
                | Self::WrongIssuer
                | Self::NoIssuer
                | Self::WrongState
                | Self::NoState
                | Self::IdToken(_)
                | Self::Response(_)
        )
    }
}

/// What a 429 says about when to come again ([RFC 9110 section 10.2.3]).
///
/// [RFC 9110 section 10.2.3]: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryAfter {
    /// A number of seconds.
    Seconds(u64),
    /// An HTTP date, this far from now by the server's clock.
    Date(Duration),
    /// Nothing.
    Unstated,
}

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/authorize`. Faults in what the response says strike when the browser is sent back.
    Authorization,
    /// `/par`.
    PushedAuthorization,
    /// `/token`, every grant.
    Token,
    /// `/token`, refreshes only; looked at before [`Endpoint::Token`].
    Refresh,
    /// `/token`, polls for the login of a device only; looked at before [`Endpoint::Token`].
    Poll,
    /// `/device_authorization`.
    Device,
    /// `/revoke`.
    Revocation,
    /// `/introspect`.
    Introspection,
    /// Both metadata documents.
    Metadata,
    /// `/jwks`.
    Keys,
    /// `/api/me`, `/api/echo` and `/userinfo`.
    Api,
}

impl Endpoint {
    /// The names that [`FromStr`] reads.
    pub const NAMES: &[(&str, Self)] = &[
        ("authorize", Self::Authorization),
        ("par", Self::PushedAuthorization),
        ("token", Self::Token),
        ("refresh", Self::Refresh),
        ("poll", Self::Poll),
        ("device", Self::Device),
        ("revoke", Self::Revocation),
        ("introspect", Self::Introspection),
        ("metadata", Self::Metadata),
        ("keys", Self::Keys),
        ("api", Self::Api),
    ];
}

/// A name that is no fault, no endpoint or no rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownName {
    problem: String,
}

impl UnknownName {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
        }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for UnknownName {}

impl FromStr for Endpoint {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, endpoint)| *endpoint)
            .ok_or_else(|| UnknownName::new(format!("no endpoint is called {text:?}")))
    }
}

impl FromStr for Fault {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let fault = match (name, value) {
            ("delay", Some(value)) => Self::Delay(seconds(value)?),
            ("delay-before-commit", Some(value)) => Self::DelayBeforeCommit(seconds(value)?),
            ("hold", None) => Self::Hold,
            ("drop-before-commit", None) => Self::DropBeforeCommit,
            ("drop-after-commit", None) => Self::DropAfterCommit,
            ("status", Some(value)) => Self::Status(status(value)?),
            ("status-after-commit", Some(value)) => Self::StatusAfterCommit(status(value)?),
            ("429", Some(value)) => Self::TooManyRequests(RetryAfter::Seconds(number(value)?)),
            ("429-date", Some(value)) => Self::TooManyRequests(RetryAfter::Date(seconds(value)?)),
            ("429-bare", None) => Self::TooManyRequests(RetryAfter::Unstated),
            ("error", Some(value)) => Self::Error(value.to_owned()),
            ("malformed", None) => Self::Malformed,
            ("truncated", None) => Self::Truncated,
            ("empty", None) => Self::Empty,
            ("html", None) => Self::Html,
            ("huge", Some(value)) => Self::Huge(number(value)?),
            ("endless", None) => Self::Endless,
            ("redirect", None) => Self::Redirect,
            ("new-nonce", None) => Self::NewNonce,
            ("unbound", None) => Self::Unbound,
            ("wrong-issuer", None) => Self::WrongIssuer,
            ("no-issuer", None) => Self::NoIssuer,
            ("wrong-state", None) => Self::WrongState,
            ("no-state", None) => Self::NoState,
            ("no-scope", None) => Self::NoScope,
            ("odd-token-type", None) => Self::OddTokenType,
            ("503", Some(value)) => Self::Unavailable(number(value)?),
            ("slow-down", Some(value)) => Self::SlowDown(number(value)?),
            ("pending-200", None) => Self::PendingAs200,
            ("no-interval", None) => Self::NoInterval,
            ("verification-url", None) => Self::VerificationUrl,
            ("no-issued-token-type", None) => Self::NoIssuedTokenType,
            ("id-token", Some(value)) => Self::IdToken(value.parse()?),
            ("userinfo", Some(value)) => Self::UserInfo(value.parse()?),
            ("response", Some(value)) => Self::Response(value.parse()?),
            _ => return Err(UnknownName::new(format!("no fault is called {text:?}"))),
        };
        Ok(fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(delay) => write!(f, "delay={}", delay.as_secs_f64()),
            Self::DelayBeforeCommit(delay) => write!(f, "delay-before-commit={}", delay.as_secs_f64()),
            Self::Hold => f.write_str("hold"),
            Self::DropBeforeCommit => f.write_str("drop-before-commit"),
            Self::DropAfterCommit => f.write_str("drop-after-commit"),
            Self::Status(code) => write!(f, "status={code}"),
            Self::StatusAfterCommit(code) => write!(f, "status-after-commit={code}"),
            Self::TooManyRequests(RetryAfter::Seconds(seconds)) => write!(f, "429={seconds}"),
            Self::TooManyRequests(RetryAfter::Date(delay)) => write!(f, "429-date={}", delay.as_secs_f64()),
            Self::TooManyRequests(RetryAfter::Unstated) => f.write_str("429-bare"),
            Self::Error(code) => write!(f, "error={code}"),
            Self::Malformed => f.write_str("malformed"),
            Self::Truncated => f.write_str("truncated"),
            Self::Empty => f.write_str("empty"),
            Self::Html => f.write_str("html"),
            Self::Huge(bytes) => write!(f, "huge={bytes}"),
            Self::Endless => f.write_str("endless"),
            Self::Redirect => f.write_str("redirect"),
            Self::NewNonce => f.write_str("new-nonce"),
            Self::Unbound => f.write_str("unbound"),
            Self::WrongIssuer => f.write_str("wrong-issuer"),
            Self::NoIssuer => f.write_str("no-issuer"),
            Self::WrongState => f.write_str("wrong-state"),
            Self::NoState => f.write_str("no-state"),
            Self::NoScope => f.write_str("no-scope"),
            Self::OddTokenType => f.write_str("odd-token-type"),
            Self::Unavailable(seconds) => write!(f, "503={seconds}"),
            Self::SlowDown(seconds) => write!(f, "slow-down={seconds}"),
            Self::PendingAs200 => f.write_str("pending-200"),
            Self::NoInterval => f.write_str("no-interval"),
            Self::VerificationUrl => f.write_str("verification-url"),
            Self::NoIssuedTokenType => f.write_str("no-issued-token-type"),
            Self::IdToken(flaw) => write!(f, "id-token={flaw}"),
            Self::UserInfo(flaw) => write!(f, "userinfo={flaw}"),
            Self::Response(flaw) => write!(f, "response={flaw}"),
        }
    }
}

/// Reads seconds with or without a fraction.
pub(crate) fn seconds(text: &str) -> Result<Duration, UnknownName> {
    let seconds = text
        .parse::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| UnknownName::new(format!("{text:?} is no number of seconds")))
}

fn number(text: &str) -> Result<u64, UnknownName> {
    text.parse()
        .map_err(|_| UnknownName::new(format!("{text:?} is no whole number")))
}

fn status(text: &str) -> Result<u16, UnknownName> {
    let code = text.parse().ok().filter(|code| (200..600).contains(code));
    code.ok_or_else(|| UnknownName::new(format!("{text:?} is no HTTP status from 200 to 599")))
}
