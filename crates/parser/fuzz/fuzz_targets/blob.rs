#![no_main]

#[path = "../../tests/fuzz/blob.rs"]
mod blob;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blob::blob(bytes));
