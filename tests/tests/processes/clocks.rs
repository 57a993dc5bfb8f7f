//! The clocks that credentials look at, where they have been moved.

use std::process::Command;

use grantflow_suites::skip::skip;

const PROGRAM: &str = env!("CARGO_BIN_EXE_time-since-boot");

fn seconds(command: &mut Command) -> Option<u64> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// In a time namespace whose boot was a day earlier, though its monotonic clock stood still: as after a suspend.
#[test]
fn r22_the_time_that_the_system_slept_counts() {
    const DAY: u64 = 86_400;
    let before = seconds(&mut Command::new(PROGRAM)).expect("it says the time");
    let slept = [
        "--time",
        "--boottime",
        &DAY.to_string(),
        "--monotonic",
        "0",
        PROGRAM,
    ];
    let Some(after) = seconds(Command::new("unshare").args(slept)) else {
        return skip(
            "r22 suspend",
            "only root can have a time of its own, and not everywhere",
        );
    };
    assert!(
        (DAY..DAY + 600).contains(&after.saturating_sub(before)),
        "{before} {after}"
    );
}
