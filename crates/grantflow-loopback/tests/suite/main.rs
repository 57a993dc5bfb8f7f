//! A login at this machine: the receiver, the browser, the terminal, and what goes over the network.

#[cfg(feature = "clap")]
mod args;
#[cfg(unix)]
mod browser;
mod device;
mod login;
#[cfg(target_os = "linux")]
mod network;
mod receiver;
mod support;
#[cfg(feature = "terminal")]
mod terminal;
