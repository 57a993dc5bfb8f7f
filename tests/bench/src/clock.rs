//! Processor time: what other processes do in the meantime does not count.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Whose processor time is meant.
#[derive(Clone, Copy)]
pub enum Clock {
    /// That of this thread.
    Thread,
    /// That of all threads of this process, ended ones too.
    Process,
}

impl Clock {
    /// The processor time used so far, in the program and in the kernel.
    pub fn read(self) -> Duration {
        let time = clock_gettime(match self {
            Self::Thread => ClockId::ThreadCPUTime,
            Self::Process => ClockId::ProcessCPUTime,
        });
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }
}
