//! The blocking transport of Grantflow, on [ureq](https://docs.rs/ureq) 3 with rustls and ring.
//!
//! # In scope
//!
//! - [`UreqTransport`]: sends the requests of a flow, follows no redirect, caps a body at 1 MiB, says truthfully what left
//! - [`Authorize`]: credentials on a [`ureq::Agent`], with one refresh and one replay on 401; [`Middleware`] as a value
//! - client certificates ([RFC 8705](https://www.rfc-editor.org/rfc/rfc8705)): [`Builder::client_certificate`]
//!
//! # Out of scope
//!
//! - rules of OAuth: `grantflow-core`
//! - async: `grantflow-reqwest`
//!
//! # Logs
//!
//! At the level TRACE ureq's own target `ureq_proto` prints the bytes of every message, tokens among them. A program that logs
//! at TRACE keeps that target at DEBUG, where ureq prints neither.
//!
//! # Example
//!
//! ```no_run
//! use grantflow_core::Transport;
//! use grantflow_ureq::UreqTransport;
//!
//! let transport = UreqTransport::new()?;
//! let request = http::Request::get("https://example.com/.well-known/openid-configuration");
//! let reply = transport.send(request.body(grantflow_core::Body::empty())?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod authorize;
mod builder;
mod certificate;
mod connect;
mod error;
mod late;
mod transport;

pub use authorize::{Authorize, Middleware};
pub use builder::Builder;
pub use transport::UreqTransport;
