//! Where a metadata server can be (threat T42): the only places beside loopback that are spoken to by plain `http`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use grantflow_core::Error;
use grantflow_core::error::InvalidInput;
use http::uri::Authority;

/// The address of a metadata server: on this machine or on its link, so that nobody is in between whom TLS would keep out.
///
/// # Example
///
/// ```
/// use grantflow_google::MetadataAddress;
///
/// assert_eq!(MetadataAddress::default().to_string(), "169.254.169.254");
/// assert!(MetadataAddress::new("metadata.google.internal").is_ok());
/// assert!(MetadataAddress::new("127.0.0.1:8080").is_ok()); // an emulator
/// assert!(MetadataAddress::new("metadata.example.com").is_err());
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct MetadataAddress(String);

impl MetadataAddress {
    /// Takes a link-local or loopback literal, `localhost`, or a name that machines of Google's resolve to it
    /// (`metadata.google.internal`, `metadata.goog`), each perhaps with a port.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for anything else.
    pub fn new(host: &str) -> Result<Self, Error> {
        Ok(Self::read(host, "address of a metadata server")?)
    }

    pub(crate) fn read(host: &str, what: &'static str) -> Result<Self, InvalidInput> {
        let refused = InvalidInput::new(
            what,
            "is no address where a metadata server can be: a link-local or loopback literal, or metadata.google.internal",
        );
        let authority: Authority = host.parse().map_err(|_| refused)?;
        let name = authority.host();
        let port = host.strip_prefix(name).ok_or(refused)?;
        // `http` gives no port for one that is no number.
        if !port.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(refused);
        }
        if name.eq_ignore_ascii_case("localhost") {
            // The name may resolve to an address where somebody else listens.
            return Ok(Self(format!("127.0.0.1{port}")));
        }
        if can_be_at(name) {
            Ok(Self(host.to_ascii_lowercase()))
        } else {
            Err(refused)
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{self}{path}")
    }
}

/// That of all of Google's machines, by its number: no name server is asked.
impl Default for MetadataAddress {
    fn default() -> Self {
        Self("169.254.169.254".to_owned())
    }
}

impl fmt::Display for MetadataAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MetadataAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn can_be_at(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match bare.unwrap_or(name).parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_link_local() || ip.is_loopback(),
        Ok(IpAddr::V6(ip)) => ip.is_unicast_link_local() || ip.is_loopback() || ip == GOOGLE_V6,
        Err(_) => ["metadata.google.internal", "metadata.goog"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known)),
    }
}

/// Where a machine has IPv6 alone.
const GOOGLE_V6: Ipv6Addr = Ipv6Addr::new(0xfd20, 0x0ce, 0, 0, 0, 0, 0, 0x254);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn t42_plain_http_is_spoken_only_where_a_metadata_server_can_be() {
        for (good, shown) in [
            ("169.254.169.254", "169.254.169.254"),
            ("169.254.169.253:8080", "169.254.169.253:8080"),
            ("METADATA.google.internal", "metadata.google.internal"),
            ("metadata.goog:80", "metadata.goog:80"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("[::1]:8080", "[::1]:8080"),
            ("[fd20:ce::254]", "[fd20:ce::254]"),
            ("[fe80::1]", "[fe80::1]"),
        ] {
            assert_eq!(MetadataAddress::new(good).unwrap().to_string(), shown);
        }
        for bad in [
            "",
            "metadata.example",
            "metadata.google.internal.evil.example",
            "xmetadata.google.internal",
            "evil@169.254.169.254",
            "169.254.169.254@evil.example",
            "169.254.169.254/evil",
            "169.254.169.254#",
            "169.254.169.254?",
            "http://169.254.169.254",
            "169.254.169.254:",
            "169.254.169.254:port",
            "169.254.169.254:0",
            "169.254.169.254:99999",
            "169.254.169.254.",
            "169.254.169.254.evil.example",
            "10.0.0.1",
            "0x7f.1",
            "2852039166",
            "[::ffff:169.254.169.254]",
            "[fd20:ce::255]",
            "fe80::1",
            "169.254.169.254\r\nHost: evil",
            "m\u{e9}tadata.google.internal",
        ] {
            let refused = MetadataAddress::new(bad).unwrap_err();
            assert!(matches!(refused, Error::InvalidInput(_)), "{bad}");
            assert!(
                bad.is_empty() || !refused.to_string().contains("evil"),
                "{refused}"
            );
        }
    }
}
