#![no_main]

#[path = "../../tests/fuzz/stream.rs"]
mod stream;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stream::stream(bytes));
