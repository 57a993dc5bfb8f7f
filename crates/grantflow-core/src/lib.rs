//! The sans-IO core of Grantflow: an OAuth 2.0 client that does no I/O itself.
//!
//! # In scope
//!
//! - types that cannot be wrong: [`Endpoint`], [`Issuer`], [`Scopes`], [`Secret`], [`Timestamp`]
//! - exchanges: one HTTP request and how to read its reply
//! - flows: a [`Step`] says what it wants next; [`run`] and [`drive`] perform it
//! - the life of a token, and the traits of stores and transports
//! - what a client keeps to: [`TokenConstraint`], [`CertificateBound`], [`RequestSigner`], [`ResponseCheck`], [`Profile`]
//!
//! # Out of scope
//!
//! - sockets, files, clocks, randomness, threads: they come in through a [`Host`] (feature `native` has them ready)
//! - signatures: `grantflow-jwt`, `grantflow-oidc`
//!
//! # Example
//!
//! A login over an HTTP client of one's own, with a store of `grantflow-store` or another [`Store`]. Feature `native` brings the system's
//! clock, randomness and threads; without it a transport says where they come from.
//!
#![cfg_attr(feature = "native", doc = "```")]
#![cfg_attr(not(feature = "native"), doc = "```ignore")]
//! use grantflow_core::blocking::Credentials;
//! use grantflow_core::{AuthorizationRequest, Client, Cx, Error, Host, Key, Provenance, Record, Scopes, Store};
//! use grantflow_core::{Request, Response, TokenRequest, Transport, TransportError, TransportErrorKind};
//! use grantflow_core::{TransportHost, flow, run};
//!
//! struct Mine; // your HTTP client
//!
//! impl Transport for Mine {
//!     fn send(&self, request: Request) -> Result<Response, TransportError> {
//!         // Method, address, headers and a body of bytes: send them once, follow no redirect, read at most a mebibyte.
//!         let (_head, _body) = request.into_parts();
//!         // `before_sending` only where no byte can have left: a refresh is then tried again.
//!         Err(TransportError::new(TransportErrorKind::Connect).before_sending())
//!     }
//! }
//!
//! /// `visit` sends the user's browser to an address, and gives the one that it came back to.
//! fn login(
//!     client: &Client,
//!     store: impl Store + 'static,
//!     visit: impl FnOnce(&str) -> String,
//! ) -> Result<Credentials, Error> {
//!     let host = TransportHost::new(&Mine).with_store(&store);
//!     let mut fill = |bytes: &mut [u8]| host.fill(bytes);
//!     let request = AuthorizationRequest::new(client, "https://app.example.com/cb").scopes("profile")?;
//!     let (url, pending) = request.start(&mut Cx::new(host.now(), &mut fill))?;
//!     let redirect = visit(url.as_str());
//!     let code = pending.accept(&redirect, &mut Cx::new(host.now(), &mut fill))?;
//!     let token = run(TokenRequest::authorization_code(client, code).flow(), &host)?;
//!     let key = Key::new(client, Scopes::parse("profile")?);
//!     let provenance = Provenance::new("my program", token.issued_at);
//!     run(flow::keep(Record::new(key.clone(), client.clone(), token, provenance), None), &host)?;
//!     Ok(Credentials::new(key, store, Mine)) // from here on tokens are fresh, or the error says why not
//! }
//! ```

mod authorization;
mod body;
mod client;
#[cfg(feature = "conformance")]
pub mod conformance;
mod credentials;
mod cx;
mod driver;
mod endpoint;
pub mod error;
mod exchange;
mod extras;
pub mod flow;
mod form;
mod host;
mod key;
#[cfg(feature = "native")]
pub mod native;
mod record;
mod resource;
mod scopes;
mod secret;
mod step;
mod store;
mod time;
mod token;
pub mod transport;

pub use authorization::{
    AuthorizationCode, AuthorizationRequest, AuthorizationUrl, CallbackError, EndSessionRequest,
    EndSessionUrl, PendingAuthorization, PendingEndSession, ResponseMode, ResponseType, UnprovenCode,
};
pub use body::{Body, Request, Response};
pub use client::{
    Authentication, CertificateBound, CertificateThumbprint, Client, ClientAuthentication, ClientType,
    Fapi2Rule, IdTokenCheck, LifetimeUnit, Profile, Proven, Quirks, RequestSigner, ResponseCheck,
    TokenConstraint,
};
#[cfg(feature = "providers")]
pub use client::{Placeholder, Provider};
#[cfg(feature = "tracing")]
pub use credentials::TracingObserver;
pub use credentials::{AccessToken, ApiCall, Credentials, Event, Heard, KeepFresh, Observer, blocking};
pub use cx::{Cx, EntropyError};
pub use driver::{AsyncHost, Host, drive, run};
pub use endpoint::{Endpoint, Issuer, Origin};
pub use error::{
    BadReply, Error, NotAuthorized, Outcome, ServerError, StoreError, StoreErrorKind, TransportError,
    TransportErrorKind,
};
pub use exchange::{
    AuthorizationDetail, AuthorizationDetails, BackchannelAuthenticationRequest, BackchannelGrant, Challenge,
    ClientMetadata, DeregistrationRequest, DeviceAuthorizationRequest, DeviceGrant, Introspection,
    IntrospectionRequest, MetadataRequest, PushedAuthorizationRequest, Refreshed, Registration,
    RegistrationRequest, ResourceMetadata, ResourceMetadataRequest, RevocationRequest, ServerMetadata,
    SkipS256Check, TokenRequest, TokenTypeHint, UserHint,
};
pub use extras::Extras;
pub use host::{AsyncTransportHost, TransportHost};
pub use key::Key;
pub use record::{Provenance, Record, RefreshState};
pub use resource::{
    ClientIdentity, OriginAsIssuer, ProtectedResource, ResourceAccess, ResourceLogin, SkipOriginCheck,
};
pub use scopes::Scopes;
pub use secret::Secret;
pub use step::{
    Cancelled, Change, Expect, LoadError, Next, SignError, Signature, SigningRequest, Source, Step,
};
pub use store::{AsyncLocked, AsyncStore, Locked, Protection, Store, StoreExt};
pub use time::{Now, ParseTimestampError, Timestamp};
pub use token::{Token, TokenType};
pub use transport::{AsyncTransport, Transport};
