//! The command as its users run it: the real program, against a real server, with a stand-in for the browser.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

mod adc;
mod consent;
#[cfg(unix)]
mod curl;
mod demo;
mod device;
#[cfg(target_os = "linux")]
mod disk;
mod doctor;
mod exit_codes;
mod inspect;
#[cfg(unix)]
mod interrupt;
mod journey;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(all(
    feature = "keyring",
    unix,
    not(target_vendor = "apple"),
    not(target_os = "android")
))]
mod keyring;
mod many;
mod output;
mod providers;
mod sealed;
mod secrets;
mod service_account;
mod store;
#[cfg(target_os = "linux")]
mod terminal;
mod transfer;
