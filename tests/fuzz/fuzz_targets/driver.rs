//! See `grantflow_fuzz::driver`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantflow_fuzz::driver(data));
