//! The stores of this crate: the promises of every store, and what the file store promises besides.
#![expect(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod corrupt;
mod golden;
#[cfg(feature = "multistore")]
mod memory;
mod model;
#[cfg(feature = "multistore")]
mod multistore;
mod room;

#[cfg(unix)]
mod child;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(unix)]
mod locks;
#[cfg(target_os = "linux")]
mod power;
#[cfg(unix)]
mod privacy;
#[cfg(feature = "encrypted")]
mod sealed;
#[cfg(unix)]
mod unchanged;
