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
pub use credentials::{AccessToken, Credentials, Event, KeepFresh, Observer, blocking};
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
