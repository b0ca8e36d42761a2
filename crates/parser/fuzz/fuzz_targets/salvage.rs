#![no_main]

#[path = "../../tests/fuzz/salvage.rs"]
mod salvage;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| salvage::salvage(bytes));
