//! What is around the store: the password manager, the clock, the network.

use std::time::Duration;

use grantflow::native::Proxies;
use grantflow::{Record, Secret, Timestamp};

use super::{About, Report};
use crate::args::Args;
use crate::list::roughly;
use crate::place::{Kind, SealingKey};
use crate::session::transport;
use crate::stores::Named;

/// The variables that name proxies.
const PROXIES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// The beginning of 2025: no clock that is right is before it.
const YESTERDAY: Timestamp = Timestamp::from_unix_seconds(1_735_689_600);

/// How far clocks may be apart.
const SKEW: Duration = Duration::from_secs(60);

/// What reaches the password manager, without the address where that comes from.
#[cfg(feature = "keyring")]
fn name(vendor: &str) -> &str {
    vendor.split(", http").next().unwrap_or(vendor)
}

impl Report {
    /// Tries the password manager, under the application that this store has there.
    pub(super) fn keyring(&mut self, named: &Named) {
        let item = match (&named.place.kind, &named.key) {
            (Kind::Keyring(item), _) | (_, Some(SealingKey::Keyring(item))) => Some(item),
            _ => None,
        };
        self.probe(item.map(|item| item.application.as_str()));
    }

    #[cfg(feature = "keyring")]
    fn probe(&mut self, application: Option<&str>) {
        use crate::exit::Failure;
        use grantflow::store::Keyring;

        /// As long as one that nobody needs may keep people waiting.
        const NOT_NEEDED: Duration = Duration::from_secs(5);

        let keyring = Keyring::system();
        let probed = match application {
            Some(application) => keyring.probe(application),
            None => keyring.time_limit(NOT_NEEDED).probe("grantflow"),
        };
        let needed = match application {
            Some(_) => "",
            None => "this store needs none; ",
        };
        match probed {
            Ok(probe) if probe.is_durable => {
                let found = format!("{needed}it keeps what it is given ({})", name(&probe.vendor));
                self.ok(About::Keyring, found);
            }
            Ok(probe) => {
                let found = format!(
                    "{needed}it forgets when the session ends ({})",
                    name(&probe.vendor)
                );
                self.note(
                    About::Keyring,
                    found,
                    "credentials there last as long as the session",
                );
            }
            Err(error) => {
                // The item that was tried is nobody's: its name says nothing.
                let item = error.path().map(|item| format!(" ({})", item.display()));
                let failure = Failure::from(error);
                let message = failure.message().replace(&item.unwrap_or_default(), "");
                let code = failure.code();
                let failure = failure.instead(code, message);
                match application {
                    Some(_) => self.failure(About::Keyring, &failure),
                    None => self.ok(About::Keyring, format!("{needed}{}", failure.message())),
                }
            }
        }
    }

    #[cfg(not(feature = "keyring"))]
    fn probe(&mut self, application: Option<&str>) {
        let found = "this grantflow was built without it";
        match application {
            Some(_) => self.problem(
                About::Keyring,
                found,
                "build it with the feature `keyring`, or name a file with --store",
            ),
            None => self.ok(About::Keyring, format!("this store needs none; {found}")),
        }
    }

    /// The clock by itself, and by what is stored.
    pub(super) fn clock(&mut self, records: &[Record]) {
        let now = grantflow::native::now().wall;
        if now < YESTERDAY {
            let found = format!("{now} is long ago");
            return self.problem(
                About::Clock,
                found,
                "set the clock: certificates and tokens depend on it",
            );
        }
        self.ok(About::Clock, now.to_string());
        let made = |record: &Record| record.token().issued_at.max(record.provenance().obtained_at);
        let ahead = records.iter().map(|record| made(record).since(now));
        let ahead: Vec<Duration> = ahead.filter(|ahead| *ahead > SKEW).collect();
        if let Some(most) = ahead.iter().max() {
            let found = format!(
                "{} of the credentials are from the future, by {}",
                ahead.len(),
                roughly(*most)
            );
            let advice =
                "the clock was set back, or another machine's is ahead; their tokens are renewed once";
            self.note(About::Clock, found, advice);
        }
    }

    /// The proxies of the environment, and the certificates that are trusted.
    pub(super) fn network(&mut self, args: &Args) {
        match Proxies::from_env() {
            Err(error) => {
                let set = PROXIES.into_iter().filter(|name| is_set(name));
                let advice = format!(
                    "nothing is sent past a proxy unasked: correct or unset {}",
                    set.collect::<Vec<_>>().join(", ")
                );
                return self.problem(About::Proxy, error.to_string(), advice);
            }
            Ok(proxies) => {
                let found = proxied(&proxies);
                self.ok(About::Proxy, found);
            }
        }
        match (transport(args.ca_file.as_deref()), &args.ca_file) {
            (Err(failure), _) => self.failure(About::Certificates, &failure),
            (Ok(_), Some(file)) => self.ok(
                About::Certificates,
                format!("those in {} are trusted", file.display()),
            ),
            (Ok(_), None) => self.ok(About::Certificates, "those of the system are trusted"),
        }
    }
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Where requests go, by their schemes.
fn proxied(proxies: &Proxies) -> String {
    let through = |scheme: &str| {
        // A host that no list of exceptions has.
        let uri = format!("{scheme}://grantflow-doctor.invalid/").parse().ok()?;
        proxies.for_uri(&uri).map(without_password)
    };
    let mut found = match (through("https"), through("http")) {
        (None, None) => return "none: requests go to the servers directly".to_owned(),
        (https, http) => {
            let way = |proxy: Option<String>| {
                proxy.map_or_else(|| "directly".to_owned(), |proxy| format!("through {proxy}"))
            };
            format!("https requests go {}, http requests {}", way(https), way(http))
        }
    };
    let except = ["NO_PROXY", "no_proxy"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    if let Some(except) = except {
        found = format!("{found}, except for {except}");
    }
    found
}

/// Scheme, host and port alone.
fn without_password(proxy: &Secret) -> String {
    let uri: Option<http::Uri> = proxy.expose().parse().ok();
    let Some((scheme, authority)) = uri
        .as_ref()
        .and_then(|uri| Some((uri.scheme_str()?, uri.authority()?)))
    else {
        return "an address that cannot be read".to_owned();
    };
    let port = authority
        .port_u16()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let with = if authority.as_str().contains('@') {
        " with a password"
    } else {
        ""
    };
    format!("{scheme}://{}{port}{with}", authority.host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t60_a_proxy_is_shown_without_what_stands_before_its_host() {
        for (proxy, shown) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            (
                "http://ann:canary@proxy.example:3128/canary",
                "http://proxy.example:3128 with a password",
            ),
            (
                "socks5h://canary@[::1]:1080",
                "socks5h://[::1]:1080 with a password",
            ),
            (
                "http://a@canary@proxy.example",
                "http://proxy.example with a password",
            ),
        ] {
            let found = without_password(&Secret::new(proxy));
            assert!(found == shown || !found.contains("canary"), "{found}");
            assert!(!found.contains("canary"), "{found}");
        }
    }
}
