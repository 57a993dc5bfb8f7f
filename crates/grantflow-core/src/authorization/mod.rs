//! The authorization code grant with PKCE ([RFC 6749 section 4.1], [RFC 7636], [RFC 9207]).
//!
//! ```text
//! AuthorizationRequest ──start──▶ (AuthorizationUrl, PendingAuthorization) ──accept(callback)──▶ AuthorizationCode ──▶ TokenRequest
//!                                                     │        ▲
//!                                          expose_json└────────┘from_json, where the pause outlives the process
//! ```
//!
//! [RFC 6749 section 4.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1
//! [RFC 7636]: https://www.rfc-editor.org/rfc/rfc7636
//! [RFC 9207]: https://www.rfc-editor.org/rfc/rfc9207

mod callback;
mod code;
mod end_session;
mod mode;
mod parameters;
mod pending;
mod pkce;
mod query;
mod request;
mod response_type;
mod stored;
mod unproven;
mod url;

pub use callback::CallbackError;
pub use code::AuthorizationCode;
pub use end_session::{EndSessionRequest, EndSessionUrl, PendingEndSession};
pub use mode::ResponseMode;
pub use pending::PendingAuthorization;
pub use request::AuthorizationRequest;
pub use response_type::ResponseType;
pub use unproven::UnprovenCode;
pub use url::AuthorizationUrl;

pub(crate) use request::check_redirect_uri;

#[cfg(test)]
mod tests;
