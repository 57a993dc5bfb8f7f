//! What is on this machine or on its link: a proxy elsewhere would mistake it for its own, and whoever is there answers at once.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use http::Uri;

use crate::transport::METADATA_CONNECT_TIMEOUT;

/// Whether requests to `uri` never take a proxy: a literal loopback or link-local address, `localhost`, or a name of Google's
/// metadata server (threat T42).
#[must_use]
pub fn never_by_proxy(uri: &Uri) -> bool {
    let host = host(uri);
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || is_on_the_link(ip),
        Err(_) => host == "localhost" || is_a_metadata_name(&host),
    }
}

/// How long a connection to `uri` may take, where it usually may take so long: on the link, and to a metadata server by its
/// name, at most [`METADATA_CONNECT_TIMEOUT`].
#[must_use]
pub fn connect_timeout(uri: &Uri, usual: Duration) -> Duration {
    let host = host(uri);
    let near = match host.parse::<IpAddr>() {
        Ok(ip) => is_on_the_link(ip),
        Err(_) => is_a_metadata_name(&host),
    };
    if near {
        usual.min(METADATA_CONNECT_TIMEOUT)
    } else {
        usual
    }
}

fn host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    host.trim_matches(['[', ']']).to_ascii_lowercase()
}

fn is_on_the_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip == METADATA_V6,
    }
}

fn is_a_metadata_name(host: &str) -> bool {
    METADATA_NAMES.contains(&host)
}

/// The names that machines of Google's resolve to the metadata server
/// ([its documentation](https://cloud.google.com/compute/docs/metadata/querying-metadata)).
const METADATA_NAMES: [&str; 2] = ["metadata.google.internal", "metadata.goog"];

/// Google's metadata server where a machine has IPv6 alone.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd20, 0x0ce, 0, 0, 0, 0, 0, 0x254);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn t42_a_metadata_server_has_three_seconds_to_be_connected_to() {
        let usual = Duration::from_secs(5);
        let seconds = |uri: &str, usual| connect_timeout(&uri.parse().unwrap(), usual).as_secs();
        for near in [
            "http://169.254.169.254/computeMetadata/v1/",
            "http://169.254.1.1:8080/",
            "http://metadata.google.internal/",
            "http://METADATA.GOOG/",
            "http://[fd20:ce::254]/",
            "http://[fe80::1]/",
        ] {
            assert_eq!(seconds(near, usual), 3, "{near}");
            assert_eq!(seconds(near, Duration::from_secs(1)), 1, "{near}");
            assert!(never_by_proxy(&near.parse().unwrap()), "{near}");
        }
        for far in [
            "https://oauth2.googleapis.com/token",
            "http://169.254.169.254.example/",
            "http://metadata.google.internal.example/",
            "http://xmetadata.goog/",
            "http://[fd20:ce::255]/",
            "http://127.0.0.1/",
        ] {
            assert_eq!(seconds(far, usual), 5, "{far}");
        }
    }
}
