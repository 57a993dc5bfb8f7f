//! Records on a disk: one file beside the bare system calls, many records beside SQLite and other libraries,
//! and two processes on one record.
//!
//! ```text
//! put   ours: lock, read, reserve, write, fsync, rename, fsync the directory     bare: create, write, fsync, rename, fsync
//! read  ours: open, check, read, checksum, parse                                 bare: read, parse
//! ```

mod libraries;
mod many;
mod one;
mod place;

use crate::cases::Group;
use crate::interleave::{self, Timings};
use crate::report::Counts;

pub use one::{UPDATE, update};

/// Measures and prints all of it.
pub fn measure(rounds: usize, report: fn(&Group, &Timings, &[Counts])) {
    let show = |group: Group| {
        let timings = interleave::measure(&group, rounds);
        report(&group, &timings, &vec![Counts::default(); group.cases.len()]);
        timings
    };
    one::measure(show);
    many::measure(show);
    libraries::print();
}
