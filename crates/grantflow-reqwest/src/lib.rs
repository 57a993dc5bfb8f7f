//! The async transport of Grantflow, on [reqwest](https://docs.rs/reqwest) 0.13 with rustls and ring.
//!
//! # In scope
//!
//! - [`ReqwestTransport`]: sends the requests of a flow, follows no redirect, caps a body at 1 MiB, says truthfully what left
//! - `Authorize` (feature `middleware`): credentials on a client of `reqwest-middleware`
//! - [`client`]: a ready [`reqwest::Client`], since reqwest without a crypto provider of its own panics in `Client::new`
//! - client certificates ([RFC 8705](https://www.rfc-editor.org/rfc/rfc8705)): [`Builder::client_certificate`]
//!
//! # Out of scope
//!
//! - rules of OAuth: `grantflow-core`
//! - blocking programs: `grantflow-ureq`
//!
//! # Example
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use grantflow_core::AsyncTransport;
//! use grantflow_reqwest::ReqwestTransport;
//!
//! let transport = ReqwestTransport::new()?;
//! let request = http::Request::get("https://example.com/.well-known/openid-configuration");
//! let reply = transport.send(request.body(grantflow_core::Body::empty())?).await?;
//! # Ok(())
//! # }
//! ```

mod certificate;
mod client;
mod error;
#[cfg(feature = "middleware")]
mod middleware;
mod transport;

pub use client::{Builder, client};
#[cfg(feature = "middleware")]
pub use middleware::{Authorize, Middleware};
pub use transport::ReqwestTransport;
