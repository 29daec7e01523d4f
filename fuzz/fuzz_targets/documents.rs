#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| cloudtrail_inspector_fuzz::documents(input));
