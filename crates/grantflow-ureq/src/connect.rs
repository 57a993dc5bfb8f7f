//! Marks what fails while connecting: nothing of the request has left then.
//!
//! The one place that uses ureq's `unversioned` traits, since ureq's error alone does not tell a reset before the request
//! from one after it.

use std::fmt;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

/// An agent whose errors say whether the connection was up.
pub(crate) fn agent(config: Config) -> Agent {
    Agent::with_parts(config, Connecting::default(), Resolving::default())
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

#[derive(Debug, Default)]
struct Connecting(DefaultConnector);

impl Connector for Connecting {
    type Out = <DefaultConnector as Connector>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        self.0.connect(details, chained).map_err(NotSent::mark)
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
