//! The rows of the README's comparison, one file each; see the crate's documentation.

mod address;
mod callers;
mod debug;
mod flood;
mod full_disk;
mod http_client;
mod outage;
mod processes;
mod redirect;
mod repeated;
mod restart;
mod service_account;
mod weight;
