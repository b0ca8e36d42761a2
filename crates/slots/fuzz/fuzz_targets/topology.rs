#![no_main]

#[path = "../../tests/fuzz/topology.rs"]
mod topology;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| topology::topology(bytes));
