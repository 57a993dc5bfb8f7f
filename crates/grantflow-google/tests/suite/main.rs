//! Service accounts without a network: what is sent, what is signed, and which files are refused.

#![expect(clippy::unwrap_used, reason = "tests")]

mod files;
mod self_signed;
mod service_account;
mod stored;
mod world;
