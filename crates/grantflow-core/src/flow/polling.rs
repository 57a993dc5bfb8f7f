//! Asking until the user has answered at another device ([RFC 8628 section 3.5], OpenID Connect CIBA section 11).
//!
//! ```text
//! PollDue ──Wait(interval)──▶ Send ──▶ ExpectToken ─┬─ granted ─▶ its ID token proven ─▶ Done
//!    ▲                                              ├─ denied, ended, nonsense ─▶ error
//!    ├── authorization_pending ─────────────────────┤
//!    ├── slow_down: + 5 s, or what it names ────────┤
//!    ├── no reply, server in trouble: doubled to 60 s┤
//!    └── Retry-After: not before ───────────────────┘
//! ```
//!
//! What makes the interval longer makes it longer for good. What the client itself added has a limit, and does not lose the last of
//! the code's time.
//!
//! [RFC 8628 section 3.5]: https://www.rfc-editor.org/rfc/rfc8628#section-3.5

use std::time::Duration;

use super::retry;
use crate::error::ErrorCode;
use crate::exchange::named_interval;
use crate::{
    BackchannelGrant, Client, Cx, DeviceGrant, Error, Next, NotAuthorized, Outcome, Response, Scopes, Step,
    Timestamp, Token, TokenRequest, TransportError,
};

impl DeviceGrant {
    /// Asks until the user has answered ([RFC 8628 section 3.5]), at most until the code ends.
    ///
    /// With scope `openid`, a client with an [`IdTokenCheck`](crate::IdTokenCheck) is given no token before its ID token has passed.
    ///
    /// The flow ends in [`Error::Denied`] if the user said no, in [`NotAuthorized::NotInTime`] if nobody said anything, else in the
    /// errors of [`TokenRequest::parse`]. A request without an answer, and a server in trouble, end nothing.
    ///
    /// [RFC 8628 section 3.5]: https://www.rfc-editor.org/rfc/rfc8628#section-3.5
    pub fn poll(self) -> Step<Token> {
        let request = TokenRequest::device_code(&self.client, self.device_code);
        Polling {
            // RFC 8707 section 2.2: what the code was asked for is named again where it is traded.
            request: self.resources.into_iter().fold(request, TokenRequest::resource),
            acr_values: self.client.acr_values().to_vec(),
            client: self.client,
            scopes: self.scopes,
            interval: self.interval,
            pause: self.interval,
            proven_again: false,
            ends: self.ends,
        }
        .flow()
    }
}

impl BackchannelGrant {
    /// Asks until the user has answered (CIBA sections 10.1 and 11), at most until the request ends; all of it as
    /// [`DeviceGrant::poll`] does.
    pub fn poll(self) -> Step<Token> {
        let request = TokenRequest::backchannel(&self.client, self.auth_req_id);
        Polling {
            request: self.resources.into_iter().fold(request, TokenRequest::resource),
            acr_values: self.acr_values,
            client: self.client,
            scopes: self.scopes,
            interval: self.interval,
            pause: self.interval,
            proven_again: false,
            ends: self.ends,
        }
        .flow()
    }
}

/// The request that is sent again and again, and until when.
pub(super) struct Polling {
    pub(super) request: TokenRequest,
    pub(super) client: Client,
    /// What was asked for.
    pub(super) scopes: Scopes,
    /// One of the ways in which the user has to log in; any, where there are none.
    pub(super) acr_values: Vec<String>,
    /// The least that the server wants between two requests.
    pub(super) interval: Duration,
    /// That, and what was added since it was out of reach.
    pub(super) pause: Duration,
    /// In time since boot.
    pub(super) ends: Duration,
    /// Whether the last request was the last one with another proof.
    pub(super) proven_again: bool,
}

impl Polling {
    pub(super) fn flow(self) -> Step<Token> {
        Step::begin(move |cx| self.wait(None, cx))
    }

    /// Waits for the interval, and as long as the server asked for.
    fn wait(self, retry_at: Option<Timestamp>, cx: &mut Cx<'_>) -> Result<Step<Token>, Error> {
        let asked = retry::time_until(retry_at, cx.wall());
        let left = self.ends.saturating_sub(cx.now().boot);
        let mut pause = self.pause.max(asked);
        if pause >= left {
            // The user may have answered while nobody was reached: once more before the end, if the server lets us.
            pause = left.saturating_sub(BEFORE_THE_END);
            if pause < self.interval.max(asked) {
                return Err(NotAuthorized::NotInTime.into());
            }
        }
        retry::after(pause, cx, move |cx| self.ask(cx))
    }

    fn ask(self, cx: &mut Cx<'_>) -> Result<Step<Token>, Error> {
        // The wait may have been longer than it was to be: the machine slept.
        if cx.now().boot >= self.ends {
            return Err(NotAuthorized::NotInTime.into());
        }
        let request = self.request.to_http(cx)?;
        let asked_at = cx.wall();
        let next = move |reply: Result<Response, TransportError>, cx: &mut Cx<'_>| match reply {
            Ok(reply) => self.read(&reply, asked_at, cx),
            // "On encountering a connection timeout, clients MUST unilaterally reduce their polling frequency before retrying."
            Err(_) => Self {
                proven_again: false,
                ..self
            }
            .less_often(cx),
        };
        Ok(Step::Send(request, Next::new(next)))
    }

    fn read(mut self, reply: &Response, asked_at: Timestamp, cx: &mut Cx<'_>) -> Result<Step<Token>, Error> {
        let read = self.request.parse(reply, cx);
        // RFC 9449 section 8: the same request, with the nonce that the server wants; it did not count.
        if self.request.is_worth_another_proof(reply, &read) && !self.proven_again {
            self.proven_again = true;
            return self.ask(cx);
        }
        self.proven_again = false;
        let error = match read {
            // The lifetime counts from when the server may have granted it, as that of a refresh.
            Ok(token) => {
                let token = token.asked_at(asked_at);
                return Ok(proven(&self.client, &self.scopes, &self.acr_values, token));
            }
            Err(error) => error,
        };
        let retry_at = error.retry_at();
        match &error {
            Error::Server(refusal) => match refusal.code() {
                ErrorCode::AuthorizationPending => return self.wait(retry_at, cx),
                // "the interval MUST be increased by 5 seconds for this and all subsequent requests"; GitHub says to how much.
                ErrorCode::SlowDown => {
                    let named = named_interval(reply);
                    for interval in [&mut self.interval, &mut self.pause] {
                        let longer = named.filter(|named| *named > *interval);
                        *interval = longer.unwrap_or_else(|| interval.saturating_add(SLOW_DOWN));
                    }
                    return self.wait(retry_at, cx);
                }
                ErrorCode::AccessDenied => return Err(Error::Denied(refusal.clone())),
                ErrorCode::Other(code) if code == ENTRA_DENIED => return Err(Error::Denied(refusal.clone())),
                ErrorCode::ExpiredToken => return Err(NotAuthorized::NotInTime.into()),
                _ => {}
            },
            // It may have been the token, which is given once.
            Error::BadReply(bad) if bad.status().is_success() => return Err(error),
            _ => {}
        }
        match (error.outcome(), retry_at) {
            (Outcome::Permanent, _) => Err(error),
            (_, Some(_)) => self.wait(retry_at, cx),
            (_, None) => self.less_often(cx),
        }
    }

    /// "The use of an exponential backoff algorithm to achieve this, such as doubling the polling interval on each such connection
    /// timeout, is RECOMMENDED." Without a limit, a network that was away for minutes would cost the login.
    fn less_often(mut self, cx: &mut Cx<'_>) -> Result<Step<Token>, Error> {
        let most = self.pause.max(LONGEST_PAUSE);
        self.pause = self.pause.saturating_mul(2).min(most);
        self.wait(None, cx)
    }
}

/// The token, once its ID token has passed the client's check, if one was asked for.
pub(super) fn proven(client: &Client, scopes: &Scopes, acr_values: &[String], token: Token) -> Step<Token> {
    match client.id_token_check() {
        Some(check) if scopes.contains("openid") => check.check_without_redirect(token, acr_values),
        _ => Step::Done(token),
    }
}

const SLOW_DOWN: Duration = Duration::from_secs(5);
/// The longest that doubling makes it.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// For the last request to arrive.
const BEFORE_THE_END: Duration = Duration::from_secs(5);
/// What Microsoft Entra answers for `access_denied`.
const ENTRA_DENIED: &str = "authorization_declined";
