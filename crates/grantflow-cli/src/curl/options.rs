//! The options of curl that `grantflow curl` takes: those that shape the request or what becomes of the reply.
//!
//! A list of what is refused would have to know every option of every version of curl, its abbreviations and what it reads from
//! files. This is a list of what is taken, by whole names; what each takes is checked against curl itself by a test.

use std::borrow::Cow;
use std::ffi::OsString;

use crate::exit::{Failure, USAGE};

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Takes {
    Nothing,
    /// A value on one line.
    Line,
    /// Any value.
    Anything,
    /// A header.
    Header,
    /// A method.
    Method,
}
use Takes::{Anything, Header, Line, Method, Nothing};

/// What curl was told that the rest of the command has to know.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Some of the reply goes elsewhere than to standard output.
    pub(super) writes_files: bool,
    /// The same request may be sent several times.
    pub(super) repeats: bool,
    /// The method that curl will use.
    pub(super) method: http::Method,
}

/// The letter, if there is one, the name, and what follows.
const TAKEN: &[(Option<char>, &str, Takes)] = &[
    // The request.
    (Some('X'), "request", Method),
    (Some('H'), "header", Header),
    (Some('d'), "data", Anything),
    (None, "data-ascii", Anything),
    (None, "data-binary", Anything),
    (None, "data-raw", Anything),
    (None, "data-urlencode", Anything),
    (None, "json", Anything),
    (Some('F'), "form", Anything),
    (None, "form-string", Anything),
    (Some('T'), "upload-file", Line),
    (Some('G'), "get", Nothing),
    (None, "url-query", Line),
    (Some('I'), "head", Nothing),
    (Some('A'), "user-agent", Line),
    (Some('e'), "referer", Line),
    (Some('b'), "cookie", Line),
    (Some('c'), "cookie-jar", Line),
    (Some('r'), "range", Line),
    (Some('C'), "continue-at", Line),
    (Some('z'), "time-cond", Line),
    (None, "etag-compare", Line),
    (None, "etag-save", Line),
    (None, "compressed", Nothing),
    (Some('0'), "http1.0", Nothing),
    (None, "http1.1", Nothing),
    (None, "http2", Nothing),
    // The reply.
    (Some('s'), "silent", Nothing),
    (Some('S'), "show-error", Nothing),
    (Some('f'), "fail", Nothing),
    (None, "fail-with-body", Nothing),
    (Some('i'), "include", Nothing),
    (Some('o'), "output", Line),
    (None, "output-dir", Line),
    (None, "create-dirs", Nothing),
    (Some('O'), "remote-name", Nothing),
    (Some('J'), "remote-header-name", Nothing),
    (Some('R'), "remote-time", Nothing),
    (None, "remove-on-error", Nothing),
    (Some('D'), "dump-header", Line),
    (Some('w'), "write-out", Anything),
    (Some('N'), "no-buffer", Nothing),
    (None, "raw", Nothing),
    (Some('#'), "progress-bar", Nothing),
    (None, "no-progress-meter", Nothing),
    (None, "stderr", Line),
    // Time and size.
    (Some('m'), "max-time", Line),
    (None, "connect-timeout", Line),
    (None, "limit-rate", Line),
    (None, "max-filesize", Line),
    (Some('y'), "speed-time", Line),
    (Some('Y'), "speed-limit", Line),
    (None, "retry", Line),
    (None, "retry-delay", Line),
    (None, "retry-max-time", Line),
    (None, "retry-all-errors", Nothing),
    (None, "retry-connrefused", Nothing),
    // The connection, never weaker than curl's own.
    (Some('4'), "ipv4", Nothing),
    (Some('6'), "ipv6", Nothing),
    (None, "tlsv1.2", Nothing),
    (None, "tlsv1.3", Nothing),
    (None, "cacert", Line),
    (None, "capath", Line),
    (None, "crlfile", Line),
    (Some('E'), "cert", Line),
    (None, "cert-type", Line),
    (None, "key", Line),
    (None, "key-type", Line),
    (None, "pinnedpubkey", Line),
];

/// The options that have curl write a file; `-` is standard output to those with a value.
const WRITING: [&str; 6] = [
    "output",
    "remote-name",
    "dump-header",
    "cookie-jar",
    "etag-save",
    "stderr",
];

/// The options that make the request a POST.
const SENDING: [&str; 8] = [
    "data",
    "data-ascii",
    "data-binary",
    "data-raw",
    "data-urlencode",
    "json",
    "form",
    "form-string",
];

/// Headers that say where a request goes, or who sends it.
const REFUSED_HEADERS: [&str; 3] = ["authorization", "host", "proxy-authorization"];

/// Refuses options that are not on the list, and addresses; says what the others come to.
pub(super) fn check(options: &[OsString]) -> Result<Asked, Failure> {
    let mut asked = Asked::default();
    let mut given = Vec::new();
    let mut words = options.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if let Some(name) = word.strip_prefix("--") {
            let taken = TAKEN.iter().find(|(_, taken, _)| *taken == name);
            let (_, name, takes) = taken.ok_or_else(|| refused(&word))?;
            let mut value = None;
            if *takes != Nothing {
                value = words.next();
                check_value(&word, *takes, value.as_deref())?;
            }
            asked.writes_files |= is_written(name, value.as_deref());
            given.push((*name, value.map(Cow::into_owned)));
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            let mut rest = letters.chars();
            while let Some(letter) = rest.next() {
                let option = format!("-{letter}");
                let taken = TAKEN.iter().find(|(taken, _, _)| *taken == Some(letter));
                let (_, name, takes) = taken.ok_or_else(|| refused(&option))?;
                if *takes == Nothing {
                    asked.writes_files |= is_written(name, None);
                    given.push((*name, None));
                    continue;
                }
                let behind = rest.as_str();
                let value = if behind.is_empty() {
                    words.next()
                } else {
                    Some(behind.into())
                };
                check_value(&option, *takes, value.as_deref())?;
                asked.writes_files |= is_written(name, value.as_deref());
                given.push((*name, value.map(Cow::into_owned)));
                break;
            }
        } else {
            return Err(Failure::new(
                USAGE,
                format!("{word} is not an option: one address is called, and it stands before `--`"),
            ));
        }
    }
    asked.repeats = given.iter().any(|(name, _)| *name == "retry");
    asked.method = method(&given)?;
    Ok(asked)
}

/// The method that curl uses: the one that it was told, else what it takes for these options.
fn method(given: &[(&str, Option<String>)]) -> Result<http::Method, Failure> {
    let has = |names: &[&str]| given.iter().any(|(name, _)| names.contains(name));
    let told = given.iter().rev().find(|(name, _)| *name == "request");
    if let Some((_, Some(told))) = told {
        let unknown = |_| Failure::new(USAGE, "curl's option --request has a value that is no method");
        return http::Method::from_bytes(told.as_bytes()).map_err(unknown);
    }
    Ok(if has(&["head"]) {
        http::Method::HEAD
    } else if has(&["upload-file"]) {
        http::Method::PUT
    } else if has(&SENDING) && !has(&["get"]) {
        http::Method::POST
    } else {
        http::Method::GET
    })
}

/// Whether an option has curl write a file.
fn is_written(name: &str, value: Option<&str>) -> bool {
    WRITING.contains(&name) && value != Some("-")
}

fn check_value(option: &str, takes: Takes, value: Option<&str>) -> Result<(), Failure> {
    let bad = |why: &str| Failure::new(USAGE, format!("curl's option {option} {why}"));
    let value = value.ok_or_else(|| bad("lacks its value"))?;
    if !matches!(takes, Nothing | Anything) && value.contains(char::is_control) {
        return Err(bad("has a value with a control character"));
    }
    match takes {
        Method
            if !value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') =>
        {
            Err(bad("has a value that is no method"))
        }
        Header if value.starts_with('@') => Err(bad("is not taken with a file: it could hold any header")),
        Header => {
            let name = value.split([':', ';']).next().unwrap_or_default().trim();
            if REFUSED_HEADERS
                .iter()
                .any(|refused| name.eq_ignore_ascii_case(refused))
            {
                return Err(bad(
                    "is not taken with this header: the command itself says who calls what",
                ));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn refused(option: &str) -> Failure {
    let why = match option {
        "-L" | "--location" | "--location-trusted" => "redirects are not followed with a token",
        "-v" | "--verbose" | "--trace" | "--trace-ascii" | "--libcurl" => "it would show the token",
        _ => "only options are taken that can neither change where the token goes nor show it",
    };
    Failure::new(USAGE, format!("curl's option {option} is not taken: {why}"))
        .hint("options are taken by their whole names; `grantflow header` prints the header line for every other use")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_method_is_the_one_that_curl_uses() {
        for (words, method) in [
            (&[][..], "GET"),
            (&["-sS", "-o", "x"], "GET"),
            (&["-d", "a=b"], "POST"),
            (&["-sda=b"], "POST"),
            (&["--json", "{}"], "POST"),
            (&["-F", "a=b"], "POST"),
            (&["-G", "-d", "a=b"], "GET"),
            (&["-I"], "HEAD"),
            (&["-sI"], "HEAD"),
            (&["-T", "file"], "PUT"),
            (&["-X", "DELETE"], "DELETE"),
            (&["-XPATCH", "-d", "a=b"], "PATCH"),
            (&["--request", "PUT", "-X", "POST"], "POST"),
            (&["-d", "-XDELETE"], "POST"),
        ] {
            let words: Vec<OsString> = words.iter().map(Into::into).collect();
            let asked = check(&words).map(|asked| asked.method.to_string());
            assert_eq!(asked.ok().as_deref(), Some(method), "{words:?}");
        }
    }

    fn taken(words: &[&str]) -> bool {
        check(&words.iter().map(Into::into).collect::<Vec<_>>()).is_ok()
    }

    #[test]
    fn t51_options_that_change_where_the_request_goes_are_refused_however_they_are_written() {
        for words in [
            &["-L"][..],
            &["-sL"],
            &["-sSL"],
            &["--location"],
            &["--locat"],
            &["--location-trusted"],
            &["--no-location"],
            &["-K", "-"],
            &["-K-"],
            &["-sK", "-"],
            &["-sKfile"],
            &["--config", "x"],
            &["--config=x"],
            &["--conf", "x"],
            &["-x", "http://evil.example"],
            &["-sx", "http://evil.example"],
            &["--proxy", "http://evil.example"],
            &["--prox", "http://evil.example"],
            &["--preproxy", "x"],
            &["--socks5-hostname", "x"],
            &["--connect-to", "::evil.example:443"],
            &["--resolve", "a:443:1.2.3.4"],
            &["--resolv", "a:443:1.2.3.4"],
            &["--doh-url", "https://evil.example"],
            &["--unix-socket", "/x"],
            &["--abstract-unix-socket", "/x"],
            &["--interface", "x"],
            &["--dns-servers", "1.2.3.4"],
            &["--alt-svc", "x"],
            &["--hsts", "x"],
            &["--request-target", "http://evil.example/"],
            &["--url", "https://evil.example"],
            &["--url=https://evil.example"],
            &["--next"],
            &["-:"],
            &["-Z"],
            &["--proto", "http"],
            &["--proto-default", "http"],
            &["-k"],
            &["-sk"],
            &["--insecure"],
            &["--insec"],
            &["--ssl-allow-beast"],
            &["--tlsv1.0"],
            &["--haproxy-protocol"],
            &["-q"],
            &["-n"],
            &["-u", "a:b"],
            &["--oauth2-bearer", "x"],
            &["--aws-sigv4", "x"],
            &["-v"],
            &["-sv"],
            &["--trace", "-"],
            &["--trace-ascii", "-"],
            &["--libcurl", "x"],
            &["--variable", "x"],
            &["--expand-url", "x"],
            &["https://evil.example"],
            &["evil.example"],
            &["-"],
            &["--", "evil.example"],
            &["-s", "evil.example"],
            &["-d", "x", "evil.example"],
            &["-sd", "x", "evil.example"],
            &["-o", "-s", "evil.example"],
            &["-dx", "evil.example"],
            &["\u{2212}s"],
            &["--silent\u{0}"],
            &["--Silent"],
            &[""],
        ] {
            assert!(!taken(words), "{words:?}");
        }
    }

    #[test]
    fn t51_a_header_does_not_say_where_a_request_goes_or_who_sends_it() {
        for value in [
            "Host: evil.example",
            "host:evil.example",
            " Host : evil.example",
            "Authorization: Basic x",
            "AUTHORIZATION;",
            "Proxy-Authorization: x",
            "@file",
            "X: y\r\nHost: evil.example",
        ] {
            assert!(!taken(&["-H", value]), "{value}");
            assert!(!taken(&["--header", value]), "{value}");
            assert!(!taken(&[&format!("-sH{value}")]), "{value}");
        }
        for method in ["GET https://evil.example/ HTTP/1.1\r\nHost: x", "A B", "A\n"] {
            assert!(!taken(&["-X", method]), "{method}");
        }
        assert!(!taken(&["-A", "x\r\nHost: evil.example"]));
    }

    #[test]
    fn options_that_shape_the_request_or_the_reply_are_taken() {
        for words in [
            &[][..],
            &["-sSf"],
            &["-s", "-o", "reply.json"],
            &["-oreply.json"],
            &["-sSoreply.json"],
            &["--json", "{\"a\":\n\"https://b.example\"}"],
            &["-X", "PATCH", "-d", "-L"],
            &["-XDELETE"],
            &["-H", "Accept: application/json", "-H", "X-Host: a"],
            &["-F", "file=@photo.jpg"],
            &["--data-urlencode", "url=https://b.example"],
            &["-w", "%{http_code}\n"],
            &["-d", "@-"],
        ] {
            assert!(taken(words), "{words:?}");
        }
    }

    #[test]
    fn an_option_without_its_value_is_refused() {
        for words in [&["-d"][..], &["-sd"], &["--data"], &["-s", "--output"], &["-H"]] {
            assert!(!taken(words), "{words:?}");
        }
    }
}
