//! Processor time: what other processes do in the meantime does not count. And time on the wall, for what waits for a disk.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Whose time is meant.
#[derive(Clone, Copy)]
pub enum Clock {
    /// That of this thread.
    Thread,
    /// That of all threads of this process, ended ones too.
    Process,
    /// None's: the time that passed, with what the disk took.
    Wall,
}

impl Clock {
    /// The time used so far, in the program and in the kernel.
    pub fn read(self) -> Duration {
        let time = clock_gettime(match self {
            Self::Thread => ClockId::ThreadCPUTime,
            Self::Process => ClockId::ProcessCPUTime,
            Self::Wall => ClockId::Monotonic,
        });
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }
}
