//! Snapshots in memory whose keys are all of one type.

use super::{Random, Writer};

pub const KEYS: u64 = 2_000;

type Add = fn(&mut Writer<'_>, &mut Random, &[u8]);

/// Each type in the encodings that RDB 10 has for it, of a size that it often has.
pub const TYPES: [(&str, Add); 11] = [
    ("string", |w, random, key| {
        w.string(key, &random.bytes(8..=200));
    }),
    ("string-integer", |w, random, key| {
        w.integer(key, random.below(1 << 31) as i32);
    }),
    ("string-lzf", |w, random, key| {
        w.compressed_string(key, &random.bytes(16..=16), 20 + random.below(400));
    }),
    ("hash", |w, random, key| w.hash(key, random, 200)),
    ("hash-listpack", |w, random, key| {
        w.hash_listpack(key, random, 1..=40);
    }),
    ("set", |w, random, key| w.set(key, random, 200)),
    ("set-intset", |w, random, key| {
        w.intset(key, random, 1..=300);
    }),
    ("zset", |w, random, key| w.zset(key, random, 200)),
    ("zset-listpack", |w, random, key| {
        w.zset_listpack(key, random, 1..=60);
    }),
    ("list", |w, random, key| w.list(key, random, 3)),
    ("stream", |w, random, key| w.stream(key, random, 3)),
];

/// A snapshot of so many such keys.
pub fn snapshot(add: Add) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut random = Random::new("values");
    let mut writer = Writer::new(&mut bytes, KEYS);
    for i in 0..KEYS {
        add(&mut writer, &mut random, format!("key:{i}").as_bytes());
    }
    writer.end().expect("memory takes all that is written");
    bytes
}
