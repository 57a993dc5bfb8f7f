//! What needs a flow and a signature: OAuth and OpenID Connect with JSON Web Tokens, without I/O.
//!
//! # In scope
//!
//! - [`JwtBearer`]: the grant of a signed assertion ([RFC 7523 section 2.1]), for any server
//! - [`PrivateKeyJwt`] and [`ClientSecretJwt`]: clients that prove themselves by an assertion ([RFC 7523 section 2.2])
//!
//! # Out of scope
//!
//! - signatures and keys themselves: `grantflow-jwt`
//! - Google's key files and metadata: `grantflow-google`
//!
//! [RFC 7523 section 2.1]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1
//! [RFC 7523 section 2.2]: https://www.rfc-editor.org/rfc/rfc7523#section-2.2

mod client_assertion;
mod jwt_bearer;
mod signed;

pub use client_assertion::{AudienceIsTokenEndpoint, ClientSecretJwt, PrivateKeyJwt};
pub use jwt_bearer::{JwtBearer, ScopeIn};
pub use signed::{refused, signed};
