#![no_main]

#[path = "../../tests/fuzz/models.rs"]
mod models;
#[path = "../../tests/fuzz/entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::entry(bytes));
