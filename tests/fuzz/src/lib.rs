//! What each fuzz target does with its input: a promise is checked, and whoever breaks it panics.
//!
//! The targets themselves are in `fuzz_targets`, one line each; `src/bin/replay.rs` runs the same on the committed corpus.

mod callback;
mod device;
mod driver;
mod jws_verify;
mod key_read;
mod metadata;
mod retry_after;
mod store_open;
mod token_reply;
mod world;
mod www_authenticate;

pub use callback::callback;
pub use device::device;
pub use driver::driver;
pub use jws_verify::jws_verify;
pub use key_read::key_read;
pub use metadata::metadata;
pub use retry_after::retry_after;
pub use store_open::store_open;
pub use token_reply::token_reply;
pub use www_authenticate::www_authenticate;

/// A target by its name, which is that of its corpus too.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 10] = [
    ("jws_verify", jws_verify),
    ("key_read", key_read),
    ("store_open", store_open),
    ("retry_after", retry_after),
    ("www_authenticate", www_authenticate),
    ("token_reply", token_reply),
    ("callback", callback),
    ("metadata", metadata),
    ("device", device),
    ("driver", driver),
];
