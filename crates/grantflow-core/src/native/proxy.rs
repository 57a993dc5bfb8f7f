//! The proxies that the environment names, read once: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
//!
//! The HTTP clients differ here: which variable serves which scheme, whether `NO_PROXY` covers subdomains, whether CGI counts.
//! One reading for all adapters makes a program behave alike whatever it is built on.

use std::net::IpAddr;

use http::Uri;

use super::near::never_by_proxy;
use crate::Secret;
use crate::error::InvalidInput;

/// The proxies of this process's environment, and where requests go past them.
///
/// - `https` requests take `HTTPS_PROXY`, `http` requests `HTTP_PROXY`, both else `ALL_PROXY`; lower case counts too.
/// - A literal loopback or link-local address, `localhost` and Google's metadata server by its names never take a proxy.
/// - `NO_PROXY` lists names (with their subdomains), addresses, networks such as `10.0.0.0/8`, each with a port if need be, or `*`.
/// - Under CGI (`REQUEST_METHOD` is set) `HTTP_PROXY` is ignored: there the client's `Proxy` header sets it.
///
/// Addresses are [`Secret`]s, since they may hold a password.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Secret>,
    https: Option<Secret>,
    direct: Vec<Direct>,
}

impl Proxies {
    /// What the environment says now.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`] if an address there cannot be used: to go past a proxy unasked is worse than to stop.
    pub fn from_env() -> Result<Self, InvalidInput> {
        Self::read(&|name| std::env::var(name).ok())
    }

    /// No proxy at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The proxy for a request to `uri`, with its scheme; `None` means to connect directly.
    #[must_use]
    pub fn for_uri(&self, uri: &Uri) -> Option<&Secret> {
        let (proxy, default_port) = match uri.scheme_str() {
            Some("https") => (self.https.as_ref()?, 443),
            Some("http") => (self.http.as_ref()?, 80),
            _ => return None,
        };
        let host = uri.host()?.trim_matches(['[', ']']).to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(default_port);
        let direct = never_by_proxy(uri) || self.direct.iter().any(|entry| entry.covers(&host, port));
        (!direct).then_some(proxy)
    }

    fn read(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, InvalidInput> {
        let first = |names: &[&str]| {
            let value = names.iter().find_map(|name| env(name))?;
            let value = value.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let proxy = |names| first(names).map(|value| address(&value)).transpose();
        let all = proxy(&["ALL_PROXY", "all_proxy"])?;
        let cgi = env("REQUEST_METHOD").is_some();
        let http = if cgi {
            None
        } else {
            proxy(&["HTTP_PROXY", "http_proxy"])?
        };
        let no_proxy = first(&["NO_PROXY", "no_proxy"]);
        Ok(Self {
            http: http.or_else(|| all.clone()),
            https: proxy(&["HTTPS_PROXY", "https_proxy"])?.or(all),
            direct: no_proxy.map_or_else(Vec::new, |list| entries(&list)),
        })
    }
}

fn address(value: &str) -> Result<Secret, InvalidInput> {
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => "http",
        "https" => "https",
        "socks4" => "socks4",
        "socks4a" => "socks4a",
        "socks" | "socks5" => "socks5",
        "socks5h" => "socks5h",
        _ => {
            return Err(InvalidInput::new(
                "proxy in the environment",
                "has an unknown scheme",
            ));
        }
    };
    let address = format!("{scheme}://{rest}");
    if usable(&address) {
        Ok(Secret::new(address))
    } else {
        Err(InvalidInput::new("proxy in the environment", "is no address"))
    }
}

/// `http::Uri` lets pass a port that is no number, and drops what follows a `#`.
fn usable(address: &str) -> bool {
    let uri: Option<Uri> = address.parse().ok();
    let Some(authority) = uri.as_ref().and_then(Uri::authority) else {
        return false;
    };
    let bare = match authority.as_str().rsplit_once('@') {
        Some((_password, bare)) => bare,
        None => authority.as_str(),
    };
    let port = bare.strip_prefix(authority.host());
    !address.contains('#')
        && !authority.host().is_empty()
        && (port == Some("") || authority.port_u16().is_some())
}

#[derive(Clone, Debug)]
struct Direct {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Host {
    Any,
    Name(String),
    Network(u128, u32),
}

fn entries(list: &str) -> Vec<Direct> {
    let words = list.split([',', ' ', '\t']).map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(|word| Direct::read(&word.to_ascii_lowercase()))
        .collect()
}

impl Direct {
    fn read(word: &str) -> Self {
        if let Some(host) = Host::read(word) {
            return Self { host, port: None };
        }
        let (host, port) = match word.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
            _ => (word, None),
        };
        let name = host.trim_start_matches('*').trim_start_matches('.');
        Self {
            host: Host::read(host).unwrap_or_else(|| Host::Name(name.to_owned())),
            port,
        }
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        let here = match &self.host {
            Host::Any => true,
            Host::Name(name) => host
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            Host::Network(network, shift) => host
                .parse()
                .is_ok_and(|ip| bits(ip).wrapping_shr(*shift) == network.wrapping_shr(*shift)),
        };
        here && self.port.is_none_or(|only| only == port)
    }
}

impl Host {
    fn read(word: &str) -> Option<Self> {
        if word == "*" {
            return Some(Self::Any);
        }
        let (ip, prefix) = match word.split_once('/') {
            Some((ip, prefix)) => (ip, Some(prefix)),
            None => (word, None),
        };
        let ip: IpAddr = ip.trim_matches(['[', ']']).parse().ok()?;
        let width = if ip.is_ipv4() { 32 } else { 128 };
        let prefix: u32 = prefix.map_or(Ok(width), str::parse).ok()?;
        // A network as wide as all of IPv4 is a shift of 32, of all of IPv6 one bit less than the type allows.
        let shift = width.checked_sub(prefix)?.min(127);
        Some(Self::Network(bits(ip), shift))
    }
}

/// Both families in one space: IPv4 stands where IPv6 maps it.
fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn proxy(env: &[(&str, &str)], uri: &str) -> Option<String> {
        let proxies = Proxies::read(&|name| {
            let found = env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let proxies = proxies.unwrap();
        let found = proxies.for_uri(&uri.parse().unwrap());
        found.map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn each_scheme_takes_its_own_variable_and_else_the_one_for_all() {
        let env = [("HTTPS_PROXY", "http://s:1"), ("http_proxy", "h:2")];
        assert_eq!(proxy(&env, "https://example.com/").unwrap(), "http://s:1");
        assert_eq!(proxy(&env, "http://example.com/").unwrap(), "http://h:2");
        assert_eq!(proxy(&env[..1], "http://example.com/"), None);
        assert_eq!(proxy(&env[1..], "https://example.com/"), None);
        let all = [("ALL_PROXY", "socks5h://a:3"), ("HTTP_PROXY", "")];
        assert_eq!(proxy(&all, "http://example.com/").unwrap(), "socks5h://a:3");
        assert_eq!(proxy(&all, "https://example.com/").unwrap(), "socks5h://a:3");
    }

    #[test]
    fn t43_http_proxy_is_ignored_under_cgi() {
        let env = [
            ("HTTP_PROXY", "evil:1"),
            ("http_proxy", "evil:1"),
            ("HTTPS_PROXY", "good:2"),
            ("REQUEST_METHOD", "GET"),
        ];
        assert_eq!(proxy(&env, "http://example.com/"), None);
        assert_eq!(proxy(&env, "https://example.com/").unwrap(), "http://good:2");
    }

    #[test]
    fn t42_addresses_of_this_machine_and_its_link_take_no_proxy() {
        for host in [
            "127.0.0.1",
            "127.8.9.1:8080",
            "[::1]:80",
            "localhost",
            "LOCALHOST",
            "169.254.169.254",
            "[fe80::1]",
            "metadata.google.internal",
            "Metadata.Goog:80",
            "[fd20:ce::254]",
        ] {
            let uri = format!("http://{host}/");
            assert_eq!(proxy(&[("ALL_PROXY", "p:1")], &uri), None, "{host}");
        }
        for elsewhere in ["127.0.0.1.example.com", "metadata.google.internal.example"] {
            let uri = format!("http://{elsewhere}/");
            assert!(proxy(&[("ALL_PROXY", "p:1")], &uri).is_some(), "{elsewhere}");
        }
    }

    #[test]
    fn no_proxy_covers_names_with_subdomains_addresses_and_networks() {
        let list = "example.com, .inner.test *.deep.test,10.0.0.0/8 192.0.2.1,[2001:db8::]/32,only.test:8443,2001:db9::1";
        let env = [("ALL_PROXY", "p:1"), ("NO_PROXY", list)];
        for direct in [
            "example.com",
            "www.EXAMPLE.com",
            "inner.test",
            "a.inner.test",
            "x.deep.test",
            "10.200.3.4",
            "192.0.2.1",
            "[2001:db8:1::2]",
            "[2001:db9::1]",
            "only.test:8443",
        ] {
            assert_eq!(proxy(&env, &format!("https://{direct}/")), None, "{direct}");
        }
        for proxied in [
            "badexample.com",
            "example.com.evil",
            "11.0.0.1",
            "192.0.2.2",
            "only.test",
            "[2001:db9::2]",
        ] {
            assert!(proxy(&env, &format!("https://{proxied}/")).is_some(), "{proxied}");
        }
        assert_eq!(
            proxy(&[("ALL_PROXY", "p:1"), ("NO_PROXY", "*")], "https://a.test/"),
            None
        );
    }

    #[test]
    fn a_network_of_all_addresses_covers_them() {
        let env = [("ALL_PROXY", "p:1"), ("NO_PROXY", "0.0.0.0/0")];
        assert_eq!(proxy(&env, "https://203.0.113.9/"), None);
        assert!(proxy(&env, "https://example.com/").is_some());
    }

    #[test]
    fn a_password_of_a_proxy_is_not_printed() {
        let proxies = Proxies::read(&|name| (name == "ALL_PROXY").then(|| "http://u:hunter2@p".to_owned()));
        assert!(!format!("{proxies:?}").contains("hunter2"));
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_and_not_gone_past() {
        let read =
            |value: &'static str| Proxies::read(&|name| (name == "HTTPS_PROXY").then(|| value.to_owned()));
        for bad in ["ftp://p:1", "http://", "http://p:notaport", "http://u:a#b@p"] {
            let refused = read(bad).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("notaport"), "{bad}");
        }
        for good in ["p", "p:1", "HTTP://p:1", "socks://p", "http://u:%40@p:1/"] {
            assert!(read(good).is_ok(), "{good}");
        }
    }
}
