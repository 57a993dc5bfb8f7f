//! The keys of an issuer: asked for, kept, and asked for again when a token names one that is not known ([RFC 7517 section 5],
//! [OpenID Connect Core section 10.1.1]).
//!
//! ```text
//!               ┌─ fresh ─────────────────────────────────────▶ Done
//! KeyCache ─────┼─ old, or none ─▶ Send ─▶ ExpectKeys ─┬─ came ─▶ Done
//!               │                                      └─ failed ─▶ the old ones, for a day; else error
//!               └─ somebody else asks ─▶ the old ones; without any, Wait ─▶ look again
//! ```
//!
//! [RFC 7517 section 5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
//! [OpenID Connect Core section 10.1.1]: https://openid.net/specs/openid-connect-core-1_0.html#RotateSigKeys

mod cache;
mod check;
mod request;

pub use cache::KeyCache;
pub use request::{KeyRequest, PublishedKeys};
