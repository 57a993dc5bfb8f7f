//! The password manager: a real GNOME Keyring on a bus of its own, without any display, and stand-ins that fail in known ways.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../suite/room.rs"]
#[allow(dead_code, reason = "the other suite uses the rest")]
mod room;

#[cfg(not(target_vendor = "apple"))]
mod conformance;
#[cfg(feature = "encrypted")]
mod data_key;
#[cfg(not(target_vendor = "apple"))]
mod python;
#[cfg(not(target_vendor = "apple"))]
mod real;
#[cfg(not(target_vendor = "apple"))]
mod session;
#[cfg(not(target_vendor = "apple"))]
mod stampede;
mod stand_in;
mod with_stand_ins;
