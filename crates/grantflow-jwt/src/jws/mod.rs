//! JWS in its compact serialization ([RFC 7515 section 7.1]): made, signed here or elsewhere, and verified.
//!
//! ```text
//! Header, payload ─▶ Signer ─┬─▶ Jws                            a key in this process
//!                            └─▶ SignatureDue ── accept ─▶ Jws  a key that lives elsewhere
//!
//! token, KeySet ─▶ verify ─▶ VerifiedJws
//! ```
//!
//! [RFC 7515 section 7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-7.1

mod compact;
mod header;
mod signer;
mod verify;

pub use compact::Jws;
pub(crate) use compact::SigningInput;
pub use header::Header;
pub use signer::{SignatureDue, Signer, Signing};
pub use verify::{MAX_TOKEN_LENGTH, VerifiedJws};
