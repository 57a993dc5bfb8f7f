//! Google's service accounts, without I/O.
//!
//! # In scope
//!
//! - [`ServiceAccountKey`]: a key file, whose addresses are obeyed only where they are Google's or named by the program
//! - [`ServiceAccount`]: its tokens for scopes, of a delegated user too, by a signed assertion
//! - [`StoredServiceAccount`]: what oauth2client stored of one
//! - [`SelfSigned`]: tokens for an API that takes a signed assertion itself, without a request
//!
//! # Out of scope
//!
//! - assertions for other servers, and signatures: `grantflow-oidc`, `grantflow-jwt`
//! - PKCS #12 files without the feature `pkcs12`: `openssl pkcs12 -legacy -nodes -in KEY.p12 -passin pass:notasecret` makes a PEM file of one,
//!   which [`ServiceAccountKey::new`] takes

mod key;
mod self_signed;
mod service_account;
mod stored;
mod trust;

pub use key::ServiceAccountKey;
pub use self_signed::SelfSigned;
pub use service_account::ServiceAccount;
pub use stored::StoredServiceAccount;
pub use trust::TrustedEndpoints;
