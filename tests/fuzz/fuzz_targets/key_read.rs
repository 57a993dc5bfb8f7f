//! See `grantflow_fuzz::key_read`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantflow_fuzz::key_read(data));
