//! The `grantflow` command.

fn main() {}
