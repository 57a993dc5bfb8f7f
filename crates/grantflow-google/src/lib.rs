//! Google's credentials, without I/O.
//!
//! # In scope
//!
//! - [`DefaultCredentials`]: Application Default Credentials, by a variable, gcloud's file or the metadata server
//! - [`ServiceAccountKey`]: a key file, whose addresses are obeyed only where they are Google's or named by the program
//! - [`ServiceAccount`]: its tokens for scopes, of a delegated user too, by a signed assertion
//! - [`StoredServiceAccount`]: what oauth2client stored of one
//! - [`ServiceAccountIdToken`]: its ID tokens, for one audience
//! - [`SelfSigned`]: tokens for an API that takes a signed assertion itself, without a request
//! - [`AuthorizedUser`]: a user's tokens, by the grant in gcloud's file
//! - [`MetadataServer`]: tokens and ID tokens of the account that a machine runs as
//!
//! # Out of scope
//!
//! - assertions for other servers, and signatures: `grantflow-oidc`, `grantflow-jwt`
//! - variables and files themselves: they come in as an [`Environment`], and through hosts that load
//! - PKCS #12 files without the feature `pkcs12`: `openssl pkcs12 -legacy -nodes -in KEY.p12 -passin pass:notasecret` makes a PEM
//!   file of one, which [`ServiceAccountKey::new`] takes

mod authorized_user;
mod credentials_file;
mod default_credentials;
mod environment;
mod found;
mod id_token;
mod key;
mod metadata;
mod quota;
mod self_signed;
mod service_account;
mod stored;
mod trust;

pub use authorized_user::AuthorizedUser;
pub use default_credentials::DefaultCredentials;
pub use environment::{Environment, MetadataSettings};
pub use found::{Found, FoundSource, Place};
pub use id_token::ServiceAccountIdToken;
pub use key::ServiceAccountKey;
pub use metadata::{MetadataAddress, MetadataIdToken, MetadataServer, MetadataToken};
pub use self_signed::SelfSigned;
pub use service_account::ServiceAccount;
pub use stored::StoredServiceAccount;
pub use trust::TrustedEndpoints;
