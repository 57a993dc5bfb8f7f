//! From a refusal of a protected resource to a login ([RFC 9728 section 5]), as the Model Context Protocol has it.
//!
//! ```text
//! 401 ─▶ ProtectedResource ─ discover ─▶ ResourceAccess ─ client ─▶ ResourceLogin ─ request ─▶ the user ─ keep ─▶ Record
//!                                         resource, server,          client, scopes    ▲
//!                                         scopes                                       └── step_up ◀── 403 insufficient_scope,
//!                                                                                                     401 insufficient_user_authentication
//! ```
//!
//! Every address here is named by somebody: the resource names its metadata and its servers, each server its endpoints. Each is
//! checked as it comes in: https, or plain http only where the one who names it is spoken to so.
//!
//! [RFC 9728 section 5]: https://www.rfc-editor.org/rfc/rfc9728#section-5

mod access;
mod discovery;
mod identity;
mod login;

pub use access::ResourceAccess;
pub use discovery::{OriginAsIssuer, ProtectedResource, SkipOriginCheck};
pub use identity::ClientIdentity;
pub use login::ResourceLogin;

#[cfg(test)]
mod tests;
