//! Encrypted tokens, opened ([RFC 7516], [RFC 7519 section 5.2]): what is in one is a signed token, which is still to be verified.
//!
//! ```text
//! token ─▶ five parts ─▶ header: alg, enc, epk ─▶ key ─▶ ECDH-ES ─▶ AES-GCM ─▶ Jws, not yet verified
//! ```
//!
//! Nothing is encrypted here.
//!
//! [RFC 7516]: https://www.rfc-editor.org/rfc/rfc7516
//! [RFC 7519 section 5.2]: https://www.rfc-editor.org/rfc/rfc7519#section-5.2

mod algorithms;
mod decrypt;
mod key;

pub use algorithms::{ContentEncryption, KeyManagement};
pub use decrypt::Decryption;
pub use key::DecryptionKey;
