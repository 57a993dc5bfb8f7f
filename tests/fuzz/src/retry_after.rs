//! F14 of the table of threats: when a server wants to be asked again.
//!
//! ```text
//! 8 bytes  what the clock says          whatever the header says: not before now, not later than an hour from now,
//! 2 bytes  how much later it is asked   and who asks later is not told to come back earlier
//! the rest the header `Retry-After`
//! ```
//!
//! Seconds are held against a plain reading of them, and dates against the crate that wrote them.

use std::time::{Duration, SystemTime};

use grantflow_core::{Body, Client, Cx, Endpoint, Now, Response, Secret, Timestamp, TokenRequest};

const HOUR: Duration = Duration::from_secs(3600);
/// The last second that an HTTP date can name: the end of the year 9999.
const LAST: u64 = 253_402_300_799;

/// Asks what a refused refresh says of the next one.
///
/// # Panics
///
/// If a promise is broken.
pub fn retry_after(data: &[u8]) {
    let Some((clock, rest)) = data.split_first_chunk::<8>() else {
        return;
    };
    let Some((later, header)) = rest.split_first_chunk::<2>() else {
        return;
    };
    let now = Timestamp::from_unix_millis(i64::from_be_bytes(*clock));
    let later = Duration::from_secs(u16::from_be_bytes(*later).into());
    let Ok(value) = http::HeaderValue::from_bytes(header) else {
        return;
    };

    let at = ask(&value, now);
    if let Some(at) = at {
        within_an_hour(at, now);
        let then = now.plus(later);
        let at_then = ask(&value, then).expect("a header does not lose its meaning");
        within_an_hour(at_then, then);
        assert!(at <= at_then, "who asks later is told to come back earlier");
    }
    if let Some(seconds) = plain_seconds(header) {
        assert_eq!(at, Some(now.plus(seconds.min(HOUR))));
    }

    // The same bytes as a date, which every reader of dates has to understand.
    let mut seconds = [0; 8];
    let length = header.len().min(8);
    seconds[..length].copy_from_slice(&header[..length]);
    let seconds = u64::from_be_bytes(seconds) % (LAST + 1);
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let value = http::HeaderValue::from_str(&httpdate::fmt_http_date(date)).expect("a date is ASCII");
    let date = Timestamp::default().plus(Duration::from_secs(seconds));
    let expected = if date < now { now } else { date.min(now.plus(HOUR)) };
    assert_eq!(ask(&value, now), Some(expected));
}

fn within_an_hour(at: Timestamp, now: Timestamp) {
    assert!(at >= now, "before it was said");
    assert!(at <= now.plus(HOUR), "more than an hour later");
}

/// What the header means, by the plainest reading: some digits, perhaps with blanks around them.
fn plain_seconds(header: &[u8]) -> Option<Duration> {
    let text = str::from_utf8(header).ok()?.trim_matches([' ', '\t']);
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.trim_start_matches('0').parse().unwrap_or(u64::MAX);
    let zero = digits && text.bytes().all(|byte| byte == b'0');
    digits.then(|| Duration::from_secs(if zero { 0 } else { seconds }))
}

fn ask(value: &http::HeaderValue, now: Timestamp) -> Option<Timestamp> {
    let endpoint = Endpoint::new("https://as.example/token").expect("an endpoint");
    let request = TokenRequest::refresh(&Client::new("cid", endpoint), Secret::new("RT"));
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
    reply
        .headers_mut()
        .insert(http::header::RETRY_AFTER, value.clone());
    let mut no_entropy = |_: &mut [u8]| Ok(());
    let cx = Cx::new(
        Now {
            wall: now,
            ..Now::default()
        },
        &mut no_entropy,
    );
    let error = request.parse(&reply, &cx).expect_err("it is no success");
    error.retry_at()
}
