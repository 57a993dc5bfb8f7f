//! What only whole processes show: who refreshes, what is in memory, which clocks count, how many instructions a comparison takes.

mod clocks;
mod constant_time;
#[cfg(target_os = "linux")]
mod memory;
mod runtime;
mod stampede;
