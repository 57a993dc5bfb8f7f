//! The one door to tests, checks and benchmarks.

fn main() {}
