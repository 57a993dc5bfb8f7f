//! The life of a token in a simulated world.
//!
//! The flows, the flight and the handle of `grantflow-core` run as they are; the world around them is a model: virtual
//! time, processes with tasks, an authorization server, a store, and faults before and after every effect.
//! One seed is one history, the same on every machine.
//!
//! # In scope
//!
//! - the invariants I1–I10, held on every history
//! - tokens that are bound to a key, with nonces that change; logins on devices and in browsers that outlive their process
//! - tokens for what a program presents: assertions, subject tokens, a password, its own secret
//! - replay of any history by its seed
//! - planted bugs, each of which has to be found
//!
//! # Out of scope
//!
//! - real files, locks, sockets and clocks: the suites in `tests/` and the stores' own

mod browser;
mod caller;
pub mod campaign;
mod chronicle;
mod depot;
mod device;
mod dice;
mod executor;
mod history;
mod host;
mod ledger;
mod network;
mod plant;
mod proof;
mod scenario;
mod server;
mod source;
mod world;

pub use history::History;
pub use ledger::{Losses, Violation};
pub use plant::Plant;
