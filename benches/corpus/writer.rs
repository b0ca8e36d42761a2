//! Writes a snapshot as Redis 7.0 does (RDB 10; `src/rdb.c`, `src/listpack.c`, `src/t_stream.c`).

use std::io::{self, Write};
use std::ops::RangeInclusive;

use preshard_parser::crc64;

use super::random::Random;

const TYPE_STRING: u8 = 0;
const TYPE_SET: u8 = 2;
const TYPE_HASH: u8 = 4;
const TYPE_ZSET: u8 = 5;
const TYPE_INTSET: u8 = 11;
const TYPE_HASH_LISTPACK: u8 = 16;
const TYPE_ZSET_LISTPACK: u8 = 17;
const TYPE_QUICKLIST: u8 = 18;
const TYPE_STREAM: u8 = 19;

/// Bytes that are kept back before they are written.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// A growing snapshot.
pub struct Writer<'a> {
    out: &'a mut dyn Write,
    kept: Vec<u8>,
    checksum: crc64::Running,
}

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut dyn Write, keys: u64) -> Writer<'a> {
        let mut w = Writer {
            out,
            kept: b"REDIS0010".to_vec(),
            checksum: crc64::Running::new(),
        };
        for (name, value) in [("redis-ver", "7.0.15"), ("redis-bits", "64")] {
            w.kept.push(250);
            w.str(name.as_bytes());
            w.str(value.as_bytes());
        }
        w.kept.extend([254, 0, 251]);
        w.len(keys);
        w.len(keys / 2);
        w
    }

    pub fn end(mut self) -> io::Result<()> {
        self.kept.push(255);
        self.flush()?;
        self.out.write_all(&self.checksum.value().to_le_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.checksum.update(&self.kept);
        self.out.write_all(&self.kept)?;
        self.kept.clear();
        Ok(())
    }

    pub fn expiry(&mut self, ms: i64) {
        self.kept.push(252);
        self.kept.extend(ms.to_le_bytes());
    }

    pub fn string(&mut self, key: &[u8], value: &[u8]) {
        self.key(TYPE_STRING, key);
        self.str(value);
    }

    pub fn integer(&mut self, key: &[u8], value: i32) {
        self.key(TYPE_STRING, key);
        self.kept.push(0xc2);
        self.kept.extend(value.to_le_bytes());
    }

    /// A pattern repeated, compressed: the pattern as a literal, then references to it.
    pub fn compressed_string(&mut self, key: &[u8], pattern: &[u8], times: u64) {
        self.key(TYPE_STRING, key);
        let mut compressed = vec![pattern.len() as u8 - 1];
        compressed.extend(pattern);
        let total = pattern.len() as u64 * times;
        let mut left = total - pattern.len() as u64;
        let distance = pattern.len() as u8 - 1;
        while left > 0 {
            // A reference of at most 264 bytes, and never one or two bytes short of the end.
            let copied = match left {
                3..=264 => left,
                265..=266 => 200,
                _ => 264,
            };
            match copied - 2 {
                short @ 1..=6 => compressed.extend([(short as u8) << 5, distance]),
                long => compressed.extend([7 << 5, (long - 7) as u8, distance]),
            }
            left -= copied;
        }
        self.kept.push(0xc3);
        self.len(compressed.len() as u64);
        self.len(total);
        self.kept.extend(compressed);
    }

    pub fn hash_listpack(&mut self, key: &[u8], random: &mut Random, pairs: RangeInclusive<u64>) {
        let mut listpack = Listpack::new();
        for field in 0..random.within(pairs) {
            listpack.text(format!("field:{field}").as_bytes());
            listpack.text(&random.bytes(4..=30));
        }
        self.key(TYPE_HASH_LISTPACK, key);
        self.str(&listpack.end());
    }

    pub fn hash(&mut self, key: &[u8], random: &mut Random, pairs: u64) {
        self.key(TYPE_HASH, key);
        self.len(pairs);
        for field in 0..pairs {
            self.str(format!("field:{field}").as_bytes());
            self.str(&random.bytes(4..=64));
        }
    }

    pub fn intset(&mut self, key: &[u8], random: &mut Random, members: RangeInclusive<u64>) {
        let n = random.within(members) as u32;
        let mut blob = [4u32.to_le_bytes(), n.to_le_bytes()].concat();
        for member in 0..n {
            blob.extend((member * 100_000 + 70_000).to_le_bytes());
        }
        self.key(TYPE_INTSET, key);
        self.str(&blob);
    }

    pub fn set(&mut self, key: &[u8], random: &mut Random, members: u64) {
        self.key(TYPE_SET, key);
        self.len(members);
        for member in 0..members {
            let mut text = random.bytes(2..=24);
            text.extend(format!(":{member}").bytes());
            self.str(&text);
        }
    }

    pub fn zset_listpack(&mut self, key: &[u8], random: &mut Random, members: RangeInclusive<u64>) {
        let mut listpack = Listpack::new();
        for member in 0..random.within(members) {
            listpack.text(format!("member:{member}").as_bytes());
            listpack.small(member as u8 & 127);
        }
        self.key(TYPE_ZSET_LISTPACK, key);
        self.str(&listpack.end());
    }

    pub fn zset(&mut self, key: &[u8], random: &mut Random, members: u64) {
        self.key(TYPE_ZSET, key);
        self.len(members);
        for member in (0..members).rev() {
            let mut text = random.bytes(2..=24);
            text.extend(format!(":{member}").bytes());
            self.str(&text);
            self.kept.extend((member as f64).to_le_bytes());
        }
    }

    /// Nodes of about 8 KB, as `list-max-listpack-size -2` makes them.
    pub fn list(&mut self, key: &[u8], random: &mut Random, nodes: u64) {
        const PACKED: u64 = 2;
        self.key(TYPE_QUICKLIST, key);
        self.len(nodes);
        for _ in 0..nodes {
            let mut listpack = Listpack::new();
            for _ in 0..100 {
                listpack.text(&random.bytes(20..=140));
            }
            self.len(PACKED);
            self.str(&listpack.end());
        }
    }

    /// Nodes of 100 entries of one field, one group, one consumer, ten entries pending.
    pub fn stream(&mut self, key: &[u8], random: &mut Random, nodes: u64) {
        const START_MS: u64 = 1_700_000_000_000;
        const ENTRIES: u64 = 100;
        const PENDING: u64 = 10;
        let id = |ms: u64| [ms.to_be_bytes(), 0u64.to_be_bytes()].concat();
        self.key(TYPE_STREAM, key);
        self.len(nodes);
        for node in 0..nodes {
            let mut listpack = Listpack::new();
            // The node's head: live and deleted entries, one field by name, its end.
            for n in [ENTRIES as u8, 0, 1] {
                listpack.small(n);
            }
            listpack.text(b"f");
            listpack.small(0);
            for entry in 0..ENTRIES {
                // Flags (same fields as the head), time and number relative to the node, value, entries back.
                for n in [2, entry as u8, 0] {
                    listpack.small(n);
                }
                listpack.text(&random.bytes(8..=60));
                listpack.small(4);
            }
            self.str(&id(START_MS + node * ENTRIES));
            self.str(&listpack.end());
        }
        let last = START_MS + nodes * ENTRIES - 1;
        self.len(nodes * ENTRIES);
        for n in [last, 0, START_MS, 0, 0, 0, nodes * ENTRIES] {
            self.len(n);
        }
        self.len(1);
        self.str(b"group");
        for n in [START_MS + PENDING - 1, 0, PENDING, PENDING] {
            self.len(n);
        }
        for entry in 0..PENDING {
            self.kept.extend(id(START_MS + entry));
            self.kept.extend((last as i64).to_le_bytes());
            self.len(1);
        }
        self.len(1);
        self.str(b"consumer");
        self.kept.extend((last as i64).to_le_bytes());
        self.len(PENDING);
        for entry in 0..PENDING {
            self.kept.extend(id(START_MS + entry));
        }
    }

    fn key(&mut self, value_type: u8, key: &[u8]) {
        if self.kept.len() > KEPT_BYTES_MAX {
            self.flush().expect("the snapshot can be written");
        }
        self.kept.push(value_type);
        self.str(key);
    }

    fn len(&mut self, n: u64) {
        match n {
            0..64 => self.kept.push(n as u8),
            64..16_384 => self.kept.extend([0x40 | (n >> 8) as u8, n as u8]),
            _ => match u32::try_from(n) {
                Ok(n) => {
                    self.kept.push(0x80);
                    self.kept.extend(n.to_be_bytes());
                }
                Err(_) => {
                    self.kept.push(0x81);
                    self.kept.extend(n.to_be_bytes());
                }
            },
        }
    }

    fn str(&mut self, bytes: &[u8]) {
        self.len(bytes.len() as u64);
        self.kept.extend(bytes);
    }
}

/// A listpack in the making.
struct Listpack {
    body: Vec<u8>,
    entries: u16,
}

impl Listpack {
    fn new() -> Listpack {
        Listpack {
            body: Vec::new(),
            entries: 0,
        }
    }

    /// An integer of 0 to 127.
    fn small(&mut self, n: u8) {
        self.body.extend([n, 1]);
        self.entries += 1;
    }

    /// A string of at most 4095 bytes.
    fn text(&mut self, text: &[u8]) {
        let start = self.body.len();
        match text.len() {
            short @ 0..64 => self.body.push(0x80 | short as u8),
            long => self.body.extend([0xe0 | (long >> 8) as u8, long as u8]),
        }
        self.body.extend(text);
        match self.body.len() - start {
            len @ 0..128 => self.body.push(len as u8),
            len => self
                .body
                .extend([(len >> 7) as u8, (len & 127) as u8 | 128]),
        }
        self.entries += 1;
    }

    fn end(self) -> Vec<u8> {
        let total = self.body.len() as u32 + 7;
        let mut blob = total.to_le_bytes().to_vec();
        blob.extend(self.entries.to_le_bytes());
        blob.extend(self.body);
        blob.push(0xff);
        blob
    }
}
