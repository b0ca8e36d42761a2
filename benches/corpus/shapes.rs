//! What the snapshots are filled with; their shapes are described in `mod.rs`.

use std::fs::File;
use std::path::Path;

use super::random::Random;
use super::writer::Writer;

/// What fills a snapshot with so many keys.
type Build = fn(&mut Writer<'_>, &mut Random, u64);

/// Writes a snapshot of this shape with so many keys.
pub fn write(name: &str, keys: u64, path: &Path) {
    let build: Build = match name {
        "small" => small,
        "mixed" => mixed,
        "big" => big,
        _ => panic!("no shape {name}; there are small, mixed and big"),
    };
    let mut file = File::create(path).expect("the corpus can be created");
    let mut writer = Writer::new(&mut file, keys);
    build(&mut writer, &mut Random::new(name), keys);
    writer.end().expect("the corpus can be written");
}

fn small(w: &mut Writer<'_>, random: &mut Random, keys: u64) {
    for i in 0..keys {
        let value = random.bytes(48..=80);
        w.string(format!("user:{i}:name").as_bytes(), &value);
    }
}

fn mixed(w: &mut Writer<'_>, random: &mut Random, keys: u64) {
    for i in 0..keys {
        if random.below(2) == 0 {
            w.expiry(1_900_000_000_000 + random.below(1 << 30) as i64);
        }
        let tag = random.below(20_000);
        let key = match random.below(4) {
            0 => format!("{{tenant:{tag}}}:item:{i}"),
            _ => format!("object:{i}"),
        };
        let key = key.as_bytes();
        // One key in a few thousand is large: these make about a third of the bytes.
        let n = if random.below(2_500) == 0 { 20_000 } else { 0 };
        let more = random.below(100);
        match random.below(100) {
            0..30 => w.string(key, &random.bytes(8..=200)),
            30..38 => w.integer(key, random.below(1 << 31) as i32),
            38..44 => w.compressed_string(key, &random.bytes(16..=16), 20 + random.below(400)),
            44..58 if n == 0 => w.hash_listpack(key, random, 1..=40),
            44..58 => w.hash(key, random, n),
            58..64 => w.hash(key, random, n + 20 + more),
            64..68 => w.intset(key, random, 1..=300),
            68..76 => w.set(key, random, n + 10 + more),
            76..82 => w.zset_listpack(key, random, 1..=60),
            82..87 => w.zset(key, random, n + 130 + more),
            87..95 => w.list(key, random, 1 + n / 500 + more % 3),
            _ => w.stream(key, random, 1 + n / 500 + more % 3),
        }
    }
}

fn big(w: &mut Writer<'_>, random: &mut Random, keys: u64) {
    for i in 0..keys {
        let key = format!("giant:{i}");
        let key = key.as_bytes();
        match i % 6 {
            0 => w.string(key, &random.bytes(16_000_000..=16_000_000)),
            1 => w.hash(key, random, 250_000),
            2 => w.set(key, random, 500_000),
            3 => w.zset(key, random, 400_000),
            4 => w.list(key, random, 1_200),
            _ => w.stream(key, random, 1_500),
        }
    }
}
