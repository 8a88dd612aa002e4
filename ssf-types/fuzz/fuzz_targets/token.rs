#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssf_types_fuzz::targets::token(data));
