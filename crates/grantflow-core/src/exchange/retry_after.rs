//! `Retry-After` in both its forms ([RFC 9110 section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use crate::Timestamp;

/// When the server wants to be asked again: never before `now`, and at most an hour later, whatever it says.
pub(crate) fn retry_at(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are a long time.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        timestamp(httpdate::parse_http_date(text).ok()?).since(now)
    };
    Some(now.plus(pause.min(LONGEST)))
}

fn timestamp(time: SystemTime) -> Timestamp {
    // An HTTP date is in 1970 or later.
    Timestamp::default().plus(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// No server may silence a client for longer: a wrong date would do it for years.
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn r16_retry_after_reads_in_both_forms_and_ends_within_an_hour() {
        let now = Timestamp::from_unix_seconds(1_800_000_000); // Fri, 15 Jan 2027 08:00:00 GMT
        let cases = [
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("3600", Some(3600)),
            ("3601", Some(3600)),
            ("99999999999999999999999999", Some(3600)),
            ("Fri, 15 Jan 2027 08:02:00 GMT", Some(120)),
            ("Friday, 15-Jan-27 08:02:00 GMT", Some(120)),
            ("Fri Jan 15 08:02:00 2027", Some(120)),
            ("Fri, 15 Jan 2027 07:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(3600)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("Fri, 15 Jan", None),
        ];
        for (text, seconds) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(text));
            let expected = seconds.map(|seconds| now.plus(Duration::from_secs(seconds)));
            assert_eq!(retry_at(&headers, now), expected, "{text:?}");
        }
        assert_eq!(retry_at(&HeaderMap::new(), now), None);
    }
}
