#![no_main]

#[path = "../../tests/fuzz/models.rs"]
mod models;
#[path = "../../tests/fuzz/stream.rs"]
mod stream;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stream::stream(bytes));
