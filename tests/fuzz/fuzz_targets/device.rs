//! See `grantflow_fuzz::device`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantflow_fuzz::device(data));
