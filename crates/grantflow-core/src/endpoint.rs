//! Checked addresses: [`Endpoint`] of a server, its [`Issuer`] name ([RFC 8414 section 2]), and the [`Origin`]s a token may go to.
//!
//! Held as ASCII strings and checked with [`http::Uri`]; the raw text is checked too, since that type drops fragments silently.
//!
//! [RFC 8414 section 2]: https://www.rfc-editor.org/rfc/rfc8414#section-2

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use http::Uri;

use crate::Error;
use crate::error::InvalidInput;

/// The address of an endpoint: https, or http on a loopback literal when asked for by name.
///
/// # Example
///
/// ```
/// use grantflow_core::Endpoint;
///
/// assert!(Endpoint::new("https://example.com/token").is_ok());
/// assert!(Endpoint::new("http://127.0.0.1:8080/token").is_err());
/// assert!(Endpoint::allow_http_for_loopback("http://127.0.0.1:8080/token").is_ok());
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Endpoint(String);

impl Endpoint {
    /// Takes an `https` address without user information or fragment.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for anything else; the message does not repeat the address.
    pub fn new(address: impl Into<String>) -> Result<Self, Error> {
        Self::check(address.into(), Http::Refused)
    }

    /// Takes what [`new`](Self::new) takes, and `http` when the host is a literal of the loopback interface (`127.0.0.1`, `[::1]`).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for anything else.
    pub fn allow_http_for_loopback(address: impl Into<String>) -> Result<Self, Error> {
        Self::check(address.into(), Http::OnLoopback)
    }

    /// Takes what [`allow_http_for_loopback`](Self::allow_http_for_loopback) takes, and `http` on the name `localhost`, as servers under
    /// development have it. RFC 6761 section 6.3 says that the name is this machine; a resolver that says otherwise is believed.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for anything else.
    pub fn allow_http_for_localhost(address: impl Into<String>) -> Result<Self, Error> {
        Self::check(address.into(), Http::OnLocalhost)
    }

    /// Takes an address that another names: plain http as far as the one who names it is spoken to so, and never from an https one.
    pub(crate) fn named_by(address: impl Into<String>, place: &str) -> Result<Self, Error> {
        Self::check(address.into(), Http::of(place))
    }

    fn check(address: String, http: Http) -> Result<Self, Error> {
        check(&address, http)?;
        Ok(Self(address))
    }

    /// The address as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::of_checked(&self.0)
    }

    /// Whether connections to it have TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.origin().https
    }
}

/// Prints the address without its query: values of a query may be secret.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.split('?').next().unwrap_or_default())
    }
}

/// The name of an authorization server: an address without query or fragment, compared byte for byte ([RFC 9207 section 2.4]).
///
/// [RFC 9207 section 2.4]: https://www.rfc-editor.org/rfc/rfc9207#section-2.4
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Issuer(String);

impl Issuer {
    /// Takes an `https` address without query or fragment.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for anything else.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        Self::check(name.into(), Http::Refused)
    }

    /// Takes what [`new`](Self::new) takes, and `http` on a loopback literal.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for anything else.
    pub fn allow_http_for_loopback(name: impl Into<String>) -> Result<Self, Error> {
        Self::check(name.into(), Http::OnLoopback)
    }

    /// Takes what [`allow_http_for_loopback`](Self::allow_http_for_loopback) takes, and `http` on the name `localhost`; see
    /// [`Endpoint::allow_http_for_localhost`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for anything else.
    pub fn allow_http_for_localhost(name: impl Into<String>) -> Result<Self, Error> {
        Self::check(name.into(), Http::OnLocalhost)
    }

    /// Takes a name that another gives, with plain http as [`Endpoint::named_by`] takes it.
    pub(crate) fn named_by(name: impl Into<String>, place: &str) -> Result<Self, Error> {
        Self::check(name.into(), Http::of(place))
    }

    fn check(name: String, http: Http) -> Result<Self, Error> {
        check(&name, http)?;
        if name.contains('?') {
            return Err(InvalidInput::new("issuer", "has a query").into());
        }
        Ok(Self(name))
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::of_checked(&self.0)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a token may be sent: scheme, host and port; a host may begin with `*.` for all hosts below it.
///
/// # Example
///
/// ```
/// use grantflow_core::Origin;
///
/// let google = Origin::new("https://*.googleapis.com")?;
/// assert!(google.covers(&"https://www.googleapis.com/calendar/v3?x=1".parse()?));
/// assert!(!google.covers(&"https://googleapis.com.evil.example/".parse()?));
/// assert!(!google.covers(&"http://www.googleapis.com/".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    host: String,
    port: u16,
    https: bool,
    below: bool,
}

impl Origin {
    /// Reads `https://host`, `https://*.host`, either with a port, or `http` on a loopback literal; a path is refused.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for anything else.
    pub fn new(origin: &str) -> Result<Self, Error> {
        Self::plain(origin).map_or_else(|| Self::checked(origin, Http::OnLoopback), Ok)
    }

    /// An origin of a record: checked when the record was made, `localhost` included.
    pub(crate) fn recorded(origin: &str) -> Result<Self, Error> {
        Self::plain(origin).map_or_else(|| Self::checked(origin, Http::OnLocalhost), Ok)
    }

    /// An origin as most are: https, a name, no port. It is read from each record.
    fn plain(origin: &str) -> Option<Self> {
        let name = origin.strip_prefix("https://")?;
        let (host, below) = match name.strip_prefix("*.") {
            Some(host) => (host, true),
            None => (name, false),
        };
        // Without a letter it may be an address, and without a dot a whole top-level domain.
        let is_plain =
            is_name(host) && host.contains('.') && host.contains(|letter: char| letter.is_ascii_lowercase());
        is_plain.then(|| Self {
            host: host.to_owned(),
            port: 443,
            https: true,
            below,
        })
    }

    fn checked(origin: &str, http: Http) -> Result<Self, Error> {
        let wildcard = origin
            .split_once(':')
            .and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//*.")?)));
        let (plain, below) = match wildcard {
            Some((scheme, host)) if host.contains('.') => (Cow::Owned(format!("{scheme}://{host}")), true),
            Some(_) => return Err(InvalidInput::new("origin", "covers a whole top-level domain").into()),
            None => (Cow::Borrowed(origin), false),
        };
        let uri = checked_uri(&plain, http)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(InvalidInput::new("origin", "has a path or a query").into());
        }
        let problem = "has no host, or a star that does not stand for its first label";
        let origin = Self::of(&uri).ok_or_else(|| InvalidInput::new("origin", problem))?;
        if below && is_loopback_literal(&origin.host) {
            return Err(InvalidInput::new("origin", "has an address below a wildcard").into());
        }
        Ok(Self { below, ..origin })
    }

    /// The exact origin of an absolute address; `None` without a host, with a star in it, or with another scheme than `https` or
    /// `http`.
    #[must_use]
    pub fn of(uri: &Uri) -> Option<Self> {
        let https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri
            .host()
            .filter(|host| !host.contains('*'))?
            .to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        Some(Self {
            host,
            port,
            https,
            below: false,
        })
    }

    /// That of an address which was checked at construction, so that there is one; the empty one matches nothing.
    fn of_checked(address: &str) -> Self {
        let uri: Option<Uri> = address.parse().ok();
        uri.and_then(|uri| Self::of(&uri)).unwrap_or_else(Self::nowhere)
    }

    /// Whether a request to `uri` may carry the token: never over plain http to another machine.
    #[must_use]
    pub fn covers(&self, uri: &Uri) -> bool {
        let Some(other) = Self::of(uri) else { return false };
        let user_information = uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'));
        let host = if self.below {
            other
                .host
                .strip_suffix(&self.host)
                .is_some_and(|head| head.len() > 1 && head.ends_with('.'))
        } else {
            other.host == self.host
        };
        let private = self.https || Http::OnLocalhost.takes(&other.host);
        host && private && !user_information && self.port == other.port && self.https == other.https
    }

    fn nowhere() -> Self {
        Self {
            host: String::new(),
            port: 0,
            https: true,
            below: false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = if self.https { ("https", 443) } else { ("http", 80) };
        let below = if self.below { "*." } else { "" };
        write!(f, "{scheme}://{below}{}", self.host)?;
        if self.port != default {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

/// Whether `host` (as [`Uri::host`] gives it) is an address literal of the loopback interface.
pub(crate) fn is_loopback_literal(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[derive(Clone, Copy)]
enum Http {
    Refused,
    OnLoopback,
    OnLocalhost,
}

impl Http {
    /// How far plain http is taken from one who is at this address.
    fn of(place: &str) -> Self {
        let levels = [Self::Refused, Self::OnLoopback, Self::OnLocalhost];
        let needed = levels.into_iter().find(|http| check(place, *http).is_ok());
        needed.unwrap_or(Self::Refused)
    }

    fn takes(self, host: &str) -> bool {
        match self {
            Self::Refused => false,
            Self::OnLoopback => is_loopback_literal(host),
            Self::OnLocalhost => is_loopback_literal(host) || host.eq_ignore_ascii_case("localhost"),
        }
    }
}

fn check(address: &str, http: Http) -> Result<(), Error> {
    if is_plain(address) {
        return Ok(());
    }
    checked_uri(address, http).map(drop)
}

/// Whether it is an address as most are: https, a name, and a path without anything that would have to be looked at twice.
/// A record that is read has several, and taking each apart was a fifth of the time.
fn is_plain(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("https://") else {
        return false;
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let unreserved =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~');
    is_name(host) && path.bytes().all(unreserved) && address.len() <= 1024
}

/// Whether it is a host name in lower case.
fn is_name(host: &str) -> bool {
    let of_a_name =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    (1..=255).contains(&host.len()) && host.bytes().all(of_a_name)
}

/// A name (with the underscore that some have), an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').map(str::parse::<Ipv6Addr>);
        return matches!(address, Some(Ok(_)));
    }
    let of_a_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    host.bytes().all(of_a_host)
}

fn checked_uri(address: &str, http: Http) -> Result<Uri, Error> {
    let bad = |problem| Err(Error::from(InvalidInput::new("address", problem)));
    for byte in address.bytes() {
        match byte {
            b'#' | b'\\' | b'"' | b'<' | b'>' => {
                return bad("has a fragment or a character that no address has");
            }
            b'!'..=b'~' => {}
            _ => return bad("has a space, a control character or a letter outside ASCII"),
        }
    }
    let Ok(uri) = address.parse::<Uri>() else {
        return bad("is not an absolute address");
    };
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
        return bad("has no host");
    };
    // `http` takes more than a host may have, and other readers stop elsewhere.
    if !is_host(host) {
        return bad("has a host that is neither a name nor an address");
    }
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return bad("has user information");
    }
    // `http` gives `None` for a port that is no number and for one that is not there.
    let port = uri.authority().map_or("", |authority| {
        authority.as_str().strip_prefix(host).unwrap_or_default()
    });
    if !port.is_empty() && uri.port_u16().is_none() {
        return bad("has a port that is not a number");
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if http.takes(host) => Ok(uri),
        Some("http") => bad("is not https (http is taken on a loopback literal, when asked for)"),
        _ => bad("is not https"),
    }
}

#[cfg(feature = "url")]
mod with_url {
    use super::{Endpoint, Issuer};
    use crate::Error;

    impl TryFrom<&url::Url> for Endpoint {
        type Error = Error;
        fn try_from(url: &url::Url) -> Result<Self, Error> {
            Self::new(url.as_str())
        }
    }

    impl TryFrom<&url::Url> for Issuer {
        type Error = Error;
        fn try_from(url: &url::Url) -> Result<Self, Error> {
            Self::new(url.as_str())
        }
    }

    impl TryFrom<&Endpoint> for url::Url {
        type Error = url::ParseError;
        fn try_from(endpoint: &Endpoint) -> Result<Self, url::ParseError> {
            Self::parse(endpoint.as_str())
        }
    }

    impl TryFrom<&Issuer> for url::Url {
        type Error = url::ParseError;
        fn try_from(issuer: &Issuer) -> Result<Self, url::ParseError> {
            Self::parse(issuer.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn t29_plain_http_is_taken_on_loopback_literals_only_and_only_when_asked_for() {
        let good = [
            "https://example.com",
            "https://example.com/token",
            "https://example.com:8443/t?x=1",
            "https://[2001:db8::1]/",
            "https://127.0.0.1/",
        ];
        for address in good {
            assert!(Endpoint::new(address).is_ok(), "{address}");
        }
        let loopback = [
            "http://127.0.0.1/",
            "http://127.0.0.1:80/t",
            "http://[::1]:8080/t",
            "http://127.8.9.1/",
        ];
        for address in loopback {
            assert!(Endpoint::new(address).is_err(), "{address}");
            assert!(Endpoint::allow_http_for_loopback(address).is_ok(), "{address}");
        }
        let bad = [
            "",
            "example.com",
            "/token",
            "http://example.com/",
            "http://localhost/",
            "http://127.0.0.1.evil.example/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://[::ffff:127.0.0.1]/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://",
            "https://u:p@example.com/",
            "http://u@127.0.0.1/",
            "https://example.com/#f",
            "https://exa mple.com/",
            "https://ex\u{e4}mple.com/",
            "https://example.com/\n",
            "https://example.com:port/",
            "https://example.com:/",
            "https://example.com\\@evil.example/",
            "https://[::1",
            "https://as.exampl[]issuer1/",
            "https://[as.example]/",
            "https://[::1]x/",
            "https://as%2eexample/",
            "https://as.example;x/",
            "https://as.example,evil.example/",
            "https://*.example/",
            "HTTP://127.0.0.1 /",
        ];
        for address in bad {
            assert!(Endpoint::allow_http_for_loopback(address).is_err(), "{address}");
        }
    }

    #[test]
    fn t29_plain_http_on_localhost_is_taken_by_its_own_name_only() {
        for address in [
            "http://localhost/",
            "http://LOCALHOST:8080/t",
            "http://127.0.0.1/",
        ] {
            assert!(Endpoint::allow_http_for_localhost(address).is_ok(), "{address}");
        }
        for address in [
            "http://localhost.example/",
            "http://xlocalhost/",
            "http://localhost./",
            "http://u@localhost/",
            "http://10.0.0.1/",
        ] {
            assert!(Endpoint::allow_http_for_localhost(address).is_err(), "{address}");
        }
        assert!(Origin::new("http://localhost:1").is_err() && Origin::recorded("http://localhost:1").is_ok());
    }

    #[test]
    fn t29_whoever_is_spoken_to_by_https_names_no_plain_http() {
        let taken = |place: &str| {
            ["http://127.0.0.1/x", "http://localhost/x", "https://x.example/x"]
                .map(|address| Endpoint::named_by(address, place).is_ok())
        };
        assert_eq!(taken("https://server.example"), [false, false, true]);
        assert_eq!(taken("https://127.0.0.1:8443/"), [false, false, true]);
        assert_eq!(taken("http://127.0.0.1:8080"), [true, false, true]);
        assert_eq!(taken("http://localhost:8080"), [true, true, true]);
        assert!(Endpoint::named_by("http://server.example/x", "http://localhost").is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_let_through_at_a_glance_passes_the_whole_check(address in "(https?://|HTTPS://|)[a-z0-9.:@A-Z-]{0,12}[/a-z?#%.~]{0,12}") {
            proptest::prop_assert!(!is_plain(&address) || checked_uri(&address, Http::Refused).is_ok());
        }

        #[test]
        fn an_origin_read_at_a_glance_is_the_one_that_the_whole_check_gives(origin in "(https?://|HTTPS://|)(\\*\\.|)[a-z0-9.:@A-Z*-]{0,12}/?") {
            if let Some(plain) = Origin::plain(&origin) {
                proptest::prop_assert_eq!(Some(plain), Origin::checked(&origin, Http::OnLoopback).ok());
            }
        }
    }

    #[test]
    fn an_address_as_most_are_is_let_through_at_a_glance() {
        assert!(is_plain("https://oauth2.googleapis.com/token"));
        assert!(is_plain("https://accounts.google.com"));
        for origin in ["https://*.googleapis.com", "https://api.example.com"] {
            assert_eq!(
                Origin::plain(origin),
                Origin::checked(origin, Http::OnLoopback).ok(),
                "{origin}"
            );
            assert!(Origin::plain(origin).is_some(), "{origin}");
        }
        for other in [
            "https://",
            "https:///x",
            "https://a@b/",
            "https://a:1/",
            "https://a/?x",
            "http://a/",
            "https://a/%2e",
        ] {
            assert!(!is_plain(other), "{other}");
        }
    }

    #[test]
    fn t51_an_origin_covers_its_own_host_port_and_scheme_and_no_other() {
        let exact = Origin::new("https://api.example.com").unwrap();
        let below = Origin::new("https://*.example.com").unwrap();
        let covered = |origin: &Origin, uri: &str| origin.covers(&uri.parse().unwrap());
        assert!(covered(&exact, "https://API.example.com:443/x"));
        assert!(covered(&below, "https://a.b.example.com/"));
        for foreign in [
            "https://example.com/",
            "https://x.api.example.com/",
            "https://api.example.com.evil/",
            "https://api.example.com:444/",
            "http://api.example.com/",
            "https://evilapi.example.com@evil.example/",
            "https://u@api.example.com/",
        ] {
            assert!(!covered(&exact, foreign), "{foreign}");
        }
        for foreign in [
            "https://example.com/",
            "https://.example.com/",
            "https://evilexample.com/",
            "https://example.com.evil/",
        ] {
            assert!(!covered(&below, foreign), "{foreign}");
        }
        // `of` takes any address of the web: a token goes to none in the clear.
        let clear = Origin::of(&"http://api.example.com".parse().unwrap()).unwrap();
        assert!(!covered(&clear, "http://api.example.com/"));
        assert!(covered(
            &Origin::new("http://127.0.0.1:80").unwrap(),
            "http://127.0.0.1/"
        ));
        for bad in [
            "https://*.com",
            "https://*.127.0.0.1",
            "https://*",
            "https://*:443",
            "https://*.*.com",
            "https://a*.com",
            "https://a.*.com",
            "http://example.com",
            "https://example.com/path",
            "*",
            "",
        ] {
            assert!(Origin::new(bad).is_err(), "{bad}");
        }
        assert_eq!(
            Origin::new("https://*.example.com:8443").unwrap().to_string(),
            "https://*.example.com:8443"
        );
    }
}
