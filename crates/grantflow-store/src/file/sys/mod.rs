//! What the store needs of a file system: one form for Unix, one for everything else.

#[cfg(any(not(unix), test))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use portable::{Dir, LOCKS_RECORDS, Stamp, has_no_locks, is_exhausted, lives, reserve, stamp_of};
#[cfg(unix)]
pub(crate) use unix::{Dir, LOCKS_RECORDS, Stamp, has_no_locks, is_exhausted, lives, reserve, stamp_of};

/// Which ways to a directory are allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// A directory of the caller's, by links too.
    AnyLinks,
    /// A directory of the store's own: its name is no link.
    NoLink,
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access {
    Read,
    /// Reading and writing; on network file systems an exclusive lock needs it.
    Write,
}

/// A file that was let through, and what was seen of it then.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: std::fs::File,
    pub(crate) length: u64,
    pub(crate) stamp: Option<Stamp>,
}

/// Reserves by writing zeros, where there is no better way.
fn fill_with_zeros(mut file: &std::fs::File, length: u64) -> std::io::Result<()> {
    use std::io::{Read as _, Seek as _};
    std::io::copy(&mut std::io::repeat(0).take(length), &mut file)?;
    file.rewind()
}

/// A directory in the way of a name is told apart from a file that is no directory.
const NO_DIRECTORY: &str = "it is not a directory; give the store a directory of its own";
const LINKED_DIRECTORY: &str = "it is a symbolic link; give the store the directory itself";

#[cfg(test)]
mod tests;
