//! Which redirect address a client gets ([RFC 8252 section 7.3], [RFC 9700 section 4.1.3]).
//!
//! The registered one, as far as it stands on loopback: host, path and query are kept, since servers compare them to the letter. A
//! registered port is kept too; where there is none, RFC 8252 has servers allow any.
//!
//! [RFC 8252 section 7.3]: https://www.rfc-editor.org/rfc/rfc8252#section-7.3
//! [RFC 9700 section 4.1.3]: https://www.rfc-editor.org/rfc/rfc9700#section-4.1.3

use grantflow_core::{Client, ClientType, Issuer};

use crate::{LoginError, LoopbackHost, ReceiverOptions};

/// A registered redirect address on loopback, taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Registered<'a> {
    host: LoopbackHost,
    port: Option<u16>,
    /// Path and query.
    suffix: &'a str,
}

/// Where a receiver may listen for this client, in the order in which that is to be tried; never empty.
pub(crate) fn places(
    client: &Client,
    host: Option<LoopbackHost>,
    ports: &[u16],
) -> Result<Vec<ReceiverOptions>, LoginError> {
    // `urn:ietf:wg:oauth:2.0:oob` and its like are no addresses: a client that has nothing else is an installed one.
    let mut uris = client
        .redirect_uris()
        .iter()
        .filter(|uri| !uri.starts_with("urn:"))
        .peekable();
    let fallback = Registered {
        host: LoopbackHost::V4,
        port: None,
        suffix: "/",
    };
    let mut registered = if uris.peek().is_none() {
        vec![fallback]
    } else {
        uris.filter_map(|uri| Registered::parse(uri)).collect()
    };
    match client.client_type() {
        // Registered to the letter: without a port it is port 80, which nobody may take.
        Some(ClientType::Web) => registered.retain(|uri| uri.port.is_some()),
        _ if is_google(client) => registered.iter_mut().for_each(Registered::as_google_allows),
        _ => {}
    }
    // A port that is chosen anew each time cannot be taken by somebody else beforehand.
    registered.sort_by_key(|uri| uri.port.is_some());
    if let Some(host) = host {
        if registered.iter().any(|uri| uri.host == host) {
            registered.retain(|uri| uri.host == host);
        }
        registered.iter_mut().for_each(|uri| uri.host = host);
    }
    if !ports.is_empty() {
        registered.truncate(1);
    }
    let places: Vec<_> = registered
        .iter()
        .map(|uri| {
            let ports = if ports.is_empty() {
                vec![uri.port.unwrap_or(0)]
            } else {
                ports.to_vec()
            };
            ReceiverOptions::new()
                .host(uri.host)
                .ports(ports)
                .path(uri.suffix)
        })
        .collect();
    if places.is_empty() {
        return Err(LoginError::NoLoopbackRedirect);
    }
    Ok(places)
}

impl<'a> Registered<'a> {
    /// Reads `http://`, a loopback host, perhaps a port, and what follows; by its text, since servers compare texts.
    fn parse(uri: &'a str) -> Option<Self> {
        let rest = uri.strip_prefix("http://")?;
        if rest.contains('#') || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (authority, suffix) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
            _ => (authority, None),
        };
        Some(Self {
            // `::1` without brackets is no host of an address.
            host: host.parse().ok().filter(|_| host != "::1")?,
            port: port.filter(|port| *port != 0),
            suffix,
        })
    }

    /// Google registers `http://localhost` for installed applications and takes the literal, which no name service can redirect.
    fn as_google_allows(&mut self) {
        if self.port.is_none() && self.suffix.len() <= 1 {
            self.suffix = "/";
            if self.host == LoopbackHost::Localhost {
                self.host = LoopbackHost::V4;
            }
        }
    }
}

fn is_google(client: &Client) -> bool {
    client.issuer().map(Issuer::as_str) == Some("https://accounts.google.com")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use grantflow_core::Endpoint;

    use super::*;

    fn client(uris: &[&str]) -> Client {
        let endpoint = Endpoint::new("https://server.example.com/token").unwrap();
        Client::new("app", endpoint).with_redirect_uris(uris.iter().copied())
    }

    fn chosen(client: &Client, host: Option<LoopbackHost>, ports: &[u16]) -> Vec<String> {
        let places = places(client, host, ports).unwrap();
        places.iter().map(ToString::to_string).collect()
    }

    fn of(uris: &[&str]) -> Vec<String> {
        chosen(&client(uris), None, &[])
    }

    #[test]
    fn t16_host_path_query_and_port_are_those_that_are_registered() {
        assert_eq!(of(&[]), ["http://127.0.0.1:0/"]);
        assert_eq!(of(&["urn:ietf:wg:oauth:2.0:oob"]), ["http://127.0.0.1:0/"]);
        assert_eq!(of(&["http://127.0.0.1"]), ["http://127.0.0.1:0"]);
        assert_eq!(of(&["http://localhost/cb?x=1"]), ["http://localhost:0/cb?x=1"]);
        assert_eq!(of(&["http://[::1]:8080/cb"]), ["http://[::1]:8080/cb"]);
        assert_eq!(
            of(&["https://app.example/cb", "http://[::1]/"]),
            ["http://[::1]:0/"]
        );
        assert_eq!(
            of(&[
                "http://localhost:8080/",
                "http://localhost:8090/",
                "http://127.0.0.1/cb"
            ]),
            [
                "http://127.0.0.1:0/cb",
                "http://localhost:8080/",
                "http://localhost:8090/"
            ]
        );
    }

    #[test]
    fn a_client_of_google_gets_the_literal_where_localhost_is_registered() {
        let google = |uris: &[&str]| {
            let client = Client::google("cid")
                .unwrap()
                .with_redirect_uris(uris.iter().copied());
            chosen(&client, None, &[])
        };
        assert_eq!(
            google(&["urn:ietf:wg:oauth:2.0:oob", "http://localhost"]),
            ["http://127.0.0.1:0/"]
        );
        assert_eq!(google(&["http://127.0.0.1"]), ["http://127.0.0.1:0/"]);
        assert_eq!(
            google(&["http://localhost:8080/cb"]),
            ["http://localhost:8080/cb"]
        );
    }

    #[test]
    fn ports_and_host_that_were_named_win_over_those_that_are_registered() {
        let both = client(&["http://127.0.0.1/a", "http://localhost:8080/b"]);
        assert_eq!(chosen(&both, None, &[1, 2]), ["http://127.0.0.1:1,2/a"]);
        assert_eq!(
            chosen(&both, Some(LoopbackHost::Localhost), &[]),
            ["http://localhost:8080/b"]
        );
        assert_eq!(
            chosen(&client(&["http://127.0.0.1/a"]), Some(LoopbackHost::V6), &[]),
            ["http://[::1]:0/a"]
        );
    }

    #[test]
    fn a_client_without_a_loopback_address_is_told_what_to_do() {
        for uris in [
            &["https://app.example/callback"][..],
            &["https://localhost/"],
            &["http://localhost.evil.example/"],
            &["http://127.0.0.1@evil.example/"],
            &["http://127.0.0.1:port/"],
            &["http://127.0.0.1/#f"],
            &["http://::1/"],
            &["com.example.app:/callback"],
        ] {
            let error = places(&client(uris), None, &[]).unwrap_err();
            assert!(
                error.to_string().contains("http://127.0.0.1:8080/"),
                "{uris:?}: {error}"
            );
        }
        let web = br#"{"web": {"client_id": "c", "auth_uri": "https://a.example/a", "token_uri": "https://a.example/t",
            "redirect_uris": ["http://localhost/cb", "http://localhost:8080/cb"]}}"#;
        let web = Client::from_client_secrets(web).unwrap();
        assert_eq!(chosen(&web, None, &[]), ["http://localhost:8080/cb"]);
    }
}
