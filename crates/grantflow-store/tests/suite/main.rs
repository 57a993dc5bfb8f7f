//! The stores of this crate: the promises of every store, and what the file store promises besides.
#![expect(clippy::unwrap_used, reason = "tests")]

mod conformance;
#[expect(dead_code, reason = "more suites are to come")]
mod room;
