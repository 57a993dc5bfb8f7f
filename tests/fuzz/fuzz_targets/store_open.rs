//! See `grantflow_fuzz::store_open`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantflow_fuzz::store_open(data));
