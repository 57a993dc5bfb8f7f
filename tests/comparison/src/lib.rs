//! What the README says of four other crates, and of this one, run against one authorization server.
//!
//! Each row of the README's table is a file in `tests/rows`, each cell a test in it.
//! A cell that is no longer true makes its test fail, whoever of the five has changed.
//!
//! # In scope
//!
//! - [`Grant`]: a login at the test server, by hand, so that all start from the same refresh token.
//! - [`ours`], [`oauth2_rs`], [`yup`], [`tame`], [`gca`]: that refresh token in the hands of each crate.
//! - [`python`]: the same for oauth2client, as a process.
//! - `peers`, which `cargo xtask peers` runs: many processes and a full disk, as a table.
//! - [`Door`]: what stands between a crate and the server where the two do not fit.
//!
//! # Out of scope
//!
//! - Speed and size: `tests/bench`.
//! - Anything that needs the network.

pub mod child;
pub mod door;
pub mod gca;
pub mod grant;
pub mod oauth2_rs;
pub mod ours;
pub mod python;
pub mod tame;
pub mod yup;

pub use child::Asks;
pub use door::Door;
pub use grant::Grant;

/// The scope that every test asks for.
pub const SCOPE: &str = "profile";

/// A runtime with two workers, so that tasks meet each other.
///
/// # Panics
///
/// If there are no threads.
#[must_use]
pub fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("threads")
}
