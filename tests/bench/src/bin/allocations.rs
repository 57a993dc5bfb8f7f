//! Counts the allocations of each case, on its own thread: `allocations <case>…` prints a line for each case.

use grantflow_bench::cases;

/// Enough to tell an allocation now and then from none.
const REPEATS: u64 = 1000;

fn main() {
    for group in cases::pure() {
        for case in &group.cases {
            case.run(REPEATS);
            let counted = allocation_counter::measure(|| case.run(REPEATS));
            let each = |count: u64| count as f64 / REPEATS as f64;
            println!(
                "{}\t{}\t{}\t{}",
                group.name,
                case.name,
                each(counted.count_total),
                each(counted.bytes_total)
            );
        }
    }
}
