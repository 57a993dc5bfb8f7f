//! The test server, asked by a client that does what a test says and nothing more.

mod assertion;
mod authorize;
mod client_assertion;
#[cfg(feature = "cli")]
mod command;
mod device;
mod endpoints;
mod faults;
mod id_token;
mod pages;
mod request_object;
mod support;
mod token;
