//! Writes a snapshot to measure with, of the shapes in `corpus/mod.rs` and of any size.
//!
//! `cargo run --release --example snapshot -- small 20000000 small.rdb`: about 85 bytes for a key of `small`, 2.5 kB
//! for one of `mixed`, 11 MB for one of `big`. The bytes depend on nothing but the shape and the number of keys.

#[path = "corpus/random.rs"]
mod random;
#[path = "corpus/shapes.rs"]
mod shapes;
#[path = "corpus/writer.rs"]
mod writer;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [shape, keys, file] = &arguments[..] else {
        eprintln!("usage: snapshot small|mixed|big KEYS FILE");
        std::process::exit(2);
    };
    let keys = keys.parse().expect("the number of keys is a number");
    shapes::write(shape, keys, Path::new(file));
}
