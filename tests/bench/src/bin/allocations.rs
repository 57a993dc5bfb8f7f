//! Counts the allocations of each case, on its own thread: `allocations <case>…` prints a line for each case.

use grantflow_bench::cases;
use grantflow_bench::clock::Clock;

/// Enough to tell an allocation now and then from none.
const REPEATS: u64 = 1000;

fn main() {
    for group in cases::all() {
        for case in group.cases.iter().filter(|_| matches!(group.clock, Clock::Thread)) {
            case.run(REPEATS);
            let counted = allocation_counter::measure(|| case.run(REPEATS));
            let each = |count: u64| count as f64 / REPEATS as f64;
            println!("{}\t{}\t{}\t{}", group.name, case.name, each(counted.count_total), each(counted.bytes_total));
        }
    }
}
