//! Small programs that do the same: their size, their crates, the seconds to build them.

/// Builds each and prints the three.
pub(crate) fn print(_peers: bool) {}
