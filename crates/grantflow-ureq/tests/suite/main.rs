//! The adapter: its conformance, its TLS, its authorized agents.

mod authorize;
mod broken;
mod conformance;
mod no_proxy;
mod tls;
mod transport;
