//! What does not depend on the load: allocations by a counting allocator, instructions by callgrind. Both run other programs.

use std::path::Path;
use std::process::{Command, ExitCode};

use grantflow_bench::cases::{self, Group};
use grantflow_bench::interleave::Timings;
use grantflow_bench::report::Counts;

/// The word on the command line for [`repeat`].
pub(crate) const REPEAT: &str = "repeat";

/// Two numbers of repeats whose difference is free of what happens once.
const REPEATS: [u32; 2] = [100, 1100];
/// Those of an RSA signature, of which ring does a part anew every 32 times.
const REPEATS_OF_LONG: [u32; 2] = [32, 96];
/// So many nanoseconds are long.
const LONG: f64 = 300_000.0;

/// A line of `src/bin/allocations.rs`.
pub(crate) struct Allocated {
    group: String,
    case: String,
    count: f64,
    bytes: f64,
}

/// Builds and runs `src/bin/allocations.rs`.
pub(crate) fn allocations() -> Vec<Allocated> {
    let output = cargo("run --quiet --release --bin allocations").output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        println!("skipped: allocations, since src/bin/allocations.rs did not run");
        return Vec::new();
    };
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let mut fields = line.split('\t');
        Some(Allocated {
            group: fields.next()?.to_owned(),
            case: fields.next()?.to_owned(),
            count: fields.next()?.parse().ok()?,
            bytes: fields.next()?.parse().ok()?,
        })
    };
    lines.lines().filter_map(line).collect()
}

/// What is known of each case of a group.
pub(crate) fn of(group: &Group, timings: &Timings, allocations: &[Allocated]) -> Vec<Counts> {
    let counts = |(at, case): (usize, &str)| {
        let allocated = allocations
            .iter()
            .find(|line| line.group == group.name && line.case == case);
        let is_long = timings.minimum(at) > LONG;
        let repeats = if is_long { REPEATS_OF_LONG } else { REPEATS };
        Counts {
            instructions: instructions(group.name, case, repeats),
            allocations: allocated.map(|line| (line.count, line.bytes)),
        }
    };
    let names = group.cases.iter().map(|case| case.name);
    names.enumerate().map(counts).collect()
}

fn instructions(group: &str, case: &str, repeats: [u32; 2]) -> Option<f64> {
    let few = callgrind(group, case, repeats[0])?;
    let many = callgrind(group, case, repeats[1])?;
    Some(many.checked_sub(few)? as f64 / f64::from(repeats[1] - repeats[0]))
}

fn callgrind(group: &str, case: &str, repeats: u32) -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([REPEAT, group, case, &repeats.to_string()])
        .output();
    let Ok(output) = output else {
        println!("skipped: instructions of {case:?}, since valgrind is not installed");
        return None;
    };
    let lines = String::from_utf8_lossy(&output.stderr).into_owned();
    let counted = lines
        .lines()
        .filter(|_| output.status.success())
        .find_map(|line| line.split("Collected : ").nth(1));
    let counted = counted.and_then(|count| count.trim().parse().ok());
    if counted.is_none() {
        println!("skipped: instructions of {case:?}, since it failed in valgrind: {lines}");
    }
    counted
}

/// What callgrind watches.
pub(crate) fn repeat(group: &str, case: &str, repeats: &str) {
    let group = cases::group(group).expect("a group");
    group.cases[group.find(case)].run(repeats.parse().expect("a number"));
}

/// Builds this program with the peers and runs it in the place of this one.
pub(crate) fn again_with_peers(args: &[String]) -> ExitCode {
    let status = cargo("run --release --features peers")
        .arg("--")
        .args(args)
        .status();
    ExitCode::from(u8::from(!status.is_ok_and(|status| status.success())))
}

/// Cargo on this package, with the features of this build.
fn cargo(words: &str) -> Command {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(words.split(' ')).arg("--manifest-path").arg(manifest);
    if cfg!(feature = "peers") && !words.contains("--features") {
        cargo.args(["--features", "peers"]);
    }
    cargo
}
