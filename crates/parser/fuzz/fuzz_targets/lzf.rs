#![no_main]

#[path = "../../tests/fuzz/lzf.rs"]
mod lzf;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lzf::lzf(bytes));
