//! Random snapshots with hostile content.

use preshard_parser::crc64;
use proptest::collection::vec;
use proptest::prelude::*;

/// A value, before it is encoded.
#[derive(Debug, Clone)]
pub enum Content {
    Raw(Vec<u8>),
    Integer(i32),
    /// Compressed by repeating a byte.
    Compressed(u8, u8),
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    Zset(Vec<(Vec<u8>, u64)>),
    HashListpack(Vec<(Vec<u8>, Vec<u8>)>),
    SetListpack(Vec<Vec<u8>>),
    Intset(Vec<i32>),
    /// Nodes: a plain element, or a packed one of several.
    Quicklist(Vec<Vec<Vec<u8>>>),
    Stream(u8, u8),
    Module(Vec<u8>),
    /// A string that is a whole snapshot of these keys, or the beginning of one.
    Snapshot(Vec<Key>, Option<u8>),
    /// A string that holds records: bytes in front, the records, bytes behind.
    Records(Vec<u8>, Vec<Key>, Vec<u8>),
    /// A list whose last element holds records, flush with its end.
    ListOfRecords(Vec<Vec<u8>>, Vec<Key>),
}

#[derive(Debug, Clone)]
pub struct Key {
    pub name: Vec<u8>,
    pub expires: bool,
    pub content: Content,
}

/// What the evicting policy adds to each key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    None,
    Lru,
    Lfu,
}

#[derive(Debug, Clone)]
pub struct File {
    pub databases: Vec<Vec<Key>>,
    pub counts: bool,
    pub sections: bool,
    pub checksum: bool,
    pub policy: Policy,
}

fn short() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => vec(b'a'..=b'z', 0..12),
        1 => vec(any::<u8>(), 0..20),
    ]
}

fn plain_content() -> impl Strategy<Value = Content> {
    prop_oneof![
        4 => vec(prop_oneof![Just(b'x'), any::<u8>()], 0..90).prop_map(Content::Raw),
        1 => vec(any::<u8>(), 100..400).prop_map(Content::Raw),
        1 => any::<i32>().prop_map(Content::Integer),
        1 => (any::<u8>(), 21..200u8).prop_map(|(byte, len)| Content::Compressed(byte, len)),
        2 => vec(short(), 1..8).prop_map(Content::List),
        2 => vec(short(), 1..8).prop_map(Content::Set),
        2 => vec((short(), short()), 1..6).prop_map(Content::Hash),
        1 => vec((short(), any::<u64>().prop_map(|bits| bits >> 2)), 1..6).prop_map(Content::Zset),
        1 => vec((short(), short()), 1..6).prop_map(Content::HashListpack),
        1 => vec(short(), 1..6).prop_map(Content::SetListpack),
        1 => vec(any::<i32>(), 1..9).prop_map(Content::Intset),
        2 => vec(prop_oneof![vec(short(), 1..2), vec(short(), 2..5)], 1..4).prop_map(Content::Quicklist),
        1 => (0..4u8, 0..3u8).prop_map(|(pending, groups)| Content::Stream(pending, groups)),
        1 => vec(any::<u8>(), 0..12).prop_map(Content::Module),
    ]
}

fn plain_key() -> impl Strategy<Value = Key> {
    let name = prop_oneof![
        3 => vec(b'a'..=b'z', 1..10),
        1 => vec(any::<u8>(), 1..10),
    ];
    (name, any::<bool>(), plain_content()).prop_map(|(name, expires, content)| Key {
        name,
        expires,
        content,
    })
}

fn any_key() -> impl Strategy<Value = Key> {
    let junk = || vec(any::<u8>(), 0..6);
    let maybe_junk = move || prop_oneof![Just(Vec::new()), junk()];
    let content = prop_oneof![
        6 => plain_content(),
        1 => (vec(plain_key(), 1..5), prop::option::of(any::<u8>()))
            .prop_map(|(keys, cut)| Content::Snapshot(keys, cut)),
        2 => (maybe_junk(), vec(plain_key(), 1..5), maybe_junk())
            .prop_map(|(front, keys, behind)| Content::Records(front, keys, behind)),
        1 => (vec(short(), 0..3), vec(plain_key(), 1..4))
            .prop_map(|(elements, keys)| Content::ListOfRecords(elements, keys)),
    ];
    (plain_key(), content).prop_map(|(key, content)| Key { content, ..key })
}

pub fn any_file() -> impl Strategy<Value = File> {
    let policy =
        prop_oneof![4 => Just(Policy::None), 1 => Just(Policy::Lru), 1 => Just(Policy::Lfu)];
    let databases = prop_oneof![
        3 => vec(vec(any_key(), 1..14), 1..2),
        1 => vec(vec(any_key(), 1..8), 2..4),
    ];
    let counted = prop_oneof![6 => Just(true), 1 => Just(false)];
    let flags = (
        counted,
        prop::bool::weighted(0.2),
        any::<bool>(),
        any::<bool>(),
    );
    (databases, flags, policy).prop_map(
        |(mut databases, (counts, sections, checksum, plain), policy)| {
            if plain {
                let all = databases.iter_mut().flatten();
                all.for_each(|key| key.content = key.content.without_records());
            }
            File {
                databases,
                counts,
                sections,
                checksum,
                policy,
            }
        },
    )
}

pub fn length(out: &mut Vec<u8>, n: u64) {
    match n {
        0..64 => out.push(n as u8),
        64..16_384 => out.extend([0x40 | (n >> 8) as u8, n as u8]),
        _ => {
            out.push(0x80);
            out.extend((n as u32).to_be_bytes());
        }
    }
}

pub fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    length(out, bytes.len() as u64);
    out.extend(bytes);
}

fn listpack(entries: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for entry in entries {
        body.push(0x80 | entry.len() as u8);
        body.extend(*entry);
        body.push(entry.len() as u8 + 1);
    }
    let mut blob = (body.len() as u32 + 7).to_le_bytes().to_vec();
    blob.extend((entries.len() as u16).to_le_bytes());
    blob.extend(body);
    blob.push(0xff);
    blob
}

impl Content {
    /// Itself, or something harmless instead.
    fn without_records(&self) -> Content {
        match self {
            Content::Snapshot(keys, _)
            | Content::Records(_, keys, _)
            | Content::ListOfRecords(_, keys) => {
                Content::Set(keys.iter().map(|key| key.name.clone()).collect())
            }
            other => other.clone(),
        }
    }

    /// The type byte and the value.
    fn encode(&self) -> (u8, Vec<u8>) {
        let mut out = Vec::new();
        let strings = |out: &mut Vec<u8>, all: &[Vec<u8>]| {
            length(out, all.len() as u64);
            all.iter().for_each(|each| string(out, each));
        };
        let kind = match self {
            Content::Raw(bytes) => {
                string(&mut out, bytes);
                0
            }
            Content::Integer(n) => {
                out.push(0xc2);
                out.extend(n.to_le_bytes());
                0
            }
            Content::Compressed(byte, len) => {
                // One literal, then a reference to it that is as long as the rest.
                let rest = usize::from(*len) - 1;
                let lzf = [0, *byte, 7 << 5, (rest - 2 - 7) as u8, 0];
                out.push(0xc3);
                length(&mut out, lzf.len() as u64);
                length(&mut out, u64::from(*len));
                out.extend(lzf);
                0
            }
            Content::List(all) => {
                strings(&mut out, all);
                1
            }
            Content::Set(all) => {
                strings(&mut out, all);
                2
            }
            Content::Hash(fields) => {
                length(&mut out, fields.len() as u64);
                for (field, value) in fields {
                    string(&mut out, field);
                    string(&mut out, value);
                }
                4
            }
            Content::Zset(members) => {
                length(&mut out, members.len() as u64);
                for (member, score) in members {
                    string(&mut out, member);
                    out.extend(score.to_le_bytes());
                }
                5
            }
            Content::HashListpack(fields) => {
                let entries: Vec<&[u8]> = fields
                    .iter()
                    .flat_map(|(field, value)| [field.as_slice(), value])
                    .collect();
                string(&mut out, &listpack(&entries));
                16
            }
            Content::SetListpack(all) => {
                let entries: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
                string(&mut out, &listpack(&entries));
                20
            }
            Content::Intset(all) => {
                let mut blob = 4u32.to_le_bytes().to_vec();
                blob.extend((all.len() as u32).to_le_bytes());
                all.iter().for_each(|n| blob.extend(n.to_le_bytes()));
                string(&mut out, &blob);
                11
            }
            Content::Quicklist(nodes) => {
                length(&mut out, nodes.len() as u64);
                for node in nodes {
                    match node.as_slice() {
                        [plain] => {
                            out.push(1);
                            string(&mut out, plain);
                        }
                        packed => {
                            out.push(2);
                            let entries: Vec<&[u8]> = packed.iter().map(Vec::as_slice).collect();
                            string(&mut out, &listpack(&entries));
                        }
                    }
                }
                18
            }
            Content::Stream(pending, groups) => {
                // No nodes, no entries, last id 0-0, first id, deleted id, one entry added.
                out.extend([0, 0, 0, 0, 0, 0, 0, 0, 1]);
                out.push(*groups);
                for _ in 0..*groups {
                    string(&mut out, b"group");
                    out.extend([0, 0, 0]);
                    out.push(*pending);
                    for id in 0..*pending {
                        out.extend([id; 16]);
                        out.extend([7; 8]);
                        out.push(1);
                    }
                    out.push(1);
                    string(&mut out, b"consumer");
                    out.extend([7; 16]);
                    out.push(*pending);
                    for id in 0..*pending {
                        out.extend([id; 16]);
                    }
                }
                21
            }
            Content::Module(bytes) => {
                out.push(0x81);
                out.extend(0x7c3d_9f2a_11b0_8c01u64.to_be_bytes());
                out.extend([2, 9, 5]);
                string(&mut out, bytes);
                out.push(0);
                7
            }
            Content::Snapshot(keys, cut) => {
                let whole = File {
                    databases: vec![keys.clone()],
                    counts: true,
                    sections: false,
                    checksum: true,
                    policy: Policy::None,
                };
                let bytes = whole.encode().0;
                let len = cut.map_or(bytes.len(), |part| bytes.len() * usize::from(part) / 256);
                string(&mut out, &bytes[..len]);
                0
            }
            Content::Records(front, keys, behind) => {
                let mut bytes = front.clone();
                for key in keys {
                    key.encode(Policy::None, &mut bytes);
                }
                bytes.extend(behind);
                string(&mut out, &bytes);
                0
            }
            Content::ListOfRecords(elements, keys) => {
                length(&mut out, elements.len() as u64 + 1);
                elements.iter().for_each(|each| string(&mut out, each));
                let mut bytes = Vec::new();
                for key in keys {
                    key.encode(Policy::None, &mut bytes);
                }
                string(&mut out, &bytes);
                1
            }
        };
        (kind, out)
    }
}

impl Key {
    fn encode(&self, policy: Policy, out: &mut Vec<u8>) -> std::ops::Range<usize> {
        if self.expires {
            out.push(252);
            out.extend(
                1_900_000_000_000u64
                    .wrapping_add(self.name.len() as u64)
                    .to_le_bytes(),
            );
        }
        match policy {
            Policy::None => {}
            Policy::Lru => out.extend([248, 17]),
            Policy::Lfu => out.extend([249, 200]),
        }
        let (kind, value) = self.content.encode();
        out.push(kind);
        string(out, &self.name);
        let start = out.len();
        out.extend(value);
        start..out.len()
    }
}

impl File {
    /// The snapshot, and where the value of each key lies.
    pub fn encode(&self) -> (Vec<u8>, Vec<std::ops::Range<usize>>) {
        let mut out = b"REDIS0012".to_vec();
        for (name, value) in [
            ("redis-ver", "7.4.1"),
            ("redis-bits", "64"),
            ("ctime", "1700000000"),
        ] {
            out.push(250);
            string(&mut out, name.as_bytes());
            string(&mut out, value.as_bytes());
        }
        let mut values = Vec::new();
        for (db, keys) in self.databases.iter().enumerate() {
            out.extend([254, db as u8]);
            let expiring = |keys: &[&Key]| keys.iter().filter(|key| key.expires).count() as u64;
            // Names are distinct in a database, whatever the strategies make.
            let mut keys: Vec<Key> = keys.clone();
            for (at, key) in keys.iter_mut().enumerate() {
                key.name.push(b'0' + at as u8);
            }
            let mut keys: Vec<&Key> = keys.iter().collect();
            if self.counts {
                out.push(251);
                length(&mut out, keys.len() as u64);
                length(&mut out, expiring(&keys));
            }
            if self.sections {
                keys.sort_by_key(|key| slot_of(&key.name));
                for section in keys.chunk_by(|a, b| slot_of(&a.name) == slot_of(&b.name)) {
                    out.push(244);
                    length(&mut out, slot_of(&section[0].name));
                    length(&mut out, section.len() as u64);
                    length(&mut out, expiring(section));
                    for key in section {
                        values.push(key.encode(self.policy, &mut out));
                    }
                }
            } else {
                for key in keys {
                    values.push(key.encode(self.policy, &mut out));
                }
            }
        }
        out.push(255);
        let checksum = if self.checksum {
            crc64::checksum(&out)
        } else {
            0
        };
        out.extend(checksum.to_le_bytes());
        (out, values)
    }
}

/// CRC-16/XMODEM, bit by bit.
pub fn crc16(key: &[u8]) -> u64 {
    u64::from(key.iter().fold(0u16, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                crc << 1 ^ 0x1021
            }
        })
    }))
}

/// The slot of a key of these files: few, so that sections hold several keys.
pub fn slot_of(key: &[u8]) -> u64 {
    (crc16(key) & 16_383) / 2_048
}
