#![no_main]

#[path = "../../tests/fuzz/container.rs"]
mod container;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| container::container(bytes));
