//! Marks what fails while connecting: nothing of the request has left then. Looks names up only where it connects.
//!
//! One of two places that use ureq's `unversioned` traits (the other is `late`), since ureq's error alone does not tell a reset before the request
//! from one after it.

use std::fmt;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

use crate::late::Late;

/// An agent whose errors say whether the connection was up, and whose requests may take so long, the connection included.
pub(crate) fn agent(config: Config, limit: Duration) -> Agent {
    let connecting = Connecting {
        connector: DefaultConnector::default(),
        names: Resolving::default(),
        limit,
    };
    Agent::with_parts(config, connecting, Later)
}

/// A failure before the first byte of the request.
#[derive(Debug)]
pub(crate) struct NotSent(pub(crate) Error);

impl NotSent {
    fn mark(error: Error) -> Error {
        Error::Other(Box::new(Self(error)))
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection did not come up")
    }
}

impl std::error::Error for NotSent {}

/// Looks names up only where a connection is made: ureq asks for an address before each request, in a thread of its own, and
/// has no use for it where a connection is kept alive.
#[derive(Debug)]
struct Connecting {
    connector: DefaultConnector,
    names: Resolving,
    limit: Duration,
}

impl Connector for Connecting {
    type Out = Late<<DefaultConnector as Connector>::Out>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let began = Instant::now();
        let addrs = if details.addrs.is_empty() && is_looked_up_here(details) {
            self.names.resolve(details.uri, details.config, details.timeout)?
        } else {
            details.addrs.clone()
        };
        let details = ConnectionDetails {
            uri: details.uri,
            addrs,
            config: details.config,
            request_level: details.request_level,
            // For the address of a proxy, which the connector asks for itself.
            resolver: &self.names,
            // Not the time of now: the connection has what the lookup left of the limit.
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let connected = self.connector.connect(&details, chained).map_err(NotSent::mark)?;
        Ok(connected.map(|connection| Late::new(connection, self.limit, began)))
    }
}

/// Whether it is for us to look the host up, and not for a proxy.
fn is_looked_up_here(details: &ConnectionDetails<'_>) -> bool {
    let proxy = details.config.proxy();
    proxy.is_none_or(|proxy| proxy.resolve_target() || proxy.is_no_proxy(details.uri))
}

/// Leaves the lookup to the connector: ureq asks for addresses here, and hands them to the connector unseen.
#[derive(Debug)]
struct Later;

impl Resolver for Later {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

#[derive(Debug, Default)]
struct Resolving(DefaultResolver);

impl Resolver for Resolving {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        self.0.resolve(uri, config, timeout).map_err(NotSent::mark)
    }
}
