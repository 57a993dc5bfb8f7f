//! Keys: private ones that sign, public ones that verify, and sets of the latter ([RFC 7517]).
//!
//! ```text
//! PEM ─┐                          PEM, certificate ─┐
//! DER ─┼─▶ SigningKey ─▶ VerifyingKey ◀─────────────┼─▶ KeySet ◀─ JWKS
//! JWK ─┘                                       JWK ─┘
//! ```
//!
//! [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517

pub(crate) mod der;
mod hmac;
pub(crate) mod jwk;
pub(crate) mod pem;
#[cfg(feature = "pkcs12")]
mod pkcs12;
mod rsa;
mod set;
mod signing;
mod verifying;

pub use set::KeySet;
pub use signing::SigningKey;
pub use verifying::VerifyingKey;
