//! Keys that never come to this process: they sign where they are.

mod kms;
mod softhsm;
