//! See `grantflow_fuzz::token_reply`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantflow_fuzz::token_reply(data));
