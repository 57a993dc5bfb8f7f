//! What is measured, against what, and how; the numbers are in `docs/performance.md`.
//!
//! - [`cases`]: each operation, ours beside the hand-written limit and the peers
//! - [`interleave`]: A-B-A-B in slices of a few milliseconds, by the clock of the thread's own processor time
//! - [`threads`]: how much two pinned threads slow each other
//! - [`bystanders`]: whoever need not wait while others do
//! - [`storm`]: a hundred callers and one token endpoint
//! - [`server`]: that endpoint
//! - `peers` (feature `peers`): the crates whose builds take minutes
//! - [`stores`]: records on a disk, beside bare system calls and SQLite
//! - [`report`](mod@report): tables

pub mod bystanders;
pub mod cases;
pub mod clock;
pub mod interleave;
#[cfg(feature = "peers")]
pub mod peers;
pub mod report;
pub mod server;
pub mod stores;
pub mod storm;
pub mod threads;
