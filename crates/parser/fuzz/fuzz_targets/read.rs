#![no_main]

#[path = "../../tests/fuzz/read.rs"]
mod read;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| read::read(bytes));
