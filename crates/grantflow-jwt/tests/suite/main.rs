//! What the crate promises, over its public surface: vectors of the RFCs, keys of every form, claims.
#![expect(clippy::unwrap_used, reason = "tests")]

mod claims;
mod key_sets;
mod keys;
mod signer;
mod support;
mod vectors;
