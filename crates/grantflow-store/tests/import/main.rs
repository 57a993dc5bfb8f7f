//! Files of other libraries, in and out. The samples were written by the libraries and versions that their names say; what today's
//! Python makes of the same is tested in the workspace's `tests/`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod export;
mod hostile;
#[cfg(unix)]
mod lock;
#[cfg(all(unix, feature = "file", feature = "memory"))]
mod mixed;
mod read;
mod samples;
