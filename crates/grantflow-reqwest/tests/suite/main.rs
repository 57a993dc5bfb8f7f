//! The adapter: its conformance, its TLS, its middleware.

mod broken;
mod conformance;
#[cfg(feature = "middleware")]
mod middleware;
mod no_proxy;
mod tls;
mod transport;
