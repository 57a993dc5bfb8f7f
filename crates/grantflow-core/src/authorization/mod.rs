//! The authorization code grant with PKCE ([RFC 6749 section 4.1], [RFC 7636], [RFC 9207]).
//!
//! ```text
//! AuthorizationRequest ──start──▶ (URL, PendingAuthorization) ──accept(callback)──▶ AuthorizationCode ──▶ TokenRequest
//! ```
//!
//! [RFC 6749 section 4.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1
//! [RFC 7636]: https://www.rfc-editor.org/rfc/rfc7636
//! [RFC 9207]: https://www.rfc-editor.org/rfc/rfc9207

mod callback;
mod code;
mod pending;

pub use callback::CallbackError;
pub use code::AuthorizationCode;
pub use pending::PendingAuthorization;
