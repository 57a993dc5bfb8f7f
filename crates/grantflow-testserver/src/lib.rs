//! An OAuth 2.0 authorization server on loopback for tests and demos, with faults on demand.
//!
//! Real clients log in to it over real HTTP: login and consent pages, authorization codes with mandatory PKCE,
//! refresh tokens that rotate, codes for devices, assertions, token exchange, ID tokens, revocation, introspection, metadata, and a
//! protected API. What makes it a test
//! server is the rest: it loses replies after it has acted on them, it is slow, it talks nonsense when told to, its
//! clock can be pushed, and it counts everything.
//!
//! # In scope
//!
//! - [`TestServer`]: in process, on a thread of its own; and the `grantflow-testserver` command for everything else.
//! - [`Config`] and [`TestClient`]: how it behaves and whom it knows.
//! - [`Fault`]s at an [`Endpoint`], one request at a time or all of them.
//! - [`Stats`] and [`LoggedRequest`]s to assert on.
//! - [`Browser`]: the person who logs in and consents.
//!
//! Endpoints are `/authorize`, `/device_authorization` with its page `/device`, `/token`, `/revoke`, `/introspect`, `/userinfo`,
//! `/logout`, `/jwks`, `/api/me`, `/api/echo` and the two
//! metadata documents under `/.well-known/`. [`TestClient::defaults`] lists the clients that are registered from
//! the start.
//!
//! Access tokens begin `gft_at_`, refresh tokens `gft_rt_`, codes `gft_ac_` and device codes `gft_dc_`, so that `grep` finds any that leaked.
//!
//! # Out of scope
//!
//! - Being an authorization server for anything real: everybody's password is `password`, and nothing is kept.
//! - TLS, and any address but 127.0.0.1.
//!
//! # Example
//!
//! ```
//! use grantflow_testserver::{Config, Endpoint, Fault, Rotation};
//! use std::time::Duration;
//!
//! let server = Config::new().rotate(Rotation::Grace(Duration::from_secs(30))).start()?;
//!
//! // The client under test builds this URL …
//! let url = server.url(
//!     "/authorize?response_type=code&client_id=native-app&redirect_uri=http://127.0.0.1:5000/callback&state=xyz\
//!      &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
//! );
//! // … the user says yes …
//! let location = server.approve(&url)?;
//! assert!(location.starts_with("http://127.0.0.1:5000/callback?code=gft_ac_"));
//! // … and what comes next goes wrong.
//! server.push_fault(Endpoint::Token, Fault::DropAfterCommit);
//!
//! assert_eq!(server.stats().consents, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The command
//!
//! `grantflow-testserver --rotate grace=10 --expires 5 --fault refresh:drop-after-commit*1` is the same server as a
//! process. It prints one line of JSON when it is ready (`issuer`, `port`, `pid`, `clients`) and ends on SIGINT or
//! SIGTERM; `GET /stats` and `GET /log` answer [`Stats`] and [`LoggedRequest`]s. `--help` explains every flag and
//! every fault.
//!
//! # Features
//!
//! - `cli` (default): the `grantflow-testserver` command. The library alone builds faster without it.

mod answer;
mod api;
mod assertion;
mod authorize;
mod browser;
mod client;
mod client_assertion;
mod client_auth;
mod config;
mod device;
mod dpop;
mod end_session;
mod exchange;
mod fault;
mod flaw;
mod id_token;
mod interaction;
mod introspect;
mod jwe;
mod jws;
mod keys;
mod message;
mod metadata;
mod pages;
mod pushed;
mod rar;
mod request_object;
mod revoke;
mod saml;
mod serve;
mod server;
mod site;
mod state;
mod stats;
mod token;
mod userinfo;
mod wire;

pub use assertion::TestServiceAccount;
pub use browser::{BrowseError, Browser};
pub use client::TestClient;
pub use config::{Config, ExpiresIn, Rotation};
pub use fault::{Endpoint, Fault, RetryAfter, UnknownName};
pub use flaw::IdTokenFlaw;
pub use keys::IdTokenAlgorithm;
pub use saml::TestSamlIssuer;
pub use server::TestServer;
pub use stats::{LoggedRequest, Stats};
