//! The rows of the README's comparison, one file each; see the crate's documentation.

mod address;
mod callers;
mod restart;
