//! What the crate promises, over its public surface: vectors of the RFCs, forged tokens, keys of every form, google-auth, Wycheproof.
#![expect(clippy::unwrap_used, reason = "tests")]

mod claims;
mod clock;
mod forged;
mod google_auth;
#[cfg(feature = "jwe")]
mod jwe;
mod key_sets;
mod keys;
mod limits;
mod negative;
#[cfg(feature = "pkcs12")]
mod pkcs12;
mod signer;
mod support;
mod vectors;
mod wycheproof;
