//! Google's credentials without a network: what is sent, what is signed, and which files and servers are refused.

#![expect(clippy::unwrap_used, reason = "tests")]

mod authorized_user;
mod default_credentials;
mod files;
mod id_token;
mod metadata;
mod self_signed;
mod service_account;
mod stored;
mod world;
