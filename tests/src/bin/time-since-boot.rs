//! Says what the time since boot is, in whole seconds, so that a test can have it where the system has slept.

#![expect(clippy::print_stdout, reason = "that is all it does")]

fn main() {
    println!("{}", grantflow_core::native::now().boot.as_secs());
}
