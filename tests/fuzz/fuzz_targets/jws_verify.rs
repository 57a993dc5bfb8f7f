//! See `grantflow_fuzz::jws_verify`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantflow_fuzz::jws_verify(data));
