//! The handles of both worlds against a server that rotates refresh tokens and counts, with clocks that the test sets.

#![expect(clippy::unwrap_used, reason = "tests")]

mod api_call;
mod asynchronous;
mod blocking;
mod keeping;
mod leased;
mod provider;
mod source;
mod watching;
mod world;
