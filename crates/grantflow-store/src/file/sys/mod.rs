//! What the store needs of a file system: one form for Unix, one for everything else.

#[cfg(any(not(unix), test))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(super) use portable::{Dir, LOCKS_RECORDS, has_no_locks, is_exhausted, lives, reserve};
#[cfg(unix)]
pub(super) use unix::{Dir, LOCKS_RECORDS, has_no_locks, is_exhausted, lives, reserve};

/// What a file is opened for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    Read,
    /// Reading and writing; on network file systems an exclusive lock needs it.
    Write,
}

/// Reserves by writing zeros, where there is no better way.
fn fill_with_zeros(mut file: &std::fs::File, length: u64) -> std::io::Result<()> {
    use std::io::{Read as _, Seek as _};
    std::io::copy(&mut std::io::repeat(0).take(length), &mut file)?;
    file.rewind()
}

#[cfg(test)]
mod tests;
