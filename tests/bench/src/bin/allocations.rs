//! Counts the allocations of each case, on its own thread: `allocations <case>…` prints a line for each case.

use grantflow_bench::cases;

/// Enough to tell an allocation now and then from none.
const REPEATS: u64 = 1000;

fn main() {
    // The others do their work in the kernel and in a second process.
    let groups = cases::GROUPS
        .iter()
        .filter(|name| !matches!(**name, "refresh" | "account"));
    for group in groups.filter_map(|name| cases::group(name)) {
        for case in &group.cases {
            case.run(REPEATS);
            let counted = allocation_counter::measure(|| case.run(REPEATS));
            let each = |count: u64| count as f64 / REPEATS as f64;
            let (count, bytes) = (each(counted.count_total), each(counted.bytes_total));
            println!("{}\t{}\t{count}\t{bytes}", group.name, case.name);
        }
    }
}
