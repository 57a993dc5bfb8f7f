//! The head of a request: its first line and the headers that count ([RFC 9112 sections 2 to 3]); of a body, its length.
//!
//! Strict, since only browsers are meant: what is not plainly a request is none.
//!
//! [RFC 9112 sections 2 to 3]: https://www.rfc-editor.org/rfc/rfc9112#section-2

use grantflow_core::Secret;

/// The largest head that is read.
pub(super) const MOST_BYTES: usize = 8 * 1024;

/// A request, as far as a receiver cares. The target holds the code, so nothing here prints it.
pub(super) struct Head {
    pub(super) method: Method,
    /// The path, and the query without its question mark.
    pub(super) path: String,
    pub(super) query: Secret,
    /// The one `Host`; `None` if there is none or more than one.
    pub(super) host: Option<String>,
    /// Fetched before anybody asked for it.
    pub(super) prefetch: bool,
    /// The length of the form behind the head; `None` if what is there is no form of a known length.
    pub(super) form: Option<usize>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Method {
    Get,
    Head,
    Post,
    Other,
}

impl Head {
    /// Reads a whole head, its empty line included; `None` if it is none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            other if !other.is_empty() && other.bytes().all(is_token) => Method::Other,
            _ => return None,
        };
        let plain = !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic());
        if words.next().is_some() || !plain || !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
            return None;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut head = Self {
            method,
            path: path.to_owned(),
            query: Secret::new(query),
            host: None,
            prefetch: false,
            form: None,
        };
        let (mut hosts, mut lengths, mut is_form, mut is_plain) = (0, 0, false, true);
        let mut length = None;
        for line in lines {
            let (name, value) = line.split_once(':')?;
            if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n', '\0']) {
                return None;
            }
            let value = value.trim_matches([' ', '\t']);
            if name.eq_ignore_ascii_case("host") {
                hosts += 1;
                head.host = (hosts == 1).then(|| value.to_owned());
            } else if name.eq_ignore_ascii_case("content-length") {
                lengths += 1;
                let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                length = value.parse().ok().filter(|_| digits && lengths == 1);
            } else if name.eq_ignore_ascii_case("content-type") {
                let essence = value.split(';').next().unwrap_or_default().trim();
                is_form = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                is_plain = false;
            } else if name.eq_ignore_ascii_case("sec-purpose") || name.eq_ignore_ascii_case("purpose") {
                head.prefetch |= value.to_ascii_lowercase().contains("prefetch");
            }
        }
        head.form = length.filter(|_| is_form && is_plain);
        Some(head)
    }
}

/// tchar of RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn t17_a_host_counts_only_when_there_is_exactly_one() {
        let host = |headers: &str| {
            let head = format!("GET / HTTP/1.1\r\n{headers}\r\n");
            Head::parse(head.as_bytes()).unwrap().host
        };
        assert_eq!(host("hOST: \t127.0.0.1:1 \r\n").as_deref(), Some("127.0.0.1:1"));
        assert_eq!(host(""), None);
        assert_eq!(host("Host: a\r\nHost: a\r\n"), None);
        assert_eq!(host("Host: a\r\nHost: b\r\nHost: a\r\n"), None);
    }

    #[test]
    fn t20_what_is_not_plainly_a_request_is_none() {
        for bad in [
            "",
            "\r\n\r\n",
            "GET /\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1 \r\n\r\n",
            "GET / HTTP/2\r\n\r\n",
            "GET /\u{e4} HTTP/1.1\r\n\r\n",
            "G\u{1}T / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\n folded: a\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n\r\n",
            "\u{16}\u{3}\u{1}",
        ] {
            assert!(Head::parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
        let head =
            Head::parse(b"GET /cb?code=a?b&state=c HTTP/1.1\r\nSec-Purpose: prefetch;prerender\r\n\r\n")
                .unwrap();
        assert_eq!(
            (head.path.as_str(), head.query.expose()),
            ("/cb", "code=a?b&state=c")
        );
        assert!(head.prefetch);
    }
}
