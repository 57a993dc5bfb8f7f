//! F8 of the table of threats: what a server answers to a device, and when it is asked again (RFC 8628).
//!
//! ```text
//! the body, up to a byte 0xFF     a code that can be shown, a page on https;
//! the rest, a byte for a poll     no poll sooner than the server wants, none after the end of the code, and an end in any case
//! ```

use std::time::Duration;

use grantflow_core::error::{TransportError, TransportErrorKind};
use grantflow_core::{
    Cx, DeviceAuthorizationRequest, DeviceGrant, Error, NotAuthorized, Response, Step, Token,
};

use crate::world::{self, at, client, reply, with};

const SLOW_DOWN: Duration = Duration::from_secs(5);
/// More polls than this in ten years, at one in five seconds, would be a loop; no script is as long.
const MOST_POLLS: usize = 400;

/// Reads the answer, and polls.
///
/// # Panics
///
/// If a promise is broken.
pub fn device(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == 0xFF).unwrap_or(data.len());
    let (body, script) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let request = DeviceAuthorizationRequest::new(&client());
    let Ok(grant) = with(|cx| request.parse(&reply(200, "application/json", body), cx)) else {
        return;
    };
    can_be_shown(&grant);
    let lifetime = grant.lifetime();
    let mut polls = Polls {
        interval: grant.interval(),
        elapsed: Duration::ZERO,
        last: Duration::ZERO,
        not_before: Duration::ZERO,
        ends: lifetime,
    };
    let mut script = script.iter().copied();
    let mut step = Ok(grant.poll());
    for _ in 0..MOST_POLLS * 3 {
        step = match step {
            Ok(Step::Done(token)) => {
                assert_eq!(token.access_token.expose(), "AT", "it is the server's");
                return;
            }
            Ok(Step::Begin(next)) => polls.with(|cx| next.resume((), cx)),
            Ok(Step::Wait(pause, next)) => {
                polls.elapsed = polls.elapsed.saturating_add(pause);
                polls.with(|cx| next.resume(Ok(()), cx))
            }
            Ok(Step::Send(_, next)) => {
                let word = script.next();
                let answer = polls.answer(word.unwrap_or(ENDS));
                polls.with(|cx| next.resume(answer, cx))
            }
            Ok(other) => panic!("a poll has no use for {other:?}"),
            Err(error) => return polls.is_an_end(&error),
        };
    }
    panic!("it never ends");
}

fn can_be_shown(grant: &DeviceGrant) {
    assert!(!grant.user_code().is_empty() && !grant.user_code().contains(char::is_control));
    let Ok(page) = url::Url::parse(grant.verification_uri()) else {
        // A name that is no international one, or an address with too many digits: no browser opens it.
        let host = grant.verification_host();
        let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        assert!(
            host.contains("xn--") || last.starts_with(|first: char| first.is_ascii_digit()),
            "{host}"
        );
        return;
    };
    assert_eq!(page.scheme(), "https");
    assert!(page.username().is_empty(), "a name before the host deceives");
    let host = grant.verification_host().to_ascii_lowercase();
    // What is all digits is an address, which browsers write in another way.
    let is_name = matches!(page.host(), Some(url::Host::Domain(_)));
    assert!(
        !is_name || page.host_str().is_some_and(|known| host.contains(known)),
        "{host}"
    );
    assert!(grant.interval() >= Duration::from_secs(1) && grant.interval() <= Duration::from_secs(300));
    let shown = format!("{grant:?}");
    assert!(!shown.contains(grant.device_code().expose()) || grant.device_code().expose().len() < 8);
}

/// What a byte of the script answers; one beyond the script is a refusal.
const ENDS: u8 = 0;

struct Polls {
    /// The least that the server wants between two polls.
    interval: Duration,
    elapsed: Duration,
    last: Duration,
    not_before: Duration,
    ends: Duration,
}

impl Polls {
    fn with(
        &self,
        ask: impl FnOnce(&mut Cx<'_>) -> Result<Step<Token>, Error>,
    ) -> Result<Step<Token>, Error> {
        ask(&mut Cx::new(at(self.elapsed), &mut world::sevens))
    }

    fn answer(&mut self, word: u8) -> Result<Response, TransportError> {
        let since = self.elapsed - self.last;
        assert!(since >= self.interval, "after {since:?} of {:?}", self.interval);
        assert!(self.elapsed >= self.not_before, "before the server wants it");
        assert!(self.elapsed < self.ends, "after the end of the code");
        self.last = self.elapsed;
        let refuses = |code: &str| {
            let body = format!(r#"{{"error":"{code}"}}"#);
            reply(400, "application/json", body.as_bytes())
        };
        Ok(match word % 9 {
            0 => refuses("access_denied"),
            1 => refuses("authorization_pending"),
            2 => {
                self.interval += SLOW_DOWN;
                refuses("slow_down")
            }
            3 => return Err(TransportError::new(TransportErrorKind::Timeout)),
            4 => reply(502, "text/html", b"<p>later"),
            5 => {
                let pause = Duration::from_secs(u64::from(word));
                self.not_before = self.elapsed + pause;
                let mut busy = reply(429, "text/plain", b"later");
                let seconds = http::HeaderValue::from(pause.as_secs());
                busy.headers_mut().insert(http::header::RETRY_AFTER, seconds);
                busy
            }
            6 => {
                let named = Duration::from_secs(u64::from(word).clamp(1, 300));
                self.interval = if named > self.interval {
                    named
                } else {
                    self.interval + SLOW_DOWN
                };
                let body = format!(r#"{{"error":"slow_down","interval":{word}}}"#);
                reply(400, "application/json", body.as_bytes())
            }
            7 => refuses("expired_token"),
            _ => reply(
                200,
                "application/json",
                br#"{"access_token":"AT","token_type":"Bearer"}"#,
            ),
        })
    }

    fn is_an_end(&self, error: &Error) {
        let in_time = matches!(error, Error::NotAuthorized(NotAuthorized::NotInTime));
        assert!(in_time || matches!(error, Error::Denied(_)), "{error}");
        assert!(self.elapsed <= self.ends);
    }
}
